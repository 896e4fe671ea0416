"""Tables of the page: comparison tables with ranks as shades, and our values beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.paper_comparison import by_variant, caveat, correlations, difference
from bench.config import Config
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.ranking import printed
from bench.tables.table import GAP, MetricTable

if TYPE_CHECKING:
    from bench.plan.states import JobState


SHADES = 9
"""The shade of the best of a column; the last one's is 0."""


@dataclass(frozen=True)
class RankedBy:
    """A table with the states of the jobs that it is of, and the decision rule that they are measured by."""

    table: MetricTable
    states: Sequence[JobState]
    rule: str = ""
    """Empty: each method's own threshold."""


@dataclass(frozen=True)
class ShownCell:
    """A cell of a comparison table."""

    text: str
    """A value without its deviation and rank, or what is in place of one."""
    deviation: str = ""
    rank: str = ""
    best: bool = False
    second: bool = False
    shade: int | None = None
    """From 0 to ``SHADES``; None of what is not ranked."""
    average: bool = False
    """True of an average rank."""


@dataclass(frozen=True)
class ShownLine:
    """A line of a comparison table."""

    number: int
    """Of the variant, in the details."""
    variant: str
    cells: list[ShownCell]


@dataclass(frozen=True)
class ShownTable:
    """A comparison table."""

    title: str
    metric: str
    rule: str
    columns: list[str]
    averaged: bool
    """True where the last cell of a line is its average rank."""
    lower_is_better: bool
    ranked: list[ShownLine]
    extra: list[ShownLine]
    notes: list[str]


@dataclass(frozen=True)
class Compared:
    """One data set beside the paper's."""

    ours: str
    theirs: str
    caveat: str
    metrics: list[str]
    variants: list[tuple[str, list[tuple[str, str, str]]]]
    """(variant, [(value, difference, verdict)] by metric)."""
    correlations: list[str]


def shown_tables(tables: Sequence[RankedBy], common: Sequence[str]) -> list[ShownTable]:
    """Tables for the page, without the ``common`` notes, which stand once below them."""
    number = {variant: place for place, variant in enumerate(tables[0].table.variants)}

    def lines(table: MetricTable, variants: Sequence[str]) -> list[ShownLine]:
        shades = {column: _shades(table, column) for column in table.columns}
        averages = _average_shades(table)
        return [ShownLine(number[name], name, _cells(table, name, shades, averages)) for name in variants]

    return [
        ShownTable(
            table.title,
            table.metric.title,
            one.rule,
            table.columns,
            bool(table.averages),
            table.metric.lower_is_better,
            lines(table, table.ranked),
            lines(table, table.extra),
            [note for note in table.notes if note not in common],
        )
        for one in tables
        for table in [one.table]
    ]


def _cells(
    table: MetricTable, variant: str, shades: Mapping[str, Mapping[str, int]], averages: Mapping[str, int]
) -> list[ShownCell]:
    cells = [
        ShownCell(
            *_parts(table.text(variant, column)),
            table.is_best(variant, column),
            table.is_second(variant, column),
            shades[column].get(variant),
        )
        for column in table.columns
    ]
    if table.averages:
        cells.append(ShownCell(table.averages.get(variant, ""), shade=averages.get(variant), average=True))
    return cells


def _parts(text: str) -> tuple[str, str, str]:
    """Value, deviation and rank of a cell's text."""
    value, plus_minus, deviation = text.partition("±")
    if not plus_minus:
        value, bracket, rank = text.partition("(")
        return value, "", bracket + rank
    deviation, bracket, rank = deviation.partition("(")
    return value, plus_minus + deviation, bracket + rank


def _shades(table: MetricTable, column: str) -> dict[str, int]:
    """{variant: shade} of the ranked variants of a column."""
    cells = {variant: table.cell(variant, column) for variant in table.ranked}
    return _scaled({variant: cell.rank for variant, cell in cells.items() if cell is not None and cell.rank}, 1)


def _average_shades(table: MetricTable) -> dict[str, int]:
    averages = {variant: float(average) for variant, average in table.averages.items()}
    return _scaled(averages, min(averages.values(), default=0))


def _scaled(places: Mapping[str, float], best: float) -> dict[str, int]:
    """Places as shades, the last one's 0; nothing where all places are one."""
    last = max(places.values(), default=best)
    return {name: round(SHADES * (last - place) / (last - best)) for name, place in places.items() if last > best}


def compared_sets(frame: pd.DataFrame, config: Config) -> list[Compared]:
    """Data sets beside the paper's; ``frame``: ``bench.analysis.paper_comparison.comparison_frame``."""
    return [
        Compared(
            str(ours),
            str(theirs),
            caveat(str(ours), str(theirs), config),
            [metric.heading for metric in PAPER_METRICS],
            [(variant, [_difference(line) for line in lines]) for variant, lines in by_variant(cells)],
            correlations(cells),
        )
        for (ours, theirs), cells in frame.groupby(["dataset", "paper_dataset"], sort=False)
    ]


def _difference(line: dict | None) -> tuple[str, str, str]:
    if line is None:
        return GAP, "", ""
    return printed(line["ours"]), difference(line), line["verdict"].replace(" ", "-")
