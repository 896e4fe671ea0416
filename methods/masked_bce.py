"""Binary cross-entropy of the known labels alone, as Cole et al. (CVPR 2021) compare it: "ignore unobserved"."""

from __future__ import annotations

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import bounded_cross_entropy


@register(
    "IU",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    epsilon=1e-5,
)
class IgnoreUnobserved(LinearMethod):
    """Sum over known labels of -y log(p + epsilon) - (1-y) log(1 - p + epsilon), divided by the number of all labels.

    So a row of few known labels weighs no more than another. Where only positive labels are known nothing is learnt but
    to predict every label. The gradient at a known label's logit is p (1-p) [(1-y) / (1 - p + epsilon) - y / (p +
    epsilon)], divided by that number. Options: ``epsilon``, 0 for the logarithms as they are.
    """

    epsilon: Tensor

    def objective(self, batch: Batch) -> Tensor:
        losses = bounded_cross_entropy(batch.z, batch.y, self.epsilon)
        return (losses if batch.observed is None else batch.observed * losses).mean()
