"""Multi-label k nearest neighbours (Zhang and Zhou, Pattern Recognition 2007)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.enhancement.neighbours import nearest_rows, neighbour_counts


@register(
    "ML-KNN",
    family="neighbours",
    paper="Zhang and Zhou, ML-KNN: A lazy learning approach to multi-label learning, 2007",
    k=10,
    smoothing=1.0,
)
class MLKNN(Method):
    """Posterior of each label given how many of the k nearest training rows carry it.

    Options: ``k`` neighbours; ``smoothing`` s. Distances are Euclidean, computed in float64; a training row is not its
    own neighbour; ties go to the lowest row. A label is predicted where its posterior exceeds .5, not on equality.

    Cost: N^2 D for the likelihoods and N_test N D for the scores, in blocks of bounded memory.
    """

    k: int
    smoothing: float

    def fit(self, train: Split, seed: int) -> None:
        rows = train.x.shape[0]
        if self.k < 1:
            raise ValueError(f"ML-KNN's k must be at least 1, not {self.k}")
        if rows <= self.k:
            raise ValueError(f"ML-KNN needs more than k = {self.k} training rows; there are {rows}")
        self.train = train
        y = train.y.double()
        s, k = self.smoothing, self.k
        self.prior = (s + y.sum(0)) / (2 * s + rows)  # [c] P(H_j)
        counts = self._neighbour_counts(train.x, exclude_self=True)  # [N, c] C_j(i)
        having, lacking = (  # [k+1, c] kappa
            torch.zeros(k + 1, y.shape[1], dtype=y.dtype, device=y.device).scatter_add_(0, counts, carrying.double())
            for carrying in (train.y > 0, train.y == 0)
        )
        self.likelihood = (s + having) / (s * (k + 1) + having.sum(0))  # [k+1, c] P(r | H_j)
        self.likelihood_without = (s + lacking) / (s * (k + 1) + lacking.sum(0))

    def scores(self, x: Tensor) -> Tensor:
        counts = self._neighbour_counts(x, exclude_self=False)
        with_label = self.prior * self.likelihood.gather(0, counts)
        without = (1 - self.prior) * self.likelihood_without.gather(0, counts)
        return with_label / (with_label + without)

    def _neighbour_counts(self, x: Tensor, exclude_self: bool) -> Tensor:
        """[len(x), c] int64: how many of each row's k nearest training rows carry each label."""
        nearest = nearest_rows(x, self.train.x, self.k, leave_out_own=exclude_self, in_order=False)
        return neighbour_counts(nearest, self.train.y).long()
