"""The recovery track in one table: methods against the trivial baselines. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from tabulate import tabulate

from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.tables.table import MetricTable
from bench.text import counted


def against_trivial_baselines(tables: Sequence[MetricTable], style: str) -> str:
    """Counts by variant and measure: families of sets on which it is better than, level with or worse than the best
    trivial baseline.

    Level is within two standard deviations over the variant's own seeds. With one seed nothing is level.

    Parameters
    ----------
    tables: one a measure, with the same variants.
    style: tabulate's: "simple" for terminals, "pipe" for Markdown.
    """
    lines = [
        [variant, *(" / ".join(map(str, baseline_counts(table, variant).values())) for table in tables)]
        for variant in tables[0].variants
        if variant not in TRIVIAL_BASELINES
    ]
    headers = ["better / level / worse", *(table.metric.title.split()[0] for table in tables)]
    body = tabulate(lines, headers, tablefmt=style, colalign=("left", *["right"] * len(tables)), disable_numparse=True)
    here = [name for name in TRIVIAL_BASELINES if name in tables[0].variants]
    rule = (
        "Sets on which a method is better than, level with (within two standard deviations over its own seeds), or "
        f"worse than the best of the trivial baselines that are here ({', '.join(here) or 'none'}). "
        f"{sets_and_families(tables[0])}"
    )
    return f"Against the trivial baselines\n\n{body}\n\n{rule.strip()}\n"


def sets_and_families(table: MetricTable) -> str:
    """Sentence on the sets that count as one; empty where there are none."""
    several = {one.name: one.counted for one in table.independent_sets if len(one.counted) > 1}
    text = [f"the {len(columns)} sets of {family} ({', '.join(columns)})" for family, columns in several.items()]
    if not text:
        return ""
    many = f"{', and '.join(text)} count as one, by the mean over them"
    return f"{many[0].upper()}{many[1:]}: {counted(len(table.independent_sets), 'set')} in all."


def baseline_counts(table: MetricTable, variant: str) -> dict[str, int]:
    """{"better", "level", "worse": on how many families of sets} of a variant against the best trivial baseline.

    Values are averaged over a family's sets first, and so are standard deviations: no mean of them has a larger one.
    """
    counts = {"better": 0, "level": 0, "worse": 0}
    sign = 1 if table.metric.lower_is_better else -1
    for one in table.independent_sets:
        own = [cell for column in one.counted if (cell := table.cell(variant, column)) and cell.mean is not None]
        values = [table.values(cell.dataset) for cell in own]
        baselines = [
            mean(sign * of_set[name] for of_set in values)
            for name in TRIVIAL_BASELINES
            if values and all(name in of_set for of_set in values)
        ]
        if not baselines:
            continue
        gain = min(baselines) - mean(sign * cell.mean for cell in own if cell.mean is not None)
        level = abs(gain) <= 2 * mean(cell.std or 0.0 for cell in own)
        counts["level" if level else "better" if gain > 0 else "worse"] += 1
    return counts
