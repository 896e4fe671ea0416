"""Cross-entropy with smoothed labels, against the authors' code."""

from __future__ import annotations

import pytest
import torch

from bench.methods.losses import cross_entropy, negative_log
from tests.methods.golden_losses import (
    create,
    extreme_batches,
    golden_sets,
    loss_and_gradient,
    stacked_losses_and_gradients,
)
from tests.methods.objectives import double


@pytest.mark.parametrize("case", ["bce_ls_0.1", "bce_ls_0.05"])
def test_value_and_gradient(golden_2026: dict, case: str) -> None:
    method = create("BCE-LS", 5, smoothing=float(case.removeprefix("bce_ls_")))
    for z, y, _, value, expected in golden_sets(golden_2026, case):
        loss, gradient = loss_and_gradient(method, z, y)
        assert loss.item() == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)


def test_gradient_at_the_logits() -> None:
    """p (1-p) [(1-t) / (1-p+e) - t / (p+e)], divided by the number of labels."""
    torch.manual_seed(0)
    z, y = 3 * torch.randn(7, 4, dtype=torch.float64), (torch.rand(7, 4) < 0.4).double()
    p, t, e = z.sigmoid(), 0.1 + 0.8 * y, 1e-5
    expected = p * (1 - p) * ((1 - t) / (1 - p + e) - t / (p + e)) / z.numel()
    torch.testing.assert_close(loss_and_gradient(create("BCE-LS", 4), z, y)[1], expected, atol=1e-14, rtol=0)


def test_smoothing_of_two_classes_is_the_released_one() -> None:
    """Targets .9 and .1 at .1, where the textbook has .95 and .05: there the gradient of one label vanishes."""
    z = torch.logit(double([[0.9, 0.1]]))
    _, gradient = loss_and_gradient(create("BCE-LS", 2, epsilon=0.0), z, double([[1.0, 0.0]]))
    assert gradient.abs().max() < 1e-15


def test_without_epsilon_and_smoothing_it_is_cross_entropy() -> None:
    z, y = double([[3.0, -2.0], [0.5, -40.0]]), double([[1.0, 0.0], [0.0, 0.0]])
    loss, _ = loss_and_gradient(create("BCE-LS", 2, smoothing=0.0, epsilon=0.0), z, y)
    assert loss.item() == pytest.approx(cross_entropy(z, y).mean().item(), rel=1e-12)


@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
def test_extreme_batches_are_finite(epsilon: float) -> None:
    method = create("BCE-LS", 4, epsilon=epsilon)
    for z, y, observed in extreme_batches():
        for found in stacked_losses_and_gradients(method, z, y, observed):
            assert found.isfinite().all()


def test_negative_log_is_bounded_by_its_epsilon() -> None:
    p = torch.tensor([0.0, 1e-40, 1e-3, 1.0])
    torch.testing.assert_close(negative_log(p, 1e-5)[[0, 3]], torch.tensor([11.512925, -1e-5]))
    assert negative_log(p, 0.0).isfinite().all()
