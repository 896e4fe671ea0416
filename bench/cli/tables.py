"""Verbs that print or write tables: table, compare, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.analysis.paper_claims import claims, claims_grid, claims_note
from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame, not_compared, render_comparison
from bench.cli.options import (
    AnyOrigin,
    Count,
    DataFolder,
    Digits,
    Format,
    Names,
    Origin,
    Seeds,
    StandIns,
    chosen_metrics,
    known,
    refuse_beside_paper,
)
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.states import unusable
from bench.records.store import DEFAULT_RESULTS
from bench.tables.comparison import ABLATION, ablation, paper_ablation, paper_table
from bench.tables.dataset_table import dataset_frame, render_datasets
from bench.tables.export import check_target, frames
from bench.tables.export import export as write_tables
from bench.tables.load import Records, Selection, load
from bench.tables.ranking import DIGITS
from bench.tables.render import FORMATS, render_all
from bench.tables.table import Style, Table
from bench.text import as_text


def table(
    *,
    number: Count | None = None,
    metric: str | None = None,
    form: Format = "terminal",
    methods: Names = None,
    datasets: Names = None,
    seeds: Seeds = None,
    digits: Digits = DIGITS,
    rank_on: Literal["printed", "exact"] = "printed",
    include: Literal["extra"] | None = None,
    width: Literal["column", "page"] = "column",
    origin: AnyOrigin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Print ranked tables from the records; without --metric and --number the paper's Tables 2-5.

    Parameters
    ----------
    number
        A table of the paper: 1 (the data sets), 2 (Hamming), 3 (ranking), 4 (coverage), 5 (average precision), 6 (the
        ablation, on VOC07 or the one set that --datasets names).
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`.
    form
        terminal, markdown, latex, html, csv or json.
    methods
        Rows to show. Default: all.
    datasets
        Columns to show. Default: all.
    seeds
        Seeds to average over. Default: all.
    digits
        Decimals of a value.
    rank_on
        printed: values that look equal are equal, as in the paper; exact: only those that are.
    include
        extra ranks the rows under the rule with the others.
    width
        Of LaTeX: column, as wide as it is; page, across both columns and shrunk to the page where it is wider.
    origin
        runs (your own records), reference (the committed ones) or paper (as printed there, Tables 2-6).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    known(form, FORMATS, "format")
    if number is not None and metric is not None:
        raise UsageError("--number and --metric exclude each other.")
    selection = Selection(origin, results, data, methods, datasets, seeds)
    if number == 1:
        print(render_datasets(dataset_frame(selection.config, selection.data_folders), form), end="")
        return 0
    choices = {"--methods": methods, "--datasets": datasets, "--seeds": seeds, "--include": include}
    refuse_beside_paper(origin, choices | {"--digits": None if digits == DIGITS else digits})
    style = Style(digits, rank_on, rank_extra=include == "extra", show_ranks=number != 6)
    records, tables = _ablation(selection, style) if number == 6 else _ranked(selection, number, metric, style)
    if records.note:
        for made in tables:
            made.notes.append(records.note)
    print(render_all(tables, form, width), end="")
    return 1 if any(state.state == "corrupt" for state in records.states) else 0


def _ranked(
    selection: Selection, number: int | None, metric: str | None, style: Style
) -> tuple[Records, Sequence[Table]]:
    """Table of the number (2-5) or of the metric; without either all four."""
    metrics = [one for one in chosen_metrics(metric) if number in (None, one.paper_table)]
    if not metrics:
        raise UsageError(f"there is no table {number} here; 1 to 6 are.")
    records = load(selection)
    return records, records.tables(metrics, style)


def _ablation(selection: Selection, style: Style) -> tuple[Records, Sequence[Table]]:
    """Table 6, the ablation."""
    if selection.origin == "paper":
        return load(selection), [paper_ablation()]
    datasets = selection.datasets or ["VOC07"]
    if len(datasets) != 1:
        raise UsageError("Table 6 is of one data set; name one with --datasets.")
    records = load(replace(selection, variants=selection.variants or ABLATION, datasets=datasets))
    return records, [ablation(records.tables(PAPER_METRICS, style))]


def compare(
    *,
    stand_ins: StandIns = None,
    form: Format = "terminal",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Set our values beside the paper's printed ones: differences, rank correlations, and what its claims come to.

    Parameters
    ----------
    stand_ins
        OURS=PAPER for sets of other names, such as VOC07tv=VOC07.
    form
        terminal, markdown, csv or json.
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    known(form, FORMATS, "format")
    selection = Selection(origin, results, data)
    config = selection.config
    mapped = checked_stand_ins(stand_ins or [], config)
    records = load(selection)
    tables = records.tables(PAPER_METRICS)
    frame = comparison_frame(tables, mapped)
    if frame.empty:
        without = unusable(records.states)
        raise UsageError(
            f"{selection.folder} has no value of a data set of the paper{without and f', but {without}'}; "
            "--map OURS=PAPER names a stand-in."
        )
    reasons = not_compared(tables, frame, records.manifest)
    colour = form == "terminal" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render_comparison(frame, config, form, reasons, colour), end="")
    if form in ("terminal", "markdown"):
        found = claims([paper_table(one, config) for one in PAPER_METRICS], tables)
        heading = f"\nThe paper's claims, here on {', '.join(one.name for one in tables[0].independent_sets)}:"
        print(
            as_text([heading, claims_grid(found), claims_note(found)], "pipe" if form == "markdown" else "simple"),
            end="",
        )
        if origin == "reference":
            print(f"\n{records.note}")
    return 0


def export(
    target: str,
    *,
    form: Annotated[Literal["sqlite", "csv", "parquet"] | None, Parameter(name="--format")] = None,
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Write the records as flat tables (jobs, metrics, grid, curves), for tables and figures of one's own.

    Parameters
    ----------
    target
        A SQLite file, or for csv and parquet a folder that gets a file for each table.
    form
        sqlite, csv or parquet. Default: sqlite for a name that ends in .sqlite or .db, else csv.
    results
        The folder of the records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    path = Path(target)
    if form is None and path.suffix in (".csv", ".parquet"):
        kind = path.suffix.removeprefix(".")
        raise UsageError(f"{kind} takes a folder, which gets a file for each table: --format {kind} {path.stem}")
    kind = form or ("sqlite" if path.suffix in (".sqlite", ".db") else "csv")
    check_target(path, kind)
    for written in write_tables(frames(load(Selection(results=results, data=data)).states), path, kind):
        print(written)
    return 0
