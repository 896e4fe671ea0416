"""Leaders of a table's metrics, with intervals of the others' distances that allow for having picked the leader.

All intervals hold for all pairs of methods at once, and so whichever method was picked as the first. Over data sets a
method stands by its mean rank (ties share theirs). With three methods or more the interval of a distance is Nemenyi's,
plus or minus the critical difference (Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR
2006; about the first method: Koning et al., "The M3 competition", International Journal of Forecasting 2005); with two,
the sign test's. On one data set methods stand by their values, and the interval is over its folds, over test instances
and seeds, or over seeds, with Bonferroni's correction. Imports neither torch nor methods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from bench.analysis.bootstrap import std_of_means
from bench.analysis.hypothesis_tests import (
    ALPHA,
    corrected_resampled_t,
    critical_difference,
    needed_deviations,
    smallest_wilcoxon_p,
)
from bench.analysis.over_datasets import complete_values, variants_with_values
from bench.analysis.within_datasets import Resampled
from bench.analysis.within_folds import tested_to_trained
from bench.metrics.catalogue import Metric
from bench.tables.folds import folded_columns
from bench.tables.ranking import printed
from bench.tables.table import MetricTable
from bench.text import counted, named

if TYPE_CHECKING:
    from bench.plan.states import JobState

Basis = Literal["data sets", "folds", "test instances and seeds", "seeds"]
"""Observations that an interval is over."""


@dataclass(frozen=True)
class Gap:
    """A method's distance to the leader."""

    method: str
    standing: float
    """Mean rank over data sets; on one data set the metric's value."""
    distance: float
    """Distance behind the leader, from 0, in mean ranks or in the metric's unit."""
    half_width: float = math.inf
    """Of the 95 % interval about the distance, which holds for all pairs of methods at once; infinite without one."""
    runs: int | None = None
    """On one data set without folds: seeds that both have."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Ends of the interval; None without one."""
        return (
            None if math.isinf(self.half_width) else (self.distance - self.half_width, self.distance + self.half_width)
        )

    @property
    def shown(self) -> bool:
        """True where the interval excludes 0, and is not of a single run, which is of two models and not of methods."""
        return self.distance > self.half_width and self.runs != 1


@dataclass(frozen=True)
class Lead:
    """The leader by one metric, and how far the others are behind it."""

    metric: Metric
    sets: list[str]
    """Independent data sets compared: those with a value of every method of the comparison."""
    leader: str | None = None
    """None where fewer than two methods can be compared. Of several that are first the first in the table's order."""
    standing: float = math.nan
    """Of the leader, as of the others."""
    gaps: list[Gap] = field(default_factory=list)
    """The other methods, nearest first."""
    basis: Basis | None = None
    """None where there is no interval."""
    without_methods: list[str] = field(default_factory=list)
    """Methods that are not compared, because they have no value on most of the data sets, or on any."""
    without_sets: list[str] = field(default_factory=list)
    """Data sets left out, because a compared method has no value there."""

    @property
    def by_rank(self) -> bool:
        """True where methods stand by mean ranks, False where by values."""
        return len(self.sets) > 1

    @property
    def first(self) -> list[str]:
        """The leader, and the methods that stand exactly where it does."""
        return [] if self.leader is None else [self.leader, *(gap.method for gap in self.gaps if gap.distance == 0)]

    @property
    def nearest(self) -> Gap | None:
        """The first method behind the leader; None where all stand alike."""
        return next((gap for gap in self.gaps if gap.distance > 0), None)

    @property
    def tied(self) -> list[str]:
        """Methods that are not shown to be behind the leader, nearest first."""
        return [gap.method for gap in self.gaps if not gap.shown]

    @property
    def behind(self) -> list[str]:
        """Methods that are shown to be behind the leader, nearest first."""
        return [gap.method for gap in self.gaps if gap.shown]

    @property
    def real(self) -> bool:
        """True where every other method is shown to be behind."""
        return bool(self.gaps) and not self.tied

    def shown(self, standing: float) -> str:
        """A standing or a distance with its digits."""
        return f"{standing:.2f}" if self.by_rank else printed(standing)

    @property
    def sentence(self) -> str:
        """The leader, its nearest rival, the interval between them, and those that are and are not told apart."""
        return f"{self.metric.title}: {_said(self)}"


def leads(
    tables: Sequence[MetricTable],
    states: Sequence[JobState],
    variants: Sequence[str],
    within: Sequence[Resampled] = (),
) -> list[Lead]:
    """Leader of each table's metric among the variants.

    Parameters
    ----------
    states: of the tables' records; what single seeds gave is read from them.
    within: ``bench.analysis.within_datasets.resampled`` of the variants, where it was computed.
    """
    return [_lead(table, states, variants, within) for table in tables]


def comparable(table: MetricTable, variants: Sequence[str]) -> list[str]:
    """Variants that have values together on at least half of the data sets on which any has one.

    Those with the fewest values go first; two always stay.
    """
    there = variants_with_values(table, variants)
    has = np.array(
        [
            [any(variant in table.values(column) for column in one.counted) for variant in there]
            for one in table.independent_sets
        ],
        dtype=bool,
    ).reshape(len(table.independent_sets), len(there))
    sets = int(has.any(1).sum())
    kept = list(range(len(there)))
    while len(kept) > 2 and 2 * int(has[:, kept].all(1).sum()) < sets:
        kept.remove(min(reversed(kept), key=lambda column: has[:, column].sum()))
    return [there[column] for column in kept]


def _lead(table: MetricTable, states: Sequence[JobState], variants: Sequence[str], within: Sequence[Resampled]) -> Lead:
    methods = comparable(table, variants)
    values, _ = complete_values(table, methods)
    any_value = [
        one.name
        for one in table.independent_sets
        if any(set(methods) & table.values(column).keys() for column in one.counted)
    ]
    sets = [str(name) for name in values.index]
    lead = Lead(
        table.metric,
        sets,
        without_methods=[variant for variant in variants if variant not in methods],
        without_sets=[name for name in any_value if name not in sets],
    )
    if len(methods) < 2 or not sets:
        return lead
    array = values.to_numpy(dtype=float)
    signed = array if table.metric.lower_is_better else -array
    if len(sets) > 1:
        return _over_sets(lead, methods, scipy.stats.rankdata(signed, axis=1))
    return _on_one_set(lead, table, dict(zip(methods, array[0].tolist(), strict=True)), states, within)


def _filled(
    lead: Lead, standings: dict[str, float], halves: Mapping[str, tuple[float, int | None]], basis: Basis
) -> Lead:
    """The lead with its leader and the others' gaps, from {method: standing} and {method: (half-width, runs)}."""
    sign = 1 if lead.by_rank or lead.metric.lower_is_better else -1
    order = sorted(standings, key=lambda method: sign * standings[method])
    leader, *others = order
    gaps = []
    for method in others:
        distance = sign * (standings[method] - standings[leader])
        half_width, runs = halves.get(method, (math.inf, None))
        gaps.append(Gap(method, standings[method], 0.0 if distance < 1e-12 else distance, half_width, runs))
    known = basis if any(gap.interval for gap in gaps) else None
    return Lead(lead.metric, lead.sets, leader, standings[leader], gaps, known, lead.without_methods, lead.without_sets)


def _over_sets(lead: Lead, methods: list[str], ranks: np.ndarray) -> Lead:
    sets = len(lead.sets)
    means = dict(zip(methods, ranks.mean(0).tolist(), strict=True))
    half_width = math.inf
    if len(methods) == 2:
        half_width = _sign_half_width(ranks)
    elif smallest_wilcoxon_p(sets) < ALPHA:  # else not even one that is better on every set is shown to be
        half_width = critical_difference(len(methods), sets)
    return _filled(lead, means, dict.fromkeys(methods, (half_width, None)), "data sets")


def _sign_half_width(ranks: np.ndarray) -> float:
    """Half-width of the interval of two methods' difference in mean ranks, by the sign test's exact one.

    The shares of wins and losses (ties aside) move together, so the difference is 2 p - 1 of the sets without ties. The
    lower half of Clopper and Pearson's interval, the wider one towards 0, stands for both.
    """
    wins, losses = int((ranks[:, 0] < ranks[:, 1]).sum()), int((ranks[:, 0] > ranks[:, 1]).sum())
    if not wins + losses:
        return math.inf
    most = max(wins, losses)
    low = scipy.stats.binomtest(most, wins + losses).proportion_ci(1 - ALPHA).low
    return float(2 * (most / (wins + losses) - low) * (wins + losses) / len(ranks))


def _on_one_set(
    lead: Lead,
    table: MetricTable,
    values: dict[str, float],
    states: Sequence[JobState],
    within: Sequence[Resampled],
) -> Lead:
    one = next(one for one in table.independent_sets if one.name == lead.sets[0])
    leader = _filled(lead, values, {}, "seeds").leader
    assert leader is not None
    rivals = [method for method in values if method != leader]
    pairs = math.comb(len(values), 2)
    columns = table.complete_columns(one, list(values))
    datasets = [table.sources.get(column, column) for column in columns]
    ratio = tested_to_trained(set(datasets), states)
    folds = any(set(columns) <= set(folded) for folded in folded_columns(table).values())
    if folds and len(columns) > 1 and ratio is not None:
        of_column = [table.values(column) for column in columns]
        halves = {rival: _fold_half_width([v[rival] - v[leader] for v in of_column], ratio, pairs) for rival in rivals}
        return _filled(lead, values, {rival: (half, None) for rival, half in halves.items()}, "folds")
    resampled = next((result for result in within if [result.dataset] == datasets), None)
    first = resampled.firsts.get(table.metric.key) if resampled else None
    if first is not None and first.leader == leader:
        found = {each.method: ((each.high - each.low) / 2, each.seeds) for each in first.intervals}
        return _filled(lead, values, found, "test instances and seeds")
    return _filled(lead, values, _over_seeds(table.metric.key, datasets, states, leader, rivals), "seeds")


def _fold_half_width(differences: Sequence[float], ratio: float, pairs: int) -> float:
    """Half-width of the corrected resampled t-test's interval, with Bonferroni's correction."""
    test = corrected_resampled_t(np.array(differences), ratio)
    quantile = float(scipy.stats.t.ppf(1 - ALPHA / (2 * pairs), test.folds - 1))
    return quantile * test.std * math.sqrt(1 / test.folds + ratio)


def _over_seeds(
    metric: str, datasets: Sequence[str], states: Sequence[JobState], leader: str, rivals: Sequence[str]
) -> dict[str, tuple[float, int | None]]:
    """{method: (half-width of the paired t-interval over seeds, seeds)}; without one where seeds change nothing."""
    runs = {method: _by_seed(metric, datasets, states, method) for method in (leader, *rivals)}
    gains = {
        rival: [runs[rival][seed] - runs[leader][seed] for seed in runs[rival].keys() & runs[leader].keys()]
        for rival in rivals
    }
    pairs = math.comb(len(runs), 2)
    paired = {rival: gain for rival, gain in gains.items() if gain}
    halves: dict[str, tuple[float, int | None]] = {}
    for (rival, gain), std in zip(paired.items(), std_of_means(list(paired.values())).tolist(), strict=True):
        seeds = len(gain)
        known = seeds > 1 and std > 0
        halves[rival] = (needed_deviations(seeds, pairs) * math.sqrt(seeds) * std if known else math.inf, seeds)
    return halves


def _by_seed(metric: str, datasets: Sequence[str], states: Sequence[JobState], method: str) -> dict[int, float]:
    """{seed: mean over the data sets}, of the seeds that have a value on each of them."""
    found: dict[int, list[float]] = {}
    for state in states:
        if state.job.variant == method and state.job.full_dataset in datasets:
            value = state.value(metric)
            if value is not None:
                found.setdefault(state.job.seed, []).append(value)
    return {seed: fmean(values) for seed, values in found.items() if len(values) == len(datasets)}


def _said(lead: Lead) -> str:
    if lead.leader is None:
        return "nothing can be compared; no two methods have a value on the same data set."
    where = f"over {counted(len(lead.sets), 'data set')}" if lead.by_rank else f"on {lead.sets[0]}"
    kind = "mean rank " if lead.by_rank else ""
    place = f"{kind}{lead.shown(lead.standing)} {where}"
    nearest = lead.nearest
    if nearest is None:
        return f"{'both' if len(lead.first) == 2 else f'all {len(lead.first)}'} methods stand alike ({place})."
    together = len(lead.first) > 1
    head = f"{named(lead.first)} {'are first together' if together else 'is first'} ({place})"
    rival = f"{nearest.method} ({lead.shown(nearest.standing)})"
    if nearest.interval is None:
        shown = f" {_told_apart(lead)}" if lead.behind else ""
        return f"{head}, next is {rival}; {_why_no_interval(lead, nearest)}.{shown}"
    low, high = nearest.interval
    gap = (
        f"the next, {rival}, is {lead.shown(nearest.distance)} behind, 95 % interval {lead.shown(low)} to "
        f"{lead.shown(high)}"
    )
    if lead.real:
        return f"{head}, and that is more than chance: {gap}."
    if nearest.runs == 1:
        return f"{head}; {gap}. With one run each that is of these trained models, not of their methods."
    if nearest.shown:
        return f"{head}; {gap}. {_told_apart(lead)}"
    return f"{head}, but that may be chance: {gap}. {_told_apart(lead)}".rstrip()


def _told_apart(lead: Lead) -> str:
    """Sentence on the methods that are and are not shown to be behind; empty of one rival."""
    others = len(lead.gaps)
    if others == 1:
        return ""
    if not lead.behind:
        return f"{'Neither' if others == 2 else 'None'} of the {others} others is told apart from {lead.leader}."
    untold = named(lead.tied) if len(lead.tied) < 3 else f"{len(lead.tied)} of the {others} others"
    return f"Not told apart from {lead.leader}: {untold}; shown to be behind: {named(lead.behind)}."


def _why_no_interval(lead: Lead, nearest: Gap) -> str:
    if lead.by_rank:
        return f"{counted(len(lead.sets), 'data set')} are too few to say whether that is chance"
    if nearest.runs is not None and nearest.runs > 1:
        return "their runs do not differ from seed to seed, so these cannot say whether that is chance"
    if any(gap.runs not in (None, 1) for gap in lead.gaps):
        return f"with {counted(nearest.runs or 0, 'seed')} in common, their runs cannot say whether that is chance"
    return "one run of each cannot say whether that is chance"
