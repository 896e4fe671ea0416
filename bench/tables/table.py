"""Tables as data: cells of variants by columns, order, ranks and notes. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from bench.metrics.catalogue import Metric
from bench.records.independent_sets import IndependentSet, independent_sets
from bench.tables import paper
from bench.tables.ranking import DIGITS

if TYPE_CHECKING:
    import pandas as pd

GAP = "–"
AVERAGE = paper.AVERAGE
CellState = Literal["value", "missing", "undefined", "failed", "stale", "corrupt"]
"""A value; nothing that ran; a metric that is not defined there; or the state of the records without a value."""
FAULTS: tuple[CellState, ...] = ("failed", "stale", "corrupt")
"""States of records that give no value, the worst last."""


@dataclass(frozen=True)
class Style:
    """Digits and ranks of a table."""

    digits: int = DIGITS
    rank_on: Literal["printed", "exact"] = "printed"
    """Equal as printed is equal (the paper's rule), or only equal in every digit."""
    rank_extra: bool = False
    """True where the variants under the rule are ranked with the others."""
    show_ranks: bool = True


PAPERS_STYLE = Style()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A variant by one metric on one data set."""

    variant: str
    dataset: str
    """NAME, or NAME@extractor where several extractors of the set are here."""
    mean: float | None = None
    """Over seeds, in the metric's unit; None unless ``state`` is "value"."""
    std: float | None = None
    """Standard deviation over seeds (divided by n - 1); None for one seed."""
    seeds: int = 0
    """Number of seeds with a value."""
    rank: int | None = None
    """Competition rank in the column, from 1; None of unranked variants and gaps."""
    state: CellState = "missing"
    printed: str = ""
    """Mean (±std) with the table's digits; empty without a value."""
    metric: str
    """The metric's key."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Variants by columns: the part of a table that its rendering needs."""

    title: str
    columns: list[str]
    ranked: list[str]
    """Variants above the rule, in order."""
    extra: list[str]
    """Variants under it."""
    cells: dict[tuple[str, str], Cell]
    """{(variant, column): cell}."""
    averages: dict[str, str] = field(default_factory=dict)
    """{variant: average rank} over the columns in which every ranked variant that has values at all has one; columns
    of one independent set are averaged first."""
    notes: list[str] = field(default_factory=list)
    show_ranks: bool = True

    @property
    def variants(self) -> list[str]:
        """The ranked variants, then the others."""
        return [*self.ranked, *self.extra]

    @property
    def frame(self) -> pd.DataFrame:
        """A line a cell, a column a field of ``Cell``; missing numbers are NaN."""
        import pandas as pd  # here, because most tables are shown without: a third of a second

        frame = pd.DataFrame([vars(cell) for cell in self.cells.values()], columns=[f.name for f in fields(Cell)])
        return frame.astype({"mean": "float64", "std": "float64", "rank": "float64"})

    def cell(self, variant: str, column: str) -> Cell | None:
        """The cell; None where the table has none."""
        return self.cells.get((variant, column))

    def values(self, column: str) -> dict[str, float]:
        """{variant: mean} of a column, in the order of the variants; those without a value are left out."""
        return dict(self._means.get(column, {}))

    @cached_property
    def _means(self) -> dict[str, dict[str, float]]:
        means: dict[str, dict[str, float]] = {column: {} for column in self.columns}
        for column, of_column in means.items():
            for variant in self.variants:
                cell = self.cell(variant, column)
                if cell is not None and cell.mean is not None:
                    of_column[variant] = cell.mean
        return means

    def text(self, variant: str, column: str, deviations: bool = True) -> str:
        """A cell as ``value(rank)``, or the state in place of a value."""
        cell = self.cell(variant, column)
        if cell is None or cell.state == "missing":
            return GAP
        if cell.state != "value":
            return cell.state
        printed = cell.printed if deviations else cell.printed.partition("±")[0]
        return f"{printed}({cell.rank})" if cell.rank is not None and self.show_ranks else printed

    def is_best(self, variant: str, column: str) -> bool:
        """True where the cell has the best ranked value of its column (ties are all best)."""
        return self._rank(variant, column) == 1

    def is_second(self, variant: str, column: str) -> bool:
        """True where exactly one ranked value of the column is better."""
        return self._rank(variant, column) == 2

    def _rank(self, variant: str, column: str) -> int | None:
        cell = self.cell(variant, column)
        return None if cell is None else cell.rank


@dataclass(frozen=True, kw_only=True)
class MetricTable(Table):
    """Comparison of variants over data sets by one metric (Tables 2 to 5)."""

    metric: Metric
    sources: dict[str, str] = field(default_factory=dict)
    """{column: NAME@extractor}, of the columns that have records."""
    families: dict[str, list[str]] = field(default_factory=dict)
    """{family: names of data sets that depend on each other}."""
    arrays: dict[str, Collection[str]] = field(default_factory=dict)
    """{column: digests of the arrays that its values are of}."""

    @cached_property
    def independent_sets(self) -> list[IndependentSet]:
        """Columns by independent set: whatever is over data sets is over these."""
        return independent_sets(self.columns, self.families, self.arrays)

    def complete_columns(self, of_set: IndependentSet, variants: Sequence[str]) -> list[str]:
        """Counted columns of a set in which each of the variants has a value that has one in any of them."""
        values = {column: self.values(column).keys() & set(variants) for column in of_set.counted}
        present = set().union(*values.values())
        return [column for column, there in values.items() if there == present]

    def set_values(self, of_set: IndependentSet, variants: Sequence[str]) -> dict[str, float]:
        """{variant: mean over the set's complete columns}, of the variants that have values there."""
        columns = [self.values(column) for column in self.complete_columns(of_set, variants)]
        return {
            variant: fmean(values[variant] for values in columns)
            for variant in variants
            if columns and variant in columns[0]
        }


@dataclass(frozen=True, kw_only=True)
class Ablation(Table):
    """Comparison of variants over metrics on one data set (Table 6); a column is a metric's heading."""
