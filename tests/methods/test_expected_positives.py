"""Expected positive regularisation, against the authors' code."""

from __future__ import annotations

import pytest
import torch

from bench import methods
from bench.methods.api import Problem
from tests.methods.golden_losses import (
    create,
    extreme_batches,
    golden_sets,
    loss_and_gradient,
    stacked_losses_and_gradients,
)
from tests.methods.objectives import double


@pytest.mark.parametrize("case", ["epr_k1.5", "epr_k2.9", "chosen_epr_k1.5"])
def test_value_and_gradient(golden_2026: dict, case: str) -> None:
    method = create("EPR", 5, positives_per_row=float(case.rpartition("k")[2]))
    for z, y, observed, value, expected in golden_sets(golden_2026, case):
        # The release takes whatever is not a known positive for unknown.
        known = observed if case.startswith("chosen") else y
        loss, gradient = loss_and_gradient(method, z, y, known)
        assert loss.item() == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)
        if bool(known.all()):
            assert torch.equal(loss, loss_and_gradient(method, z, y)[0])


def test_gradient_at_the_logits() -> None:
    torch.manual_seed(0)
    z, y = 3 * torch.randn(7, 4, dtype=torch.float64), (torch.rand(7, 4) < 0.4).double()
    known, e, k = torch.maximum(y, (torch.rand(7, 4) < 0.5).double()), 1e-5, 1.7
    p = z.sigmoid()
    first = known * p * (1 - p) * ((1 - y) / (1 - p + e) - y / (p + e)) / z.numel()
    second = 2 * (p.sum(1).mean() - k) * p * (1 - p) / (7 * 4**2)
    found = loss_and_gradient(create("EPR", 4, positives_per_row=k), z, y, known)[1]
    torch.testing.assert_close(found, first + second, atol=1e-14, rtol=0)


def test_the_second_term_is_of_the_batch_and_not_of_its_rows() -> None:
    """Rows whose numbers of labels are k only on average have none."""
    z = torch.logit(double([[0.9, 0.9], [0.1, 0.1]]))
    unknown = torch.zeros_like(z)
    loss, gradient = loss_and_gradient(create("EPR", 2, positives_per_row=1.0), z, unknown, unknown)
    assert loss < 1e-30
    assert gradient.abs().max() < 1e-15
    assert loss_and_gradient(create("EPR", 2, positives_per_row=1.0), z[:1], unknown[:1], unknown[:1])[0] > 0.1


def problem(labels_per_row: float | None) -> Problem:
    return Problem("made", 10, 2, 3, torch.ones(3, dtype=torch.float64), labels_per_row=labels_per_row)


def test_the_number_of_labels_is_that_of_the_validation_rows_or_the_option() -> None:
    assert methods.create("EPR", problem(1.4)).positives_per_row.item() == 1.4  # type: ignore[union-attr]
    assert methods.create("EPR", problem(0.0)).positives_per_row.item() == 0.0  # type: ignore[union-attr]
    assert methods.create("EPR", problem(1.4), positives_per_row=2.5).positives_per_row.item() == 2.5  # type: ignore[union-attr]
    assert methods.create("EPR", problem(None), positives_per_row=2.0).positives_per_row.item() == 2.0  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="give it as the option positives_per_row"):
        methods.create("EPR", problem(None))


@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
def test_extreme_batches_are_finite(epsilon: float) -> None:
    method = create("EPR", 4, positives_per_row=1.5, epsilon=epsilon)
    for z, y, observed in extreme_batches():
        for found in stacked_losses_and_gradients(method, z, y, observed):
            assert found.isfinite().all()
