"""Tables of the page: comparison tables whose cells name their records, and our values beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.paper_comparison import by_variant, caveat, correlations, difference
from bench.config import Config
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.tables.ranking import printed
from bench.tables.table import AVERAGE, GAP, MetricTable

if TYPE_CHECKING:
    from bench.plan.states import JobState


@dataclass(frozen=True)
class ShownCell:
    """A cell of a comparison table."""

    text: str
    best: bool = False
    second: bool = False
    order: float | None = None
    """The number that sorting compares; None comes last."""
    hint: str = ""
    """Shown on hover and focus: the seeds' values, and where the records are."""


@dataclass(frozen=True)
class ShownTable:
    """A comparison table; lines are (variant, its cells)."""

    title: str
    columns: list[str]
    lower_is_better: bool
    ranked: list[tuple[str, list[ShownCell]]]
    extra: list[tuple[str, list[ShownCell]]]
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


def shown_tables(tables: Sequence[MetricTable], states: Sequence[JobState], common: Sequence[str]) -> list[ShownTable]:
    """Tables for the page, without the ``common`` notes, which stand once below them."""
    by_cell: dict[tuple[str, str], list[JobState]] = {}
    for state in sorted(states, key=lambda state: state.job.seed):
        by_cell.setdefault((state.job.variant, state.job.full_dataset), []).append(state)
    return [
        ShownTable(
            table.title,
            [*table.columns, *([AVERAGE] if table.ranked else [])],
            table.metric.lower_is_better,
            [(variant, _line(table, variant, by_cell)) for variant in table.ranked],
            [(variant, _line(table, variant, by_cell)) for variant in table.extra],
            [note for note in table.notes if note not in common],
        )
        for table in tables
    ]


def _line(table: MetricTable, variant: str, by_cell: Mapping[tuple[str, str], Sequence[JobState]]) -> list[ShownCell]:
    """A variant's cells; ``by_cell``: {(variant, NAME@extractor): its jobs by seed}."""
    cells = []
    for column in table.columns:
        cell = table.cell(variant, column)
        states = by_cell.get((variant, table.sources.get(column, column)), [])
        place = table.is_best(variant, column), table.is_second(variant, column)
        mean = cell.mean if cell is not None else None
        cells.append(ShownCell(table.text(variant, column), *place, mean, _hint(states, table.metric)))
    average = table.averages.get(variant)
    if table.ranked:
        cells.append(ShownCell(average or "", order=float(average) if average else None))
    return cells


def _hint(states: Sequence[JobState], metric: Metric) -> str:
    """Each seed's value and record, a line each."""
    lines = []
    for state in states:
        value = state.value(metric.key)
        fault = f"{state.state}: {state.note}" if state.note else state.state
        lines.append(f"seed {state.job.seed}: {fault if value is None else f'{value:.6f}'}\n{state.path}")
    return "\n".join(lines)


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
