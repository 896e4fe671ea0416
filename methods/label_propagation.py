"""LP: label enhancement by label propagation (Li, Zhang, Geng, ICDM 2015), in the form PyLDL 0.1.2 gives it."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.neighbours import square_matrix_guard, squared_distances
from bench.methods.enhancement.two_stage import TwoStage


@register(
    "LP",
    family="label enhancement",
    paper="Li, Zhang, Geng, Leveraging Implicit Relative Labeling-Importance Information, ICDM 2015",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    balance=0.5,
    iterations=500,
)
class LabelPropagation(TwoStage):
    """D <- ``balance`` P D + (1 - ``balance``) y on the graph exp(-|x - x'|^2 / 2), normalised on both sides; softmax.

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``balance``; ``iterations`` at
    most, fewer where nothing changes any more. Memory: one N x N matrix.
    """

    balance: Tensor
    iterations: int

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        square_matrix_guard("LP", train.x, matrices=1)
        rows = train.x.shape[0]
        graph = torch.empty(rows, rows, dtype=torch.float64, device=train.x.device)
        for block, distances in squared_distances(train.x):
            graph[block] = (distances / -2).exp()
        scale = graph.sum(1).rsqrt()
        graph.mul_(scale[:, None]).mul_(scale)
        y, balance = train.y.double(), float(self.balance)
        degrees = y
        for _ in range(self.iterations):
            before, degrees = degrees, balance * (graph @ degrees) + (1 - balance) * y
            if torch.equal(before, degrees):
                break
        return degrees.softmax(1)
