"""Verbs that draw: plot, report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.analysis.answer import baseline
from bench.analysis.over_datasets import variants_with_values
from bench.analysis.paper_comparison import checked_stand_ins, comparison_frame
from bench.analysis.within_datasets import decisions, resampled
from bench.cli.options import (
    AllSeeds,
    AnyOrigin,
    Names,
    Origin,
    RecordsData,
    Results,
    StandIns,
    chosen_metrics,
    known,
    refuse_beside_paper,
)
from bench.decisions.rule import FIXED, TARGETS
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, Metric, metric_named
from bench.plan.states import unusable
from bench.records.record import Decisions
from bench.records.store import DEFAULT_RESULTS
from bench.report.figures import MAKERS, Material, pictures
from bench.report.figures.style import encoded
from bench.report.page import page
from bench.report.page.tables import RankedBy
from bench.report.site import site as site_of
from bench.report.site.folder import check_folder, write_site
from bench.scored.rules import by_decisions, held_decisions
from bench.system.writing import check_writable, write
from bench.tables.load import Records, Selection, load
from bench.tables.table import MetricTable

MOST_CELLS = 20_000
"""Cells of the report's tables, above which it leaves out those by decision rules: a page of 2 MB at most."""
FIGURES_OF_THE_PAPER = ("answer", "critical-difference", "ranks")
RESAMPLED_AT_ONCE = 2_000_000
"""Decisions (test instances times labels, over all records) that the report resamples unasked: some seconds."""


def plot(
    *figures: str,
    metric: str | None = None,
    methods: Names = None,
    datasets: Names = None,
    seeds: AllSeeds = None,
    stand_ins: StandIns = None,
    form: Annotated[Literal["svg", "pdf", "png"], Parameter(name="--format")] = "svg",
    output: str = "results/figures",
    origin: AnyOrigin = "runs",
    results: Results = DEFAULT_RESULTS,
    data: RecordsData = None,
) -> int:
    """Draw figures from the records; without a name every figure that the records allow.

    Parameters
    ----------
    figures
        answer (who leads by each metric, and by how much), critical-difference, ranks, difference (to the paper), cost,
        transforms (a metric against shares of training rows, known labels, noise, ...), curves (by epoch), grid (of
        FLEM-D), distributions (recovered), reliability (of scores).
    metric
        hamming, ranking, coverage, average-precision, or another of `list metrics`. Default: the paper's four.
    methods
        Rows to draw. Default: the ranked ones.
    datasets
        Data sets to draw. Default: all.
    form
        svg, pdf or png.
    output
        The folder of the figures.
    origin
        runs (your own records), reference (the committed ones), reference+runs (your own among these) or paper (its
        printed values; answer, critical-difference and ranks).
    """
    for figure in figures:
        known(figure, tuple(MAKERS), "figure")
    choices = {"--methods": methods, "--datasets": datasets, "--seeds": seeds, "--map": stand_ins}
    refuse_beside_paper(origin, choices)
    records = load(Selection(origin, results, data, methods, datasets, seeds))
    material = _material(records, chosen_metrics(metric), stand_ins or [])
    drawn, reasons = 0, {}
    for picture in pictures(material, figures or (FIGURES_OF_THE_PAPER if origin == "paper" else tuple(MAKERS))):
        try:
            content = encoded(picture.draw(), form)
        except UsageError as error:
            reasons[picture.name] = str(error)
            continue
        path = Path(output) / f"{picture.name}.{form}"
        write(path, content)
        print(path)
        drawn += 1
    if records.among:
        print(records.note, file=sys.stderr)
    if not drawn:
        reason = " ".join(dict.fromkeys(reasons.values())) or "the records hold nothing to draw."
        without = unusable(material.states)
        raise UsageError(reason + (f" There are {without}." if without else ""))
    for name, reason in reasons.items():
        print(f"not drawn: {name}: {reason}", file=sys.stderr)
    return 0


def report(
    *,
    output: str | None = None,
    site: str | None = None,
    methods: Names = None,
    datasets: Names = None,
    seeds: AllSeeds = None,
    control: str | None = None,
    stand_ins: StandIns = None,
    resampling: Literal["auto", "always", "never"] = "auto",
    origin: Origin = "runs",
    results: Results = DEFAULT_RESULTS,
    data: RecordsData = None,
) -> int:
    """Write one HTML page, which needs no network: what ran, tables, figures, the paper, statistics, gaps, cost.

    Parameters
    ----------
    output
        The file. Default: results/report.html, or with --site none.
    site
        A folder for a static site in place of the page (or beside it, with --output): an index, a page for each data
        set and method, and JSON, where every cell has its key, and says so when it is stale. It must be empty, or hold
        a site of before, whose pages that are no more are removed.
    methods
        Rows to show and compare. Default: all; the ranked ones are compared.
    datasets
        Data sets to show. Default: all.
    control
        The row that the statistics compare the others with. Default: FLEM-D, else BCE, else the first of the rows.
    resampling
        Whether to resample test instances as `stats` does; auto: where it takes seconds.
    """
    if site is not None:
        check_folder(Path(site))
        if output is not None and Path(site).resolve() in Path(output).resolve().parents:
            raise UsageError(f"--output {output} lies in the site's folder {site}; name a file outside of it.")
    elif output is None:
        output = "results/report.html"
    if output is not None:
        check_writable(Path(output))
    records = load(Selection(origin, results, data, methods, datasets, seeds))
    material = _material(records, PAPER_METRICS, stand_ins or [])
    committed = records.selection.committed
    if site is not None and not material.variants:
        # A site that is written again after everything became stale says so in every cell.
        material = replace(material, variants=list(material.tables[0].ranked))
    if not material.variants:
        where = "the reference" if committed else results
        without = unusable(material.states)
        raise UsageError(
            f"{where} has no value of a ranked row{without and f', but {without}'}; name rows with --methods."
        )
    if control is not None:
        known(control, (*material.tables[0].ranked, *material.tables[0].extra), "variant")
        material = replace(material, variants=list(dict.fromkeys([*material.variants, control])))
    else:
        control = baseline(material.variants)
    quick = decisions(material.states, material.variants) <= RESAMPLED_AT_ONCE
    resample = (resampling == "always" or (resampling == "auto" and quick)) and not committed
    metrics = [metric.key for metric in PAPER_METRICS]
    within = resampled(material.states, material.variants, control, metrics) if resample else []
    material = replace(material, within=within)
    shown = records.note if committed else results
    if site is not None:
        write_site(Path(site), site_of(records, material, control))
        print(Path(site) / "index.html")
    if output is None:
        return 0
    by_rules = _by_rules(records, material.tables)
    write(Path(output), page(material, records.selection.config, shown, control, by_rules).encode())
    print(output)
    return 0


def _by_rules(records: Records, tables: Sequence[MetricTable]) -> list[RankedBy]:
    """Tables of the metrics that decision rules can maximise, by each rule that records hold decisions of.

    Where they would be too many for a page, none, and the ``tables`` say so.
    """
    held = held_decisions(records.states)
    rules = dict.fromkeys(rule for one in held if isinstance(one, Decisions) for rule in one.rules)
    found: list[RankedBy] = []
    if len(rules) * len(TARGETS) * len(tables[0].cells) > MOST_CELLS:
        for table in tables:
            table.notes.append("By decision rules: `python -m bench table --decision RULE`; too much for one page.")
        return found
    for rule in rules:
        states = by_decisions(records.states, held, rule)
        own = rule == FIXED
        selection = records.selection if own else replace(records.selection, decision=rule)
        made = replace(records, selection=selection, states=states)
        metrics = [metric for target in TARGETS if not ((metric := metric_named(target)) in PAPER_METRICS and own)]
        found += [RankedBy(table, states, "" if own else rule) for table in made.tables(metrics)]
    return found


def _material(records: Records, metrics: Sequence[Metric], stand_ins: Sequence[str]) -> Material:
    """Material of the figures and the report; the paper's tables are not compared with themselves."""
    selection = records.selection
    mapped = checked_stand_ins(stand_ins, selection.config)
    tables = records.tables(metrics)
    given = selection.variants
    rows = list(dict.fromkeys(given)) if given else variants_with_values(tables[0], tables[0].ranked)
    compared = [table for table in tables if table.metric and table.metric.paper_table and selection.origin != "paper"]
    return Material(records.states, tables, rows, comparison_frame(compared, mapped), records.manifest)
