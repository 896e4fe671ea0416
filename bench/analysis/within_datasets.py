"""Differences within each data set, in words: ``bench.analysis.bootstrap`` on the kept scores of a folder.

Imports neither torch nor methods.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.analysis.bootstrap import SAMPLES, Interval, Values, intervals, resamples, values_of
from bench.analysis.hypothesis_tests import ALPHA, needed_deviations, power
from bench.metrics.catalogue import PAPER_METRICS, Metric, metric_named
from bench.records.artifacts import SCORES, KeptScores, read_scores
from bench.text import Block, Grid, counted

if TYPE_CHECKING:
    from bench.plan.states import JobState

RESAMPLED = tuple(metric.key for metric in PAPER_METRICS)
"""Metrics that are resampled."""


TYPICAL = 2.0
"""Paired standard deviations over seeds of the difference that the power is stated for."""


@dataclass(frozen=True)
class First:
    """The method with the first mean over seeds of one metric, and intervals of the others against it."""

    leader: str
    intervals: list[Interval]
    """They hold together for all pairs of methods, and so for a leader that was picked."""


@dataclass(frozen=True)
class Resampled:
    """Intervals of one data set, on resampled test instances."""

    dataset: str
    control: str
    intervals: dict[str, list[Interval]]
    """{metric key: one a method}; empty where nothing can be resampled."""
    instances: int = 0
    notes: tuple[str, ...] = ()
    """Sentences on scores that were left out; where nothing can be resampled, why."""
    firsts: dict[str, First] = field(default_factory=dict)
    """{metric key: its leader}; empty in records from before there were any."""


def decisions(states: Sequence[JobState], variants: Sequence[str]) -> int:
    """Test instances times labels of all kept scores; the time of resampling grows with it."""
    return sum(
        state.record.result.n_samples["test"] * state.record.result.n_labels
        for state in states
        if state.state == "done" and state.job.variant in variants and state.record and state.record.result
        if SCORES in state.record.artifacts
    )


def resampled(
    states: Sequence[JobState], variants: Sequence[str], control: str, metrics: Sequence[str], samples: int = SAMPLES
) -> list[Resampled]:
    """Intervals of the variants against the control on every data set, on the means over seeds.

    Parameters
    ----------
    metrics: keys, of RESAMPLED.
    samples: number of resamples.

    Raises
    ------
    UsageError: for scores that cannot be read.
    """
    by_set: dict[str, list[JobState]] = {}
    for state in states:
        by_set.setdefault(state.job.full_dataset, []).append(state)
    return [_one_set(own, variants, control, metrics, samples) for own in by_set.values()]


def _one_set(
    states: Sequence[JobState], variants: Sequence[str], control: str, metrics: Sequence[str], samples: int
) -> Resampled:
    dataset = states[0].job.full_dataset
    kept: dict[str, dict[int, KeptScores]] = {}
    notes = []
    for variant in variants:
        own = [state for state in states if state.job.variant == variant and state.state == "done"]
        read = {state.job.seed: scores for state in own if (scores := _kept(state)) is not None}
        if read:
            kept[variant] = read
        if len(read) < len(own):
            notes.append(f"Scores of {variant} were kept for {len(read)} of {len(own)} seeds.")
    if control not in kept:
        return Resampled(dataset, control, {}, notes=(f"{control} has no kept scores there.",))
    y = next(iter(kept[control].values())).y
    others = [
        name for name, by_seed in kept.items() if any(not np.array_equal(scores.y, y) for scores in by_seed.values())
    ]
    for variant in others:
        notes.append(f"The scores of {variant} are of other test labels than {control}'s; run one of them again.")
        del kept[variant]
    if len(kept) < 2:
        return Resampled(dataset, control, {}, notes=(*notes, "No other method has kept scores there."))
    counts = resamples(len(y), samples)
    values = {
        variant: {seed: values_of(scores, metrics, counts) for seed, scores in by_seed.items()}
        for variant, by_seed in kept.items()
    }
    of_metric = {
        metric: {variant: {seed: of[metric] for seed, of in by_seed.items()} for variant, by_seed in values.items()}
        for metric in metrics
    }
    by_metric = {metric: intervals(of, control) for metric, of in of_metric.items()}
    firsts = {metric: first for metric, of in of_metric.items() if (first := _first(of, metric)) is not None}
    return Resampled(dataset, control, by_metric, len(y), tuple(notes), firsts)


def _first(values: dict[str, Values], metric: str) -> First | None:
    """The leader and the intervals against it, by Bonferroni's correction for all pairs of methods; None where the
    metric is not defined."""
    sign = 1 if metric_named(metric).lower_is_better else -1
    means = {variant: fmean(value for value, _ in by_seed.values()) for variant, by_seed in values.items()}
    means = {variant: mean for variant, mean in means.items() if math.isfinite(mean)}
    if not means:
        return None
    leader = min(means, key=lambda variant: sign * means[variant])
    pairs_a_comparison = len(means) / 2
    return First(leader, intervals(values, leader, ALPHA / pairs_a_comparison))


def _kept(state: JobState) -> KeptScores | None:
    file = state.artifact(SCORES)
    return None if file is None else read_scores(file)


def explanation(control: str) -> str:
    """Paragraph on the intervals' meaning."""
    return (
        f"Within each data set its test instances are resampled {SAMPLES} times, alike for all methods. Intervals of "
        f"differences to {control} hold together, at {1 - ALPHA:.0%}, for all methods of a data set. They cover what "
        "other test instances would change and, from two seeds on, what other seeds would; with one seed a difference "
        "may be the seed's alone. A seed is initialisation and shuffling: what another split of the data or other data "
        "sets would change is in no interval. Beside each verdict stands what its seeds can show; methods that are not "
        "told apart are not shown to be alike."
    )


def power_in_words(counts: Sequence[tuple[int, int]]) -> str:
    """Sentence on the differences that so many seeds can show; empty for none.

    Parameters
    ----------
    counts: (seeds, methods compared with the control) of each comparison; those of one seed have no deviation.
    """
    several = sorted({(seeds, comparisons) for seeds, comparisons in counts if seeds > 1})
    text = [
        f"{needed_deviations(seeds, comparisons):.1f} standard deviations of the paired differences over {seeds} seeds "
        f"({counted(comparisons, 'comparison')}; a true difference of {TYPICAL:g} is shown in "
        f"{power(TYPICAL, seeds, comparisons):.0%} of cases)"
        for seeds, comparisons in several
    ]
    return f"To be shown, a difference must be {' or '.join(text)}, test instances aside." if text else ""


def in_words(results: list[Resampled], metric: Metric, detail: bool) -> list[Block]:
    """Verdicts of one metric, a line a data set; with ``detail`` the intervals too."""
    blocks: list[Block] = []
    for result in results:
        if not result.intervals:
            blocks.append(f"{result.dataset}: nothing to resample. {' '.join(result.notes)}")
            continue
        count = counted(result.instances, "instance")
        blocks.append(f"{result.dataset} ({count}): {verdict(result, metric)}")
        if detail and result.intervals[metric.key]:
            blocks.append(_detail(result.intervals[metric.key]))
    return blocks


def shown(interval: Interval, metric: Metric) -> Literal["better", "worse"] | None:
    """Verdict on the control on that data set; None where the two are not told apart."""
    if interval.p >= ALPHA:
        return None
    return "better" if (interval.difference > 0) == metric.lower_is_better else "worse"


def verdict(result: Resampled, metric: Metric) -> str:
    """Sentence on the methods that the control is better and worse than, and those not told apart from it."""
    control, of_metric = result.control, result.intervals[metric.key]
    if not of_metric:
        return f"no method shares a seed with {control} and has a value."
    groups: dict[str | None, list[str]] = {"better": [], "worse": [], None: []}
    for interval in of_metric:
        groups[shown(interval, metric)].append(interval.method)
    words = {"better": "better than", "worse": "worse than", None: "not told apart from"}
    outcome = "; ".join(f"{words[group]} {', '.join(methods)}" for group, methods in groups.items() if methods)
    alone = [interval.method for interval in of_metric if interval.seeds == 1]
    if len(alone) == len(of_metric):
        text = f"one seed, so of these trained models, not of methods: that of {control} is {outcome}."
    else:
        few = f" {', '.join(alone)}: one seed, which is taken to move as the others' do." if alone else ""
        text = f"{control} is {outcome}.{few}"
    reach = power_in_words([(interval.seeds, len(of_metric)) for interval in of_metric])
    return " ".join(filter(None, [text, reach, *result.notes]))


def _detail(of_metric: list[Interval]) -> Grid:
    body = [
        [i.method, str(i.seeds), f"{i.difference:+.4f}", f"{i.low:+.4f}", f"{i.high:+.4f}", f"{i.p:.3f}"]
        for i in of_metric
    ]
    return Grid(["method", "seeds", "difference", "from", "to", "p (adjusted)"], body)
