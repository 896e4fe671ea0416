"""Binary relevance k nearest neighbours (Spyromitros, Tsoumakas, Vlahavas, SETN 2008)."""

from __future__ import annotations

from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.enhancement.neighbours import nearest_rows, neighbour_counts


@register(
    "BRkNN",
    family="neighbours",
    paper="Spyromitros et al., An Empirical Study of Lazy Multilabel Classification Algorithms, SETN 2008",
    k=10,
)
class BRKNN(Method):
    """Share of the k nearest training rows that carry the label; one search serves all labels.

    Options: ``k`` neighbours; of fewer training rows all are neighbours. Distances are Euclidean, computed in float64;
    ties go to the lowest row. A label is predicted where more than half of the neighbours carry it. Scores are
    multiples of 1/k: many are equal, which a ranking loss counts as errors. An unknown label counts as absent, as in
    ML-KNN.

    Departs from the release: Mulan adds 1/N to each label's count and c/N to k, which changes no rank and, at more than
    two labels, no prediction on exactly half. Extensions a (at least one label a row) and b (as many labels as the
    neighbours have on average) choose labels by rank; here a decision rule does.

    Cost: N_test N D, in blocks of bounded memory.
    """

    k: int

    def fit(self, train: Split, seed: int) -> None:
        if self.k < 1:
            raise ValueError(f"BRkNN's k must be at least 1, not {self.k}")
        self.train = train

    def scores(self, x: Tensor) -> Tensor:
        nearest = nearest_rows(x, self.train.x, self.k, in_order=False)
        return neighbour_counts(nearest, self.train.y).double() / nearest.shape[1]
