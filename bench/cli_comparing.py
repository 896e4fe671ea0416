"""The verbs that compare: compare, stats, plot, report. Nothing heavy before it is used."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bench.cli_data import DataFolder
from bench.cli_reading import DEFAULT_RESULTS, Names, Numbers, Origin, collected, known, origin_note, place
from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bench.config import Config
    from bench.report.pictures import Material

RESAMPLED_AT_ONCE = 2_000_000
"""Decisions (test instances times labels, over all records) that the report resamples unasked: some seconds."""


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
    from bench.collect import unusable
    from bench.compare import FORMATS, checked_stand_ins, comparison_frame, not_compared, render_comparison
    from bench.metric_catalogue import PAPER_METRICS
    from bench.printed_claims import claims, claims_grid
    from bench.prose import as_text
    from bench.tables import paper_table

    known(form, FORMATS, "format")
    folder, config, committed = place(origin, results)
    stand_ins = checked_stand_ins(beside or [], config)
    entries, tables, manifest = collected(list(PAPER_METRICS), folder, data, config, committed)
    frame = comparison_frame(tables, stand_ins)
    if frame.empty:
        raise UsageError(
            f"{folder} has no value of a data set of the paper{_but(unusable(entries))}; --beside OURS=PAPERS names a "
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
    from bench.choice import Choice
    from bench.collect import unusable
    from bench.metric_catalogue import PAPER_METRICS, metric_named
    from bench.prose import as_text
    from bench.resampling import RESAMPLED, explanation, in_words, resampled
    from bench.significance import significance
    from bench.tables import paper_table

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
        known(row, there, "row")
    if control not in there:
        raise UsageError(
            f"there is no row {control!r}; {did_you_mean(control, there)} --control names the row to compare with."
        )
    rows = list(dict.fromkeys([*given, control]))
    if left_out := [row for row in there if row not in rows and methods is None]:
        print(f"Not compared, because unranked: {', '.join(left_out)}; --methods names the rows to compare.\n")
    if without := unusable(entry for entry in entries if entry.job.row in rows):
        print(f"Without {without}: their rows may lack values.\n")
    # The scores that test instances are resampled from are not committed.
    within = (
        [] if committed else resampled(entries, rows, control, [one.key for one in metrics if one.key in RESAMPLED])
    )
    if within:
        print(as_text([explanation(control)]))
    for table in tables:
        assert table.metric is not None
        said = [table.title, *significance(table, rows, control, region)]
        if within and table.metric.key in RESAMPLED:
            said += in_words(within, table.metric, intervals)
        print(as_text(said))
    if committed and entries:
        print(f"{origin_note(entries, committed)} What its test instances decide is in docs/results.md.")
    return 0


def plot(
    *figures: str,
    metric: str | None = None,
    methods: Names = None,
    datasets: Names = None,
    seeds: Numbers = None,
    beside: Names = None,
    form: Annotated[Literal["svg", "pdf", "png"], Parameter(name="--format")] = "svg",
    output: str = "results/figures",
    source: Literal["ours", "paper"] = "ours",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Draw figures from the records; without a name every figure that the records allow.

    critical-difference, ranks, difference (to the paper), cost, curves (by epoch), grid (of FLEM-D), distributions
    (recovered), reliability (of scores).

    Parameters
    ----------
    figures
        Names of figures.
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`. Default: the paper's four.
    methods
        Rows to draw. Default: the ranked ones.
    datasets
        Data sets to draw. Default: all.
    seeds
        Seeds to average over. Default: all.
    beside
        OURS=PAPERS for sets of other names, such as VOC07tv=VOC07, in the difference to the paper.
    form
        svg, pdf or png.
    output
        The folder of the figures.
    source
        ours (from records) or paper (its printed values; critical-difference and ranks).
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.collect import unusable
    from bench.report.pictures import MAKERS, pictures
    from bench.report.style import encoded

    for figure in figures:
        known(figure, tuple(MAKERS), "figure")
    if source == "paper":
        if any(given is not None for given in (methods, datasets, seeds, beside)):
            raise UsageError("the paper's tables are drawn as printed; --source paper takes no other choice.")
        figures = figures or ("critical-difference", "ranks")
        material = _papers_material(metric)
    else:
        material, _ = _material(metric, methods, datasets, seeds, beside, origin, results, data)
    drawn, reasons = 0, {}
    for picture in pictures(material, figures or tuple(MAKERS)):
        try:
            content = encoded(picture.draw(), form)
        except UsageError as error:
            reasons[picture.name] = str(error)
            continue
        path = Path(output) / f"{picture.name}.{form}"
        _write(path, content)
        print(path)
        drawn += 1
    if not drawn:
        reason = "; ".join(dict.fromkeys(reasons.values())) or "the records hold nothing to draw."
        without = unusable(material.entries)
        raise UsageError(reason + (f" There are {without}." if without else ""))
    for name, reason in reasons.items():
        print(f"not drawn: {name}: {reason}", file=sys.stderr)
    return 0


def report(
    *,
    output: str = "results/report.html",
    methods: Names = None,
    datasets: Names = None,
    seeds: Numbers = None,
    control: str | None = None,
    beside: Names = None,
    resampling: Literal["auto", "always", "never"] = "auto",
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Write one HTML page, which needs no network: what ran, tables, figures, the paper, statistics, gaps, cost.

    Parameters
    ----------
    output
        The file.
    methods
        Rows to show and compare. Default: all; the ranked ones are compared.
    datasets
        Data sets to show. Default: all.
    seeds
        Seeds to average over. Default: all.
    control
        The row that the statistics compare the others with. Default: FLEM-D, else the first of the rows.
    beside
        OURS=PAPERS for sets of other names, such as VOC07tv=VOC07.
    resampling
        Whether to resample test instances as `stats` does; auto: where it takes seconds.
    origin
        runs (your own) or reference (the committed ones).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    from bench.collect import unusable
    from bench.metric_catalogue import PAPER_METRICS
    from bench.report.page import page
    from bench.resampling import decisions, resampled

    material, config = _material(None, methods, datasets, seeds, beside, origin, results, data)
    committed = origin == "reference"
    if not material.rows:
        where = "the reference" if committed else results
        without = _but(unusable(material.entries))
        raise UsageError(f"{where} has no value of a ranked row{without}; name rows with --methods.")
    if control is not None:
        known(control, (*material.tables[0].ranked, *material.tables[0].extra), "row")
        material = replace(material, rows=list(dict.fromkeys([*material.rows, control])))
    else:
        control = "FLEM-D" if "FLEM-D" in material.rows else material.rows[0]
    quick = decisions(material.entries, material.rows) <= RESAMPLED_AT_ONCE
    resample = (resampling == "always" or (resampling == "auto" and quick)) and not committed
    metrics = [metric.key for metric in PAPER_METRICS]
    within = resampled(material.entries, material.rows, control, metrics) if resample else []
    shown = origin_note(material.entries, committed) if committed else results
    _write(Path(output), page(material, config, shown, control, within).encode())
    print(output)
    return 0


def _material(
    metric: str | None,
    methods: list[str] | None,
    datasets: list[str] | None,
    seeds: list[int] | None,
    beside: list[str] | None,
    origin: str,
    results: str,
    data: str | None,
) -> tuple[Material, Config]:
    """What figures and the report are made of."""
    from bench.choice import Choice
    from bench.compare import checked_stand_ins, comparison_frame
    from bench.metric_catalogue import PAPER_METRICS, metric_named
    from bench.report.pictures import Material
    from bench.significance import rows_with_values

    folder, config, committed = place(origin, results)
    stand_ins = checked_stand_ins(beside or [], config)
    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    choice = Choice(methods, datasets, seeds)
    entries, tables, manifest = collected(metrics, folder, data, config, committed, choice)
    rows = list(dict.fromkeys(methods)) if methods else rows_with_values(tables[0], tables[0].ranked)
    frame = comparison_frame([table for table in tables if table.metric.paper_table is not None], stand_ins)
    return Material(entries, tables, rows, frame, manifest), config


def _but(without: str) -> str:
    return f", but {without}" if without else ""


def _papers_material(metric: str | None) -> Material:
    from bench import config as configuration
    from bench.compare import comparison_frame
    from bench.metric_catalogue import PAPER_METRICS, metric_named
    from bench.records import Manifest
    from bench.report.pictures import Material
    from bench.tables import paper_table

    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    tables = [paper_table(one, configuration.load()) for one in metrics]
    return Material([], tables, tables[0].ranked, comparison_frame([], {}), Manifest())


def _write(path: Path, content: bytes) -> None:
    from bench.files import write_atomically

    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
