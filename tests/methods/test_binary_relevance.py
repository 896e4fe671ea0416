"""Binary relevance against scikit-learn's multi-output classifier."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from bench import methods
from bench.methods.api import Method
from tests.conftest import problem_of, random_split


@pytest.mark.parametrize(
    ("options", "learner"),
    [
        ({}, LogisticRegression(C=1.0, max_iter=1000)),
        ({"cost": 0.1}, LogisticRegression(C=0.1, max_iter=1000)),
        ({"base": "gaussian_nb"}, GaussianNB()),
    ],
)
def test_scores_are_those_of_one_classifier_a_label(options: dict, learner: object) -> None:
    train, test = random_split(80, 5, 7, seed=0), random_split(20, 5, 7, seed=1)
    method = methods.create("BR", problem_of(train), **options)
    assert isinstance(method, Method)
    method.fit(train, seed=3)
    scaler = StandardScaler().fit(train.x.numpy())
    reference = MultiOutputClassifier(learner).fit(scaler.transform(train.x.numpy()), train.y.numpy())
    x = scaler.transform(test.x.numpy())
    scores = method.scores(test.x).numpy()
    expected = np.stack([found[:, 1] for found in reference.predict_proba(x)], axis=1)
    np.testing.assert_allclose(scores, expected, atol=1e-7)
    assert np.array_equal(scores > method.decision_threshold, reference.predict(x) > 0)


def test_other_bases_are_refused() -> None:
    train = random_split(20, 5, 3, seed=0)
    method = methods.create("BR", problem_of(train), base="forest")
    assert isinstance(method, Method)
    with pytest.raises(ValueError, match="a base learner is 'logistic' or 'gaussian_nb', not 'forest'"):
        method.fit(train, seed=0)
