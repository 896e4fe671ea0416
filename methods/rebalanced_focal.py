"""Re-balanced focal loss (Wu, Huang, Liu, Wang, Lin, ECCV 2020; name and constants of Huang et al., EMNLP 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split, register
from bench.methods.losses import DEFAULT_MU, PUBLISHED_MU, cross_entropy, focal_modulation, rebalanced_weight


@register(
    "R-FL",
    family="losses",
    paper="Wu et al., Distribution-Balanced Loss, ECCV 2020",
    alpha=0.1,
    beta=10.0,
    mu=None,
    gamma=2.0,
    factor=0.5,
)
class RebalancedFocal(LinearMethod):
    """Mean of a w_ij (1 - p_t)^gamma CE(z, y), w_ij = alpha + sigmoid(beta (r_ij - mu)), computed once for all rows.

    Options: ``alpha``, ``beta``, ``mu`` of the re-balancing map; without ``mu`` the published value of the data set,
    else .2; ``gamma``; ``factor`` (the constant a).
    """

    alpha: Tensor
    beta: Tensor
    mu: Tensor
    gamma: Tensor
    factor: Tensor
    positives: Tensor
    prepare_ignores = ("gamma", "factor")

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        if hyperparameters["mu"] is None:
            hyperparameters["mu"] = PUBLISHED_MU.get(problem.dataset, DEFAULT_MU)
        super().__init__(problem, **hyperparameters)
        self.register_buffer("positives", problem.positives)

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        y = train.y.to(train.x.dtype)
        positives = self.positives.to(train.x)
        return {"weight": rebalanced_weight(y, positives, self.alpha, self.beta, self.mu)}

    def objective(self, batch: Batch) -> Tensor:
        loss = focal_modulation(batch.z, batch.y, self.gamma) * cross_entropy(batch.z, batch.y)
        return (self.factor * batch.extra["weight"] * loss).mean()
