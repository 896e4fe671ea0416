"""KM: label enhancement by kernel-based fuzzy membership (Jiang, Yi, Lv 2006), in the form PyLDL 0.1.2 gives it."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.methods.api import Fit, Split, register
from bench.methods.enhancement.neighbours import mean_distance, squared_distances
from bench.methods.enhancement.two_stage import TwoStage


@register(
    "KM",
    family="label enhancement",
    paper="Jiang, Yi, Lv, Fuzzy SVM with a new fuzzy membership function, 2006",
    grid={"mix": [0.1, 0.3, 0.5, 1.0]},
)
class KernelMembership(TwoStage):
    """1 - the distance to a label's centre in the kernel's space over the largest such distance, for the positive
    labels, 0 for the others; softmax. The kernel is exp(-|x - x'|^2 / (2 m^2)) with m the mean distance of all rows.

    A label without positive rows has no centre; no row has a degree of it before the softmax.
    Options: ``mix``, ``predictor``, ``penalty``, ``tolerance`` of the second stage.
    """

    degrees_sum_to_one = True

    def recover(self, train: Split, fit: Fit) -> Tensor:
        y = train.y.double()
        counts = y.sum(0).clamp(min=1)
        width = 2 * mean_distance(train.x) ** 2 or 1.0
        # |phi(x) - centre|^2 = k(x, x) - 2 mean_k(x, positives) + mean_k(positives, positives)
        to_centre = torch.cat([(block / -width).exp() @ y / counts for _, block in squared_distances(train.x)])
        within = (y * to_centre).sum(0) / counts
        squared = (within - 2 * to_centre + 1).clamp(min=0)
        degrees = (1 - (squared / (squared.amax(0) + 1e-7)).sqrt()) * y
        return degrees.softmax(1)
