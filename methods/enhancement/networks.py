"""Networks that recover label degrees: batch normalisation and the residual block of FLEM's estimator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Batch normalisation of [B, width] by the batch's own statistics; no running ones, so that it can be stacked."""

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # Layer normalisation of the transposed is batch normalisation, as one operation on a whole stack.
        normalised = F.layer_norm(x.T, x.shape[:1], eps=self.eps).T
        return torch.addcmul(self.bias, normalised, self.weight)


class ResidualBlock(nn.Module):
    """A + W A with A = BatchNorm(LeakyReLU(Linear(x))): the released code's "three-layer network with a residual"."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, outputs)
        self.norm = BatchNorm(outputs)
        self.second = nn.Linear(outputs, outputs)
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        a = self.norm(F.leaky_relu(self.first(x), 0.01))
        return a + self.second(a)


def initialise_xavier(module: nn.Module) -> None:
    """Xavier normal weights and biases of .01 in every linear layer, as the released LEVI and VALEN code has it."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            nn.init.constant_(layer.bias, 0.01)
