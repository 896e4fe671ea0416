"""Controls of FLEM: its classifier's loss with label distributions that no estimator has learnt."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Split, register
from bench.methods.flem import FLEM, distribution_loss


@register(
    "LD-y",
    family="ablation",
    paper="a control of Zhao et al., IJCAI 2022: d = y / sum y",
    grid={"beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    beta=0.001,
)
class NormalisedLabels(LinearMethod):
    """beta L_LD + (1 - beta) L_SC with d = y / sum y; a row without labels has no L_LD. Options: ``beta``."""

    beta: Tensor

    def objective(self, batch: Batch) -> Tensor:
        degrees = batch.y / batch.y.sum(-1, keepdim=True).clamp(min=1)
        return mixed(self.beta, -(degrees * batch.z.log_softmax(-1)).sum(-1).mean(), batch)


@register(
    "LD-random",
    family="ablation",
    paper="a control of Zhao et al., IJCAI 2022: d is drawn at random",
    grid={"beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    beta=0.001,
)
class RandomDegrees(LinearMethod):
    """beta L_LD + (1 - beta) L_SC with d = softmax of normal numbers, drawn once a row. Options: ``beta``."""

    beta: Tensor
    prepare_ignores = ("beta",)

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        return {"degrees": torch.randn(train.y.shape)}  # on the CPU: the same on every device

    def objective(self, batch: Batch) -> Tensor:
        return mixed(self.beta, distribution_loss(batch.z, batch.extra["degrees"]), batch)


@register(
    "FLEM frozen",
    family="ablation",
    paper="a control of Zhao et al., IJCAI 2022: g stays as it is initialised",
    grid={"beta": [1e-4, 1e-3, 1e-2, 1e-1]},
    strategy="distribution",
    alpha=0.001,
    beta=0.001,
)
class FrozenEstimator(FLEM):
    """FLEM whose estimator g is never trained; of its loss L_LD and L_SC remain. Options: FLEM's.

    AdamW's weight decay, a factor of 1 - 1e-7 a step at the protocol's settings, still shrinks g's weights.
    """

    def objective(self, batch: Batch) -> Tensor:
        return mixed(self.beta, distribution_loss(batch.z, self.estimator(batch.x, batch.y)), batch)


def mixed(beta: Tensor, distribution: Tensor, batch: Batch) -> Tensor:
    """FLEM's classifier loss, eq. 10: beta L_LD + (1 - beta) L_SC."""
    return beta * distribution + (1 - beta) * F.binary_cross_entropy_with_logits(batch.z, batch.y)
