"""The L2 penalty: logistic regression's, on the classifier's weights alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from sklearn.linear_model import LogisticRegression

from bench.job.fit_linear import Fitted, fit_linear
from bench.job.inputs import Prepared
from bench.methods.api import Split
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

ROWS, LABELS = 60, 3
PROTOCOL = Protocol(fidelity="paper", precision="float64", weight_decay=0.0, epochs=1500, batch_size=ROWS)


def rows() -> Split:
    train = random_split(ROWS, 5, LABELS, seed=1)
    train.y[:, 0] = (train.x[:, 0] > train.x[:, 0].median()).to(torch.int8)  # separable: without a penalty no optimum
    train.y[train.y.sum(1) == 0, 1] = 1  # FLEM's estimator starts at a kink on rows without labels
    return train


def fitted(name: str, protocol: Protocol, *training: dict[str, Any], **options: float) -> Fitted:
    train = rows()
    prepared = Prepared(problem_of(train), {"train": train})
    return fit_linear(name, [options] * max(1, len(training)), prepared, protocol, 0, training=training)


@pytest.mark.parametrize("l2", [0.3, 3.0])
def test_bce_with_it_becomes_logistic_regression(l2: float) -> None:
    (found,) = fitted("BCE", replace(PROTOCOL, learning_rate=0.03, l2=l2)).candidates
    train = rows()
    for label in range(LABELS):
        model = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(train.x.numpy(), train.y[:, label].numpy())
        np.testing.assert_allclose(found.parameters["classifier.weight"][label], model.coef_[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            found.parameters["classifier.bias"][label], model.intercept_[0], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", ["BCE", "FLEM-D"])
def test_models_of_a_stack_have_their_own(name: str) -> None:
    short = replace(PROTOCOL, epochs=3, batch_size=16)
    options = {"alpha": 0.01, "beta": 0.01} if name == "FLEM-D" else {}
    strengths = [0.0, 0.5, 20.0]
    together = fitted(name, short, *({"l2": l2} for l2 in strengths), **options)
    assert together.stacks == [3]
    for l2, candidate in zip(strengths, together.candidates, strict=True):
        (alone,) = fitted(name, replace(short, l2=l2), **options).candidates
        for parameter, value in alone.parameters.items():
            torch.testing.assert_close(candidate.parameters[parameter], value, rtol=1e-7, atol=1e-9)


def test_biases_and_side_networks_have_none() -> None:
    # One step: a gradient that the penalty leaves alone makes the same update with it as without.
    one = replace(PROTOCOL, epochs=1)
    without, heavy = (fitted("FLEM-D", replace(one, l2=l2), alpha=0.01, beta=0.01).candidates[0] for l2 in (0.0, 1e6))
    assert torch.equal(without.parameters["classifier.bias"], heavy.parameters["classifier.bias"])
    assert not torch.equal(without.parameters["classifier.weight"], heavy.parameters["classifier.weight"])
    assert without.losses == heavy.losses  # of the objective, without the penalty
