"""Binary cross-entropy with smoothed labels (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, CVPR 2016)."""

from __future__ import annotations

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register
from bench.methods.losses import smoothed_cross_entropy


@register(
    "BCE-LS",
    family="losses",
    paper="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
    grid={"smoothing": [0.05, 0.1]},
    smoothing=0.1,
    epsilon=1e-5,
)
@register(
    "AN-LS",
    family="partial labels",
    paper="Cole et al., Multi-Label Learning from Single Positive Labels, CVPR 2021",
    grid={"smoothing": [0.05, 0.1]},
    smoothing=0.1,
    epsilon=1e-5,
)
class LabelSmoothing(LinearMethod):
    """Mean of -t log(p + epsilon) - (1-t) log(1 - p + epsilon), t = 1 - smoothing of positives and smoothing of others.

    A label that is not known counts as negative: on partly known labels that is AN-LS, "assume negative" smoothed.
    Options: ``smoothing``; ``epsilon``, 0 for the logarithms as they are.

    Departs from the paper: smoothing of two classes moves each target by half of it there, by all of it here, as in the
    code of Cole et al. (CVPR 2021), whose .1 is the default; the grid's .05 is the paper's .1.
    """

    smoothing: Tensor
    epsilon: Tensor

    def objective(self, batch: Batch) -> Tensor:
        return smoothed_cross_entropy(batch.z, batch.y, self.smoothing, self.epsilon).mean()
