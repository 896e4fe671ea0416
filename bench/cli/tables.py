"""The verbs that print or write tables: table, export, compare, stats. Nothing heavy before it is used."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bench.cli.options import DataFolder, Names, Numbers, Origin, known
from bench.errors import UsageError, did_you_mean
from bench.records.store import DEFAULT_RESULTS
from bench.tables.load import collected, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.plan.states import JobState


def table(
    *,
    number: int | None = None,
    metric: str | None = None,
    form: Annotated[str, Parameter(name="--format")] = "terminal",
    methods: Names = None,
    datasets: Names = None,
    seeds: Numbers = None,
    digits: int = 4,
    rank_on: Literal["printed", "exact"] = "printed",
    include: Literal["extra"] | None = None,
    fit: Literal["column", "page"] = "column",
    source: Literal["ours", "paper"] = "ours",
    origin: Origin = "runs",
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
    fit
        Of LaTeX: column, as wide as it is; page, across both columns and shrunk to the page where it is wider.
    source
        ours (from records) or paper (as printed there, Tables 2-6).
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.metrics.catalogue import PAPER_METRICS, metric_named
    from bench.plan.filters import Choice
    from bench.tables.comparison import ABLATION, ablation, paper_ablation, paper_table
    from bench.tables.render import FORMATS, render_all
    from bench.tables.table import Style

    known(form, FORMATS, "format")
    if not 1 <= digits <= 10:
        raise UsageError(f"--digits must be from 1 to 10, not {digits}.")
    if number is not None and metric is not None:
        raise UsageError("--number and --metric exclude each other.")
    folder, config, committed = place(origin, results)
    if number == 1:
        from bench.datasets.catalog import data_folders
        from bench.tables.dataset_table import dataset_frame, render_datasets

        print(render_datasets(dataset_frame(config, data_folders(config, data)), form), end="")
        return 0
    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    if number not in (None, 6):
        metrics = [one for one in metrics if one.paper_table == number]
        if not metrics:
            raise UsageError(f"there is no table {number} here; 1 to 6 are.")
    if source == "paper":
        for one in metrics:
            if one.paper_table is None:
                raise UsageError(f"the paper has no table of {one.title}.")
        if any(given is not None for given in (methods, datasets, seeds, include)) or digits != 4:
            raise UsageError("the paper's tables are shown as printed; --source paper takes no other choice.")
        papers = [paper_ablation()] if number == 6 else [paper_table(one, config) for one in metrics]
        print(render_all(papers, form, fit), end="")
        return 0
    choice = Choice(methods, datasets, seeds)
    style = Style(digits, rank_on, rank_extra=include == "extra", show_ranks=number != 6)
    if number == 6:
        choice = Choice(methods or ABLATION, datasets or ["VOC07"], seeds)
        if len(choice.datasets or ()) != 1:
            raise UsageError("Table 6 is of one data set; name one with --datasets.")
    entries, tables, _ = collected(metrics, folder, data, config, committed, choice, style)
    if number == 6:
        tables = [ablation(tables)]
    if note := origin_note(entries, committed):
        for made in tables:
            made.notes.append(note)
    print(render_all(tables, form, fit), end="")
    return 1 if any(entry.state == "corrupt" for entry in entries) else 0


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
    from bench import config as configuration
    from bench.tables.export import export as write
    from bench.tables.export import frames

    path = Path(target)
    if form is None and path.suffix in (".csv", ".parquet"):
        kind = path.suffix.removeprefix(".")
        raise UsageError(f"{kind} takes a folder, which gets a file for each table: --format {kind} {path.stem}")
    entries, _, _ = collected([], Path(results), data, configuration.load())
    for written in write(frames(entries), path, form or ("sqlite" if path.suffix in (".sqlite", ".db") else "csv")):
        print(written)
    return 0


def origin_note(states: Sequence[JobState], committed: bool) -> str:
    """Where committed records come from, and whether the code has changed since records were made; maybe empty."""
    from bench.plan.states import code_note

    commits = sorted({str(state.record.environment.get("commit")) for state in states if state.record})
    made = f"Reference records, made at commit {', '.join(commits)}." if committed else ""
    return " ".join(filter(None, (made, code_note(states))))


def compare(
    *,
    beside: Names = None,
    form: Annotated[str, Parameter(name="--format")] = "terminal",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Set our values beside the paper's printed ones: differences, rank correlations, and what its claims come to.

    Parameters
    ----------
    beside
        OURS=PAPERS for sets of other names, such as VOC07tv=VOC07.
    form
        terminal, markdown, csv or json.
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.analysis.paper_claims import claims, claims_grid
    from bench.analysis.paper_comparison import (
        FORMATS,
        checked_stand_ins,
        comparison_frame,
        not_compared,
        render_comparison,
    )
    from bench.metrics.catalogue import PAPER_METRICS
    from bench.plan.states import unusable
    from bench.tables.comparison import paper_table
    from bench.text import as_text

    known(form, FORMATS, "format")
    folder, config, committed = place(origin, results)
    stand_ins = checked_stand_ins(beside or [], config)
    entries, tables, manifest = collected(list(PAPER_METRICS), folder, data, config, committed)
    frame = comparison_frame(tables, stand_ins)
    if frame.empty:
        raise UsageError(
            f"{folder} has no value of a data set of the paper{but(unusable(entries))}; --beside OURS=PAPERS names a "
            "stand-in."
        )
    reasons = not_compared(tables, frame, manifest)
    colour = form == "terminal" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render_comparison(frame, config, form, reasons, colour), end="")
    if form in ("terminal", "markdown"):
        found = claims([paper_table(one, config) for one in PAPER_METRICS], tables)
        heading = f"\nThe paper's claims, here on {', '.join(tables[0].columns)}:"
        print(as_text([heading, claims_grid(found)], "pipe" if form == "markdown" else "simple"), end="")
        if committed:
            print(f"\n{origin_note(entries, committed)}")
    return 0


def stats(
    *,
    metric: str | None = None,
    methods: Names = None,
    control: str = "FLEM-D",
    region: float | None = None,
    datasets: Names = None,
    seeds: Numbers = None,
    intervals: Annotated[bool, Parameter(negative=())] = False,
    source: Literal["ours", "paper"] = "ours",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Test whether methods differ, over data sets and within each, and say what the data cannot decide.

    Parameters
    ----------
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`. Default: the paper's four.
    methods
        The rows to compare. Default: the ranked ones.
    control
        The row that each of the others is compared with.
    region
        Differences up to this count as equivalent, in the metric's unit. Default: 1 % of the control's mean.
    datasets
        The data sets to compare on. Default: all.
    seeds
        Seeds to average over. Default: all.
    intervals
        Show the intervals behind what is said of each data set.
    source
        ours (from records) or paper (its printed values).
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.analysis.over_datasets import significance
    from bench.analysis.within_datasets import RESAMPLED, explanation, in_words, resampled
    from bench.metrics.catalogue import PAPER_METRICS, metric_named
    from bench.plan.filters import Choice
    from bench.plan.states import unusable
    from bench.tables.comparison import paper_table
    from bench.text import as_text

    if region is not None and not (math.isfinite(region) and region >= 0):
        raise UsageError(f"--region must be a number from 0, not {region}.")
    if region is not None and metric is None:
        raise UsageError("--region is in a metric's unit; name the metric with --metric.")
    folder, config, committed = place(origin, results)
    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    entries: list = []
    if source == "paper":
        if metrics[0].paper_table is None:
            raise UsageError(f"the paper has no table of {metrics[0].title}.")
        if any(given is not None for given in (datasets, seeds)):
            raise UsageError("--source paper is of all the paper's data sets, and the paper names no seeds.")
        tables = [paper_table(one, config) for one in metrics]
    else:
        choice = Choice(None, datasets, seeds)
        entries, tables, _ = collected(metrics, folder, data, config, committed, choice)
    given = tables[0].ranked if methods is None else methods
    there = (*tables[0].ranked, *tables[0].extra)
    for row in given:
        known(row, there, "variant")
    if control not in there:
        raise UsageError(
            f"there is no row {control!r}; {did_you_mean(control, there)} --control names the row to compare with."
        )
    rows = list(dict.fromkeys([*given, control]))
    if left_out := [row for row in there if row not in rows and methods is None]:
        print(f"Not compared, because unranked: {', '.join(left_out)}; --methods names the rows to compare.\n")
    if without := unusable(entry for entry in entries if entry.job.variant in rows):
        print(f"Without {without}: their rows may lack values.\n")
    # The scores that test instances are resampled from are not committed.
    within = (
        [] if committed else resampled(entries, rows, control, [one.key for one in metrics if one.key in RESAMPLED])
    )
    if within:
        print(as_text([explanation(control)]))
    for table in tables:
        said = [table.title, *significance(table, rows, control, region)]
        if within and table.metric.key in RESAMPLED:
            said += in_words(within, table.metric, intervals)
        print(as_text(said))
    if committed and entries:
        print(f"{origin_note(entries, committed)} What its test instances decide is in docs/results.md.")
    return 0


def but(without: str) -> str:
    return f", but {without}" if without else ""
