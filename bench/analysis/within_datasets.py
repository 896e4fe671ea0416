"""What each data set's test instances decide, in words: ``bench.analysis.bootstrap`` on the kept scores of a folder.

Imports neither torch nor methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.analysis.bootstrap import SAMPLES, Interval, intervals, resamples, values_of
from bench.analysis.hypothesis_tests import ALPHA
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.artifacts import SCORES, KeptScores, read_scores
from bench.text import Block, Grid, counted

if TYPE_CHECKING:
    from bench.plan.states import JobState

RESAMPLED = tuple(metric.key for metric in PAPER_METRICS)
"""Metrics that are resampled."""


@dataclass(frozen=True)
class Resampled:
    """One data set."""

    dataset: str
    control: str
    intervals: dict[str, list[Interval]]
    """{metric key: one a method}; empty where nothing can be resampled."""
    instances: int = 0
    notes: tuple[str, ...] = ()
    """What was left out, in sentences; where nothing can be resampled, why."""


def decisions(entries: Sequence[JobState], rows: Sequence[str]) -> int:
    """Test instances times labels of all kept scores: what resampling costs grows with it."""
    return sum(
        entry.record.result.n_samples["test"] * entry.record.result.n_labels
        for entry in entries
        if entry.state == "done" and entry.job.variant in rows and entry.record and entry.record.result
        if SCORES in entry.record.artifacts
    )


def resampled(
    entries: Sequence[JobState], rows: Sequence[str], control: str, metrics: Sequence[str], samples: int = SAMPLES
) -> list[Resampled]:
    """Every data set's intervals of the rows against the control, on the means over seeds.

    Raises
    ------
    UsageError: for scores that cannot be read.
    """
    sets = dict.fromkeys(entry.job.full_dataset for entry in entries)
    return [
        _one_set([e for e in entries if e.job.full_dataset == name], rows, control, metrics, samples) for name in sets
    ]


def _one_set(
    entries: Sequence[JobState], rows: Sequence[str], control: str, metrics: Sequence[str], samples: int
) -> Resampled:
    dataset = entries[0].job.full_dataset
    kept: dict[str, dict[int, KeptScores]] = {}
    notes = []
    for row in rows:
        here = [entry for entry in entries if entry.job.variant == row and entry.state == "done"]
        read = {entry.job.seed: scores for entry in here if (scores := _kept(entry)) is not None}
        if read:
            kept[row] = read
        if len(read) < len(here):
            notes.append(f"Scores of {row} were kept for {len(read)} of {len(here)} seeds.")
    if control not in kept:
        return Resampled(dataset, control, {}, notes=(f"{control} has no kept scores there.",))
    y = next(iter(kept[control].values())).y
    for row in [row for row, seeds in kept.items() if any(not np.array_equal(one.y, y) for one in seeds.values())]:
        notes.append(f"The scores of {row} are of other test labels than {control}'s; run one of them again.")
        del kept[row]
    if len(kept) < 2:
        return Resampled(dataset, control, {}, notes=(*notes, "No other method has kept scores there."))
    counts = resamples(len(y), samples)
    values = {
        row: {seed: values_of(one, metrics, counts) for seed, one in seeds.items()} for row, seeds in kept.items()
    }
    by_metric = {
        metric: intervals(
            {row: {seed: one[metric] for seed, one in seeds.items()} for row, seeds in values.items()}, control
        )
        for metric in metrics
    }
    return Resampled(dataset, control, by_metric, len(y), tuple(notes))


def _kept(entry: JobState) -> KeptScores | None:
    path = entry.artifact(SCORES)
    return None if path is None else read_scores(path)


def explanation(control: str) -> str:
    return (
        f"Within each data set its test instances are resampled {SAMPLES} times, alike for all methods. Intervals of "
        f"differences to {control} hold together, at {1 - ALPHA:.0%}, for all methods of a data set. They cover what "
        "other test instances would change and, from two seeds on, what other seeds would; with one seed a difference "
        "may be the seed's alone. They say nothing of other data sets."
    )


def in_words(found: list[Resampled], metric: Metric, detail: bool) -> list[Block]:
    """What resampling says of one metric: a line a data set, or with ``detail`` its intervals too."""
    said: list[Block] = []
    for one in found:
        if not one.intervals:
            said.append(f"{one.dataset}: nothing to resample. {' '.join(one.notes)}")
            continue
        said.append(f"{one.dataset} ({counted(one.instances, 'instance')}): {verdict(one, metric)}")
        if detail and one.intervals[metric.key]:
            said.append(_detail(one.intervals[metric.key]))
    return said


def shown(interval: Interval, metric: Metric) -> Literal["better", "worse"] | None:
    """What the control is shown to be on that data set; None where the two are not told apart."""
    if interval.p >= ALPHA:
        return None
    return "better" if (interval.difference > 0) == metric.lower_is_better else "worse"


def verdict(one: Resampled, metric: Metric) -> str:
    """Which methods the control is better and worse than there, and which cannot be told apart from it."""
    found = one.intervals[metric.key]
    if not found:
        return f"no method shares a seed with {one.control} and has a value."
    groups: dict[str, list[str]] = {"better than": [], "worse than": [], "not told apart from": []}
    words_for = {"better": "better than", "worse": "worse than", None: "not told apart from"}
    for interval in found:
        groups[words_for[shown(interval, metric)]].append(interval.method)
    said = "; ".join(f"{words} {', '.join(methods)}" for words, methods in groups.items() if methods)
    alone = [interval.method for interval in found if interval.seeds == 1]
    if len(alone) == len(found):
        text = f"one seed, so of these trained models, not of methods: that of {one.control} is {said}."
    else:
        few = f" {', '.join(alone)}: one seed, which is taken to move as the others' do." if alone else ""
        text = f"{one.control} is {said}.{few}"
    return " ".join([text, *one.notes])


def _detail(found: list[Interval]) -> Grid:
    body = [
        [one.method, str(one.seeds), *(f"{x:+.4f}" for x in (one.difference, one.low, one.high)), f"{one.p:.3f}"]
        for one in found
    ]
    return Grid(["method", "seeds", "difference", "from", "to", "p (adjusted)"], body)
