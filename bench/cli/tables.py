"""Verbs that print or write tables: table, compare, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.analysis.wins import wins_in_words
from bench.cli.options import (
    AllSeeds,
    AnyOrigin,
    Count,
    Digits,
    Format,
    Names,
    Origin,
    RecordsData,
    Results,
    StandIns,
    Switch,
    chosen_metrics,
    chosen_rule,
    known,
    refuse_beside_paper,
)
from bench.datasets.catalog import resolve
from bench.datasets.source import Source
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, metric_named
from bench.plan.states import unusable
from bench.plan.variants import one_meant
from bench.records.artifacts import SCORES
from bench.records.store import DEFAULT_RESULTS
from bench.system import terminal
from bench.tables.comparison import ABLATION, ablation, paper_ablation, paper_table
from bench.tables.folds import over_folds
from bench.tables.load import Records, Selection, load
from bench.tables.notes import withdrawn_notes
from bench.tables.ranking import DIGITS
from bench.tables.render import DATA, FORMATS, Look, render_all
from bench.tables.table import MetricTable, Style, Table
from bench.text import as_text, counted, csv_of


def table(
    *,
    number: Count | None = None,
    metric: str | None = None,
    per_label: str | None = None,
    selected_by: str | None = None,
    form: Format = "terminal",
    methods: Names = None,
    datasets: Names = None,
    seeds: AllSeeds = None,
    digits: Digits = DIGITS,
    rank_on: Literal["printed", "exact"] = "printed",
    include: Literal["extra"] | None = None,
    decision: str | None = None,
    target: str | None = None,
    each_fold: Switch = False,
    transpose: Switch = False,
    against: str | None = None,
    wide: Switch = False,
    width: Literal["column", "page"] = "column",
    origin: AnyOrigin = "runs",
    results: Results = DEFAULT_RESULTS,
    data: RecordsData = None,
) -> int:
    """Print ranked tables from the records; without --metric and --number the paper's Tables 2-5.

    Parameters
    ----------
    number
        A table of the paper: 1 (the data sets), 2 (Hamming), 3 (ranking), 4 (coverage), 5 (average precision), 6 (the
        ablation, on VOC07 or the one set that --datasets names).
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`.
    per_label
        A data set: the labels' own AP, F1 and AUC, with counts of positives, from kept test scores.
    selected_by
        The metric on validation data that chose epochs and grid points, of records that `run` selected by it
        (--selection) or besides (--also-select). Default: the protocol's.
    form
        terminal, markdown, latex, html, csv or json.
    methods
        Rows to show. Default: all.
    datasets
        Columns to show. Default: all.
    digits
        Decimals of a value.
    rank_on
        printed: values that look equal are equal, as in the paper; exact: only those that are.
    include
        extra ranks the rows under the rule with the others.
    decision
        A decision rule of `list decisions`, in place of each method's own threshold; of the metrics that depend on it.
    target
        What the rule maximises on validation data: hamming, micro-f1 or macro-f1. Default: the metric itself, else
        hamming.
    each_fold
        Show a column for each fold of a set, instead of their mean.
    transpose
        Show a row for each data set and a column for each method.
    against
        A method: count the data sets on which each other is better, equal and worse, instead of showing values.
    wide
        Show a row for each record, with all its metrics on test data; csv, json or terminal.
    width
        Of LaTeX: column, within a column of text; page, across all of them; either shrunk where the table is wider.
    origin
        runs (your own records), reference (the committed ones), reference+runs (your own among these) or paper (as
        printed there, Tables 2-6).
    """
    known(form, FORMATS, "format")
    if number is not None and metric is not None:
        raise UsageError("--number and --metric exclude each other.")
    rule = chosen_rule(decision, target, metric)
    selecting = None if selected_by is None else metric_named(selected_by)
    if per_label is not None:
        chosen = Selection(origin, results, data, methods, [per_label], seeds, *rule, selected_by=selecting)
        return _labels(per_label, (number, metric, datasets, decision, selected_by), chosen, form, digits)
    selection = Selection(origin, results, data, methods, datasets, seeds, *rule, selected_by=selecting)
    if number == 1:
        from bench.tables.dataset_table import dataset_frame, render_datasets  # here: it imports pandas

        print(render_datasets(dataset_frame(selection.config, selection.data_folders), form), end="")
        return 0
    choices = {
        "--methods": methods,
        "--datasets": datasets,
        "--seeds": seeds,
        "--include": include,
        "--decision": decision,
    }
    refuse_beside_paper(origin, choices | {"--digits": None if digits == DIGITS else digits})
    if wide:
        return _wide(selection, (number, metric, against), form)
    style = Style(digits, rank_on, rank_extra=include == "extra", show_ranks=number != 6)
    records, tables = _ablation(selection, style) if number == 6 else _ranked(selection, number, metric, style)
    if records.note:
        for made in tables:
            made.notes.append(records.note)
    if not each_fold:
        tables = [over_folds(made, style) if isinstance(made, MetricTable) else made for made in tables]
    if against is not None:
        return _against(tables, against, form, digits)
    if transpose and form in DATA:
        raise UsageError(f"{form} has a line for each cell; --transpose is of terminal, markdown, latex and html.")
    print(render_all(tables, form, Look(width, terminal.width(), transpose)), end="")
    return 1 if any(state.state == "corrupt" for state in records.states) else 0


def _wide(selection: Selection, others: tuple[object, ...], form: str) -> int:
    if any(other is not None for other in others) or selection.origin == "paper":
        raise UsageError(
            "--wide shows all metrics of records; it excludes --number, --metric, --against, --from paper."
        )
    from bench.tables.export import wide_frame  # here: it imports pandas

    frame = wide_frame(load(selection).states)
    if form == "csv":
        print(csv_of(frame), end="")
    elif form == "json":
        print(frame.to_json(orient="records", indent=1, double_precision=15, force_ascii=False))
    elif form == "terminal":
        print(frame.to_string(index=False, na_rep="", max_colwidth=40))
    else:
        raise UsageError(f"--wide writes terminal, csv or json, not {form}.")
    return 0


def _against(tables: Sequence[Table], control: str, form: str, digits: int) -> int:
    if form not in ("terminal", "markdown"):
        raise UsageError(f"--against writes terminal or markdown, not {form}.")
    compared = [made for made in tables if isinstance(made, MetricTable)]
    if not compared:
        raise UsageError("Table 6 is of one data set; --against counts data sets.")
    control = one_meant(control, compared[0].variants)
    known(control, tuple(compared[0].variants), "row")
    print(as_text(wins_in_words(compared, control, digits), "pipe" if form == "markdown" else "simple"), end="")
    return 0


def _labels(dataset: str, others: tuple[object, ...], selection: Selection, form: str, digits: int) -> int:
    if any(other is not None for other in others):
        raise UsageError(
            "--per-label shows one data set by the methods' own thresholds and the protocol's selection; it excludes "
            "--number, --metric, --datasets, --decision and --selected-by."
        )
    if selection.origin == "paper":
        raise UsageError("the paper prints no values of labels; --from paper excludes --per-label.")
    if form not in ("terminal", "markdown", "csv", "json"):
        raise UsageError(f"--per-label writes terminal, markdown, csv or json, not {form}.")
    from bench.analysis.label_table import KEEP, label_frame, render_labels  # here: it imports pandas

    states = [state for state in load(selection).states if state.state == "done"]
    names = sorted({state.job.full_dataset for state in states})
    if len(names) > 1:
        raise UsageError(f"{dataset} is {' and '.join(names)} here; name one of them.")
    source = resolve(names[0], selection.config, selection.data_folders) if names else None
    positives, notes = None, []
    if isinstance(source, Source):
        found = source.load()
        counts = found.splits["train"].y.sum(0, dtype="int64").tolist()
        positives = dict(zip(found.label_names, counts, strict=True))
    else:
        notes.append("Training positives are a gap: the data set is not here.")
    frame = label_frame(states, positives)
    if without := sum(state.artifact(SCORES) is None for state in states):
        notes.append(f"Not part of it: {counted(without, 'record')} without kept scores; {KEEP}.")
    print(render_labels(frame, f"Labels of {names[0]}", notes, form, digits), end="")
    return 0


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
    datasets: Names = None,
    stand_ins: StandIns = None,
    form: Format = "terminal",
    origin: Origin = "runs",
    results: Results = DEFAULT_RESULTS,
    data: RecordsData = None,
) -> int:
    """Set our values beside the paper's printed ones: differences, rank correlations, and what its claims come to.

    Parameters
    ----------
    datasets
        Data sets to compare, and to count the claims on. Default: all.
    form
        terminal, markdown, csv or json.
    """
    # Here, because they import pandas and scipy, without which `table` takes half the time.
    from bench.analysis.paper_claims import claims, claims_grid, claims_note
    from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame, not_compared, render_comparison

    known(form, FORMATS, "format")
    selection = Selection(origin, results, data, datasets=datasets)
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
        withdrawn = withdrawn_notes(tables[0].columns, config)
        heading = f"\nThe paper's claims, here on {', '.join(one.name for one in tables[0].independent_sets)}:"
        print(
            as_text(
                [heading, claims_grid(found), claims_note(found), *withdrawn],
                "pipe" if form == "markdown" else "simple",
            ),
            end="",
        )
        if selection.committed:
            print(f"\n{records.note}")
    return 0


def export(
    target: str,
    *,
    form: Annotated[Literal["sqlite", "csv", "parquet"] | None, Parameter(name="--format")] = None,
    origin: Origin = "runs",
    results: Results = DEFAULT_RESULTS,
    data: RecordsData = None,
) -> int:
    """Write the records as flat tables (jobs, metrics, grid, curves), for tables and figures of one's own.

    Parameters
    ----------
    target
        A SQLite file, or for csv and parquet a folder that gets a file for each table.
    form
        sqlite, csv or parquet. Default: sqlite for a name that ends in .sqlite or .db, else csv.
    """
    from bench.tables.export import check_target, frames  # here: it imports pandas
    from bench.tables.export import export as write_tables

    path = Path(target)
    if form is None and path.suffix in (".csv", ".parquet"):
        kind = path.suffix.removeprefix(".")
        raise UsageError(f"{kind} takes a folder, which gets a file for each table: --format {kind} {path.stem}")
    kind = form or ("sqlite" if path.suffix in (".sqlite", ".db") else "csv")
    check_target(path, kind)
    for written in write_tables(frames(load(Selection(origin, results, data)).states), path, kind):
        print(written)
    return 0
