"""Cross-entropy of the known labels, against the authors' code."""

from __future__ import annotations

import pytest
import torch

from tests.methods.golden_losses import (
    create,
    extreme_batches,
    golden_sets,
    loss_and_gradient,
    stacked_losses_and_gradients,
)


def test_value_and_gradient(golden_2026: dict) -> None:
    for z, y, observed, value, expected in golden_sets(golden_2026, "iu_masked_bce"):
        loss, gradient = loss_and_gradient(create("IU", 5), z, y, observed)
        assert loss.item() == pytest.approx(value, abs=1e-12)
        torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)
        p = z.sigmoid()
        stated = observed * p * (1 - p) * ((1 - y) / (1 - p + 1e-5) - y / (p + 1e-5)) / z.numel()
        torch.testing.assert_close(gradient, stated, atol=1e-14, rtol=0)


def test_a_row_of_few_known_labels_weighs_no_more(golden_2026: dict) -> None:
    """The sum is divided by the number of all labels: what is known of one row has the same gradient beside any."""
    (z, y, _, _, _), *_ = golden_sets(golden_2026, "iu_masked_bce")
    few = torch.zeros_like(z)
    few[0] = 1
    alone = loss_and_gradient(create("IU", 5), z, y * few, few)[1]
    torch.testing.assert_close(alone[0], loss_and_gradient(create("IU", 5), z, y)[1][0], atol=0, rtol=0)
    assert not alone[1:].any()


def test_where_nothing_is_known_the_loss_is_0(golden_2026: dict) -> None:
    (z, y, _, _, _), *_ = golden_sets(golden_2026, "iu_masked_bce")
    loss, gradient = loss_and_gradient(create("IU", 5), z, 0 * y, 0 * y)
    assert loss == 0
    assert not gradient.any()


@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
def test_extreme_batches_are_finite(epsilon: float) -> None:
    for z, y, observed in extreme_batches():
        for found in stacked_losses_and_gradients(create("IU", 4, epsilon=epsilon), z, y, observed):
            assert found.isfinite().all()
