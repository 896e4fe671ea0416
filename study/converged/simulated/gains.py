"""Gains over BCE on the simulated sets, by the strength of the distribution signal, from records.

A gain is relative, in per cent of BCE's value, positive where the method is better; the metric's own selection chose
both models. It is paired: each draw is a set of its own, on which both were run. Intervals are the t-distribution's
over draws, of 95 %, each for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean, stdev

from scipy.stats import t as student

from bench.metrics.catalogue import Metric, metric_named
from bench.records.record import Record
from bench.text import named
from study.converged.simulated.data import Setting, setting_of

CONTROL = "BCE"
ORACLE = "LD-true"
METRICS = tuple(map(metric_named, ("average-precision", "hamming", "ranking")))
CONFIDENCE = 0.95


@dataclass(frozen=True, order=True)
class Group:
    """Sets that differ in their strength and draw alone."""

    correlation: float
    rows: int
    """Training instances."""

    def __str__(self) -> str:
        return f"N = {self.rows}" + (", correlated labels" if self.correlation else "")


@dataclass(frozen=True)
class Mean:
    """A mean over draws, with its interval."""

    values: tuple[float, ...]
    """One a draw."""
    draws: tuple[int, ...] = ()
    """Their numbers; none where draws of several groups are taken together."""

    @property
    def mean(self) -> float:
        return fmean(self.values)

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width; None of a single draw."""
        draws = len(self.values)
        if draws < 2:
            return None
        return float(student.ppf((1 + CONFIDENCE) / 2, draws - 1)) * stdev(self.values) / sqrt(draws)

    @property
    def side(self) -> int:
        """1 where the whole interval is above 0, -1 where it is below, 0 where it is not told."""
        if self.half_width is None or abs(self.mean) <= self.half_width:
            return 0
        return 1 if self.mean > 0 else -1


@dataclass(frozen=True)
class Gains:
    """A method's gains over BCE in one metric."""

    variant: str
    metric: Metric
    by_group: dict[Group, dict[float, Mean]]
    """{group: {strength: gain in per cent}}, by group and strength."""

    @property
    def sets(self) -> int:
        """Number of sets."""
        return sum(len(mean.values) for line in self.by_group.values() for mean in line.values())

    def with_intervals(self) -> Gains:
        """The gains of several draws alone."""
        several = {
            group: {strength: mean for strength, mean in line.items() if mean.half_width is not None}
            for group, line in self.by_group.items()
        }
        return replace(self, by_group={group: line for group, line in several.items() if line})

    def over_groups(self) -> dict[float, Mean]:
        """{strength: gain over the sets of all groups}, of the strengths that every group has."""
        found: dict[float, Mean] = {}
        for strength in sorted({strength for line in self.by_group.values() for strength in line}):
            there = [line[strength].values for line in self.by_group.values() if strength in line]
            if len(there) == len(self.by_group):
                found[strength] = Mean(tuple(value for values in there for value in values))
        return found

    def rise(self) -> Mean | None:
        """Change of the gain from the least strength to the largest, over the groups that have both, draw by draw (a
        draw is the same at all strengths in everything else); None without any."""
        strengths = sorted({strength for line in self.by_group.values() for strength in line})
        changes = []
        for line in self.by_group.values() if len(strengths) > 1 else ():
            first, last = (line.get(end, Mean(())) for end in (strengths[0], strengths[-1]))
            before, after = (dict(zip(mean.draws, mean.values, strict=True)) for mean in (first, last))
            changes += [after[draw] - before[draw] for draw in before if draw in after]
        return Mean(tuple(changes)) if changes else None


def gains(records: Iterable[Record], control: str = CONTROL) -> list[Gains]:
    """Gains of every method that has a set in common with a control, a list entry a method and metric."""
    values: dict[str, dict[Setting, Record]] = {}
    for record in records:
        setting = setting_of(record.job.dataset)
        if record.status == "done" and record.result is not None and setting is not None and record.job.seed == 0:
            values.setdefault(record.job.variant, {})[setting] = record
    baseline = values.pop(control, {})
    found = []
    for variant, own in sorted(values.items()):
        common = sorted(
            own.keys() & baseline.keys(), key=lambda one: (one.correlation, one.rows, one.strength, one.draw)
        )
        for metric in METRICS if common else ():
            by_group: dict[Group, dict[float, dict[int, float]]] = {}
            for setting in common:
                ours, theirs = value(own[setting], metric), value(baseline[setting], metric)
                gain = 100 * (ours - theirs) / theirs * (-1 if metric.lower_is_better else 1)
                line = by_group.setdefault(Group(setting.correlation, setting.rows), {})
                line.setdefault(setting.strength, {})[setting.draw] = gain
            means = {
                group: {strength: Mean(tuple(draws.values()), tuple(draws)) for strength, draws in line.items()}
                for group, line in by_group.items()
            }
            found.append(Gains(variant, metric, means))
    return found


def value(record: Record, metric: Metric) -> float:
    """Test value of the model that the metric itself selected on validation data."""
    assert record.result is not None
    also = record.result.also_selected
    selected = also.get(metric.option) if isinstance(also, dict) else None
    found = (selected or record.result).test[metric.key]
    assert found is not None, f"{record.job}: {metric.title} is not defined"
    return float(found)


def strengths_where(line: dict[float, Mean], side: int) -> list[float]:
    """Strengths at which the whole interval is on a side of 0."""
    return [strength for strength, mean in line.items() if mean.side == side]


def where(strengths: Sequence[float], measured: Sequence[float]) -> str:
    """Strengths in words: "nowhere", "at every strength", "from strength 1 on", "at strengths 0 and 2 alone"."""
    if not strengths:
        return "nowhere"
    if list(strengths) == list(measured):
        return "at every strength"
    if len(strengths) > 1 and list(strengths) == [one for one in measured if one >= strengths[0]]:
        return f"from strength {strengths[0]:g} on"
    return f"at strength{'s' * (len(strengths) > 1)} {named([f'{one:g}' for one in strengths])} alone"
