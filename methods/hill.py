"""Hill loss (Zhang, Cheng, Huang, Wen, Feng, Li, Guo, 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import cross_entropy, focal_modulation


@register(
    "Hill",
    family="losses",
    paper="Zhang et al., Simple and Robust Loss Design for Multi-Label Learning with Missing Labels, arXiv 2021",
    gamma=2.0,
    margin=1.0,
    negative_offset=1.5,
)
class Hill(LinearMethod):
    """Mean of -(1 - p_m)^gamma log p_m where y = 1, p_m = sigmoid(z - m), and of (lambda - p) p^2 where y = 0.

    Options: ``gamma``; ``margin`` (m); ``negative_offset`` (lambda).

    At the logits the gradient of a positive is (1 - p_m)^gamma (gamma p_m log p_m - (1 - p_m)), that of a negative
    p^2 (1 - p) (2 lambda - 3 p): at lambda = 1.5 it vanishes at p = 1, too, where a negative may be a label that was
    missed. A label that is not known counts as a negative.
    """

    gamma: Tensor
    margin: Tensor
    negative_offset: Tensor

    def objective(self, batch: Batch) -> Tensor:
        z = batch.z - self.margin * batch.y
        p = torch.sigmoid(batch.z)
        positive = focal_modulation(z, batch.y, self.gamma) * cross_entropy(z, batch.y)
        return torch.where(batch.y > 0, positive, (self.negative_offset - p) * p * p).mean()
