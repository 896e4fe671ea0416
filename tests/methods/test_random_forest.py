"""Forests: trees walked by hand, labels of one class, unknown labels, random states, memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree._tree import Tree
from torch import Tensor

from bench import methods
from bench.methods import random_forest
from bench.methods.api import Method, Split
from bench.methods.per_label import Ceiling
from bench.methods.random_forest import BinaryRelevanceForest, RandomForest
from tests.conftest import problem_of, random_split

QUERIES = random_split(20, 5, 7, seed=1).x


def fitted(name: str, train: Split, seed: int = 3, **options: int) -> Method:
    method = methods.create(name, problem_of(train), trees=6, **options)
    assert isinstance(method, Method)
    method.fit(train, seed)
    return method


def scores(name: str, train: Split, seed: int = 3, **options: int) -> Tensor:
    return fitted(name, train, seed, **options).scores(QUERIES)


def leaf(tree: Tree, row: np.ndarray) -> int:
    node = 0
    while tree.children_left[node] != -1:
        left = np.float32(row[tree.feature[node]]) <= tree.threshold[node]
        node = tree.children_left[node] if left else tree.children_right[node]
    return node


def share(forest: RandomForestClassifier, train: Split, row: np.ndarray, label: int) -> float:
    """Of the label in the row's leaf, from the training rows of each tree's bootstrap that lie in the same leaf."""
    shares = []
    for estimator, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        place = leaf(estimator.tree_, row)
        together = [int(train.y[i, label]) for i in drawn if leaf(estimator.tree_, train.x[i].numpy()) == place]
        shares.append(sum(together) / len(together))
    return float(np.mean(shares))


@pytest.mark.parametrize("name", ["RF", "BR-RF"])
def test_naive(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.methods.per_label.ROWS_AT_ONCE", 7)
    train = random_split(60, 5, 7, seed=0)
    method = fitted(name, train)
    found = method.scores(QUERIES)
    for j in range(7):
        forest = method.forest if isinstance(method, RandomForest) else method.forests.learners[j]  # type: ignore[attr-defined]
        for row in range(0, 20, 5):
            assert found[row, j] == pytest.approx(share(forest, train, QUERIES[row].numpy(), j), abs=1e-12)


def test_one_forest_for_all_labels_and_one_a_label_equal_scikit_learns() -> None:
    train = random_split(60, 5, 7, seed=0)
    x, y, rows = train.x.numpy(), train.y.numpy(), QUERIES.numpy()
    together = RandomForestClassifier(6, min_samples_leaf=2, random_state=3, n_jobs=2).fit(x, y)
    expected = np.stack([both[:, 1] for both in together.predict_proba(rows)], axis=1)
    np.testing.assert_allclose(scores("RF", train).numpy(), expected, atol=1e-12)
    for j in range(7):
        alone = RandomForestClassifier(6, min_samples_leaf=2, random_state=3, n_jobs=2).fit(x, y[:, j])
        np.testing.assert_allclose(scores("BR-RF", train)[:, j].numpy(), alone.predict_proba(rows)[:, 1], atol=1e-12)


@pytest.mark.parametrize("name", ["RF", "BR-RF"])
def test_labels_of_one_class(name: str) -> None:
    """Of such an output scikit-learn has one column, the probability of the only class, whichever it is."""
    train = random_split(60, 5, 4, seed=0)
    train.y[:, 1], train.y[:, 2] = 0, 1
    found = scores(name, train)
    assert set(found[:, 1].tolist()) == {0.0}
    assert set(found[:, 2].tolist()) == {1.0}
    assert ((found >= 0) & (found <= 1)).all()  # not beyond by rounding: the calibration error takes them for chances


def test_unknown_labels_are_left_out_by_the_label_and_absent_for_all_at_once() -> None:
    train = random_split(60, 5, 4, seed=0)
    observed = torch.rand(train.y.shape, generator=torch.Generator().manual_seed(5)) < 0.6
    partly = Split(train.x, train.y * observed, observed)
    assert torch.equal(scores("RF", partly), scores("RF", Split(partly.x, partly.y)))
    found = scores("BR-RF", partly)
    for j in range(4):
        known = observed[:, j]
        alone = RandomForestClassifier(6, min_samples_leaf=2, random_state=3).fit(
            train.x[known].numpy(), train.y[known, j].numpy()
        )
        np.testing.assert_allclose(found[:, j].numpy(), alone.predict_proba(QUERIES.numpy())[:, 1], atol=1e-12)


@pytest.mark.parametrize("name", ["RF", "BR-RF"])
def test_the_seed_decides(name: str) -> None:
    train = random_split(60, 5, 4, seed=0)
    assert torch.equal(scores(name, train), scores(name, train))
    assert not torch.equal(scores(name, train), scores(name, train, seed=4))


def test_a_labels_forest_does_not_depend_on_other_labels() -> None:
    train = random_split(60, 5, 4, seed=0)
    fewer = Split(train.x, train.y[:, [2, 0]])
    assert torch.equal(scores("BR-RF", train)[:, [2, 0]], scores("BR-RF", fewer))


@pytest.mark.parametrize("least", [1, 2, 5])
def test_memory_is_forecast_from_above(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = []
    monkeypatch.setattr(Ceiling, "check", lambda _, method, amount: amounts.append(amount))
    method = fitted("RF", random_split(400, 5, 7, seed=0), min_samples_leaf=least)
    assert isinstance(method, RandomForest)
    trees = [estimator.tree_ for estimator in method.forest.estimators_]
    assert min(tree.n_node_samples.min() for tree in trees) >= least
    assert 0.4 * amounts[0] < sum(tree.value.nbytes for tree in trees) < 1.05 * amounts[0]


@pytest.mark.parametrize(("name", "ceiling"), [("RF", "MEMORY"), ("BR-RF", "TIME")])
def test_ceilings_are_one_sentence(name: str, ceiling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known: Ceiling = getattr(random_forest, ceiling)
    monkeypatch.setattr(random_forest, ceiling, Ceiling(10.0, known.unit, known.reason))
    with pytest.raises(ValueError, match=rf"{name} is not begun on .* for it stops at 10 \(.*\); take fewer"):
        scores(name, random_split(60, 5, 4, seed=0))


def test_both_grow_in_one_thread() -> None:
    both = (fitted(name, random_split(60, 5, 4, seed=0)) for name in ("RF", "BR-RF"))
    together, apart = both
    assert isinstance(together, RandomForest)
    assert isinstance(apart, BinaryRelevanceForest)
    assert together.forest.n_jobs is None
    assert {learner.n_jobs for learner in apart.forests.learners} == {None}  # type: ignore[union-attr]
