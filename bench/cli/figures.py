"""The verbs that draw: plot, report, show. Nothing heavy before it is used."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bench.cli.options import DataFolder, Names, Numbers, Origin, known
from bench.cli.tables import but, origin_note
from bench.errors import UsageError
from bench.records.store import DEFAULT_RESULTS
from bench.tables.load import collected, place

if TYPE_CHECKING:
    from bench.config import Config
    from bench.report.figures import Material

RESAMPLED_AT_ONCE = 2_000_000
"""Decisions (test instances times labels, over all records) that the report resamples unasked: some seconds."""


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
    from bench.plan.states import unusable
    from bench.report.figures import MAKERS, pictures
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
    from bench.analysis.within_datasets import decisions, resampled
    from bench.metrics.catalogue import PAPER_METRICS
    from bench.plan.states import unusable
    from bench.report.page import page

    material, config = _material(None, methods, datasets, seeds, beside, origin, results, data)
    committed = origin == "reference"
    if not material.variants:
        where = "the reference" if committed else results
        without = but(unusable(material.entries))
        raise UsageError(f"{where} has no value of a ranked row{without}; name rows with --methods.")
    if control is not None:
        known(control, (*material.tables[0].ranked, *material.tables[0].extra), "variant")
        material = replace(material, variants=list(dict.fromkeys([*material.variants, control])))
    else:
        control = "FLEM-D" if "FLEM-D" in material.variants else material.variants[0]
    quick = decisions(material.entries, material.variants) <= RESAMPLED_AT_ONCE
    resample = (resampling == "always" or (resampling == "auto" and quick)) and not committed
    metrics = [metric.key for metric in PAPER_METRICS]
    within = resampled(material.entries, material.variants, control, metrics) if resample else []
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
    from bench.analysis.over_datasets import variants_with_values
    from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame
    from bench.metrics.catalogue import PAPER_METRICS, metric_named
    from bench.plan.filters import Choice
    from bench.report.figures import Material

    folder, config, committed = place(origin, results)
    stand_ins = checked_stand_ins(beside or [], config)
    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    choice = Choice(methods, datasets, seeds)
    entries, tables, manifest = collected(metrics, folder, data, config, committed, choice)
    rows = list(dict.fromkeys(methods)) if methods else variants_with_values(tables[0], tables[0].ranked)
    frame = comparison_frame([table for table in tables if table.metric.paper_table is not None], stand_ins)
    return Material(entries, tables, rows, frame, manifest), config


def _papers_material(metric: str | None) -> Material:
    from bench import config as configuration
    from bench.analysis.paper_comparison import comparison_frame
    from bench.metrics.catalogue import PAPER_METRICS, metric_named
    from bench.records.record import Manifest
    from bench.report.figures import Material
    from bench.tables.comparison import paper_table

    metrics = [metric_named(metric)] if metric else list(PAPER_METRICS)
    tables = [paper_table(one, configuration.load()) for one in metrics]
    return Material([], tables, tables[0].ranked, comparison_frame([], {}), Manifest())


def _write(path: Path, content: bytes) -> None:
    from bench.system.files import write_atomically

    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


def show(
    dataset: str,
    method: str,
    *,
    instance: int,
    seed: int | None = None,
    top: int = 12,
    results: str = DEFAULT_RESULTS,
) -> int:
    """Draw the label distribution that a method recovered for one training instance.

    Parameters
    ----------
    dataset
        A data set of the records.
    method
        A label-enhancement row; its job must have run with --keep distributions.
    instance
        The number of a training row, from 0.
    seed
        Default: the smallest there is.
    top
        How many labels to show beside the positive ones.
    results
        The folder of the records.
    """
    from bench.records.store import Store
    from bench.report.instance import show_instance

    show_instance(Store(Path(results)), dataset, method, instance, seed, top)
    return 0
