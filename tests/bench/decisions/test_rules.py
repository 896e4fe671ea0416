"""Each rule equals a brute-force search on random cases with ties."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bench.decisions.candidates import cuts, micro_f1_cuts
from bench.decisions.rule import RULES, TARGETS, Target, in_short, rule_named, target_named
from bench.errors import UsageError
from tests.bench.decisions import naive

CASES = list(naive.cases())
targets = pytest.mark.parametrize("target", TARGETS)


@targets
def test_fixed_is_the_methods_own_threshold(target: Target) -> None:
    for y, scores, threshold in CASES:
        decide = rule_named("fixed")(y, scores, target, threshold)
        assert decide(scores).tolist() == naive.above(scores, [threshold] * y.shape[1])


@targets
def test_global_is_the_best_threshold(target: Target) -> None:
    for y, scores, threshold in CASES:
        decide = rule_named("global")(y, scores, target, threshold)
        assert decide.thresholds == (naive.one_threshold(y, scores, target, threshold),)  # type: ignore[attr-defined]


@targets
@pytest.mark.parametrize("fewest", [0, 3])
def test_per_label_is_the_best_of_all_combinations(
    target: Target, fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RULES.module("per-label"), "FEWEST", fewest)
    for y, scores, threshold in CASES:
        y, scores = y[:, :3], scores[:, :3]
        decide = rule_named("per-label")(y, scores, target, threshold)
        assert decide.thresholds == naive.every_choice(y, scores, target, threshold, fewest)  # type: ignore[attr-defined]
        assert decide.fallback == int((y.sum(0) < fewest).sum())  # type: ignore[attr-defined]


def test_per_label_falls_back_where_positives_are_few() -> None:
    random = np.random.default_rng(0)
    y, scores = (random.random((60, 3)) < [0.4, 0.03, 0.5]).astype(np.int8), random.normal(size=(60, 3))
    for target in TARGETS:
        own = rule_named("per-label")(y, scores, target, 0.0)
        common = rule_named("global")(y, scores, target, 0.0)
        assert own.fallback == 1  # type: ignore[attr-defined]
        assert own.thresholds[1] == common.thresholds[0]  # type: ignore[attr-defined]


@targets
def test_cardinality_is_the_nearest(target: Target) -> None:
    for y, scores, threshold in CASES:
        wanted = naive.best(
            naive.thresholds(scores.ravel().tolist()),
            lambda t, y=y, scores=scores: -abs(int((scores.astype(float) > t).sum()) - int(y.sum())),  # type: ignore[misc]
            threshold,
        )
        decide = rule_named("cardinality")(y, scores, target, threshold)
        assert decide.thresholds == (wanted,)  # type: ignore[attr-defined]


@targets
def test_top_k_is_the_best_k(target: Target) -> None:
    for y, scores, threshold in CASES:
        labels = y.shape[1]
        top = [
            [sorted(range(labels), key=lambda j, row=row: (-row[j], j))[:k] for row in scores]
            for k in range(labels + 1)
        ]
        by_k = {k: [[j in chosen for j in range(labels)] for chosen in top[k]] for k in range(1, labels + 1)}
        wanted = max(by_k, key=lambda k, by_k=by_k, y=y: (naive.value(y, by_k[k], target), -k))  # type: ignore[misc]
        decide = rule_named("top-k")(y, scores, target, threshold)
        assert decide.k == wanted  # type: ignore[attr-defined]
        assert decide(scores).tolist() == by_k[wanted]


@targets
def test_micromacro_goes_through_the_labels(target: Target) -> None:
    for y, scores, threshold in CASES:
        decide = rule_named("micromacro")(y, scores, target, threshold)
        assert list(decide.thresholds) == naive.in_turn(y, scores)  # type: ignore[attr-defined]


def test_micro_f1_of_larger_sets_is_no_worse_than_any_ascent() -> None:
    """Coordinate ascent from many starts never gets above Dinkelbach's optimum."""
    random = np.random.default_rng(1)
    y = (random.random((80, 6)) < random.random(6) / 2).astype(np.int8)
    scores = random.normal(size=y.shape) + y * random.random(6)
    found = [cuts(y[:, j], scores[:, j]) for j in range(6)]

    def micro(places: list[int]) -> float:
        hits = sum(int(own.hits[place]) for own, place in zip(found, places, strict=True))
        predicted = sum(int(own.predicted[place]) for own, place in zip(found, places, strict=True))
        return 2 * hits / (predicted + int(y.sum()))

    best = micro(micro_f1_cuts(found, 0.0))
    for _ in range(20):
        places = [int(random.integers(len(own.thresholds))) for own in found]
        for _ in range(3):
            for j, own in enumerate(found):
                places[j] = max(
                    range(len(own.thresholds)), key=lambda p, j=j: micro([*places[:j], p, *places[j + 1 :]])
                )
        assert micro(places) <= best


@pytest.mark.parametrize("name", list(RULES.components()))
@targets
def test_every_rule_keeps_the_contract(name: str, target: Target) -> None:
    assert RULES.component(name).summary
    for y, scores, threshold in CASES[:20]:
        before = y.copy(), scores.copy()
        decide = rule_named(name)(y, scores, target, threshold)
        assert (y == before[0]).all()
        assert (scores == before[1]).all()
        assert dataclasses.is_dataclass(decide)
        json.dumps(in_short(decide), allow_nan=False)
        other = np.random.default_rng(0).normal(size=(5, y.shape[1])).astype(scores.dtype)
        predicted = decide(other)
        assert predicted.dtype == bool
        assert predicted.shape == other.shape
        assert (decide(other[:2]) == predicted[:2]).all(), "a row's decision depends on other rows"


def test_thresholds_lie_between_adjacent_numbers() -> None:
    """The lower of two scores separates them where no float64 lies between."""
    low = 1.0
    high = float(np.nextafter(low, 2))
    found = cuts(np.array([0, 1]), np.array([low, high]))
    assert [int((np.array([low, high]) > t).sum()) for t in found.thresholds] == [0, 1, 2]


def test_unknown_words_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no decision rule 'perlabel'; did you mean 'per-label'"):
        rule_named("perlabel")
    with pytest.raises(UsageError, match="no target 'microf1' of decision rules; did you mean 'micro-f1'"):
        target_named("microf1")
