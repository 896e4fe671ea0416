"""Unknown labels as negative ones, against the authors' code."""

from __future__ import annotations

import pytest
import torch

from bench.methods.losses import negative_log
from tests.methods.golden_losses import (
    create,
    extreme_batches,
    golden_sets,
    loss_and_gradient,
    stacked_losses_and_gradients,
)
from tests.methods.objectives import double

CASES = {
    "an_ls_0.1": ("AN-LS", {}),
    "an_ls_0.05": ("AN-LS", {"smoothing": 0.05}),
    "wan": ("WAN", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient(golden_2026: dict, case: str) -> None:
    """The release takes whatever is not a known positive for unknown; AN-LS makes no difference between them."""
    name, options = CASES[case]
    for z, y, observed, value, expected in golden_sets(golden_2026, case):
        for known in (y,) if name == "WAN" else (None, observed, y):
            loss, gradient = loss_and_gradient(create(name, 5, **options), z, y, known)
            assert loss.item() == pytest.approx(value, abs=1e-12)
            torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=0)


def test_assume_negative_is_cross_entropy_up_to_epsilon(golden_2026: dict) -> None:
    for z, y, _, value, expected in golden_sets(golden_2026, "an"):
        p = z.sigmoid()
        losses = y * negative_log(p, 1e-5) + (1 - y) * negative_log(1 - p, 1e-5)
        assert losses.mean().item() == pytest.approx(value, abs=1e-12)
        found, gradient = loss_and_gradient(create("AN", 5), z, y)
        assert found.item() == pytest.approx(value, abs=1e-3)
        torch.testing.assert_close(gradient, expected, atol=1e-4, rtol=0)
        stated = (p * (1 - p) * ((1 - y) / (1 - p + 1e-5) - y / (p + 1e-5))) / z.numel()
        torch.testing.assert_close(stated, expected, atol=1e-12, rtol=0)


def test_gradient_of_wan_at_the_logits() -> None:
    torch.manual_seed(0)
    z, y, e = 3 * torch.randn(7, 4, dtype=torch.float64), (torch.rand(7, 4) < 0.4).double(), 1e-5
    p, known = z.sigmoid(), torch.maximum(y, (torch.rand(7, 4) < 0.5).double())
    weight = torch.where(known > 0, 1.0, double(1 / 3))
    expected = weight * p * (1 - p) * ((1 - y) / (1 - p + e) - y / (p + e)) / z.numel()
    torch.testing.assert_close(loss_and_gradient(create("WAN", 4), z, y, known)[1], expected, atol=1e-14, rtol=0)
    for known in (None, torch.ones_like(y)):
        for found, same in zip(
            loss_and_gradient(create("WAN", 4), z, y, known), loss_and_gradient(create("IU", 4), z, y), strict=True
        ):
            torch.testing.assert_close(found, same, atol=0, rtol=0)


def test_an_ls_is_bce_ls_on_what_is_known_to_be_positive(golden_2026: dict) -> None:
    for case in ("0.1", "0.05"):
        smoothed, whole = (list(golden_sets(golden_2026, f"{name}_{case}")) for name in ("an_ls", "bce_ls"))
        assert [one.value for one in smoothed[:2]] == [one.value for one in whole]


def test_a_single_label_has_no_weight_to_lose() -> None:
    z, y = double([[0.3], [-1.0]]), double([[1.0], [0.0]])
    unknown = loss_and_gradient(create("WAN", 1), z, y, y)[0]
    assert unknown == pytest.approx(float(loss_and_gradient(create("IU", 1), z, y)[0]), abs=1e-15)


@pytest.mark.parametrize("name", ["AN-LS", "WAN"])
@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
def test_extreme_batches_are_finite(name: str, epsilon: float) -> None:
    for z, y, observed in extreme_batches():
        for found in stacked_losses_and_gradients(create(name, 4, epsilon=epsilon), z, y, observed):
            assert found.isfinite().all()
