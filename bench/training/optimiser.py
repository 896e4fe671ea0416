"""AMSGrad-AdamW (and Adam with L2) on stacked parameters, one fused operation a group.

Loshchilov, Hutter 2019; Reddi et al. 2018; Kingma, Ba 2015. The operations are those behind
``torch.optim.AdamW(fused=True)`` and ``torch.optim.Adam(fused=True)``. They are called directly because the classes
cost more time per step than a small model's update, and 1.4 s of imports per process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """Parameters with one weight decay, and their three moments: mean, mean square, largest mean square."""

    weight_decay: float
    positions: list[int]
    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    largest_squares: list[Tensor]


class Adam:
    """Two groups, weights and biases, with a weight decay each: ``decoupled`` (AdamW) or in the gradient (Adam, L2).

    As in the released code, a parameter is a bias if its name says so: a batch normalisation's shift, not its scale.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        learning_rate: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        bias_weight_decay: float,
        amsgrad: bool,
        decoupled: bool = True,
    ) -> None:
        self.learning_rate, self.betas, self.eps, self.amsgrad = learning_rate, betas, eps, amsgrad
        self.update = torch._fused_adamw_ if decoupled else torch._fused_adam_
        values = list(parameters.values())
        self.steps = torch.zeros((), dtype=torch.float32, device=values[0].device)
        self.groups = []
        for decay, is_bias in ((weight_decay, False), (bias_weight_decay, True)):
            positions = [i for i, name in enumerate(parameters) if ("bias" in name) == is_bias]
            chosen = [values[i].detach() for i in positions]
            moments = [[torch.zeros_like(value) for value in chosen] for _ in range(3 if amsgrad else 2)]
            if positions:
                self.groups.append(Group(decay, positions, chosen, moments[0], moments[1], (*moments, [])[2]))

    def step(self, gradients: list[Tensor]) -> None:
        """Update the parameters in place by their gradients, given in the parameters' order and layout."""
        self.steps += 1
        for group in self.groups:
            self.update(
                group.parameters,
                [gradients[i] for i in group.positions],
                group.means,
                group.squares,
                group.largest_squares,
                [self.steps] * len(group.parameters),
                lr=self.learning_rate,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=group.weight_decay,
                eps=self.eps,
                amsgrad=self.amsgrad,
                maximize=False,
            )
