"""The choice among grid points sees validation data alone, and what a seed decides is the same for all variants."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench import methods
from bench.job.build import linear_module
from bench.job.evaluation import evaluated
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted
from bench.methods.api import Split
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

LABELS = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0]], dtype=torch.int8)
SPLITS = {name: Split(torch.full((2, 1), float(place)), LABELS) for place, name in enumerate(("train", "val", "test"))}


def wrong_in(wrong: dict[int, int]) -> Candidate:
    """Scores that are wrong in so many of the eight decisions, by the value of the features: 1 is val, 2 is test."""

    def scores(x: Tensor) -> Tensor:
        right = 2.0 * LABELS.flatten() - 1
        right[: wrong[int(x[0, 0])]] *= -1
        return right.view(2, 4)

    return Candidate(scores, 0.0)


def test_the_point_is_chosen_on_validation_data_and_each_split_has_its_own_values() -> None:
    fitted = Fitted([wrong_in({1: 4, 2: 0}), wrong_in({1: 1, 2: 6}), wrong_in({1: 2, 2: 3})], 1, [3])
    points = [{"a": value} for value in (0.1, 0.2, 0.3)]
    result, scores, chosen = evaluated(points, ["a"], fitted, Prepared(problem_of(SPLITS["train"]), SPLITS))
    assert (result.selected.point, result.selected.hyperparameters) == (1, {"a": 0.2})
    assert (result.val["hamming"], result.test["hamming"]) == (1 / 8, 6 / 8)
    assert [(point.val["hamming"], point.test["hamming"]) for point in result.grid] == [  # type: ignore[index]
        (4 / 8, 0), (1 / 8, 6 / 8), (2 / 8, 3 / 8)
    ]  # fmt: skip
    assert chosen is fitted.candidates[1]
    assert torch.equal(scores["test"], chosen.scores(SPLITS["test"].x))


def test_each_point_decides_at_its_own_threshold() -> None:
    right = 2.0 * LABELS - 1
    moved = [
        Candidate(lambda x, by=by: right + by, threshold) for by, threshold in ((0.0, -1.0), (5.0, 5.0), (5.0, 0.0))
    ]
    points = [{"a": value} for value in (0.1, 0.2, 0.3)]
    result, _, chosen = evaluated(points, ["a"], Fitted(moved, 1, [3]), Prepared(problem_of(SPLITS["train"]), SPLITS))
    assert [point.val["hamming"] for point in result.grid] == [0, 0, 5 / 8]  # type: ignore[index]
    assert chosen is moved[0]
    result, _, chosen = evaluated(
        points, ["a"], Fitted(moved[::-1], 1, [3]), Prepared(problem_of(SPLITS["train"]), SPLITS)
    )
    assert chosen.threshold == 5.0


@pytest.fixture
def prepared() -> Prepared:
    train = random_split(60, 6, 5, seed=0)
    return Prepared(problem_of(train), {"train": train, "val": random_split(30, 6, 5, seed=1)})


def test_variants_of_a_seed_start_from_one_classifier_and_seeds_from_others(prepared: Prepared) -> None:
    """At a learning rate of next to nothing, the classifier that comes out is the one that went in."""
    protocol = Protocol(epochs=1, learning_rate=1e-15, precision="float64")
    started = {
        (name, seed): fit_linear(name, [dict(methods.info(name).defaults)], prepared, protocol, seed)
        .candidates[0]
        .parameters["classifier.weight"]
        for name in ("BCE", "FLEM-D")
        for seed in (0, 1)
    }
    torch.testing.assert_close(started["BCE", 0], started["FLEM-D", 0], atol=1e-12, rtol=0)
    torch.testing.assert_close(started["BCE", 1], started["FLEM-D", 1], atol=1e-12, rtol=0)
    assert not torch.allclose(started["BCE", 0], started["BCE", 1], atol=0.01)


def test_side_networks_start_from_the_seed(prepared: Prepared) -> None:
    def started(seed: int) -> Tensor:
        return linear_module("FLEM-D", {"hidden": 4}, prepared, seed).estimator.features.first.weight  # type: ignore[union-attr, return-value]

    torch.manual_seed(7)  # what was drawn before does not matter
    first = started(0)
    assert torch.equal(first, started(0))
    assert not torch.allclose(first, started(1), atol=0.01)
