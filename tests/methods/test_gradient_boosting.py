"""Boosted trees: one iteration by hand, few rows, no early stopping, unknown labels, threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from bench import methods
from bench.methods import gradient_boosting
from bench.methods.api import Split
from bench.methods.gradient_boosting import GradientBoosting
from bench.methods.per_label import Ceiling
from tests.conftest import problem_of, random_split

QUERIES = random_split(20, 5, 3, seed=1).x


def fitted(train: Split, seed: int = 3, **options: float) -> GradientBoosting:
    method = methods.create("HGB", problem_of(train), **{"iterations": 5, **options})
    assert isinstance(method, GradientBoosting)
    method.fit(train, seed)
    return method


def scores(train: Split, **options: float) -> Tensor:
    return fitted(train, **options).scores(QUERIES)


def one_split(x: np.ndarray, y: np.ndarray, queries: np.ndarray, rate: float, least: int, l2: float) -> np.ndarray:
    """One tree of two leaves: the gain of Newton steps -G/(H + l2), every threshold of every feature tried."""
    start = np.log(y.mean() / (1 - y.mean()))
    gradient, hessian = y.mean() - y, np.full(len(y), y.mean() * (1 - y.mean()))

    def gain(side: np.ndarray) -> float:
        return gradient[side].sum() ** 2 / (hessian[side].sum() + l2)

    best, split = 0.0, (0, np.inf)
    for feature in range(x.shape[1]):
        for low, high in pairwise(np.unique(x[:, feature])):
            left = x[:, feature] <= (low + high) / 2
            if min(left.sum(), (~left).sum()) >= least and gain(left) + gain(~left) > best:
                best, split = gain(left) + gain(~left), (feature, (low + high) / 2)
    value = {
        side: -rate * gradient[rows].sum() / (hessian[rows].sum() + l2)
        for side in (True, False)
        if (rows := (x[:, split[0]] <= split[1]) == side).any()
    }
    return np.array([1 / (1 + np.exp(-start - value[bool(row[split[0]] <= split[1])])) for row in queries])


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_naive(l2: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.methods.per_label.ROWS_AT_ONCE", 7)
    train = random_split(70, 5, 3, seed=0)
    found = scores(train, iterations=1, leaves=2, learning_rate=0.3, l2=l2)
    for j in range(3):
        y = train.y[:, j].double().numpy()
        expected = one_split(train.x.numpy(), y, QUERIES.numpy(), 0.3, 20, l2)
        assert len(set(expected.tolist())) == 2
        np.testing.assert_allclose(found[:, j].numpy(), expected, atol=1e-6)  # its gradients are float32


def test_scikit_learns_with_its_defaults() -> None:
    train = random_split(90, 5, 3, seed=0)
    found = scores(train, iterations=100)
    for j in range(3):
        alone = HistGradientBoostingClassifier(random_state=3).fit(train.x.numpy(), train.y[:, j].numpy())
        np.testing.assert_allclose(found[:, j].numpy(), alone.predict_proba(QUERIES.numpy())[:, 1], atol=1e-12)


@pytest.mark.parametrize("rows", [12, 39])
def test_fewer_than_forty_rows_give_the_labels_frequency(rows: int) -> None:
    train = random_split(rows, 5, 3, seed=0)
    found = scores(train)
    torch.testing.assert_close(found, train.y.double().mean(0).expand(20, 3), atol=1e-6, rtol=0)


def test_forty_rows_split() -> None:
    x = torch.arange(40.0).unsqueeze(1).expand(40, 5)
    train = Split(x, (x[:, :3] >= 20).to(torch.int8))
    assert len(set(fitted(train).scores(x)[:, 0].tolist())) == 2


def test_labels_of_one_class_and_unknown_rows() -> None:
    train = random_split(120, 5, 4, seed=0)
    train.y[:, 1], train.y[:, 2] = 0, 1
    observed = torch.rand(train.y.shape, generator=torch.Generator().manual_seed(5)) < 0.6
    found = scores(Split(train.x, train.y * observed, observed))
    assert set(found[:, 1].tolist()) == {0.0}
    assert set(found[:, 2].tolist()) == {1.0}
    known = observed[:, 3]
    alone = HistGradientBoostingClassifier(max_iter=5).fit(train.x[known].numpy(), train.y[known, 3].numpy())
    np.testing.assert_allclose(found[:, 3].numpy(), alone.predict_proba(QUERIES.numpy())[:, 1], atol=1e-12)


def test_no_rows_are_held_out_of_many() -> None:
    """By scikit-learn's default they are where there are more than 10000."""
    train = random_split(10001, 2, 2, seed=0)
    learners = fitted(train, iterations=1).ensembles.learners
    assert [learner.do_early_stopping_ for learner in learners] == [False, False]  # type: ignore[union-attr]


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_seed_and_threads_change_nothing() -> None:
    """Neither rows nor features are drawn, and sums do not depend on the number of threads."""
    train = random_split(3000, 5, 2, seed=0)
    found = []
    for threads, seed in ((1, 3), (1, 4), (2, 3), (3, 3)):
        with torch_threads(threads):
            found.append(fitted(train, seed).scores(QUERIES))
    assert all(torch.equal(one, found[0]) for one in found)


def test_the_ceiling_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    known = gradient_boosting.TIME
    assert known.most == 2e9
    monkeypatch.setattr(gradient_boosting, "TIME", Ceiling(10.0, known.unit, known.reason))
    with pytest.raises(
        ValueError, match=r"HGB is not begun on 9e\+02 rows x features x labels, for it stops at 10 \(.*\); take fewer"
    ):
        scores(random_split(60, 5, 3, seed=0))
