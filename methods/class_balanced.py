"""Class-balanced focal loss (Cui, Jia, Lin, Song, Belongie, CVPR 2019)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, Problem, register
from bench.methods.losses import class_balanced_weight, cross_entropy, focal_modulation


@register(
    "CB",
    family="losses",
    paper="Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019",
    beta=0.9999,
    gamma=2.0,
    factor=0.5,
    mode="by_class",
    normalise=True,
)
class ClassBalanced(LinearMethod):
    """Mean of a w_j (1 - p_t)^gamma CE(z, y), w_j = (1 - beta) / (1 - beta^n_j).

    Options: ``beta``, ``gamma``, ``factor`` (the constant a); ``mode`` "by_class" weighs each label's column,
    "average_w" each row by the mean weight of its positives (1 for a row without); ``normalise`` scales w to mean 1.

    With a linear model and AdamW a weight per column cannot matter beyond eps, rounding and the shared clip: expect FL.
    """

    gamma: Tensor
    factor: Tensor
    weight: Tensor
    mode: str
    normalise: bool

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        if self.mode not in ("by_class", "average_w"):
            raise ValueError(f"CB's mode is 'by_class' or 'average_w', not {self.mode!r}")
        weight = class_balanced_weight(problem.positives, float(hyperparameters["beta"]))
        self.register_buffer("weight", weight / weight.mean() if self.normalise else weight)

    def objective(self, batch: Batch) -> Tensor:
        weight = self.weight
        if self.mode == "average_w":
            count = batch.y.sum(-1, keepdim=True)
            weight = ((batch.y * weight).sum(-1, keepdim=True) / count.clamp(min=1)).where(count > 0, 1.0)
        loss = focal_modulation(batch.z, batch.y, self.gamma) * cross_entropy(batch.z, batch.y)
        return (self.factor * weight * loss).mean()
