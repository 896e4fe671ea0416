"""The recovery track in one table: methods against the trivial baselines. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.tables.table import MetricTable


def against_trivial_baselines(tables: Sequence[MetricTable], style: str) -> str:
    """Counts by variant and measure: data sets on which it is better than, level with or worse than the better trivial
    baseline.

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
    rule = (
        "Sets on which a method is better than, level with (within two standard deviations over its own seeds), or "
        "worse than the better of the two trivial baselines."
    )
    return f"Against the trivial baselines\n\n{body}\n\n{rule}\n"


def baseline_counts(table: MetricTable, variant: str) -> dict[str, int]:
    """{"better", "level", "worse": on how many data sets} of a variant against the better trivial baseline."""
    counts = {"better": 0, "level": 0, "worse": 0}
    sign = 1 if table.metric.lower_is_better else -1
    for column in table.columns:
        own, values = table.cell(variant, column), table.values(column)
        baselines = [sign * values[name] for name in TRIVIAL_BASELINES if name in values]
        if own is None or own.mean is None or not baselines:
            continue
        gain = min(baselines) - sign * own.mean
        counts["level" if abs(gain) <= 2 * (own.std or 0.0) else "better" if gain > 0 else "worse"] += 1
    return counts
