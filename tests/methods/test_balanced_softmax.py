"""Balanced softmax where labels are not known; where all are, tests/methods/test_losses_golden.py has it."""

from __future__ import annotations

import pytest
import torch

from tests.methods.golden_losses import create, extreme_batches, loss_and_gradient, stacked_losses_and_gradients
from tests.methods.objectives import double


def test_unknown_labels_are_in_neither_sum() -> None:
    z, y = double([[0.3, -1.0, 2.0, 0.5]]), double([[1.0, 0.0, 0.0, 0.0]])
    known = double([[1.0, 1.0, 0.0, 1.0]])
    loss, gradient = loss_and_gradient(create("BS", 4), z, y, known)
    rest = [0, 1, 3]
    without, own = loss_and_gradient(create("BS", 3), z[:, rest], y[:, rest])
    assert loss == without
    assert torch.equal(gradient[:, rest], own)
    assert gradient[0, 2] == 0


def test_with_all_labels_known_it_is_bit_for_bit_what_it_is_without_saying_so() -> None:
    for z, y, _ in extreme_batches():
        plain = stacked_losses_and_gradients(create("BS", 4), z, y)
        said = stacked_losses_and_gradients(create("BS", 4), z, y, torch.ones_like(y))
        assert all(map(torch.equal, plain, said))


def test_pairwise_form() -> None:
    """log(1 + sum_{a neg, b pos} e^(z_a - z_b) + sum_a e^z_a + sum_b e^-z_b): ZLPR (Su et al. 2022) is the same."""
    torch.manual_seed(0)
    z, y = torch.randn(6, 4, dtype=torch.float64), (torch.rand(6, 4) < 0.4).double()
    above, below = ((1 - y) * z.exp()).sum(1), (y * (-z).exp()).sum(1)
    expected = torch.log(1 + above * below + above + below).mean()
    loss, gradient = loss_and_gradient(create("ZLPR", 4), z, y)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    stated = ((1 - y) * z.exp() / (1 + above)[:, None] - y * (-z).exp() / (1 + below)[:, None]) / len(z)
    torch.testing.assert_close(gradient, stated, atol=1e-12, rtol=0)


def test_extreme_batches_are_finite() -> None:
    for z, y, observed in extreme_batches():
        for found in stacked_losses_and_gradients(create("BS", 4), z, y, observed):
            assert found.isfinite().all()
