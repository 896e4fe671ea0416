"""Layout of a table's cells as text: rows and columns, exchanged or in groups that fit a width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.tables.table import AVERAGE, GAP, MetricTable, Table

BETWEEN = 2
"""Spaces between two columns on a terminal."""


@dataclass(frozen=True)
class Entry:
    """Text of a cell, and whether it is the best or the second of the ranked values it is compared with."""

    text: str
    best: bool = False
    second: bool = False


Row = tuple[str, list[Entry]]
"""A row's name and its cells."""


@dataclass(frozen=True)
class Layout:
    """Rows above the rule and under it, below a line of headers whose first is of the rows' names."""

    headers: list[str]
    ranked: list[Row]
    extra: list[Row]

    @property
    def rows(self) -> list[Row]:
        return [*self.ranked, *self.extra]

    @property
    def widths(self) -> list[int]:
        """Characters of each column."""
        lines = [self.headers, *([name, *(entry.text for entry in entries)] for name, entries in self.rows)]
        return [max(len(line[place]) for line in lines) for place in range(len(self.headers))]

    def fits(self, width: int) -> bool:
        return sum(self.widths) + BETWEEN * (len(self.headers) - 1) <= width


def layout(table: Table, *, transpose: bool = False, deviations: bool = True) -> Layout:
    """A row a variant and a column a data set, or with ``transpose`` the other way round."""

    def row(variant: str) -> Row:
        entries = [
            Entry(
                table.text(variant, column, deviations),
                table.is_best(variant, column),
                table.is_second(variant, column),
            )
            for column in table.columns
        ]
        average = table.averages.get(variant, GAP if variant in table.ranked else "")
        return variant, [*entries, *([Entry(average)] if table.show_ranks else [])]

    headers = ["Algorithm", *table.columns, *([AVERAGE] if table.show_ranks else [])]
    made = Layout(headers, [row(variant) for variant in table.ranked], [row(variant) for variant in table.extra])
    return _transposed(made, "Data set" if isinstance(table, MetricTable) else "Metric") if transpose else made


def _transposed(made: Layout, corner: str) -> Layout:
    headers = [corner, *(name for name, _ in made.rows)]
    rows = [(name, [entries[place] for _, entries in made.rows]) for place, name in enumerate(made.headers[1:])]
    return Layout(headers, rows, [])


def groups(made: Layout, width: int) -> list[Layout]:
    """Layouts of some of the columns each, no wider than ``width`` where one column is not; names of rows and average
    ranks stand in all of them."""
    widths = made.widths
    repeated = [0, *(place for place, header in enumerate(made.headers) if header == AVERAGE)]
    room = width - sum(widths[place] + BETWEEN for place in repeated)
    parts: list[list[int]] = []
    left = 0
    for place in range(len(made.headers)):
        if place in repeated:
            continue
        needed = widths[place] + BETWEEN
        if not parts or needed > left:
            parts.append([])
            left = room
        parts[-1].append(place)
        left -= needed
    return [_columns(made, [*repeated, *part]) for part in parts or [[]]]


def _columns(made: Layout, places: Sequence[int]) -> Layout:
    def chosen(rows: list[Row]) -> list[Row]:
        return [(name, [entries[place - 1] for place in places if place]) for name, entries in rows]

    headers = [made.headers[place] for place in places]
    return replace(made, headers=headers, ranked=chosen(made.ranked), extra=chosen(made.extra))
