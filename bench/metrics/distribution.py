"""Distances of a recovered label distribution from the true one: the six measures of label distribution learning
(Geng, TKDE 2016), each a mean over the rows, in float64.

Two rules make them defined for every method. A method's degrees become a distribution by its recipe's normalisation;
where that is by sums, a row of zeros becomes uniform. For Clark, Canberra and Kullback-Leibler every degree, true and
recovered, counts at least 2.2e-16 (the spacing of float64 at 1), so that 0/0 and the logarithm of 0 do not occur.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

SMALLEST = torch.finfo(torch.float64).eps


def normalised(degrees: Tensor, how: Literal["sum", "softmax"]) -> Tensor:
    """[N, c] float64 distributions of degrees that are not negative: divided by their row's sum, or its softmax."""
    degrees = degrees.double()
    if not bool(torch.isfinite(degrees).all()) or bool((degrees < 0).any()):
        raise ValueError("the recovered degrees must be finite and not negative")
    if how == "softmax":
        return degrees.softmax(1)
    total = degrees.sum(1, keepdim=True)
    return torch.where(total > 0, degrees / torch.where(total > 0, total, 1), 1 / degrees.shape[1])


def measures(true: Tensor, recovered: Tensor) -> dict[str, float]:
    """All six for [N, c] distributions."""
    true, recovered = true.double(), recovered.double()
    p, q = true.clamp(min=SMALLEST), recovered.clamp(min=SMALLEST)
    relative = (p - q).abs() / (p + q)
    values = {
        "chebyshev": (true - recovered).abs().amax(1),
        "clark": relative.square().sum(1).sqrt(),
        "canberra": relative.sum(1),
        "kullback_leibler": (p * (p / q).log()).sum(1),
        "cosine": torch.cosine_similarity(true, recovered, dim=1),
        "intersection": torch.minimum(true, recovered).sum(1),
    }
    return {name: float(value.mean()) for name, value in values.items()}
