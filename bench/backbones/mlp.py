"""A network of one hidden layer, D-width-c: ReLU, dropout; weights and biases start as the linear classifier's do."""

from __future__ import annotations

from torch import nn

OPTIONS = {"width": 512, "dropout": 0.5}


def build(n_features: int, n_labels: int, width: int, dropout: float) -> nn.Module:
    if width < 1 or not 0 <= dropout < 1:
        raise ValueError(f"width is at least 1 and dropout from 0 to below 1; they are {width} and {dropout}")
    first, last = nn.Linear(n_features, width), nn.Linear(width, n_labels)
    for layer in (first, last):
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)
