"""Balanced softmax for multi-label classification (Su 2020; Zhang et al., IJCAI 2021, as 'adaptive threshold' loss)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register


@register(
    "BS",
    family="losses",
    paper="Zhang et al., Document-level Relation Extraction ..., IJCAI 2021",
    aliases=["ZLPR"],
)
class BalancedSoftmax(LinearMethod):
    """Mean over rows of log(1 + sum_{y=0} e^z) + log(1 + sum_{y=1} e^-z); the threshold at 0 is built in.

    Labels that are not known are in neither sum; where positive ones alone are known, nothing is learnt but to predict
    every label.
    """

    def objective(self, batch: Batch) -> Tensor:
        negatives = batch.z.masked_fill(batch.y > 0, -torch.inf)
        if batch.observed is not None:
            negatives = negatives.masked_fill(batch.observed == 0, -torch.inf)
        positives = (-batch.z).masked_fill(batch.y == 0, -torch.inf)
        return (log_one_plus_sum_exp(negatives) + log_one_plus_sum_exp(positives)).mean()


def log_one_plus_sum_exp(values: Tensor) -> Tensor:
    """[B] log(1 + sum_j e^{v_j}): a logsumexp with an appended 0, so that a row of -inf gives 0 and no NaN."""
    zero = torch.zeros_like(values[..., :1])
    return torch.logsumexp(torch.cat([values, zero], -1), -1)
