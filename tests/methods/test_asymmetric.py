"""Asymmetric loss (Ridnik et al. 2021); more of its golden values are in test_losses_golden.py."""

from __future__ import annotations

import pytest
import torch

from bench import methods
from tests.methods.objectives import double, value_and_gradient


@pytest.mark.parametrize("labels", ["labels", "labels_edge"])
@pytest.mark.parametrize("gamma", [0, 1])
def test_the_weight_has_no_gradient(golden: dict, labels: str, gamma: int) -> None:
    """The release's optimised version lets the gradient through the weight; its value is the same."""
    case = golden["losses"][f"asl_AsymmetricLossOptimized_gamma_neg4_gamma_pos{gamma}_clip0.05"]["out"][labels]
    z, y = double(golden["inputs"]["logits"]), double(golden["inputs"][labels])
    value, gradient = value_and_gradient("ASL", z, y, gamma_positive=float(gamma))
    assert y.numel() * value == pytest.approx(case["value"], abs=1e-9)
    assert (y.numel() * gradient - double(case["grad_logits"])).abs().max() > 0.1


def test_negatives_below_the_margin_have_no_gradient_at_all() -> None:
    z = torch.logit(double([[0.0499, 0.01, 0.0501, 0.5]]))
    gradient = value_and_gradient("ASL", z, torch.zeros_like(z))[1]
    assert gradient[0, :2].tolist() == [0.0, 0.0]
    assert (gradient[0, 2:] > 0).all()


@pytest.mark.parametrize("name", ["ASL", "APL"])
def test_the_second_name_differs_in_its_threshold_alone(name: str) -> None:
    plain, higher = methods.method_class(name), methods.method_class(f"{name} .8")
    assert plain.decision_threshold == 0
    assert torch.sigmoid(double(higher.decision_threshold)).item() == pytest.approx(0.8, abs=1e-15)
    assert methods.info(name).defaults == methods.info(f"{name} .8").defaults
    assert methods.info(name).grid == methods.info(f"{name} .8").grid
    assert issubclass(higher, plain)
