"""Hill loss (Zhang et al. 2021); more of its golden values are in test_losses_golden.py."""

from __future__ import annotations

import pytest
import torch

from tests.methods.objectives import assert_golden, double, golden_sets, value_and_gradient


@pytest.mark.parametrize("labels", ["labels_single", "labels_edge_single"])
def test_value_and_gradient_where_one_positive_is_known(golden_2026: dict, labels: str) -> None:
    """A label that is not known counts as a negative."""
    case = golden_2026["losses"]["hill_lambda1.5_margin1_mean"]["out"][labels]
    y, observed = golden_sets(golden_2026)[labels]
    assert_golden(case, "Hill", double(golden_2026["inputs"]["logits"]), y, observed=observed)


def test_negatives_of_probability_0_or_1_have_no_gradient() -> None:
    """At lambda = 1.5 it is 3 p^2 (1 - p)^2: largest at p = 1/2."""
    p = double([[0.001, 0.3, 0.5, 0.7, 0.999]])
    gradient = value_and_gradient("Hill", torch.logit(p), torch.zeros_like(p))[1][0]
    assert gradient.argmax() == 2
    assert (gradient[[0, 4]] < 1e-5).all()
    assert (gradient > 0).all()
