"""Every loss's gradient at the logits, in closed form, against autograd.

A loss of one's own that is registered in the family "losses" has its gradient here, too: a function of the batch and of
the loss's options, in numpy, from the formula in its docstring, and a line in GRADIENTS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench import methods
from bench.methods.api import Batch
from tests.methods.objectives import double, made, value_and_gradient

ROWS, POSITIVES = 60, np.array([40.0, 1.0, 15.0, 60.0, 0.0])
"""N, and n_j of five labels, among them one that no training row has and one that all have."""

Array = np.ndarray


@dataclass(frozen=True)
class Given:
    """One batch as the formulas name it."""

    z: Array
    y: Array
    m: Array
    """[B, c]: 1 where the label is known."""
    epoch: int

    @property
    def p(self) -> Array:
        return sigmoid(self.z)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def focal(z: Array, y: Array, gamma: float) -> Array:
    """Of -(1 - p_t)^gamma log p_t: (2y - 1) (1 - p_t)^gamma (gamma p_t log p_t - (1 - p_t))."""
    p_t = np.where(y == 1, sigmoid(z), sigmoid(-z))
    return (2 * y - 1) * (1 - p_t) ** gamma * (gamma * p_t * np.log(p_t) - (1 - p_t))


def rebalanced(y: Array, alpha: float, beta: float, mu: float | None) -> Array:
    """alpha + sigmoid(beta (r - mu)), r_ij = (1/n_j) / sum_{l: y_il = 1} 1/n_l, infinite in a row without labels."""
    inverse = 1 / np.maximum(POSITIVES, 1)
    with np.errstate(divide="ignore"):
        r = inverse / (y * inverse).sum(1, keepdims=True)
    return alpha + sigmoid(beta * (r - (0.2 if mu is None else mu)))


def binary_cross_entropy(given: Given, o: SimpleNamespace) -> Array:
    """p - y."""
    return (given.p - given.y) / given.y.size


def focal_loss(given: Given, o: SimpleNamespace) -> Array:
    weight = np.where(given.y == 1, o.positive_weight, o.negative_weight)
    return weight * focal(given.z, given.y, o.gamma) / given.y.size


def class_balanced(given: Given, o: SimpleNamespace) -> Array:
    weight = (1 - o.beta) / (1 - o.beta ** np.maximum(POSITIVES, 1))
    if o.normalise:
        weight = weight / weight.mean()
    if o.mode == "average_w":
        rows = [weight[row == 1].mean() if row.any() else 1.0 for row in given.y]
        weight = np.array(rows)[:, None]
    return o.factor * weight * focal(given.z, given.y, o.gamma) / given.y.size


def rebalanced_focal(given: Given, o: SimpleNamespace) -> Array:
    weight = rebalanced(given.y, o.alpha, o.beta, o.mu)
    return o.factor * weight * focal(given.z, given.y, o.gamma) / given.y.size


def distribution_balanced(given: Given, o: SimpleNamespace) -> Array:
    """R-FL's at s (z + nu), times s: s is 1 where y = 1 and lambda where y = 0, whose weight is divided by lambda."""
    count = np.clip(POSITIVES, 1, ROWS - 1)
    nu = -o.kappa * np.log((ROWS - count) / count)
    scale = 2.0 if o.negative_scale is None else o.negative_scale
    if o.released_bias:
        nu = nu / scale
    s = np.where(given.y == 1, 1.0, scale)
    weight = rebalanced(given.y, o.alpha, o.beta, o.mu) / s if o.reweight else 1.0
    return o.factor * weight * s * focal(s * (given.z + nu), given.y, o.gamma) / given.y.size


def balanced_softmax(given: Given, o: SimpleNamespace) -> Array:
    """e^z / (1 + sum_{y=0} e^z) where y = 0, -e^-z / (1 + sum_{y=1} e^-z) where y = 1, 0 where y is not known."""
    negative, positive = (given.m - given.y) * np.exp(given.z), given.y * np.exp(-given.z)
    share = negative / (1 + negative.sum(1, keepdims=True)) - positive / (1 + positive.sum(1, keepdims=True))
    return share / len(given.y)


def asymmetric(given: Given, o: SimpleNamespace) -> Array:
    """-(1 - p)^(gamma + 1) where y = 1; (p - m)^gamma p (1 - p) / (1 - p + m) where y = 0 and p > m, else 0."""
    p, m = given.p, o.probability_margin
    negative = np.maximum(p - m, 0) ** o.gamma_negative * p * (1 - p) / (1 - p + m)
    return np.where(given.y == 1, -((1 - p) ** (o.gamma_positive + 1)), negative * (p > m)) / given.y.size


def asymmetric_polynomial(given: Given, o: SimpleNamespace) -> Array:
    """-(1 - p)^(gamma + 1) (1 - a p - b p (1 - p)) where y = 1;

    (1 - q)^gamma p (1 - p) (1/q + e), q = 1 - p + m, where y = 0 and p > m, else 0.
    """
    p = given.p
    q = 1 - p + o.probability_margin
    slope = 1 - o.positive_linear * p - o.positive_quadratic * p * (1 - p)
    negative = np.maximum(1 - q, 0) ** o.gamma_negative * p * (1 - p) * (1 / q + o.negative_linear)
    return np.where(given.y == 1, -((1 - p) ** (o.gamma_positive + 1)) * slope, negative * (q < 1)) / given.y.size


def hill(given: Given, o: SimpleNamespace) -> Array:
    """p^2 (1 - p) (2 lambda - 3 p) where y = 0; the focal loss's at z - m where y = 1."""
    p = given.p
    negative = p**2 * (1 - p) * (2 * o.negative_offset - 3 * p)
    return np.where(given.y == 1, focal(given.z - o.margin, given.y, o.gamma), negative) / given.y.size


def self_paced_correction(given: Given, o: SimpleNamespace) -> Array:
    """The focal loss's at z - m y, of labels that are turned to 1 where they are not known and p > threshold."""
    turned = (given.m == 0) & (given.p > o.threshold) & (given.epoch >= o.change_epoch)
    return focal(given.z - o.margin * given.y, np.where(turned, 1.0, given.y), o.gamma) / given.y.size


def smoothed(given: Given, o: SimpleNamespace) -> Array:
    """p (1 - p) ((1 - t) / (1 - p + epsilon) - t / (p + epsilon)), t the smoothed label."""
    t = np.where(given.y == 1, 1 - o.smoothing, o.smoothing)
    p = given.p
    return p * (1 - p) * ((1 - t) / (1 - p + o.epsilon) - t / (p + o.epsilon)) / given.y.size


def two_way(given: Given, o: SimpleNamespace) -> Array:
    """sigmoid(P + Q) times -softmax(-z / T_p) over a set's positives and softmax(z / T_n) over its known negatives.

    The sets are the rows with a positive and the columns with one; each kind's terms are averaged over its sets.
    """
    found = np.zeros_like(given.z)
    for turn in (np.asarray, np.transpose):
        z, y, m, gradient = map(turn, (given.z, given.y, given.m, found))
        sets = [i for i, row in enumerate(y) if row.any()]
        for i in sets:
            positive = y[i] * np.exp(-z[i] / o.positive_temperature)
            negative = (m[i] - y[i]) * np.exp(z[i] / o.negative_temperature)
            if negative.any():
                of_positives = o.positive_temperature * np.log(positive.sum())
                of_negatives = o.negative_temperature * np.log(negative.sum())
                gradient[i] += (
                    sigmoid(of_positives + of_negatives)
                    * (negative / negative.sum() - positive / positive.sum())
                    / len(sets)
                )
    return found


GRADIENTS: dict[str, Callable[[Given, SimpleNamespace], Array]] = {
    "BCE": binary_cross_entropy,
    "FL": focal_loss,
    "CB": class_balanced,
    "R-FL": rebalanced_focal,
    "DB": distribution_balanced,
    "BS": balanced_softmax,
    "ASL": asymmetric,
    "ASL .8": asymmetric,
    "APL": asymmetric_polynomial,
    "APL .8": asymmetric_polynomial,
    "Hill": hill,
    "SPLC": self_paced_correction,
    "BCE-LS": smoothed,
    "Two-way": two_way,
}
"""{method: [B, c] its gradient at the logits}."""
FURTHER: dict[str, list[dict[str, Any]]] = {
    "CB": [{"mode": "average_w"}, {"normalise": False}],
    "R-FL": [{"mu": 0.4}],
    "DB": [{"mu": 0.4, "negative_scale": 3.0}, {"reweight": False}, {"released_bias": True}],
    "SPLC": [{"change_epoch": 1}],
}
"""Values of options that are no numbers, or have none by default."""
LOSSES = [name for name, info in methods.infos().items() if info.family == "losses" and info.origin == "built-in"]


def settings(name: str) -> list[dict[str, Any]]:
    """The defaults, each number by itself at another value, and those of FURTHER."""
    defaults = methods.info(name).defaults
    numbers = [{option: 0.9 * value + 0.03} for option, value in defaults.items() if isinstance(value, float)]
    return [{}, *numbers, *FURTHER.get(name, [])]


LOGITS = np.random.default_rng(0).normal(scale=2.5, size=(9, 5))
LABELS = (np.random.default_rng(1).random((9, 5)) < 0.4).astype(float)
LABELS[0], LABELS[1] = 0, 1
KNOWN = (np.random.default_rng(2).random((9, 5)) < 0.5).astype(float)
BATCHES = {
    "all known": (LABELS, None),
    "some known": (LABELS * KNOWN, KNOWN),
    "positives known": (LABELS, LABELS),
    "none known": (np.zeros_like(LABELS), np.zeros_like(LABELS)),
    "no labels": (np.zeros_like(LABELS), None),
    "all labels": (np.ones_like(LABELS), None),
    "one row": (LABELS[2:3], None),
    "one row without labels": (LABELS[:1], None),
}
"""{which: (labels [B, c], which of them are known)}."""


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_at_the_logits_is_the_stated_one(name: str) -> None:
    assert name in GRADIENTS, f"{name} states no gradient: add it to GRADIENTS in {__file__}"
    for (which, (y, observed)), options, epoch in product(BATCHES.items(), settings(name), (1, 2)):
        z = LOGITS[: len(y)]
        known = np.ones_like(y) if observed is None else observed
        chosen = SimpleNamespace(**{**methods.info(name).defaults, **options})
        stated = GRADIENTS[name](Given(z, y, known, epoch), chosen)
        seen = None if observed is None else double(observed)
        training = {"positives": double(POSITIVES), "rows": ROWS}
        found = value_and_gradient(name, double(z), double(y), seen, epoch, **training, **options)[1]
        apart = float((found - double(stated)).abs().max())
        assert apart < 1e-12, f"{which}, {options}, epoch {epoch}: {apart}"


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_finite_at_any_logits(name: str) -> None:
    """In float32 and for two models at once, at logits whose sigmoid is 0 or 1 in float32."""
    for which, (labels, observed) in BATCHES.items():
        y = torch.as_tensor(labels, dtype=torch.float32)
        seen = None if observed is None else torch.as_tensor(observed, dtype=torch.float32)
        method, extra = made(name, y, seen)
        z = torch.stack([torch.full_like(y, -120.0), torch.full_like(y, 120.0)]).requires_grad_()
        batch = Batch(x=torch.zeros(len(y), 1), y=y, z=z, extra=extra, epoch=torch.tensor(2.0))
        losses = torch.vmap(lambda z, method=method, batch=batch: method(replace(batch, z=z)))(z)
        (gradient,) = torch.autograd.grad(losses.sum(), z)
        assert losses.isfinite().all(), which
        assert gradient.isfinite().all(), which
