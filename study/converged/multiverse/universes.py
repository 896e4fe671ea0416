"""Universes: every combination of the choices of a protocol that records hold exactly, and the ranking that each gives.

A universe is one option of every choice: it ranks the methods once. A combination that records do not hold is left
out: epochs that the selecting metric keeps, and tuned thresholds, are known for the choice among all of a grid's points
only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from bench.dataset_name import dataset_name
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.independent_sets import independent_sets
from bench.records.record import Record
from bench.text import named
from study.converged import parts
from study.converged.multiverse.reselection import (
    HAMMING,
    PRECISION,
    RULES,
    Results,
    cells_of,
    complete,
    of_both,
    points_of_both,
    results_of,
)

FEW = 4
"""Points of a small search."""
DRAWS = 3
"""Of the points of a small search; of the seed where one is taken."""
DECIMALS = 9
"""Of scores over sets; methods that differ by less are level."""


@dataclass(frozen=True)
class Choice:
    """A choice of the protocol; its levels count equally, and so do the draws of a level."""

    name: str
    levels: Mapping[str, int]
    """{level: its draws}."""

    @property
    def options(self) -> list[str]:
        """The level of each option; an option is one draw of a level."""
        return [level for level, draws in self.levels.items() for _ in range(draws)]

    @property
    def weights(self) -> np.ndarray:
        """[options], of sum 1."""
        return np.array([1 / draws / len(self.levels) for draws in self.levels.values() for _ in range(draws)])


SEARCHED = "searched"
RATE = Choice("learning rate", {"the protocol's": 1, SEARCHED: 1})
REGULARISATION = Choice("regularisation", {"the least": 1, SEARCHED: 1})
ALL_POINTS, SOME_POINTS = "all points", f"{FEW} points at random"
BUDGET = Choice("points searched", {ALL_POINTS: 1, SOME_POINTS: DRAWS})
BY_HAMMING, BY_OWN, BY_PRECISION = "Hamming loss", "each metric by itself", "average precision"
SELECTION = Choice("selecting metric", {BY_HAMMING: 1, BY_OWN: 1, BY_PRECISION: 1})
EPOCH_OF_HAMMING, EPOCH_OF_METRIC = "by Hamming loss", "by the selecting metric"
EPOCH = Choice("epoch kept", {EPOCH_OF_HAMMING: 1, EPOCH_OF_METRIC: 1})
THRESHOLD = Choice("threshold", {"the method's own": 1, **{f"tuned ({rule})": 1 for rule in RULES}})
METRIC = Choice("metric shown", {metric.title: 1 for metric in PAPER_METRICS})
MEAN_SEED, ONE_SEED = "mean of all", "one"
SEED = Choice("seed or fold", {MEAN_SEED: 1, ONE_SEED: DRAWS})
MEAN_RANK, DIFFERENCE, WINS = "mean rank", "mean relative difference to the best", "share of sets that it is first on"
AGGREGATION = Choice("averaging over sets", {MEAN_RANK: 1, DIFFERENCE: 1, WINS: 1})
SETS = "data sets"
"""The name of the choice whose options depend on the records."""
ALL_SETS, WITHOUT_ONE = "all", "all but one"
KINDS = {
    "photographs": parts.PHOTOGRAPHS,
    "texts": parts.TEXTS,
    "classic": [*parts.CLASSIC, *parts.FOLDED, *parts.SPARSE],
}
"""{kind: its data sets}."""

OF_VALUES = (RATE, REGULARISATION, BUDGET, SELECTION, EPOCH, THRESHOLD, METRIC)
"""Choices of the values that are compared on a set."""
CONDITIONAL = (EPOCH, THRESHOLD)
"""Choices that there are not with every option of the others."""
Levels = Mapping[str, Collection[str]]
"""{choice: its levels that are kept}, of OF_VALUES; all of a choice that is not named."""
SEARCHING: Levels = {RATE.name: [SEARCHED], REGULARISATION.name: [SEARCHED]}
"""Learning rates and penalties searched, as methods without these search what they have in all universes."""
DECLARED: Levels = {**SEARCHING, BUDGET.name: [ALL_POINTS]}
"""Whole grids, as they were searched."""


@dataclass(frozen=True)
class Multiverse:
    """Rankings of m methods in u universes."""

    choices: list[Choice]
    """The run first."""
    codes: np.ndarray
    """[u, choices]: the option of each choice."""
    weights: np.ndarray
    """[u], of sum 1."""
    scores: np.ndarray
    """[u, m]: what methods are ranked by, lower is better."""
    ranks: np.ndarray
    """[u, m]: equal scores share their mean rank."""
    methods: list[str]
    sets: list[str]
    """NAME@extractor; folds of a set are one."""
    replicated: float
    """Share of (set, method) with several seeds or folds."""
    lacking: dict[str, str]
    """{method left out: a set of which it has no record}."""

    @cached_property
    def firsts(self) -> np.ndarray:
        """[u, m]: 1 of the method that is first, shared where several are."""
        first = self.ranks == self.ranks.min(1, keepdims=True)
        share: np.ndarray = first / first.sum(1, keepdims=True)
        return share

    def option(self, choice: str) -> np.ndarray:
        """[u]: the level of a choice in each universe."""
        place = [one.name for one in self.choices].index(choice)
        return np.array(self.choices[place].options)[self.codes[:, place]]


class Plan(NamedTuple):
    """Options of OF_VALUES, and the run that the values are of."""

    run: int
    rate: int
    regularisation: int
    budget: int
    selection: int
    epoch: int
    threshold: int
    metric: int

    @property
    def criterion(self) -> int:
        """The place of the metric that selects."""
        return {BY_HAMMING: HAMMING, BY_PRECISION: PRECISION, BY_OWN: self.metric}[SELECTION.options[self.selection]]

    @property
    def searches(self) -> tuple[bool, bool]:
        """True of the learning rate, of the regularisation where it is searched."""
        return RATE.options[self.rate] == SEARCHED, REGULARISATION.options[self.regularisation] == SEARCHED

    @property
    def exact(self) -> bool:
        """False where records do not tell, or where a choice does not concern the metric."""
        whole = all(self.searches) and BUDGET.options[self.budget] == ALL_POINTS
        by_hamming = self.criterion == HAMMING
        return (self.epoch == 0 or (whole and not by_hamming)) and (
            self.threshold == 0 or (whole and by_hamming and self.metric == HAMMING)
        )

    def values(self, results: Results) -> np.ndarray:
        """[s, r, m]: losses on test data of what is selected."""
        if self.threshold:
            return results.decided[..., self.threshold - 1]
        if EPOCH.options[self.epoch] == EPOCH_OF_METRIC:
            return results.kept[..., self.criterion, self.metric]
        allowed = results.within(*self.searches)
        if BUDGET.options[self.budget] == SOME_POINTS:
            allowed = results.some(allowed, FEW, self.budget)
        return results.selected(allowed, self.criterion)[..., self.metric]


def multiverse(
    records: Iterable[Record], core: Sequence[str], methods: Collection[str] | None = None, within: Levels | None = None
) -> Multiverse:
    """The universes of a run.

    Parameters
    ----------
    core: methods whose common sets are compared on; a further method takes part where it has records of all of these.
    methods: the only ones that take part; None: all.

    Raises
    ------
    UsageError: where there is no such set, or fewer than two methods have records of all.
    """
    cells, present, lacking = complete(cells_of(records), core)
    kept = [name for name in present if methods is None or name in methods]
    if not cells:
        raise UsageError(f"no data set has records of all of {named(core)}.")
    if len(kept) < 2:
        raise UsageError(f"fewer than two methods have records of {named(list(cells))}.")
    return _universes(Choice("run", {"": 1}), [results_of(cells, kept)], lacking, within or {})


def two_runs(
    name: str, runs: Mapping[str, Iterable[Record]], core: Sequence[str], within: Levels,
    same_points: bool = False, alike: Sequence[str] = (),
) -> Multiverse | None:  # fmt: skip
    """The universes of the jobs that two runs share; None where these are of fewer than two methods.

    Parameters
    ----------
    name: of the choice between the runs.
    runs: {level: its records}.
    core: as of :func:`multiverse`.
    same_points: True: only grid points that both runs have.
    alike: settings of the protocol that must be equal.
    """
    here, there = runs.values()
    of_runs = of_both(here, there, alike)
    if same_points:
        of_runs = points_of_both(*of_runs)
    (cells, methods, lacking), others = complete(cells_of(of_runs[0]), core), cells_of(of_runs[1])
    if len(methods) < 2:
        return None
    theirs = {
        dataset: {method: {key: others[dataset][method][key] for key in of_set[method]} for method in methods}
        for dataset, of_set in cells.items()
    }
    results = [results_of(one, methods) for one in (cells, theirs)]
    return _universes(Choice(name, dict.fromkeys(runs, 1)), results, lacking, within)


def _universes(run: Choice, results: Sequence[Results], lacking: dict[str, str], within: Levels) -> Multiverse:
    first = results[0]
    options = [
        [place for place, level in enumerate(choice.options) if level in within.get(choice.name, choice.levels)]
        for choice in OF_VALUES
    ]
    every = [plan for plan in map(Plan._make, product(range(len(results)), *options)) if plan.exact]
    several = (~np.isnan(first.kept[..., HAMMING, HAMMING])).sum(1) > 1
    seeds = len(SEED.options) if several.any() else 1
    by_plan = {plan: by_seed(plan.values(results[plan.run]))[..., :seeds] for plan in every}
    plans = [plan for plan, values in by_plan.items() if not np.isnan(values).any()]
    of_sets, set_weights = choice_of_sets(first.sets)
    choices = [run, *OF_VALUES, SEED, of_sets, AGGREGATION]
    on_sets = scores_on_sets(np.stack([by_plan[plan] for plan in plans]))
    scores = np.einsum("ds,pasmk->pkdam", set_weights, on_sets).round(DECIMALS)
    codes = np.array([(*plan, *rest) for plan in plans for rest in np.ndindex(scores.shape[1:4])])
    scores = scores.reshape(len(codes), -1)
    return Multiverse(
        choices, codes, _weights(choices, codes), scores, ranks(scores), first.methods, first.sets,
        float(several.mean()), lacking,
    )  # fmt: skip


def by_seed(values: np.ndarray) -> np.ndarray:
    """[s, r, m] -> [s, m, options of SEED]: the mean over replicates, then one of them each, in turn where they are
    fewer."""
    there = (~np.isnan(values)).sum(1)
    index = [draw % np.maximum(there, 1) for draw in range(SEED.levels[ONE_SEED])]
    ones = [np.take_along_axis(values, place[:, None], 1)[:, 0] for place in index]
    return np.stack([np.nansum(values, 1) / np.where(there, there, np.nan), *ones], -1)


def scores_on_sets(values: np.ndarray) -> np.ndarray:
    """[p, s, m, k] -> [p, options of AGGREGATION, s, m, k]: what is averaged over sets, lower is better."""
    best = values.min(2, keepdims=True)
    first = values == best
    by_rank = np.moveaxis(ranks(np.moveaxis(values, 2, -1)), -1, 2)
    difference = (values - best) / np.maximum(np.abs(best), np.finfo(float).tiny)
    return np.stack([by_rank, difference, -(first / first.sum(2, keepdims=True))], 1)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 1 of the lowest score; equal ones share their mean rank."""
    found = np.empty(scores.shape)
    for place in range(scores.shape[-1]):
        own = scores[..., [place]]
        found[..., place] = (scores < own).sum(-1) + ((scores == own).sum(-1) + 1) / 2
    return found


def choice_of_sets(names: Sequence[str]) -> tuple[Choice, np.ndarray]:
    """The choice, and for each option the weight of each set [options, s]; sets that depend on each other are one."""
    independent = independent_sets(names, {}, {})
    share = np.array([[(name in one.columns) / len(one.columns) for name in names] for one in independent])
    every = range(len(independent))
    draws: dict[str, list[Sequence[int]]] = {ALL_SETS: [every]}
    for kind, theirs in KINDS.items():
        bases = {dataset_name(name).base for name in theirs}
        places = [place for place in every if dataset_name(independent[place].columns[0]).base in bases]
        if 1 < len(places) < len(every):  # a ranking on one set is no benchmark
            draws[kind] = [places]
    if len(every) > 2:
        draws[WITHOUT_ONE] = list(combinations(every, len(every) - 1))
    weights = [share[list(places)].mean(0) for of_level in draws.values() for places in of_level]
    return Choice(SETS, {level: len(of_level) for level, of_level in draws.items()}), np.array(weights)


def _weights(choices: Sequence[Choice], codes: np.ndarray) -> np.ndarray:
    """[u]: levels of a choice count equally, draws of a level too; the options of a conditional choice share the weight
    that one option has elsewhere."""
    sizes = [1 if choice in CONDITIONAL else len(choice.options) for choice in choices]
    keys = np.ravel_multi_index(tuple(np.minimum(codes, np.array(sizes) - 1).T), sizes)
    weights = 1 / np.bincount(keys)[keys]
    for choice, of_choice in zip(choices, codes.T, strict=True):
        weights *= 1.0 if choice in CONDITIONAL else choice.weights[of_choice]
    return weights / weights.sum()
