"""Fusion label enhancement (Zhao, An, Xu, Geng, IJCAI 2022) and its two ablations.

Symbols are the paper's: alpha weighs the enhancement strategy in the estimator's loss (eq. 8), beta the label
distribution loss in the classifier's (eq. 10). The released code has the two names exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods.api import Batch, LinearMethod, Problem, Split, register
from bench.methods.enhancement.networks import ResidualBlock


class Estimator(nn.Module):
    """g: features and logical labels to pre-softmax degrees d* [B, c] (eq. 1).

    The decoder's second layer has c x c weights. They are the released code's, and all that grows with the square of
    the labels: of the 21 million weights of f and g at 3956 labels and 1000 features 15.6 are its own.
    """

    def __init__(self, features: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.features = ResidualBlock(features, hidden)
        self.labels = ResidualBlock(labels, hidden)
        self.decoder = ResidualBlock(2 * hidden, labels)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.decoder(torch.cat([self.features(x), self.labels(y)], -1))


@register(
    "FLEM-S",
    family="label enhancement",
    paper="Zhao et al., Fusion Label Enhancement for Multi-Label Learning, IJCAI 2022",
    grid={"alpha": [1e-4, 1e-3, 1e-2, 1e-1], "beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    strategy="similarity",
    alpha=0.001,
    beta=0.001,
)
@register(
    "FLEM-T",
    family="label enhancement",
    paper="Zhao et al., Fusion Label Enhancement for Multi-Label Learning, IJCAI 2022",
    grid={"alpha": [1e-4, 1e-3, 1e-2, 1e-1], "beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    strategy="threshold",
    alpha=0.001,
    beta=0.001,
)
@register(
    "FLEM-D",
    family="label enhancement",
    paper="Zhao et al., Fusion Label Enhancement for Multi-Label Learning, IJCAI 2022",
    grid={"alpha": [1e-4, 1e-3, 1e-2, 1e-1], "beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    strategy="distribution",
    alpha=0.001,
    beta=0.001,
)
# Without the label distribution loss (beta = 0) nothing of g reaches f but through the shared gradient clip.
@register(
    "FLEM-I",
    family="ablation",
    paper="Zhao et al., IJCAI 2022, Table 6: without the label distribution loss",
    strategy="distribution",
    alpha=0.001,
    beta=0.0,
)
# Without the interaction loss (alpha = 1): g imitates f, f imitates g.
@register(
    "FLEM-II",
    family="ablation",
    paper="Zhao et al., IJCAI 2022, Table 6: without the interaction loss",
    grid={"beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    strategy="distribution",
    alpha=1.0,
    beta=0.001,
)
class FLEM(LinearMethod):
    """L = alpha L_LE + (1 - alpha) L_IN + beta L_LD + (1 - beta) L_SC on gradient-disjoint networks f and g.

    Options: ``strategy`` "similarity", "threshold" or "distribution" (L_LE: eqs. 4, 5, 6); ``alpha``, ``beta``;
    ``gamma_positive``, ``gamma_negative`` (eq. 7; the released code's 0 and 1); ``threshold`` (epsilon of eq. 5);
    ``interaction`` "official", or "legacy": the weight of eq. 7 is in the value but not in the gradient, as in the
    code released until June 2022; ``hidden``, the width of g.
    """

    alpha: Tensor
    beta: Tensor
    gamma_positive: Tensor
    gamma_negative: Tensor
    threshold: Tensor
    strategy: str
    interaction: str
    hidden: int

    shared_defaults: ClassVar = {
        "gamma_positive": 0.0,
        "gamma_negative": 1.0,
        "threshold": 0.0,
        "interaction": "official",
        "hidden": 128,
    }

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        if self.strategy not in STRATEGIES:
            raise ValueError(f"FLEM's strategy is one of {', '.join(STRATEGIES)}, not {self.strategy!r}")
        if self.interaction not in ("official", "legacy"):
            raise ValueError(f"FLEM's interaction is 'official' or 'legacy', not {self.interaction!r}")
        self.estimator = Estimator(problem.n_features, problem.n_labels, self.hidden)

    def objective(self, batch: Batch) -> Tensor:
        degrees = self.estimator(batch.x, batch.y)
        enhancement = STRATEGIES[self.strategy](self, batch, degrees)
        estimator_loss = self.alpha * enhancement + (1 - self.alpha) * self.interaction_loss(batch, degrees)
        sign_consistency = F.binary_cross_entropy_with_logits(batch.z, batch.y)
        classifier_loss = self.beta * distribution_loss(batch.z, degrees) + (1 - self.beta) * sign_consistency
        return estimator_loss + classifier_loss

    def interaction_loss(self, batch: Batch, degrees: Tensor) -> Tensor:
        """L_IN (eq. 7): cross-entropy of sigmoid(d*), each label weighed by how hard f finds it."""
        p = torch.sigmoid(batch.z).detach()
        estimate = torch.sigmoid(degrees).clamp(1e-7, 1 - 1e-7)
        positive, negative = batch.y * estimate.log(), (1 - batch.y) * (1 - estimate).log()
        weighted = -((1 - p).pow(self.gamma_positive) * positive + p.pow(self.gamma_negative) * negative).mean()
        if self.interaction == "official":
            return weighted
        plain = -(positive + negative).mean()
        return plain + (weighted - plain).detach()

    def distribution(self, train: Split, extra: Mapping[str, Tensor]) -> Tensor:
        """softmax(d*) of the training rows as one batch: batch normalisation by the whole training set's statistics.

        The authors never evaluate g after training; the rule is ours.
        """
        return self.estimator(train.x, train.y.to(train.x.dtype)).softmax(-1)


def distribution_loss(z: Tensor, degrees: Tensor) -> Tensor:
    """L_LD (eq. 9, as the appendix and the code have it): cross-entropy of softmax(z) to d = softmax(d*)."""
    return -(degrees.softmax(-1).detach() * z.log_softmax(-1)).sum(-1).mean()


def similarity_strategy(method: FLEM, batch: Batch, degrees: Tensor) -> Tensor:
    """Eqs. 2-4: cosine similarities among the rows' degrees imitate those among their features."""
    x, d = F.normalize(batch.x, dim=-1), F.normalize(degrees, dim=-1)
    return (x @ x.T - d @ d.T).square().mean()


def threshold_strategy(method: FLEM, batch: Batch, degrees: Tensor) -> Tensor:
    """Eq. 5: no irrelevant label above a relevant one. The released code sums over the batch, the paper averages.

    A row without positives or without negatives contributes 0: its margin is -inf.
    """
    highest_negative = degrees.masked_fill(batch.y > 0, -torch.inf).amax(-1)
    lowest_positive = degrees.masked_fill(batch.y == 0, torch.inf).amin(-1)
    margin = (highest_negative - lowest_positive + method.threshold).clamp(min=0)
    return margin.sum() if method.problem.fidelity == "official" else margin.mean()


def distribution_strategy(method: FLEM, batch: Batch, degrees: Tensor) -> Tensor:
    """Eq. 6 up to the entropy of P, a constant for g: cross-entropy of d to P = softmax(z)."""
    return -(batch.z.softmax(-1).detach() * degrees.log_softmax(-1)).sum(-1).mean()


STRATEGIES = {
    "similarity": similarity_strategy,
    "threshold": threshold_strategy,
    "distribution": distribution_strategy,
}
