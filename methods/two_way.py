"""Two-way multi-label loss (Kobayashi, CVPR 2023)."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register

OUT = -1e4
"""Score of a label that is in no sum: it leaves a sum over no label finite, and its softplus 0."""


@register(
    "Two-way",
    family="losses",
    paper="Kobayashi, Two-Way Multi-Label Loss, CVPR 2023",
    positive_temperature=4.0,
    negative_temperature=1.0,
)
class TwoWay(LinearMethod):
    """Mean of l over the batch's columns with a positive, plus mean of l over its rows with one.

    l = softplus(P + Q), P = T_p log sum_{y=1} e^{-z / T_p}, Q = T_n log sum_{y=0} e^{z / T_n}, sums over the row or
    column: no positive's logit is to be lower than a negative's. A constant added to all logits changes nothing, so
    that one threshold for all labels is fitted on validation data. Unknown labels are in neither sum, and a row
    or column without negatives has l = 0: where positive labels alone are known, nothing is learnt. Options:
    ``positive_temperature``, T_p; ``negative_temperature``, T_n.

    The gradient of one l is sigmoid(P + Q) times -softmax(-z / T_p) on the positives and softmax(z / T_n) on the
    negatives; they sum to 0.

    Departs from the release: it takes unknown labels for negative ones, and has no value for a batch without
    positives, which is 0 here.
    """

    positive_temperature: Tensor
    negative_temperature: Tensor
    fits_threshold: ClassVar[bool] = True

    def objective(self, batch: Batch) -> Tensor:
        positive = batch.y > 0
        negative = ~positive if batch.observed is None else batch.observed > batch.y
        below = torch.where(positive, -batch.z, OUT) / self.positive_temperature
        above = torch.where(negative, batch.z, OUT) / self.negative_temperature

        def mean(dim: int) -> Tensor:
            counted = positive.any(dim)
            joint = self.positive_temperature * below.logsumexp(dim)
            joint = joint + self.negative_temperature * above.logsumexp(dim)
            return (counted * F.softplus(joint)).sum() / counted.sum().clamp(min=1)

        return mean(-2) + mean(-1)
