"""Asymmetric loss (Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter, Zelnik-Manor, ICCV 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import asymmetric_weight, shifted_probability


@register(
    "ASL",
    family="losses",
    paper="Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021",
)
class Asymmetric(LinearMethod):
    """Mean of -(1 - p_t)^gamma log p_t, p_t = p where y = 1 and min(1 - p + m, 1) where y = 0.

    Options: ``gamma_positive`` and ``gamma_negative``, the two values of gamma; ``probability_margin`` (m).

    The weight (1 - p_t)^gamma has no gradient. At the logits that of a positive is -(1 - p)^(gamma + 1), that of a
    negative (p - m)^gamma p (1 - p) / (1 - p + m) where p > m, and 0 where it is not. A label that is not known counts
    as a negative.

    Easy negatives are left alone, so probabilities settle above the frequencies, and at p > .5 many predictions are
    false positives: Hamming loss can be least before anything is learnt (in the first epoch on yeast and emotions).
    Select epochs by a metric of rankings, or take ASL .8.

    Departs from the release: the mean in place of the sum, a constant factor.
    """

    gamma_positive: Tensor
    gamma_negative: Tensor
    probability_margin: Tensor
    shared_defaults: ClassVar = {"gamma_positive": 0.0, "gamma_negative": 4.0, "probability_margin": 0.05}

    def objective(self, batch: Batch) -> Tensor:
        p_t = shifted_probability(batch.z, batch.y, self.probability_margin)
        weight = asymmetric_weight(p_t, batch.y, self.gamma_positive, self.gamma_negative)
        return -(weight * p_t.log()).mean()


@register(
    "ASL .8",
    family="losses",
    paper="Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021",
)
class AsymmetricAtFourFifths(Asymmetric):
    """ASL whose predictions are the labels of p > .8, as in the authors' scripts, in place of p > .5.

    Options: ASL's ``gamma_positive``, ``gamma_negative`` and ``probability_margin``.
    """

    decision_threshold = math.log(0.8 / 0.2)
