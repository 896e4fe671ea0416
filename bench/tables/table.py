"""The table model: a pandas frame of cells with its order, ranks and notes. Imports neither torch nor methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pandas as pd

from bench.metrics.catalogue import Metric
from bench.tables import paper
from bench.tables.ranking import DIGITS

GAP = "–"


FRAME_COLUMNS = ["variant", "dataset", "mean", "std", "seeds", "rank", "state", "printed", "metric"]
AVERAGE = paper.AVERAGE


@dataclass(frozen=True)
class Style:
    """How cells are printed and ranked."""

    digits: int = DIGITS
    rank_on: Literal["printed", "exact"] = "printed"
    """Equal as printed is equal (the paper's rule), or only equal in every digit."""
    rank_extra: bool = False
    """Whether the rows that stand under the rule are ranked with the others."""
    show_ranks: bool = True


PAPERS_STYLE = Style()


@dataclass(frozen=True)
class Table:
    """A comparison of rows over data sets by one metric, or of rows over metrics on one data set (``ablation``).

    ``frame`` has one line a cell: row, dataset (the column), metric, mean, deviation, seeds, rank, state, printed.
    ``rank`` is missing for unranked rows and gaps; ``state`` is "value", "missing", or what went wrong.
    """

    title: str
    metric: Metric | None
    """None where columns are metrics."""
    columns: list[str]
    ranked: list[str]
    extra: list[str]
    frame: pd.DataFrame
    averages: dict[str, str]
    """{row: average rank} over the columns in which every ranked row that has values at all has one."""
    notes: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    """{column: NAME@extractor}, of the columns that have records."""
    show_ranks: bool = True

    def text(self, row: str, column: str) -> str:
        """A cell as ``value(rank)``."""
        cell = self.cell(row, column)
        if cell is None or cell["state"] != "value":
            return GAP if cell is None or cell["state"] == "missing" else str(cell["state"])
        rank = "" if pd.isna(cell["rank"]) or not self.show_ranks else f"({int(cell['rank'])})"
        return f"{cell['printed']}{rank}"

    def is_best(self, row: str, column: str) -> bool:
        """Whether the cell has the best ranked value of its column (ties are all best)."""
        cell = self.cell(row, column)
        return cell is not None and bool(cell["rank"] == 1)

    def is_second(self, row: str, column: str) -> bool:
        """Whether exactly one ranked value of the column is better."""
        cell = self.cell(row, column)
        return cell is not None and bool(cell["rank"] == 2)

    def cell(self, row: str, column: str) -> dict | None:
        return self._cells.get((row, column))

    @cached_property
    def _cells(self) -> dict[tuple[str, str], dict]:
        return {(cell["variant"], cell["dataset"]): cell for cell in self.frame.to_dict("records")}
