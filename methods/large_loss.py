"""Large-loss methods (Kim, Kim, Akata, Lee, CVPR 2022): unknown labels count as negative, but for the k of the batch
with the largest losses.

Each has the option ``delta``: from the second epoch on LL-R and LL-Ct take ceil(n (t - 1) d) of the n = B c entries of
a batch in epoch t, LL-Cp takes ceil(n d) in each, with d = ``delta`` 9 / (E - 1), so that in the last of E epochs as
many are taken as the paper takes in its tenth. Entries with equal losses are taken together.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.methods.api import Batch, Fit, LinearMethod, Problem, Split, register
from bench.methods.losses import cross_entropy

PAPER_EPOCHS = 10
MILLION = 10**6


def taken(delta: Tensor, entries: int, epochs: int, times: Tensor) -> Tensor:
    """0-d int64: ceil(``entries`` * ``times`` * d), d = ``delta`` 9 / (E - 1), in integers: delta in millionths."""
    share = (delta.double() * MILLION).round().long() * (PAPER_EPOCHS - 1)
    return -torch.div(-entries * times.long() * share, MILLION * max(epochs - 1, 1), rounding_mode="floor")


class LargeLoss(LinearMethod):
    """Mean binary cross-entropy, whose unknown entries of the largest losses are changed by a subclass."""

    delta: Tensor

    def growing(self, batch: Batch) -> Tensor:
        """[B, c] bool: unknown entries whose losses are among the k largest, k growing from epoch to epoch."""
        if batch.observed is None:
            return torch.zeros_like(batch.y, dtype=torch.bool)
        k = taken(self.delta, batch.y.numel(), batch.epochs, batch.epoch - 1)
        return self.largest(batch.z, batch.observed == 0, k)[0]

    def largest(self, z: Tensor, unknown: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """[B, c] each: whether the loss is among the ``k`` largest of unknown entries, and larger than the k-th.

        An unknown label counts as negative: its loss log(1 + exp z) is ordered as its logit is.
        """
        among = z.detach().masked_fill(~unknown, -torch.inf)
        k = torch.minimum(k, unknown.sum())
        smallest = among.flatten().sort(descending=True).values.gather(0, (k - 1).clamp(min=0).reshape(1))
        return (among >= smallest) & (k > 0), (among > smallest) & (k > 0)


@register(
    "LL-R",
    family="partial labels",
    paper="Kim et al., Large Loss Matters in Weakly Supervised Multi-Label Classification, CVPR 2022",
    grid={"delta": [0.001, 0.002, 0.003, 0.004, 0.005]},
    delta=0.002,
)
class LargeLossRejection(LargeLoss):
    """Mean of BCE(z, y), 0 for the unknown entries of the k largest losses. Options: ``delta``, which k grows by.

    Departs from the release: k is taken among unknown entries and is at most their number (there a batch with fewer
    loses its known labels, too), and grows over the epochs that there are, not over ten.
    """

    def objective(self, batch: Batch) -> Tensor:
        return cross_entropy(batch.z, batch.y).masked_fill(self.growing(batch), 0).mean()


@register(
    "LL-Ct",
    family="partial labels",
    paper="Kim et al., Large Loss Matters in Weakly Supervised Multi-Label Classification, CVPR 2022",
    grid={"delta": [0.001, 0.002, 0.003, 0.004, 0.005]},
    delta=0.002,
)
class TemporaryCorrection(LargeLoss):
    """Mean of BCE(z, y), y = 1 for the unknown entries of the k largest losses. Options: ``delta``, which k grows by.

    Departs from the release: k is taken among unknown entries and is at most their number (there a batch with fewer
    has its known labels inverted, too), and grows over the epochs that there are, not over ten.
    """

    def objective(self, batch: Batch) -> Tensor:
        return cross_entropy(batch.z, batch.y.masked_fill(self.growing(batch), 1)).mean()


@register(
    "LL-Cp",
    family="partial labels",
    paper="Kim et al., Large Loss Matters in Weakly Supervised Multi-Label Classification, CVPR 2022",
    grid={"delta": [0.001, 0.002, 0.003, 0.004, 0.005]},
    delta=0.002,
)
class PermanentCorrection(LargeLoss):
    """Mean of BCE(z, y), y = 1 for the unknown entries of the k largest losses, and from then on for those above the
    k-th.

    Options: ``delta``, a batch's share of corrected entries. With k = 1 nothing is corrected for good: so it is with 20
    labels and batches of 64 over 30 epochs where delta is .1 or .2 percent; from .3 to .5 percent k is 2.

    Departs from the release: k is taken among unknown entries and is at most their number, and is spread over the
    epochs that there are, not ten; the release, asked for this method, runs LL-Ct (it compares texts by identity).
    """

    stackable = False
    corrected: Tensor
    prepare_ignores: ClassVar = ("delta",)

    def __init__(self, problem: Problem, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        # Labels that are 1 for good, changed in its place by each step.
        self.register_buffer("corrected", torch.zeros(problem.n_samples, problem.n_labels, dtype=torch.bool))

    def prepare(self, train: Split, fit: Fit) -> dict[str, Tensor]:
        return {"row": torch.arange(len(train.y))}

    def objective(self, batch: Batch) -> Tensor:
        y = batch.y
        if batch.observed is not None:
            row = batch.extra["row"]
            before = self.corrected[row]
            k = taken(self.delta, y.numel(), batch.epochs, (batch.epoch > 1).long())
            for_now, for_good = self.largest(batch.z, (batch.observed == 0) & ~before, k)
            self.corrected[row] = before | for_good
            y = y.masked_fill(before | for_now, 1)
        return cross_entropy(batch.z, y).mean()
