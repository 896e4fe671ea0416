"""Self-paced loss correction (Zhang, Cheng, Huang, Wen, Feng, Li, Guo, 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import cross_entropy, focal_modulation


@register(
    "SPLC",
    family="losses",
    paper="Zhang et al., Simple and Robust Loss Design for Multi-Label Learning with Missing Labels, arXiv 2021",
    gamma=2.0,
    margin=1.0,
    threshold=0.6,
    change_epoch=2,
)
class SelfPacedCorrection(LinearMethod):
    """Mean of (1 - p_t)^gamma CE(z - m y, y), where labels that are not known turn positive as p exceeds a threshold.

    From epoch ``change_epoch`` on, a label that is not known has y = 1, without the margin, where
    sigmoid(z) > ``threshold``, and y = 0 elsewhere.

    Options: ``gamma``; ``margin`` (m); ``threshold``; ``change_epoch``.

    At the logits the gradient is (2y - 1) (1 - p_t)^gamma (gamma p_t log p_t - (1 - p_t)), p_t of the shifted logit and
    of the label that y has turned to.

    Departs from the release: it corrects labels that are not known alone, where the release takes every negative for
    one that may have been missed; the two agree where no label is known to be negative, and where all labels are known
    nothing is corrected here.
    """

    gamma: Tensor
    margin: Tensor
    threshold: Tensor
    change_epoch: int

    def objective(self, batch: Batch) -> Tensor:
        y, z = batch.y, batch.z - self.margin * batch.y
        if batch.observed is not None:
            missed = (batch.observed == 0) & (torch.sigmoid(batch.z) > self.threshold)
            y = torch.where(missed & (batch.epoch >= self.change_epoch), 1.0, y)
        return (focal_modulation(z, y, self.gamma) * cross_entropy(z, y)).mean()
