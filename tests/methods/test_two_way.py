"""Two-way loss, against the authors' code and the formula on sets."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.methods.golden_losses import (
    create,
    extreme_batches,
    golden_sets,
    loss_and_gradient,
    stacked_losses_and_gradients,
)
from tests.methods.objectives import double


def naive(z: Tensor, y: Tensor, known: Tensor, positive: float, negative: float) -> tuple[float, Tensor]:
    """The loss and its gradient, set by set: every row and column is a list of positions."""
    rows, labels = z.shape
    gradient, total = torch.zeros_like(z), 0.0
    by_row = [[(i, j) for j in range(labels)] for i in range(rows)]
    by_column = [[(i, j) for i in range(rows)] for j in range(labels)]
    for sets in (by_row, by_column):
        counted = [cells for cells in sets if any(y[cell] == 1 for cell in cells)]
        for cells in counted:
            up = {cell: math.exp(-float(z[cell]) / positive) for cell in cells if y[cell] == 1}
            down = {cell: math.exp(float(z[cell]) / negative) for cell in cells if y[cell] == 0 and known[cell] == 1}
            if not down:
                continue
            joint = positive * math.log(sum(up.values())) + negative * math.log(sum(down.values()))
            total += math.log1p(math.exp(joint)) / len(counted)
            factor = 1 / (1 + math.exp(-joint)) / len(counted)
            for cell, value in up.items():
                gradient[cell] -= factor * value / sum(up.values())
            for cell, value in down.items():
                gradient[cell] += factor * value / sum(down.values())
    return total, gradient


@pytest.mark.parametrize("temperatures", [(4.0, 1.0), (1.0, 1.0), (1.0, 4.0)])
def test_value_and_gradient(golden_2026: dict, temperatures: tuple[float, float]) -> None:
    positive, negative = temperatures
    method = create("Two-way", 5, positive_temperature=positive, negative_temperature=negative)
    for z, y, observed, value, expected in golden_sets(golden_2026, f"twoway_Tp{positive:.0f}_Tn{negative:.0f}"):
        for known in (None, observed):
            loss, gradient = loss_and_gradient(method, z, y, known)
            assert loss.item() == pytest.approx(value, abs=1e-12)
            torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)
        again, stated = naive(z, y, observed, positive, negative)
        assert again == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(stated, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("seed", range(20))
def test_unknown_labels_are_neither_positive_nor_negative(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows, labels = 1 + seed % 5, 1 + seed % 4
    known = (torch.rand(rows, labels, generator=generator) < 0.6).double()
    y = known * (torch.rand(rows, labels, generator=generator) < 0.5)
    z = 2 * torch.randn(rows, labels, generator=generator, dtype=torch.float64)
    loss, gradient = loss_and_gradient(create("Two-way", labels), z, y, known)
    value, expected = naive(z, y, known, 4.0, 1.0)
    assert loss.item() == pytest.approx(value, abs=1e-12)
    torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)


def test_a_constant_added_to_all_logits_changes_nothing(golden_2026: dict) -> None:
    """The threshold 0 means nothing, and so the gradients of a batch sum to 0."""
    for z, y, _, value, _ in golden_sets(golden_2026, "twoway_Tp4_Tn1"):
        for by in (-7.0, 3.0, 50.0):
            loss, gradient = loss_and_gradient(create("Two-way", 5), z + by, y)
            assert loss.item() == pytest.approx(value, abs=1e-11)
            assert abs(float(gradient.sum())) < 1e-14
    for z, y, observed in extreme_batches():
        _, gradients = stacked_losses_and_gradients(create("Two-way", 4), z / 30, y, observed)
        assert gradients.sum((1, 2)).abs().max() < 1e-12


def test_a_batch_without_positives_or_without_negatives_has_no_loss() -> None:
    z = double([[0.3, -1.0], [2.0, 0.1]])
    for y, known in (
        (z * 0, None),
        (z * 0, z * 0),
        (z * 0 + 1, None),
        (double([[1.0, 0.0]] * 2), double([[1.0, 0.0]] * 2)),
    ):
        loss, gradient = loss_and_gradient(create("Two-way", 2), z, y, known)
        assert loss == 0
        assert not gradient.any()


def test_one_row_has_its_row_term_alone() -> None:
    z, y = double([[0.3, -1.0, 2.0]]), double([[1.0, 0.0, 0.0]])
    expected = math.log1p(math.exp(-0.3) * (math.exp(-1.0) + math.exp(2.0)))
    assert loss_and_gradient(create("Two-way", 3), z, y)[0].item() == pytest.approx(expected, abs=1e-12)


def test_extreme_batches_are_finite_under_vmap_and_those_of_each_model_alone() -> None:
    method = create("Two-way", 4)
    for z, y, observed in extreme_batches():
        losses, gradients = stacked_losses_and_gradients(method, z, y, observed)
        assert losses.isfinite().all()
        assert gradients.isfinite().all()
        for k in range(2):
            loss, gradient = loss_and_gradient(method, z[k], y, observed)
            torch.testing.assert_close(losses[k], loss, atol=1e-12, rtol=1e-12)
            torch.testing.assert_close(gradients[k], gradient, atol=1e-12, rtol=0)
