"""Verbs that say what numbers are worth: stats, converged."""

from __future__ import annotations

import math

from bench import config as configuration
from bench.analysis.answer import answer, baseline
from bench.analysis.over_datasets import REGION, significance
from bench.analysis.relative.words import relative_in_words
from bench.analysis.within_datasets import RESAMPLED, explanation, in_words, resampled
from bench.analysis.within_folds import folds_in_words
from bench.cli.options import (
    AnyOrigin,
    DataFolder,
    Names,
    Origin,
    Real,
    Seeds,
    Switch,
    chosen_metrics,
    chosen_rule,
    known,
    refuse_beside_paper,
)
from bench.errors import UsageError, did_you_mean
from bench.plan.states import unusable
from bench.plan.variants import one_meant, spelled_out
from bench.records.convergence import LAST_PERCENT, Kept, kept_epochs
from bench.records.store import DEFAULT_RESULTS
from bench.tables.folds import folded_columns
from bench.tables.load import Selection, load
from bench.tables.table import MetricTable
from bench.text import Grid, as_text, counted


def stats(
    *,
    metric: str | None = None,
    methods: Names = None,
    control: str | None = None,
    region: Real = REGION,
    datasets: Names = None,
    seeds: Seeds = None,
    intervals: Switch = False,
    decision: str | None = None,
    target: str | None = None,
    origin: AnyOrigin = "runs",
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
        The row that each of the others is compared with. Default: FLEM-D, else BCE, else the first of the rows.
    region
        Differences up to this share of the control's value on a data set count as equivalent; 0.01 is 1 %.
    datasets
        The data sets to compare on. Default: all.
    seeds
        Seeds to average over. Default: all.
    intervals
        Show the intervals behind what is said of each data set.
    decision
        A decision rule of `list decisions`, in place of each method's own threshold; of the metrics that depend on it.
    target
        What the rule maximises on validation data: hamming, micro-f1 or macro-f1. Default: the metric itself, else
        hamming.
    origin
        runs (your own records), reference (the committed ones), reference+runs (your own among these) or paper (its
        printed values).
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    if not (math.isfinite(region) and region >= 0):
        raise UsageError(f"--region must be a number from 0 (0.01 is 1 % of the control's value), not {region}.")
    refuse_beside_paper(origin, {"--datasets": datasets, "--seeds": seeds, "--decision": decision})
    rule = chosen_rule(decision, target, metric)
    records = load(Selection(origin, results, data, None, datasets, seeds, *rule))
    tables = records.tables(chosen_metrics(metric))
    rows, control = _compared(tables[0], methods, control)
    within, keys = [], []
    if not records.selection.committed:  # the scores that test instances are resampled from are not committed
        # Kept scores are resampled by the fixed threshold.
        able = [table.metric for table in tables if table.metric and not (decision and table.metric.decision)]
        keys = [metric.key for metric in able if metric.key in RESAMPLED]
        folds = {
            tables[0].sources.get(column, column) for part in folded_columns(tables[0]).values() for column in part
        }
        alone = [state for state in records.states if state.job.full_dataset not in folds]
        within = resampled(alone, rows, control, keys) if keys else []
    config, manifest = records.selection.config, records.manifest
    print(as_text(answer(tables, records.states, rows, control, config, within, manifest=manifest).blocks))
    if within:
        print(as_text([explanation(control)]))
    for table in tables:
        said = [table.title, *significance(table, rows, control, region)]
        said += relative_in_words(table, records.states, rows, control)
        if within and table.metric.key in keys:
            said += in_words(within, table.metric, intervals)
        said += folds_in_words(table, records.states, rows, control)
        print(as_text(said))
    if records.selection.committed:
        print(f"{records.note} What the reference's test instances decide is in docs/results/claims.md.")
    return 0


def _compared(table: MetricTable, methods: list[str] | None, control: str | None) -> tuple[list[str], str]:
    """Variants to compare, and the control among them; prints which of the table's are left out because unranked."""
    there = (*table.ranked, *table.extra)
    given = table.ranked if methods is None else spelled_out(configuration.load(), methods, there)
    for row in given:
        known(row, there, "variant")
    if control is None:
        control = baseline(given or there)
    control = one_meant(control, there)
    if control not in there:
        raise UsageError(
            f"there is no row {control!r}; {did_you_mean(control, there)} --control names the row to compare with."
        )
    rows = list(dict.fromkeys([*given, control]))
    if left_out := [row for row in there if row not in rows and methods is None]:
        print(f"Not compared, because unranked: {', '.join(left_out)}; --methods names the rows to compare.\n")
    return rows, control


LATE_HEADERS = ("Data set", "Algorithm", "Seed", "Kept epoch", "Last improvements of validation Hamming loss")


def converged(
    *,
    methods: Names = None,
    datasets: Names = None,
    seeds: Seeds = None,
    origin: Origin = "runs",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """List the jobs whose kept epoch is among their last: their training may have been cut short.

    Parameters
    ----------
    methods
        Rows to look at. Default: all.
    datasets
        Columns to look at. Default: all.
    seeds
        Seeds to look at. Default: all.
    origin
        runs (your own records), reference (the committed ones, which have no curves) or reference+runs.
    results
        The folder of your own records.
    data
        The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.
    """
    states = load(Selection(origin, results, data, methods, datasets, seeds)).states
    kept = kept_epochs(state.record for state in states if state.state == "done" and state.record)
    late = sorted((one for one in kept if one.is_late), key=lambda one: one.job)
    if late:
        print(as_text([Grid(LATE_HEADERS, [_late_row(one) for one in late], numbers=False)]))
    without = unusable(states)
    print(
        f"The kept epoch is among the last {LAST_PERCENT} % in {len(late)} of {counted(len(kept))}"
        + (f"; without {without}." if without else ".")
    )
    return 0


def _late_row(one: Kept) -> list[str]:
    falls = ["no curve"] if one.improvements is None else [f"{epoch}: -{fall:.4g}" for epoch, fall in one.improvements]
    job = one.job
    return [job.full_dataset, job.variant, str(job.seed), f"{one.epoch} of {one.epochs}", ", ".join(falls)]
