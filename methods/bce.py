"""Binary cross-entropy: every label on its own, the baseline that the paper's tables lack."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register


@register(
    "BCE",
    family="losses",
    paper="binary relevance (Boutell et al., Pattern Recognition 2004) with the logistic loss",
    aliases=["AN"],
)
class BinaryCrossEntropy(LinearMethod):
    """Mean over the batch and the labels of -y log p - (1-y) log (1-p).

    On partly known labels it takes an unknown label for absent: AN, "assume negative" (Cole et al., CVPR 2021).
    """

    def objective(self, batch: Batch) -> Tensor:
        return F.binary_cross_entropy_with_logits(batch.z, batch.y)
