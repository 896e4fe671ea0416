"""Logistic regression of the controls, against scikit-learn's on the same rows and features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from bench.methods.api import Split
from study.controls.logistic_regression import ScaledLogisticRegression
from tests.conftest import problem_of, random_split

SPREAD = torch.tensor([1.0, 30.0, 0.01, 5.0, 0.2])
"""Factors of the features: a learner that standardises them is another one."""


def spread(split: Split) -> Split:
    return Split(split.x * SPREAD, split.y)


@pytest.mark.parametrize("cost", [0.01, 1.0, 100.0])
def test_scores_are_those_of_a_classifier_a_label_on_the_features_as_given(cost: float) -> None:
    train, test = spread(random_split(80, 5, 4, seed=0)), spread(random_split(20, 5, 4, seed=1))
    method = ScaledLogisticRegression(problem_of(train), cost=cost)
    method.fit(train, seed=3)
    scores = method.scores(test.x).numpy()
    for label in range(train.y.shape[1]):
        alone = LogisticRegression(C=cost, max_iter=1000).fit(train.x.numpy(), train.y[:, label].numpy())
        np.testing.assert_allclose(scores[:, label], alone.predict_proba(test.x.numpy())[:, 1], atol=1e-7)
        assert np.array_equal(scores[:, label] > method.decision_threshold, alone.predict(test.x.numpy()) > 0)


def test_rows_whose_label_is_not_known_are_left_out() -> None:
    train = random_split(80, 5, 3, seed=0)
    known = np.random.default_rng(0).random(train.y.shape) < 0.7
    method = ScaledLogisticRegression(problem_of(train), cost=1.0)
    method.fit(Split(train.x, train.y, torch.from_numpy(known)), seed=0)
    scores = method.scores(train.x).numpy()
    for label in range(3):
        rows = known[:, label]
        alone = LogisticRegression(C=1.0, max_iter=1000).fit(train.x.numpy()[rows], train.y.numpy()[rows, label])
        np.testing.assert_allclose(scores[:, label], alone.predict_proba(train.x.numpy())[:, 1], atol=1e-7)
