"""Unknown labels taken for negative ones, with smoothed targets or less weight (Cole, Mac Aodha, Lorieul, Perona,
Morris, Jojic, CVPR 2021). Without either that is binary cross-entropy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, Problem, register
from bench.methods.losses import negative_log, smoothed_cross_entropy


@register(
    "AN-LS",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    grid={"smoothing": [0.05, 0.1]},
    smoothing=0.1,
    epsilon=1e-5,
)
class AssumeNegativeSmoothed(LinearMethod):
    """Mean of -t log(p + epsilon) - (1-t) log(1 - p + epsilon), t = 1 - smoothing of positives and smoothing of others.

    "Others" are negative and unknown labels alike: where all labels are known this is BCE-LS. Options: ``smoothing``;
    ``epsilon``, 0 for the logarithms as they are.
    """

    smoothing: Tensor
    epsilon: Tensor

    def objective(self, batch: Batch) -> Tensor:
        return smoothed_cross_entropy(batch.z, batch.y, self.smoothing, self.epsilon).mean()


@register(
    "WAN",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    epsilon=1e-5,
)
class WeakAssumeNegative(LinearMethod):
    """Mean of w [-y log(p + epsilon) - (1-y) log(1 - p + epsilon)], w = 1 / (c - 1) of unknown labels, 1 of known ones.

    So the unknown labels of a row weigh as much as its one known label; where all are known this is IU. The gradient at
    a logit is w p (1-p) [(1-y) / (1 - p + epsilon) - y / (p + epsilon)], divided by the number of labels. Options:
    ``epsilon``, 0 for the logarithms as they are.

    Departs from the release: it takes a known negative label for an unknown one.
    """

    epsilon: Tensor

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        self.weight = 1 / max(1, problem.n_labels - 1)

    def objective(self, batch: Batch) -> Tensor:
        losses = negative_log(torch.sigmoid(torch.where(batch.y > 0, batch.z, -batch.z)), self.epsilon)
        if batch.observed is not None:
            losses = (batch.observed + self.weight * (1 - batch.observed)) * losses
        return losses.mean()
