"""The linear classifier D-c: Kaiming normal weights (fan-in, gain sqrt 2), biases 0."""

from __future__ import annotations

import math

import torch
from torch import nn

ORDER = 1


def build(n_features: int, n_labels: int) -> nn.Module:
    linear = nn.utils.skip_init(nn.Linear, n_features, n_labels)
    with torch.no_grad():
        noise = torch.randn(linear.weight.shape, dtype=torch.float64)
        linear.weight.copy_(noise * math.sqrt(2 / n_features))
        linear.bias.zero_()
    return linear
