"""Multi-label k nearest neighbours (Zhang and Zhou, Pattern Recognition 2007)."""

from __future__ import annotations

import torch
from torch import Tensor

from methods.api import Method, Split, register

ROWS_PER_BLOCK = 512
COLUMNS_PER_BLOCK = 16384


@register(
    "ML-KNN",
    family="traditional",
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
        if rows <= self.k:
            raise ValueError(f"ML-KNN needs more than k = {self.k} training rows; there are {rows}")
        self.train = train
        y = train.y.double()
        s, k = self.smoothing, self.k
        self.prior = (s + y.sum(0)) / (2 * s + rows)  # [c] P(H_j)
        counts = self._neighbour_counts(train.x, exclude_self=True)  # [N, c] C_j(i)
        each_count = torch.arange(k + 1, device=y.device)
        having = torch.stack([((counts == r) & (train.y > 0)).sum(0) for r in each_count]).double()  # [k+1, c] kappa
        lacking = torch.stack([((counts == r) & (train.y == 0)).sum(0) for r in each_count]).double()
        self.likelihood = (s + having) / (s * (k + 1) + having.sum(0))  # [k+1, c] P(r | H_j)
        self.likelihood_without = (s + lacking) / (s * (k + 1) + lacking.sum(0))

    def scores(self, x: Tensor) -> Tensor:
        counts = self._neighbour_counts(x, exclude_self=False)
        with_label = self.prior * self.likelihood.gather(0, counts)
        without = (1 - self.prior) * self.likelihood_without.gather(0, counts)
        return with_label / (with_label + without)

    def _neighbour_counts(self, x: Tensor, exclude_self: bool) -> Tensor:
        """[len(x), c] int64: how many of each row's k nearest training rows carry each label."""
        y = self.train.y.to(torch.int64)
        blocks = []
        for start in range(0, x.shape[0], ROWS_PER_BLOCK):
            block = x[start : start + ROWS_PER_BLOCK].double()
            own = torch.arange(start, start + block.shape[0], device=x.device) if exclude_self else None
            nearest = nearest_rows(block, self.train.x, self.k, own)
            blocks.append(y[nearest].sum(1))
        return torch.cat(blocks)


def nearest_rows(queries: Tensor, rows: Tensor, k: int, own: Tensor | None = None) -> Tensor:
    """[Q, k] indices of the ``rows`` nearest to each query, nearest first, ties to the lowest index.

    ``own`` [Q] names for each query a row to leave out. Queries are float64; rows of any type are converted block
    by block.
    """
    best_distance = queries.new_empty(queries.shape[0], 0)
    best_index = torch.empty(queries.shape[0], 0, dtype=torch.int64, device=queries.device)
    for start in range(0, rows.shape[0], COLUMNS_PER_BLOCK):
        block = rows[start : start + COLUMNS_PER_BLOCK].double()
        # |q|^2 is the same for all rows and left out.
        distance = torch.addmm(block.square().sum(1), queries, block.T, alpha=-2)
        if own is not None:
            here = (own >= start) & (own < start + block.shape[0])
            distance[here.nonzero().squeeze(1), own[here] - start] = torch.inf
        index = torch.arange(start, start + block.shape[0], device=rows.device).expand_as(distance)
        distance, position = smallest(torch.cat([best_distance, distance], 1), k)
        best_index = torch.cat([best_index, index], 1).gather(1, position)
        best_distance = distance
    return best_index


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest values of each row in ascending order and their positions, ties to the lowest position."""
    k = min(k, values.shape[1])
    found, position = values.topk(min(k + 1, values.shape[1]), dim=1, largest=False, sorted=True)
    # topk orders ties as it likes: where two of the first k+1 are equal, a stable sort decides.
    tied = (found[:, 1:] == found[:, :-1]).any(1).nonzero().squeeze(1)
    found, position = found[:, :k].clone(), position[:, :k].clone()
    if tied.numel():
        in_order, order = values[tied].sort(dim=1, stable=True)
        found[tied], position[tied] = in_order[:, :k], order[:, :k]
    return found, position
