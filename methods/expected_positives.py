"""Expected positive regularisation (Cole, Mac Aodha, Lorieul, Perona, Morris, Jojic, CVPR 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, Problem, register
from bench.methods.losses import bounded_cross_entropy, expected_positives_penalty


@register(
    "EPR",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    positives_per_row=None,
    epsilon=1e-5,
)
class ExpectedPositives(LinearMethod):
    """Mean of -y log(p + epsilon) - (known and not y) log(1 - p + epsilon), plus ((mean row sum of p - k) / c)^2.

    Unknown labels have the second term alone, which draws the number of labels that a batch's rows have, on average, to
    k. Options: ``positives_per_row``, k; without it the mean number of labels of the validation rows. ``epsilon``, 0
    for the logarithms as they are. The gradient of the second term at a logit is 2 (mean row sum of p - k) p (1-p) /
    (B c^2), that of the first one is binary cross-entropy's.

    Departs from the release: it takes k from the training rows' whole labels, and a known negative label for an unknown
    one.
    """

    positives_per_row: Tensor
    epsilon: Tensor

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        k = hyperparameters["positives_per_row"]
        if k is None and (k := problem.labels_per_row) is None:
            raise ValueError(
                "EPR needs the mean number of labels of a row, and there are no wholly labelled validation rows to "
                "count it in: give it as the option positives_per_row"
            )
        super().__init__(problem, **{**hyperparameters, "positives_per_row": float(k)})

    def objective(self, batch: Batch) -> Tensor:
        losses = bounded_cross_entropy(batch.z, batch.y, self.epsilon)
        if batch.observed is not None:
            losses = batch.observed * losses
        return losses.mean() + expected_positives_penalty(batch.z.sigmoid(), self.positives_per_row)
