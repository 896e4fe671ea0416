"""Every loss, value and gradient, against the authors' own code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from bench import methods
from bench.methods import losses
from bench.methods.api import Batch, LinearMethod, Problem, Split


@dataclass(frozen=True)
class Case:
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    """The reference's constant factor that ours does not have."""


ENTRIES = 30.0
"""Of the golden batch; ours is the mean where the reference is the sum."""
HALF = {"positive_weight": 0.5, "negative_weight": 0.5}
CASES = {
    "bce_mean": Case("BCE"),
    "nlp_BCE": Case("BCE"),
    "fl_fvcore_alpha-1_gamma2.0_mean": Case("FL", {"positive_weight": 1.0, "negative_weight": 1.0}),
    "fl_fvcore_alpha0.25_gamma2.0_mean": Case("FL", {"positive_weight": 0.25, "negative_weight": 0.75}),
    "fl_fvcore_alpha0.5_gamma2.0_mean": Case("FL", HALF),
    "nlp_FL": Case("FL", HALF),
    "dbl_FocalLoss_default": Case("FL", {"positive_weight": 0.25, "negative_weight": 0.25}),
    "nlp_CB_reuters": Case("CB", {"beta": 0.9, "normalise": False}, scale=10.0),
    "nlp_CB_avgw_beta0.9": Case("CB", {"beta": 0.9, "normalise": False, "mode": "average_w"}),
    "nlp_RFL_mu0.9_reuters": Case("R-FL", {"mu": 0.9}),
    "nlp_RFL_mu0.2_coco": Case("R-FL", {"mu": 0.2}),
    "nlp_RFL_mu0.3_voc": Case("R-FL", {"mu": 0.3}),
    "dbl_RFL_coco_logit_reg_empty": Case("R-FL", {"mu": 0.2, "factor": 2.0}),
    "nlp_DB_mu0.9_neg2.0_reuters": Case("DB", {"mu": 0.9, "negative_scale": 2.0}),
    "nlp_DB_mu0.05_neg2.0_pubmed": Case("DB", {"mu": 0.05, "negative_scale": 2.0}),
    "nlp_DB_mu0.3_neg5.0_voc": Case("DB", {"mu": 0.3, "negative_scale": 5.0}),
    "nlp_NTRFL_reuters": Case("DB", {"negative_scale": 2.0, "reweight": False}),
    "nlp_DB0FL_reuters": Case("DB", {"mu": 0.9, "negative_scale": 2.0, "gamma": 0.0}),
    "dbl_DB_coco": Case("DB", {"mu": 0.2, "negative_scale": 2.0, "factor": 2.0, "released_bias": True}),
    "dbl_DB_voc": Case("DB", {"mu": 0.3, "negative_scale": 5.0, "factor": 2.0, "released_bias": True}),
    "bs_docunet_mean": Case("BS"),
    "asl_AsymmetricLoss_gamma_neg4_gamma_pos0_clip0.05": Case("ASL", scale=ENTRIES),
    "asl_AsymmetricLoss_gamma_neg4_gamma_pos1_clip0.05": Case("ASL", {"gamma_positive": 1.0}, scale=ENTRIES),
    "hill_mean": Case("Hill"),
    "hill_sum": Case("Hill", scale=ENTRIES),
    "splc_mean_epoch0": Case("SPLC"),
    "splc_sum_epoch0": Case("SPLC", scale=ENTRIES),
}
NOT_REGISTERED = {
    "nlp_CB_avgn_beta0.9": "weights from the mean class size of a row: a mode that no compared paper uses",
    "nlp_CBNTR_reuters": "class-balanced NTR is not among the compared methods",
    "asl_AsymmetricLossOptimized_gamma_neg4_gamma_pos1_clip0.05": "not followed: tests/methods/test_asymmetric.py",
    "asl_AsymmetricLossOptimized_gamma_neg4_gamma_pos0_clip0.05": "not followed: tests/methods/test_asymmetric.py",
    "splc_mean_epoch1": "every negative counts as unknown: tests/methods/test_splc.py",
}


def test_every_golden_loss_is_checked_or_its_absence_explained(golden: dict) -> None:
    assert set(golden["losses"]) <= set(CASES) | set(NOT_REGISTERED)
    assert set(CASES) <= set(golden["losses"])


@pytest.mark.parametrize("labels", ["labels", "labels_edge"])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(golden: dict, name: str, labels: str) -> None:
    case, inputs = CASES[name], golden["inputs"]
    reference = golden["losses"][name]["out"][labels]
    y = torch.tensor(inputs[labels], dtype=torch.float64)
    z = torch.tensor(inputs["logits"], dtype=torch.float64, requires_grad=True)
    problem = Problem(
        dataset="golden",
        n_samples=int(inputs["train_num"]),
        n_features=1,
        n_labels=y.shape[1],
        positives=torch.tensor(inputs["class_freq"], dtype=torch.float64),
    )
    method = methods.create(case.method, problem, **case.options)
    assert isinstance(method, LinearMethod)
    x = torch.zeros(len(y), 1, dtype=torch.float64)
    extra = method.double().prepare(Split(x, y.to(torch.int8)), fit=None)  # type: ignore[arg-type]
    loss = method.objective(Batch(x=x, y=y, z=z, extra=extra))
    loss.backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    if reference["value"] is None:  # the reference is NaN on a row without positives; ours is defined
        assert torch.isfinite(loss)
        return
    assert case.scale * loss.item() == pytest.approx(reference["value"], abs=1e-12)
    expected = torch.tensor(reference["grad_logits"], dtype=torch.float64)
    if reference.get("value_is") == "mean of elementwise" and expected.abs().sum() > 10 * z.grad.abs().sum():
        expected = expected / expected.numel()  # the reference's gradient is that of the sum
    torch.testing.assert_close(case.scale * z.grad, expected, atol=1e-12, rtol=0)


def test_weights(golden: dict) -> None:
    inputs, parts = golden["inputs"], golden["loss_parts"]
    positives = torch.tensor(inputs["class_freq"], dtype=torch.float64)
    alpha, beta, mu = (torch.tensor(value, dtype=torch.float64) for value in (0.1, 10.0, 0.2))
    for labels, part in (("labels", "rebalance_weight_mu0.2"), ("labels_edge", "rebalance_weight_mu0.2_edge")):
        y = torch.tensor(inputs[labels], dtype=torch.float64)
        weight = losses.rebalanced_weight(y, positives, alpha, beta, mu)
        torch.testing.assert_close(weight, torch.tensor(parts[part], dtype=torch.float64), atol=1e-12, rtol=0)
    bias = losses.negative_tolerant_bias(positives, int(inputs["train_num"]), torch.tensor(0.05, dtype=torch.float64))
    fixed = torch.tensor(parts["init_bias_fixed_kappa0.05"], dtype=torch.float64)
    original = torch.tensor(parts["init_bias_original_kappa0.05_lambda2"], dtype=torch.float64)
    torch.testing.assert_close(bias, fixed, atol=1e-12, rtol=0)
    torch.testing.assert_close(bias / 2, original, atol=1e-12, rtol=0)
    expected = torch.tensor(parts["cb_weight_by_class_beta0.9"], dtype=torch.float64)
    torch.testing.assert_close(losses.class_balanced_weight(positives, 0.9), expected, atol=1e-12, rtol=0)


def test_classes_without_or_with_only_positives_have_finite_weights() -> None:
    positives = torch.tensor([0.0, 3.0, 10.0], dtype=torch.float64)
    assert torch.isfinite(losses.class_balanced_weight(positives, 0.9999)).all()
    assert torch.isfinite(losses.negative_tolerant_bias(positives, 10, torch.tensor(0.05))).all()
    y = torch.tensor([[1.0, 0, 0], [0, 0, 0]], dtype=torch.float64)
    weight = losses.rebalanced_weight(y, positives, *(torch.tensor(value) for value in (0.1, 10.0, 0.2)))
    torch.testing.assert_close(weight[1], torch.full((3,), 1.1, dtype=torch.float64))


def test_published_constants_follow_the_data_set() -> None:
    def problem(dataset: str) -> Problem:
        return Problem(dataset, 10, 2, 3, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))

    for dataset, mu, scale in (("VOC07", 0.3, 5.0), ("COCO14", 0.2, 2.0), ("Reuters", 0.9, 2.0), ("yeast", 0.2, 2.0)):
        assert methods.create("R-FL", problem(dataset)).mu.item() == mu  # type: ignore[union-attr]
        made = methods.create("DB", problem(dataset))
        assert (made.mu.item(), made.negative_scale.item()) == (mu, scale)  # type: ignore[union-attr]
    assert methods.create("DB", problem("VOC07"), mu=0.7).mu.item() == 0.7  # type: ignore[union-attr]
