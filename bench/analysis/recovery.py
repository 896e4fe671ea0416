"""The recovery track in one table: how often a method beats what learns nothing. Imports neither torch nor methods."""

from __future__ import annotations

import pandas as pd
from tabulate import tabulate

from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.tables.table import Table


def against_trivial_baselines(tables: list[Table], style: str) -> str:
    """Per row and measure, on how many sets the row is better than the better floor, level with it, or worse.

    Level means: within two standard deviations of the row's own seeds. With one seed nothing is level.
    """
    lines = []
    for row in [*tables[0].ranked, *(row for row in tables[0].extra if row not in TRIVIAL_BASELINES)]:
        lines.append([row, *(" / ".join(map(str, floor_counts(table, row).values())) for table in tables)])
    measures = [table.metric.title.split()[0] for table in tables if table.metric]
    headers = ["better / level / worse", *measures]
    body = tabulate(lines, headers, tablefmt=style, colalign=("left", *["right"] * len(tables)), disable_numparse=True)
    rule = (
        "Sets on which a method is better than, level with (within two deviations of its own seeds), or worse than "
        "the better of the two floors."
    )
    return f"Against the floors\n\n{body}\n\n{rule}\n"


def floor_counts(table: Table, row: str) -> dict[str, int]:
    """On how many sets a row is "better" than the better floor, "level" with it, "worse"."""
    assert table.metric is not None
    counts = {"better": 0, "level": 0, "worse": 0}
    for column in table.columns:
        own = table.cell(row, column)
        floors = [table.cell(floor, column) for floor in TRIVIAL_BASELINES]
        values = [cell["mean"] for cell in floors if cell is not None and cell["state"] == "value"]
        if own is None or own["state"] != "value" or not values:
            continue
        sign = 1 if table.metric.lower_is_better else -1
        gain = min(sign * value for value in values) - sign * own["mean"]
        spread = 0.0 if pd.isna(own["std"]) else 2 * own["std"]
        counts["level" if abs(gain) <= spread else "better" if gain > 0 else "worse"] += 1
    return counts
