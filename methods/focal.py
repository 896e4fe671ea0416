"""Focal loss in its sigmoid form (Lin, Goyal, Girshick, He, Dollar, TPAMI 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import cross_entropy, focal_modulation


@register(
    "FL",
    family="losses",
    paper="Lin et al., Focal Loss for Dense Object Detection, TPAMI 2020",
    gamma=2.0,
    positive_weight=0.5,
    negative_weight=0.5,
)
class Focal(LinearMethod):
    """Mean of a_t (1 - p_t)^gamma CE(z, y).

    Options: ``gamma``; ``positive_weight`` and ``negative_weight``, the two values of a_t. Equal weights of any size
    are the same run (AdamW divides a constant factor out); .25/.75 is RetinaNet's setting.
    """

    gamma: Tensor
    positive_weight: Tensor
    negative_weight: Tensor

    def objective(self, batch: Batch) -> Tensor:
        weight = torch.where(batch.y > 0, self.positive_weight, self.negative_weight)
        return (weight * focal_modulation(batch.z, batch.y, self.gamma) * cross_entropy(batch.z, batch.y)).mean()
