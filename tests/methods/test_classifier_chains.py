"""Classifier chains against scikit-learn's, and their ensemble against a naive one and golden numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import ClassifierChain
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from bench import methods
from bench.methods.classifier_chains import Chain, ensemble
from tests.conftest import problem_of, random_split

LOGISTIC = LogisticRegression(max_iter=1000)


def fitted(name: str, labels: int = 4, seed: int = 3, **options: object) -> Any:
    train = random_split(80, 5, labels, seed=0)
    method = methods.create(name, problem_of(train), **options)
    method.fit(train, seed)  # type: ignore[operator]
    return method


def standardised(labels: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    train, test = random_split(80, 5, labels, seed=0), random_split(20, 5, labels, seed=1)
    scaler = StandardScaler().fit(train.x.numpy())
    return scaler.transform(train.x.numpy()), train.y.numpy(), scaler.transform(test.x.numpy())


def test_golden_ensemble(golden_2026: dict) -> None:
    """Orders and bags given, naive Bayes."""
    case = golden_2026["ecc"]
    x, y, test = (np.array(case[name]) for name in ("X", "Y", "X_test"))
    chains = [
        Chain(GaussianNB, np.array(order)).fit(x[bag], y[bag])
        for order, bag in zip(case["orders"], case["bags"], strict=True)
    ]
    first = chains[0].probabilities(test)
    np.testing.assert_allclose(first, case["first_chain"]["proba"], atol=1e-9)
    assert np.array_equal(first > 0.5, np.array(case["first_chain"]["predict"]) > 0)
    np.testing.assert_allclose(ensemble(chains, test, votes=False), case["mean_confidence"], atol=1e-9)
    np.testing.assert_allclose(ensemble(chains, test, votes=True), case["vote_share"], atol=1e-9)


@pytest.mark.parametrize("learner", [GaussianNB(), LOGISTIC])
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_a_chain_equals_scikit_learns(learner: ClassifierMixin, order: list[int]) -> None:
    x, y, test = standardised()
    chain = Chain(partial(clone, learner), np.array(order)).fit(x, y)
    reference = ClassifierChain(learner, order=order).fit(x, y)
    np.testing.assert_allclose(chain.probabilities(test), reference.predict_proba(test), atol=1e-9)


@pytest.mark.parametrize(("base", "learner"), [("gaussian_nb", GaussianNB()), ("logistic", LOGISTIC)])
def test_one_chain_takes_the_labels_as_they_are_given(base: str, learner: ClassifierMixin) -> None:
    x, y, test = standardised()
    method = fitted("CC", base=base)
    scores = method.scores(random_split(20, 5, 4, seed=1).x).numpy()
    reference = ClassifierChain(learner).fit(x, y)
    np.testing.assert_allclose(scores, reference.predict_proba(test), atol=1e-6)
    assert np.array_equal(scores > method.decision_threshold, reference.predict(test) > 0)


@pytest.mark.parametrize("votes", [False, True])
def test_orders_and_bags_are_drawn_in_turn(votes: bool) -> None:
    """For each chain a permutation of the labels, then N rows with replacement."""
    x, y, test = standardised()
    random = np.random.default_rng([3, 4711])
    expected = np.zeros((20, 4))
    for _ in range(10):
        order, bag = random.permutation(4), random.integers(0, 80, 80)
        chain = ClassifierChain(GaussianNB(), order=order.tolist()).fit(x[bag], y[bag])
        expected += chain.predict(test) if votes else chain.predict_proba(test)
    method = fitted("ECC", base="gaussian_nb", votes=votes)
    np.testing.assert_allclose(method.scores(random_split(20, 5, 4, seed=1).x).numpy(), expected / 10, atol=1e-9)


def test_votes_are_shares_and_seeds_differ() -> None:
    x = random_split(20, 5, 4, seed=1).x
    votes = fitted("ECC", votes=True, chains=3).scores(x)
    torch.testing.assert_close(votes * 3, (votes * 3).round(), atol=1e-12, rtol=0)
    assert not torch.equal(fitted("ECC").scores(x), fitted("ECC", seed=4).scores(x))


def test_subsets_are_without_replacement() -> None:
    rows = fitted("ECC", samples="subset")._sample(80, np.random.default_rng(0))
    assert len(rows) == len(set(rows)) == 54


def test_a_link_of_one_class_predicts_it() -> None:
    """Its prediction is a feature of the links behind it, as constant as it was in training."""
    x, y, test = standardised()
    y[:, 2] = 1
    found = Chain(GaussianNB, np.array([2, 0, 1, 3])).fit(x, y).probabilities(test)
    assert (found[:, 2] == 1).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 0}, "at least one chain is needed, not 0"),
        ({"order": "frequency"}, "the order of chains is 'given' or 'random', not 'frequency'"),
        ({"samples": "some"}, "the samples of chains are 'all', 'bootstrap' or 'subset', not 'some'"),
        ({"base": "tree"}, "a base learner is 'logistic' or 'gaussian_nb', not 'tree'"),
    ],
)
def test_other_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted("ECC", **options)
