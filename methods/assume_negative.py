"""Unknown labels taken for negative ones of less weight (Cole, Mac Aodha, Lorieul, Perona, Morris, Jojic, CVPR 2021).

With the weight of the others that is binary cross-entropy, AN; with smoothed targets AN-LS, of ``label_smoothing``.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, Problem, register
from bench.methods.losses import bounded_cross_entropy


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
        losses = bounded_cross_entropy(batch.z, batch.y, self.epsilon)
        if batch.observed is not None:
            losses = (batch.observed + self.weight * (1 - batch.observed)) * losses
        return losses.mean()
