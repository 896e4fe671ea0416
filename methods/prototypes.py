"""Nearest prototype of each label (Snell, Swersky, Zemel, NeurIPS 2017) on centred rows of unit length."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import ROWS_AT_ONCE, check_classes


@register(
    "Prototypes", family="neighbours", paper="Snell et al., Prototypical Networks for Few-shot Learning, NeurIPS 2017"
)
class Prototypes(Method):
    """|u - q|^2 - |u - p|^2, p and q the means of u over the rows that have the label, and that lack it.

    u = (x - m) / |x - m|, m the mean of the training rows. The sigmoid of the score is the softmax over the negative
    squared distances to the two prototypes (Snell et al., eq. 2); a label is predicted where its positive prototype is
    the nearer one, however rare the label: where that predicts too much, a decision rule fits the threshold.
    Rows on which a label is unknown are left out of its prototypes. A label that all known rows lack has the score -4,
    one that all have 4: no distance of two such means and rows exceeds 2.

    Departs from the paper: features are as given, where the paper learns them in episodes of few-shot tasks; centred
    and of unit length as in SimpleShot's "CL2N" (Wang et al., arXiv 1911.04623), but the mean is that of the training
    rows, for there are no base classes.
    """

    decision_threshold = 0.0
    bound = 4.0

    def fit(self, train: Split, seed: int) -> None:
        check_classes(train.y.cpu().numpy(), None if train.observed is None else train.observed.cpu().numpy())
        self.centre = torch.stack([x.sum(0) for x in _blocks(train.x)]).sum(0) / train.x.shape[0]
        positive = (train.y > 0).double()
        negative = (train.y == 0).double() if train.observed is None else ((train.y == 0) & train.observed).double()
        self.has, self.lacks = self._means(train.x, positive), self._means(train.x, negative)
        self.never, self.always = positive.sum(0) == 0, negative.sum(0) == 0

    def scores(self, x: Tensor) -> Tensor:
        weight = 2 * (self.has - self.lacks)  # |u|^2 is in both distances and left out
        bias = self.lacks.square().sum(1) - self.has.square().sum(1)
        scores = torch.cat([torch.addmm(bias, rows, weight.T) for rows in self._units(x)])
        return scores.masked_fill_(self.always, self.bound).masked_fill_(self.never, -self.bound)

    def _means(self, x: Tensor, member: Tensor) -> Tensor:
        """[c, D]: of each label the mean of its member rows, ``member`` [N, c] in {0, 1}; 0 where it has none."""
        parts = zip(self._units(x), member.split(ROWS_AT_ONCE), strict=True)
        total = torch.stack([members.T @ rows for rows, members in parts]).sum(0)
        return total / member.sum(0).clamp(min=1).unsqueeze(1)

    def _units(self, x: Tensor) -> Iterator[Tensor]:
        """u of the rows, block by block; 0 of a row that is the mean itself."""
        for rows in _blocks(x):
            yield torch.nn.functional.normalize(rows - self.centre)


def _blocks(x: Tensor) -> Iterator[Tensor]:
    """The rows in float64, block by block."""
    return (rows.double() for rows in x.split(ROWS_AT_ONCE))
