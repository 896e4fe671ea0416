"""Distribution-balanced loss (Wu, Huang, Liu, Wang, Lin, ECCV 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split, register
from bench.methods.losses import (
    DEFAULT_MU,
    DEFAULT_NEGATIVE_SCALE,
    PUBLISHED_MU,
    PUBLISHED_NEGATIVE_SCALE,
    cross_entropy,
    focal_modulation,
    negative_tolerant_bias,
    rebalanced_weight,
)


@register(
    "DB",
    family="losses",
    paper="Wu et al., Distribution-Balanced Loss, ECCV 2020",
    alpha=0.1,
    beta=10.0,
    mu=None,
    kappa=0.05,
    negative_scale=None,
    gamma=2.0,
    factor=0.5,
    reweight=True,
    released_bias=False,
)
class DistributionBalanced(LinearMethod):
    """R-FL on regularised logits: z' = z + nu, and lambda z' at weight w/lambda for the negatives (eq. 9).

    The bias nu and the scale lambda exist in the loss only: predictions use z.

    Options: ``alpha``, ``beta``, ``mu``, ``gamma``, ``factor`` as in R-FL; ``kappa``; ``negative_scale`` (lambda;
    without it the published value of the data set, else 2); ``reweight = false`` leaves NTR-FL, without w and 1/lambda;
    ``gamma = 0`` leaves the loss without focal modulation; ``released_bias`` divides nu by lambda as the released code
    did, which its author calls a mistake.
    """

    alpha: Tensor
    beta: Tensor
    mu: Tensor
    kappa: Tensor
    negative_scale: Tensor
    gamma: Tensor
    factor: Tensor
    positives: Tensor
    reweight: bool
    released_bias: bool
    prepare_ignores = ("kappa", "gamma", "factor", "released_bias")

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        if hyperparameters["mu"] is None:
            hyperparameters["mu"] = PUBLISHED_MU.get(problem.dataset, DEFAULT_MU)
        if hyperparameters["negative_scale"] is None:
            hyperparameters["negative_scale"] = PUBLISHED_NEGATIVE_SCALE.get(problem.dataset, DEFAULT_NEGATIVE_SCALE)
        super().__init__(problem, **hyperparameters)
        self.register_buffer("positives", problem.positives)

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        if not self.reweight:
            return {}
        y = train.y.to(train.x.dtype)
        weight = rebalanced_weight(y, self.positives.to(train.x), self.alpha, self.beta, self.mu)
        return {"weight": torch.where(y > 0, weight, weight / self.negative_scale)}

    def objective(self, batch: Batch) -> Tensor:
        y = batch.y
        bias = negative_tolerant_bias(self.positives, self.problem.n_samples, self.kappa)
        if self.released_bias:
            bias = bias / self.negative_scale
        shifted = batch.z + bias
        z = torch.where(y > 0, shifted, shifted * self.negative_scale)
        loss = self.factor * focal_modulation(z, y, self.gamma) * cross_entropy(z, y)
        if self.reweight:
            loss = loss * batch.extra["weight"]
        return loss.mean()
