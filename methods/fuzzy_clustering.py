"""FCM: label enhancement by fuzzy clustering (El Gayar, Schwenker, Palm 2006), in the form PyLDL 0.1.2 gives it."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.two_stage import TwoStage


@register(
    "FCM",
    family="label enhancement",
    paper="El Gayar, Schwenker, Palm, A study of the robustness of kNN classifiers trained using soft labels, 2006",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
    clusters=50,
    fuzziness=2.0,
    iterations=10000,
    change=1e-7,
)
class FuzzyClustering(TwoStage):
    """Fuzzy c-means memberships U [N, K], label masses A = y'U of the clusters, and the max-product composition of
    U and A as degrees; softmax.

    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage; ``clusters``; ``fuzziness`` of the
    memberships; ``iterations`` at most, until the memberships' change (Frobenius norm) is below ``change``.
    """

    clusters: int
    fuzziness: Tensor
    iterations: int
    change: Tensor

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        x, y = train.x.double(), train.y.double()
        clusters, fuzziness = min(self.clusters, x.shape[0]), float(self.fuzziness)
        member = torch.rand(x.shape[0], clusters, dtype=torch.float64).to(x.device)
        member /= member.sum(1, keepdim=True)
        for _ in range(self.iterations):
            before, member = member, memberships(x, centres(x, member, fuzziness), fuzziness)
            if torch.linalg.vector_norm(member - before) < float(self.change):
                break
        mass = y.T @ member
        return max_product(member, mass).softmax(1)


def max_product(member: Tensor, mass: Tensor) -> Tensor:
    """[N, c] max over the clusters of membership [N, K] times label mass [c, K]."""
    return torch.stack([(member * row).amax(1) for row in mass], 1)


def centres(x: Tensor, member: Tensor, fuzziness: float) -> Tensor:
    """[K, D] means of the rows weighed by u^fuzziness."""
    weight = member.pow(fuzziness)
    return (weight.T @ x) / weight.sum(0)[:, None]


def memberships(x: Tensor, centre: Tensor, fuzziness: float) -> Tensor:
    """[N, K] u = d^(-2/(fuzziness-1)), normalised over the clusters."""
    squared = x.square().sum(1, keepdim=True) - 2 * x @ centre.T + centre.square().sum(1)
    closeness = squared.clamp(min=torch.finfo(x.dtype).eps).pow(-1 / (fuzziness - 1))
    return closeness / closeness.sum(1, keepdim=True)
