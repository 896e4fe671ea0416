"""Wins, ties and losses of methods against one of them, over data sets. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.tables.ranking import DIGITS, printed
from bench.tables.table import MetricTable
from bench.text import Block, Grid, counted


def wins_in_words(tables: Sequence[MetricTable], control: str, digits: int = DIGITS) -> list[Block]:
    """A line a method and a column a metric: the data sets on which it is better than the control, equal as printed,
    and worse. A set is one of the independent ones, by its mean; those on which either lacks a value are left out."""
    variants = [variant for variant in tables[0].variants if variant != control]
    body = [[variant, *(wins(table, variant, control, digits) for table in tables)] for variant in variants]
    sets = len(tables[0].independent_sets)
    title = f"Wins/ties/losses against {control} on {counted(sets, 'data set')}, equal where {digits} digits are"
    left_out = any(
        len(values) < 2
        for table in tables
        for one in table.independent_sets
        for variant in variants
        for values in [table.set_values(one, [variant, control])]
    )
    note = [f"Data sets on which a method or {control} has no value are left out of its counts."] if left_out else []
    return [title, Grid(["Algorithm", *(table.metric.heading for table in tables)], body), *note]


def wins(table: MetricTable, variant: str, control: str, digits: int) -> str:
    """Counts as ``wins/ties/losses``."""
    return "/".join(map(str, win_counts(table, variant, control, digits)))


class WinCounts(NamedTuple):
    """Data sets on which a method is better than another, equal as printed, and worse."""

    wins: int
    ties: int
    losses: int


def win_counts(table: MetricTable, variant: str, control: str, digits: int = DIGITS) -> WinCounts:
    """Counts over the independent sets on which both have a value."""
    counts = [0, 0, 0]
    for one in table.independent_sets:
        values = table.set_values(one, [variant, control])
        if len(values) == 2:
            mine, theirs = (float(printed(values[name], digits)) for name in (variant, control))
            better = mine < theirs if table.metric.lower_is_better else mine > theirs
            counts[1 if mine == theirs else 0 if better else 2] += 1
    return WinCounts(*counts)
