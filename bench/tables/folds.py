"""Folds of a data set as one column: the mean over them, with the deviation over folds. No torch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from statistics import fmean, stdev

from bench.dataset_name import DatasetName, dataset_name
from bench.records.independent_sets import counting_notes
from bench.tables.comparison import metric_table
from bench.tables.ranking import printed
from bench.tables.table import Cell, MetricTable, Style
from bench.text import counted

FOLD = "fold"
"""The transform that makes folds; its value says which."""


def folded_columns(table: MetricTable) -> dict[str, list[str]]:
    """{set: columns that are folds of it}, extractor and other transforms alike, where there are two or more, without
    copies."""
    found: dict[str, list[str]] = {}
    for one in table.independent_sets:
        for column in one.counted:
            if of := fold_of(column):
                found.setdefault(of, []).append(column)
    return {name: columns for name, columns in found.items() if len(columns) > 1}


def fold_of(column: str) -> str:
    """The set, extractor and other transforms alike, that a column is a fold of; empty where it is none."""
    name = dataset_name(column)
    others = tuple(one for one in name.transforms if one[0] != FOLD)
    return "" if others == name.transforms else str(DatasetName(name.base, others, name.extractor))


def over_folds(table: MetricTable, style: Style) -> MetricTable:
    """The table with one column for the folds of a set: mean and standard deviation of the folds' means.

    A variant that lacks a fold has a gap there: its mean would be of other rows than the others'.
    """
    folds = folded_columns(table)
    if not folds:
        return table
    label_of: dict[str, str] = {}
    for name, columns in folds.items():
        label = name if name not in table.columns else f"{name}[{FOLD}=all]"
        label_of |= dict.fromkeys(columns, label)
    columns = list(dict.fromkeys(label_of.get(column, column) for column in table.columns))
    cells = [cell for cell in table.cells.values() if cell.dataset not in label_of]
    for of_set in folds.values():
        cells += [_mean_cell(variant, of_set, label_of[of_set[0]], table, style) for variant in table.variants]
    arrays: dict[str, Collection[str]] = {}
    for column, digests in table.arrays.items():
        label = label_of.get(column, column)
        arrays[label] = (*arrays.get(label, ()), *digests)
    made = metric_table(
        table.title, table.metric, columns, table.families, arrays, table.ranked, table.extra, cells, style
    )
    notes = [note for note in table.notes if note not in counting_notes(table.independent_sets)]
    notes += counting_notes(made.independent_sets)
    notes += [
        f"{label_of[of_set[0]]}: mean and standard deviation over its {counted(len(of_set), 'fold')}."
        for of_set in folds.values()
    ]
    sources = {column: full for column, full in table.sources.items() if column in columns}
    return replace(made, notes=notes, sources=sources)


def _mean_cell(variant: str, folds: list[str], label: str, table: MetricTable, style: Style) -> Cell:
    cells = [table.cells[variant, column] for column in folds]
    means = [cell.mean for cell in cells if cell.mean is not None]
    if len(means) < len(cells):
        states = [cell.state for cell in cells if cell.state != "value"]
        return replace(cells[0], dataset=label, mean=None, std=None, seeds=0, state=states[0], printed="")
    mean, std = fmean(means), stdev(means)
    text = f"{printed(mean, style.digits)}±{printed(std, style.digits)}"
    seeds = min(cell.seeds for cell in cells)
    return replace(cells[0], dataset=label, mean=mean, std=std, seeds=seeds, printed=text)
