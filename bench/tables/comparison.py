"""Comparison tables from records or from the paper. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.config import Config, Tables
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Manifest
from bench.tables import paper
from bench.tables.notes import notes_of, recovery_notes
from bench.tables.ranking import average_rank, competition_ranks, printed
from bench.tables.table import FRAME_COLUMNS, PAPERS_STYLE, Style, Table

if TYPE_CHECKING:
    from bench.plan.states import JobState
EXACT_DIGITS = 17


def comparison(
    entries: list[JobState],
    metric: Metric,
    config: Config,
    manifest: Manifest,
    variant_order: Sequence[str],
    style: Style = PAPERS_STYLE,
) -> Table:
    """The table of one metric from records; gaps are what runs asked for and that has no value."""
    labels = _column_labels(entries, manifest)
    order = _order(config, manifest)
    columns = _ordered([*labels.values(), *manifest.missing], order.datasets)
    present = {*manifest.variants, *(entry.job.variant for entry in entries)}
    ranked = [row for row in order.ranked if row in present]
    extra = [row for row in _ordered(present, [*order.extra, *variant_order]) if row not in ranked]
    if style.rank_extra:
        ranked, extra = [*ranked, *extra], []
    by_cell: dict[tuple[str, str], list[JobState]] = {}
    for entry in entries:
        by_cell.setdefault((entry.job.variant, labels[entry.job.full_dataset]), []).append(entry)
    cells = [
        _cell_of(row, column, by_cell.get((row, column), []), metric, style.digits)
        for row in [*ranked, *extra]
        for column in columns
    ]
    table = _ranked(f"{metric.title} {metric.arrow}", metric, columns, ranked, extra, cells, style)
    table.sources.update({label: full for full, label in labels.items()})
    if manifest.track == "recovery":
        table.notes.extend(recovery_notes(table, entries, manifest, labels))
    else:
        table.notes.extend(notes_of(table, entries, config, manifest, labels))
    return table


ABLATION = ("FLEM-I", "FLEM-II", "FLEM-D")
"""The rows of Table 6; the paper calls the last "Ours"."""


def ablation(tables: Sequence[Table]) -> Table:
    """Rows over metrics on one data set (Table 6), from the tables of the metrics.

    Raises
    ------
    UsageError: when they have more than one column.
    """
    if len(tables[0].columns) != 1:
        raise UsageError(f"Table 6 is of one data set, not {', '.join(tables[0].columns)}; name it with its extractor.")
    (column,) = tables[0].columns
    rows = [*tables[0].ranked, *tables[0].extra]
    rows.sort(key=lambda row: ABLATION.index(row) if row in ABLATION else len(ABLATION))
    cells, headers = [], []
    for table in tables:
        assert table.metric is not None
        headers.append(f"{table.metric.title} {table.metric.arrow}")
        own = {row: cell for row in rows if (cell := table.cell(row, column)) is not None}
        ranks = competition_ranks(
            {row: printed(cell["mean"]) for row, cell in own.items() if cell["state"] == "value"},
            table.metric.lower_is_better,
        )
        cells += [{**cell, "dataset": headers[-1], "rank": ranks.get(row)} for row, cell in own.items()]
    frame = pd.DataFrame(cells, columns=FRAME_COLUMNS).astype({"rank": "float64"})
    notes, sources = list(tables[0].notes), tables[0].sources
    return Table(f"Ablation on {column}", None, headers, rows, [], frame, {}, notes, sources, show_ranks=False)


def paper_ablation() -> Table:
    """Table 6 as printed."""
    cells, headers = [], []
    for metric in PAPER_METRICS:
        headers.append(f"{metric.title} {metric.arrow}")
        found = {cell.method: cell.value for cell in paper.comparison_table(6) if cell.metric == metric.paper_key}
        ranks = competition_ranks(found, metric.lower_is_better)
        cells += [
            {**_printed_cell(row, headers[-1], value), "metric": metric.key, "rank": ranks[row]}
            for row, value in found.items()
        ]
    frame = pd.DataFrame(cells, columns=FRAME_COLUMNS).astype({"rank": "float64", "std": "float64"})
    note = f"Printed values of Table 6 of {paper.CITATION}."
    rows = list(dict.fromkeys(frame["variant"]))
    return Table("Ablation on VOC07, as printed", None, headers, rows, [], frame, {}, [note], show_ranks=False)


def _printed_cell(row: str, column: str, value: str) -> dict:
    cell = {"variant": row, "dataset": column, "mean": float(value), "std": None, "seeds": 1}
    return {**cell, "state": "value", "printed": value}


def _order(config: Config, manifest: Manifest) -> Tables:
    """The order of rows and columns in the folder's track; the floors of the recovery track come last of all rows."""
    if manifest.track == "recovery":
        return Tables(ranked=config.recovery.ranked, datasets=config.recovery.datasets)
    return config.tables


def paper_table(metric: Metric, config: Config) -> Table:
    """The paper's own values, ranked by us."""
    assert metric.paper_table is not None
    printed_cells = [cell for cell in paper.comparison_table(metric.paper_table) if cell.dataset != paper.AVERAGE]
    rows = list(dict.fromkeys(cell.method for cell in printed_cells))
    columns = _ordered(dict.fromkeys(cell.dataset for cell in printed_cells), config.tables.datasets)
    cells = [_printed_cell(cell.method, cell.dataset, cell.value) for cell in printed_cells]
    table = _ranked(f"{metric.title} {metric.arrow}, as printed", metric, columns, rows, [], cells)
    table.notes.append(f"Printed values of Table {metric.paper_table} of {paper.CITATION}; ranks computed here.")
    return table


def _column_labels(entries: list[JobState], manifest: Manifest) -> dict[str, str]:
    """{NAME@extractor: column}: the name alone where one extractor of it is here."""
    full = list(dict.fromkeys([*manifest.datasets, *(entry.job.full_dataset for entry in entries)]))
    names = [one.partition("@")[0] for one in full]
    return {one: name if names.count(name) == 1 else one for one, name in zip(full, names, strict=True)}


def _ordered(names: Sequence[str] | dict | set, order: Sequence[str]) -> list[str]:
    given = list(dict.fromkeys(names if not isinstance(names, set) else sorted(names)))
    place = {name: position for position, name in enumerate(order)}
    return sorted(given, key=lambda name: place.get(name.partition("@")[0], place.get(name, len(place))))


def _cell_of(row: str, column: str, entries: list[JobState], metric: Metric, digits: int) -> dict:
    values = [value for entry in entries if (value := entry.value(metric.key)) is not None]
    cell = {"variant": row, "dataset": column, "mean": None, "std": None, "seeds": len(values), "printed": ""}
    if not values:
        states = [entry.state for entry in entries]
        worst = next((state for state in ("corrupt", "stale", "failed") if state in states), None)
        return {**cell, "state": worst or ("undefined" if entries else "missing")}
    series = pd.Series(values)
    mean, std = float(series.mean()), float(series.std()) if len(values) > 1 else None
    if std is not None and max(values) == min(values):
        std = 0.0  # rounding would leave 1e-18, which nothing should be divided by
    text = printed(mean, digits) + (f"±{printed(std, digits)}" if std is not None else "")
    return {**cell, "mean": mean, "std": std, "state": "value", "printed": text}


def _ranked(
    title: str,
    metric: Metric,
    columns: list[str],
    ranked: list[str],
    extra: list[str],
    cells: list[dict],
    style: Style = PAPERS_STYLE,
) -> Table:
    frame = pd.DataFrame(cells, columns=FRAME_COLUMNS).astype({"mean": "float64", "std": "float64", "rank": "float64"})
    frame["metric"] = metric.key
    ranks: dict[str, dict[str, int]] = {}
    for column in columns:
        here = frame[(frame["dataset"] == column) & frame["variant"].isin(ranked) & (frame["state"] == "value")]
        digits = style.digits if style.rank_on == "printed" else EXACT_DIGITS
        values = {row: printed(mean, digits) for row, mean in zip(here["variant"], here["mean"], strict=True)}
        ranks[column] = competition_ranks(values, metric.lower_is_better)
    frame["rank"] = [
        float(ranks[dataset][row]) if row in ranks[dataset] else float("nan")
        for row, dataset in zip(frame["variant"], frame["dataset"], strict=True)
    ]
    present = {row for row in ranked if any(row in ranks[column] for column in columns)}
    complete = [column for column in columns if present and present <= ranks[column].keys()]
    averages = {
        row: average_rank([ranks[column][row] for column in complete]) for row in ranked if complete and row in present
    }
    return Table(title, metric, columns, ranked, extra, frame, averages, show_ranks=style.show_ranks)
