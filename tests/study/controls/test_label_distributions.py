"""The controls' losses, against sums written out over rows and labels."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from bench.methods.api import Batch, Problem
from study.controls.label_distributions import FrozenEstimator, NormalisedLabels, RandomDegrees

Y = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
Z = torch.tensor([[0.3, -1.2, 0.8], [2.0, 0.1, -0.4], [0.0, 0.7, -0.9], [-0.2, 1.1, 0.5]], dtype=torch.float64)
X = torch.linspace(-1, 1, 20, dtype=torch.float64).reshape(4, 5)
PROBLEM = Problem("given", 4, 5, 3, Y.sum(0))


def naive(beta: float, degrees: list[list[float]]) -> float:
    """beta L_LD + (1 - beta) L_SC over lists: eqs. 9 and 10."""
    distribution = cross_entropy = 0.0
    for z, y, d in zip(Z.tolist(), Y.tolist(), degrees, strict=True):
        whole = sum(exp(value) for value in z)
        distribution -= sum(degree * log(exp(value) / whole) for value, degree in zip(z, d, strict=True)) / len(degrees)
        for value, label in zip(z, y, strict=True):
            p = 1 / (1 + exp(-value))
            cross_entropy -= log(p if label else 1 - p) / Y.numel()
    return beta * distribution + (1 - beta) * cross_entropy


def softmax(rows: Tensor) -> list[list[float]]:
    return [[exp(value) / sum(exp(other) for other in row) for value in row] for row in rows.tolist()]


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_normalised_labels_are_the_distribution_and_a_row_without_labels_has_none(beta: float) -> None:
    method = NormalisedLabels(PROBLEM, beta=beta).double()
    degrees = [[label / max(sum(row), 1.0) for label in row] for row in Y.tolist()]
    assert float(method.objective(Batch(X, Y, Z))) == pytest.approx(naive(beta, degrees))


def test_random_degrees_are_drawn_once_for_a_row() -> None:
    drawn = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    method = RandomDegrees(PROBLEM, beta=0.25).double()
    value = method.objective(Batch(X, Y, Z, {"degrees": drawn}))
    assert float(value) == pytest.approx(naive(0.25, softmax(drawn)))


def test_a_frozen_estimator_gives_degrees_and_gets_no_gradient() -> None:
    torch.manual_seed(0)
    options = {"alpha": 0.001, "beta": 0.25, "strategy": "distribution", **FrozenEstimator.shared_defaults}
    method = FrozenEstimator(PROBLEM, **options).double()
    z = Z.clone().requires_grad_()
    value = method.objective(Batch(X, Y, z))
    assert value.item() == pytest.approx(naive(0.25, softmax(method.estimator(X, Y).detach())))
    value.backward()
    assert z.grad is not None
    assert all(parameter.grad is None for parameter in method.estimator.parameters())
