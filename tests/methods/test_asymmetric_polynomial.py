"""Asymmetric polynomial loss (Huang et al. 2023)."""

from __future__ import annotations

import pytest
import torch

from tests.methods.objectives import assert_golden, double, value_and_gradient

WITHOUT = {"positive_linear": 0.0, "positive_quadratic": 0.0}
CASES = {
    "apl_default": {},
    "apl_zero_coefficients_is_asl": WITHOUT,
    "apl_gamma_pos1_neg_coefficient": {"gamma_positive": 1.0, "negative_linear": 0.5},
}


def test_every_golden_case_is_checked(golden_2026: dict) -> None:
    assert set(CASES) == {name for name in golden_2026["losses"] if name.startswith("apl_")}


@pytest.mark.parametrize("labels", ["labels", "labels_edge"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(golden_2026: dict, name: str, labels: str) -> None:
    z, y = double(golden_2026["inputs"]["logits"]), double(golden_2026["inputs"][labels])
    case = golden_2026["losses"][name]["out"][labels]
    assert_golden(case, "APL", z, y, scale=y.numel(), **CASES[name])


def test_without_the_polynomial_it_is_the_asymmetric_loss(golden: dict) -> None:
    z, y = double(golden["inputs"]["logits"]), double(golden["inputs"]["labels"])
    value, gradient = value_and_gradient("APL", z, y, **WITHOUT)
    expected = value_and_gradient("ASL", z, y)
    assert value == expected[0]
    torch.testing.assert_close(gradient, expected[1], atol=1e-16, rtol=0)
