"""GLLE: graph Laplacian label enhancement (Xu, Tao, Geng, IJCAI 2018; Xu, Liu, Geng, TKDE 2021)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.neighbours import mean_distance, smallest, square_matrix_guard, squared_distances
from bench.methods.enhancement.two_stage import TwoStage


@register(
    "GLLE",
    family="label enhancement",
    paper="Xu, Tao, Geng, Label Enhancement for Label Distribution Learning, IJCAI 2018",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    smoothness=0.01,
    neighbours=20,
    heat_width=10.0,
    iterations=300,
)
class GLLE(TwoStage):
    """min |Phi W - y|^2 + ``smoothness`` tr((Phi W)' G (Phi W)); the degrees are softmax(Phi W).

    Phi is the kernel exp(-|x - x'|^2 / (2 m^2)) with m the mean distance, and a column of ones, on standardised
    features; G is the Laplacian of the graph that joins two rows where one is among the ``neighbours`` nearest of the
    other, itself counted, with the weight exp(-|x - x'|^2 / (2 ``heat_width``^2)). L-BFGS with 20 pairs from a W that
    is uniform in [0, 1], at most ``iterations``: as in the authors' code, but for the line search, which is scipy's.

    Options: also ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage. Memory: one N x N matrix, two
    on a GPU.
    """

    smoothness: Tensor
    neighbours: int
    heat_width: Tensor
    iterations: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        square_matrix_guard("GLLE", train.x, matrices=1 + train.x.is_cuda)
        x = standardised(train.x.double())
        phi, laplacian = self.kernel_and_laplacian(x)
        y = train.y.double()
        shape = (phi.shape[1], y.shape[1])

        def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weight = torch.from_numpy(flat).to(phi.device).view(shape)
            value, gradient = objective(phi, laplacian, weight, y, float(self.smoothness))
            return float(value), gradient.cpu().numpy().ravel()

        from scipy.optimize import fmin_l_bfgs_b

        start = torch.rand(shape[0] * shape[1], dtype=torch.float64).numpy()
        found = fmin_l_bfgs_b(
            value_and_gradient,
            start,
            m=20,
            factr=0,
            pgtol=1e-6,
            maxiter=self.iterations,
            maxfun=100 * self.iterations,
        )[0]
        return (phi @ torch.from_numpy(found).to(phi.device).view(shape)).softmax(1)

    def kernel_and_laplacian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Phi [N, N+1] and the Laplacian [N, N], sparse on a CPU. Of equal distances the first rows are taken."""
        rows = x.shape[0]
        width = 2 * mean_distance(x) ** 2 or 1.0
        phi = torch.ones(rows, rows + 1, dtype=x.dtype, device=x.device)
        edges, weights = [], []
        for block, squared in squared_distances(x):
            phi[block, :rows] = (squared / -width).exp()
            own = torch.arange(block.start, block.start + len(squared), device=x.device)
            distance, column = smallest(squared, self.neighbours)
            edges.append(torch.stack([own[:, None].expand_as(column).flatten(), column.flatten()]))
            weights.append((distance / (-2 * float(self.heat_width) ** 2)).exp().flatten())
        one_way, weight = torch.cat(edges, 1), torch.cat(weights)
        both_ways = torch.cat([one_way, one_way.flip(0)], 1)
        # An edge found from both of its rows is there twice; the second column counts.
        found = torch.stack([weight, torch.ones_like(weight)], 1).repeat(2, 1)
        found = torch.sparse_coo_tensor(both_ways, found, (rows, rows, 2), check_invariants=False).coalesce()
        value = found.values()[:, 0] / found.values()[:, 1]
        graph = torch.sparse_coo_tensor(found.indices(), value, (rows, rows), check_invariants=False)
        if x.is_cuda:  # its sparse products add in no fixed order
            dense = graph.to_dense()
            return phi, dense.sum(1).diag() - dense
        degree = torch.sparse.sum(graph, 1).to_dense()
        diagonal = torch.arange(rows, device=x.device).expand(2, rows)
        degrees = torch.sparse_coo_tensor(diagonal, degree, (rows, rows), check_invariants=False)
        return phi, (degrees - graph).coalesce()


def objective(phi: Tensor, laplacian: Tensor, weight: Tensor, y: Tensor, smoothness: float) -> tuple[Tensor, Tensor]:
    """GLLE's loss and its gradient in W."""
    degrees = phi @ weight
    smoothed = torch.sparse.mm(laplacian, degrees) if laplacian.is_sparse else laplacian @ degrees
    error = degrees - y
    value = error.square().sum() + smoothness * (degrees * smoothed).sum()
    return value, 2 * ((error + smoothness * smoothed).T @ phi).T


def standardised(x: Tensor) -> Tensor:
    """Each feature to mean 0 and standard deviation 1; a constant one to 0."""
    std = x.std(0)
    return (x - x.mean(0)) / torch.where(std > 0, std, 1)
