"""ML: multi-label manifold learning (Hou, Geng, Zhang, AAAI 2016), in the form PyLDL 0.1.2 gives it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.neighbours import nearest_neighbours
from bench.methods.enhancement.two_stage import TwoStage

ROWS_PER_BLOCK = 512
MANY = 1000
"""Neighbours, which are as many as labels, above which blocks go by their bytes. Up to it they have one size, as sums
round by it."""
BYTES_PER_BLOCK = 2**28
"""Of the neighbours' offsets and their products."""


@register(
    "ML",
    family="label enhancement",
    paper="Hou, Geng, Zhang, Multi-Label Manifold Learning, AAAI 2016",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    regularisation=1e-3,
    ridge=1e-5,
    iterations=5000,
)
class ManifoldLearning(TwoStage):
    """Each row is a weighted mean of its c nearest rows (weights as in locally linear embedding); the degrees mu are
    to follow the same weights: min mu'M mu with M = (I-W)'(I-W) + ``ridge`` I, subject to sign(y) mu >= 1; softmax.

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``regularisation`` of the weights;
    ``ridge``; ``iterations`` of the bounded quasi-Newton solver at most.
    """

    regularisation: Tensor
    ridge: Tensor
    iterations: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        neighbours = nearest_neighbours(train.x, self.problem.n_labels)
        weights = barycentre_weights(train.x.double(), neighbours, float(self.regularisation))
        mu = constrained_minimum(
            weights.cpu().numpy(),
            neighbours.cpu().numpy(),
            train.y.cpu().numpy().astype(np.float64) * 2 - 1,
            float(self.ridge),
            self.iterations,
        )
        return torch.from_numpy(mu).to(train.x.device).softmax(1)


def barycentre_weights(x: Tensor, neighbours: Tensor, regularisation: float) -> Tensor:
    """[N, k] weights, summing to 1, with which each row's neighbours give the row best (Roweis, Saul 2000).

    Each row has equations of its own among its k neighbours: k^3 operations and k (D + k) numbers, in blocks of rows.
    """
    parts, rows, k = [], ROWS_PER_BLOCK, neighbours.shape[1]
    if k > MANY:
        rows = max(1, BYTES_PER_BLOCK // (x.element_size() * k * (x.shape[1] + k)))
    for own, near in zip(x.split(rows), neighbours.split(rows), strict=True):
        offset = x[near] - own[:, None]
        gram = offset @ offset.mT
        trace = gram.diagonal(dim1=1, dim2=2).sum(1)
        ridge = torch.where(trace > 0, regularisation * trace, regularisation)
        gram.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
        solution = torch.linalg.solve(gram, gram.new_ones(gram.shape[:2]))
        parts.append(solution / solution.sum(1, keepdim=True))
    return torch.cat(parts)


def constrained_minimum(
    weights: np.ndarray, neighbours: np.ndarray, sign: np.ndarray, ridge: float, iterations: int
) -> np.ndarray:
    """[N, c] minimiser of mu'M mu with sign * mu >= 1, label by label. M stays a product of sparse matrices."""
    from scipy.optimize import fmin_l_bfgs_b
    from scipy.sparse import csr_matrix, identity

    rows, k = weights.shape
    difference = identity(rows, format="csr") - csr_matrix(
        (weights.ravel(), neighbours.ravel(), np.arange(0, rows * k + 1, k)), shape=(rows, rows)
    )
    transposed = difference.T.tocsr()
    solved = np.empty_like(sign)
    for label in range(sign.shape[1]):
        own = sign[:, label]

        def value_and_gradient(mu: np.ndarray) -> tuple[float, np.ndarray]:
            product = transposed @ (difference @ mu) + ridge * mu
            return float(mu @ product), 2 * product

        bounds = [(1.0, None) if one > 0 else (None, -1.0) for one in own]
        solved[:, label] = fmin_l_bfgs_b(
            value_and_gradient,
            own,
            bounds=bounds,
            m=20,
            factr=10,
            pgtol=1e-9,
            maxiter=iterations,
            maxfun=2 * iterations,
        )[0]
    return solved
