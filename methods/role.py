"""Regularised online label estimation (Cole, Mac Aodha, Lorieul, Perona, Morris, Jojic, CVPR 2021)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split, register
from bench.methods.losses import expected_positives_penalty, negative_log

RATE = 10.0
"""Factor of the estimator's learning rate; of a parameter that Adam updates the same is a factor in front of it."""
KNOWN = math.log(0.995 / 0.005)
"""First logit of a known positive."""
UNKNOWN = math.log(0.6 / 0.4)
"""Bound of the first logits of unknown labels: estimates between .4 and .6."""


@register(
    "ROLE",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    epsilon=1e-5,
    positives_per_row=None,
)
class Role(LinearMethod):
    """(L(p, e) + L(e, p)) / 2, L(a, b) = mean of y nl(a) + n nl(1-a) + b nl(a) + (1-b) nl(1-a), plus R(a), b detached.

    p are the classifier's probabilities, e = sigmoid(estimate) those of a matrix [N, c] that is learned beside it; y
    and n are 1 on known positives and negatives, nl(a) = -log(a + ``epsilon``), and R(a) = ((sum over the labels of a,
    mean over the batch) - k)^2 / c^2. The matrix starts at random between .4 and .6 where a label is unknown, at .995
    or .005 where it is known, and learns ten times as fast as the classifier. It takes 20 N c bytes a
    model: itself, its gradient and three moments.

    Options: ``epsilon``; ``positives_per_row``, the k: without it the mean number of labels of validation rows that
    are wholly known.

    Departs from the release: known negatives are in the loss, as known positives are (it has no term for them); k is
    counted on validation rows, where the release is given that of all labels of the data set.
    """

    epsilon: Tensor
    positives_per_row: Tensor
    per_sample = ("estimate",)
    prepare_ignores = ("epsilon", "positives_per_row")

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        if hyperparameters["positives_per_row"] is None:
            hyperparameters["positives_per_row"] = problem.labels_per_row
        if hyperparameters["positives_per_row"] is None:
            raise ValueError(
                "ROLE needs the mean number of labels per row, and there is no wholly known validation row to count "
                "them on; give the option positives_per_row"
            )
        super().__init__(problem, **hyperparameters)
        self.estimate = nn.Parameter(torch.zeros(problem.n_samples, problem.n_labels))

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        drawn = UNKNOWN * (2 * torch.rand(train.y.shape) - 1)  # on the CPU: the same on every device
        known = torch.where(train.y > 0, KNOWN, -KNOWN)
        start = known if train.observed is None else torch.where(train.observed, known, drawn.to(known))
        return {"row": torch.arange(len(train.y)), "start": start}

    def objective(self, batch: Batch) -> Tensor:
        estimate = RATE * self.estimate.index_select(0, batch.extra["row"]) + batch.extra["start"]
        return (self.side(batch, batch.z, estimate) + self.side(batch, estimate, batch.z)) / 2

    def side(self, batch: Batch, z: Tensor, other: Tensor) -> Tensor:
        """L of the logits ``z``, whose targets are the probabilities of the ``other`` ones."""
        p, rest = z.sigmoid(), (-z).sigmoid()
        target = other.detach().sigmoid()
        negative = (1 if batch.observed is None else batch.observed) - batch.y
        losses = (batch.y + target) * negative_log(p, self.epsilon) + (negative + 1 - target) * negative_log(
            rest, self.epsilon
        )
        return losses.mean() + expected_positives_penalty(p, self.positives_per_row)
