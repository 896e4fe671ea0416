"""Asymmetric polynomial loss (Huang, Qi, Wang, Lin, ICASSP 2023)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import asymmetric_weight, shifted_probability


@register(
    "APL",
    family="losses",
    paper="Huang et al., Asymmetric Polynomial Loss for Multi-Label Classification, ICASSP 2023",
    grid={"positive_linear": [0.0, 1.0], "positive_quadratic": [-2.5, 0.0]},
)
class AsymmetricPolynomial(LinearMethod):
    """ASL plus a polynomial in p_t: mean of -(1 - p_t)^gamma (log p_t + a (1 - p_t) + b/2 (1 - p_t)^2 + e p_t).

    a and b are 0 for negatives, e is 0 for positives. -log p is the sum of (1 - p)^k / k: a = 1 removes its first term,
    b = -2.5 raises the coefficient of the second from 1/2 to 7/4. All three at 0 leave ASL.

    Options: ``gamma_positive``, ``gamma_negative`` and ``probability_margin`` as in ASL; ``positive_linear`` (a),
    ``positive_quadratic`` (b), ``negative_linear`` (e).

    The weight (1 - p_t)^gamma has no gradient. At the logits that of a positive is
    -(1 - p)^(gamma + 1) (1 - a p - b p (1 - p)), that of a negative (1 - q)^gamma p (1 - p) (1/q + e) where p > m, with
    q = 1 - p + m, and 0 where it is not. A label that is not known counts as a negative. Predictions at p > .5 have
    many false positives, as ASL's; APL .8 has fewer.

    Departs from the release: the mean in place of the sum, a constant factor.
    """

    gamma_positive: Tensor
    gamma_negative: Tensor
    probability_margin: Tensor
    positive_linear: Tensor
    positive_quadratic: Tensor
    negative_linear: Tensor
    shared_defaults: ClassVar = {
        "gamma_positive": 0.0,
        "gamma_negative": 4.0,
        "probability_margin": 0.05,
        "positive_linear": 1.0,
        "positive_quadratic": -2.5,
        "negative_linear": 0.0,
    }

    def objective(self, batch: Batch) -> Tensor:
        p_t = shifted_probability(batch.z, batch.y, self.probability_margin)
        weight = asymmetric_weight(p_t, batch.y, self.gamma_positive, self.gamma_negative)
        miss = 1 - p_t
        of_positives = miss * (self.positive_linear + self.positive_quadratic / 2 * miss)
        polynomial = torch.where(batch.y > 0, of_positives, self.negative_linear * p_t)
        return -(weight * (p_t.log() + polynomial)).mean()


@register(
    "APL .8",
    family="losses",
    paper="Huang et al., Asymmetric Polynomial Loss for Multi-Label Classification, ICASSP 2023",
    grid={"positive_linear": [0.0, 1.0], "positive_quadratic": [-2.5, 0.0]},
)
class AsymmetricPolynomialAtFourFifths(AsymmetricPolynomial):
    """APL whose predictions are the labels of p > .8, as ASL .8's are, in place of p > .5.

    Options: APL's ``gamma_positive``, ``gamma_negative``, ``probability_margin``, ``positive_linear``,
    ``positive_quadratic`` and ``negative_linear``.
    """

    decision_threshold = math.log(0.8 / 0.2)
