"""GLLE: graph Laplacian label enhancement (Xu, Tao, Geng, IJCAI 2018; Xu, Liu, Geng, TKDE 2021)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.neighbours import mean_distance, square_matrix_guard, squared_distances
from bench.methods.enhancement.two_stage import TwoStage


@register(
    "GLLE",
    family="label enhancement",
    paper="Xu, Tao, Geng, Label Enhancement for Label Distribution Learning, IJCAI 2018",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    smoothness=0.01,
    neighbours=20,
    heat_width=10.0,
    iterations=200,
)
class GLLE(TwoStage):
    """min |Phi W - y|^2 + ``smoothness`` tr((Phi W)' G (Phi W)); the degrees are softmax(Phi W).

    Phi is the kernel exp(-|x - x'|^2 / (2 m^2)) with m the mean distance, and a column of ones, on standardised
    features; G is the Laplacian of the symmetrised graph of ``neighbours`` nearest rows with the weights
    exp(-|x - x'|^2 / (2 ``heat_width``^2)). L-BFGS from W = 0, at most ``iterations`` (start and number are ours).

    Options: also ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage. Memory: one N x N matrix.
    """

    smoothness: Tensor
    neighbours: int
    heat_width: Tensor
    iterations: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        square_matrix_guard("GLLE", train.x, matrices=1)
        x = standardised(train.x.double())
        phi, laplacian = self.kernel_and_laplacian(x)
        y = train.y.double()
        shape = (phi.shape[1], y.shape[1])

        def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weight = torch.from_numpy(flat).to(phi.device).view(shape)
            value, gradient = objective(phi, laplacian, weight, y, float(self.smoothness))
            return float(value), gradient.cpu().numpy().ravel()

        from scipy.optimize import fmin_l_bfgs_b

        found = fmin_l_bfgs_b(value_and_gradient, np.zeros(shape[0] * shape[1]), maxiter=self.iterations)[0]
        return (phi @ torch.from_numpy(found).to(phi.device).view(shape)).softmax(1)

    def kernel_and_laplacian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Phi [N, N+1] and the Laplacian [N, N], the latter sparse."""
        rows = x.shape[0]
        width = 2 * mean_distance(x) ** 2 or 1.0
        phi = torch.ones(rows, rows + 1, dtype=x.dtype, device=x.device)
        near = min(self.neighbours, rows - 1)
        index, weight = [], []
        for block, squared in squared_distances(x):
            phi[block, :rows] = (squared / -width).exp()
            own = torch.arange(squared.shape[0], device=x.device)
            squared[own, own + block.start] = torch.inf
            distance, column = squared.topk(near, dim=1, largest=False)
            index.append(torch.stack([(own + block.start)[:, None].expand_as(column).flatten(), column.flatten()]))
            weight.append((distance / (-2 * float(self.heat_width) ** 2)).exp().flatten())
        place, value = torch.cat(index, 1), torch.cat(weight)
        graph = torch.sparse_coo_tensor(place, value, (rows, rows), check_invariants=False)
        graph = (graph + graph.transpose(0, 1)).coalesce() / 2
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
    return value, 2 * phi.T @ (error + smoothness * smoothed)


def standardised(x: Tensor) -> Tensor:
    """Each feature to mean 0 and standard deviation 1; a constant one to 0."""
    std = x.std(0)
    return (x - x.mean(0)) / torch.where(std > 0, std, 1)
