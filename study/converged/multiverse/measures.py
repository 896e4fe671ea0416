"""Measures over universes: shares of first places, and the movement of a ranking where one choice alone is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from study.converged.multiverse.universes import AGGREGATION, MEAN_RANK, METRIC, Multiverse

NEAR_COPIES = {"FL": ["CB"], "FLEM-D": ["FLEM-S", "FLEM-T"], "LR": ["BR"]}
"""{method: those that are nearly it}."""


@dataclass(frozen=True)
class Standing:
    """A method over all universes."""

    method: str
    first: float
    """Share of universes in which it is first."""
    first_without_copies: float | None
    """The same where near-copies are left out; None of a near-copy."""
    by_metric: dict[str, float]
    """{metric shown: share of its universes in which it is first}."""
    lowest: float
    median: float
    highest: float
    """Mean ranks, of the universes that average by them."""


@dataclass(frozen=True)
class Movement:
    """Change of a ranking where one choice alone is changed: means over pairs of universes that differ in it alone."""

    choice: str
    levels: list[str]
    pairs: int
    """Pairs of universes."""
    ranks: float
    """Mean absolute change of a method's rank."""
    swaps: float
    """Share of pairs of methods that one universe ranks the one way round and the other the other way round."""
    winners: float
    """Share of pairs of universes with another method first; in part where several methods are."""
    methods: int
    sets: int


def standings(every: Multiverse, without: Multiverse) -> list[Standing]:
    """Methods by their share of first places.

    Parameters
    ----------
    without: the same where near-copies do not take part (:func:`without_copies`).
    """
    shares = dict(zip(without.methods, (without.weights @ without.firsts).tolist(), strict=True))
    by_rank = every.option(AGGREGATION.name) == MEAN_RANK
    scores, weights = every.scores[by_rank], every.weights[by_rank]
    spans = np.quantile(scores, [0, 0.5, 1], axis=0, weights=weights, method="inverted_cdf").T.tolist()
    firsts = every.weights[:, None] * every.firsts
    shown = every.option(METRIC.name)
    of_metric = {
        title: (firsts[shown == title].sum(0) / every.weights[shown == title].sum()).tolist()
        for title in METRIC.levels
        if title in shown
    }
    found = [
        Standing(method, share, shares.get(method), {title: of_metric[title][m] for title in of_metric}, *spans[m])
        for m, (method, share) in enumerate(zip(every.methods, firsts.sum(0).tolist(), strict=True))
    ]
    return sorted(found, key=lambda one: (-one.first, one.median))


def without_copies(methods: Sequence[str]) -> list[str]:
    """The methods without those that are nearly another one of them."""
    copies = {copy for method, near in NEAR_COPIES.items() if method in methods for copy in near}
    return [method for method in methods if method not in copies]


def movements(found: Multiverse) -> list[Movement]:
    """Movements by every choice that has two options, in the order of the choices."""
    every = [_movement(found, place) for place in range(len(found.choices))]
    return [one for one in every if one is not None]


def of_run(found: Multiverse) -> Movement:
    """The movement by the choice between two runs."""
    moved = _movement(found, 0)
    assert moved is not None, "values of both runs are compared on the same sets"
    return moved


def _movement(found: Multiverse, place: int) -> Movement | None:
    """Over all pairs of universes that differ in one choice, each weighted by its two options and the others' ones."""
    choice, (universe, others) = found.choices[place], _groups(found, place)
    there = universe >= 0
    options = np.where(there, choice.weights, 0.0)
    of_group = others * ((options.sum(1) ** 2 - (options**2).sum(1)) / 2)
    pairs = int((there.sum(1) * (there.sum(1) - 1) // 2).sum())
    if not pairs:
        return None
    weight = options * others[:, None] ** 0.5
    first, second = np.triu_indices(len(found.methods), 1)
    order = np.sign(found.ranks[:, first] - found.ranks[:, second]).astype(np.int8)[universe]
    one_way, other_way = (np.einsum("go,gop->gp", weight, order == sign) for sign in (-1, 1))
    swaps = (one_way * other_way).mean(1).sum()
    of_rank = winners = 0.0
    for one, other in combinations(range(len(choice.options)), 2):
        a, b = universe[:, one], universe[:, other]
        of_pair = weight[:, one] * weight[:, other]
        of_rank += of_pair @ np.abs(found.ranks[a] - found.ranks[b]).mean(1)
        winners += of_pair @ np.abs(found.firsts[a] - found.firsts[b]).sum(1) / 2
    levels = [level for level in choice.levels if level in set(found.option(choice.name))]
    of_rank, swaps, winners = (np.array([of_rank, swaps, winners]) / of_group.sum()).tolist()
    return Movement(choice.name, levels, pairs, of_rank, swaps, winners, len(found.methods), len(found.sets))


def _groups(found: Multiverse, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Universes that differ in one choice alone [groups, its options], -1 where there is none; the weight of the other
    choices' options [groups]."""
    codes, sizes = found.codes.copy(), [len(choice.options) for choice in found.choices]
    codes[:, place] = 0
    keys, group = np.unique(np.ravel_multi_index(tuple(codes.T), sizes), return_inverse=True)
    universe = np.full((len(keys), sizes[place]), -1)
    universe[group, found.codes[:, place]] = np.arange(len(codes))
    others = [
        choice.weights[of_choice]
        for choice, of_choice in zip(found.choices, np.unravel_index(keys, sizes), strict=True)
    ]
    del others[place]
    return universe, np.prod(others, axis=0)
