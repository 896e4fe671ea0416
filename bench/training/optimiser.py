"""AMSGrad-AdamW (and Adam with L2) on stacked parameters, one fused operation a group.

Loshchilov, Hutter 2019; Reddi et al. 2018; Kingma, Ba 2015. The operations are those behind
``torch.optim.AdamW(fused=True)`` and ``torch.optim.Adam(fused=True)``. They are called directly because the classes
cost more time per step than a small model's update, and 1.4 s of imports per process.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

PerModel = float | tuple[float, ...]
"""One number for all models of a stack, or [K] one for each."""


@dataclass(frozen=True)
class Group:
    """Parameters with one learning rate and weight decay, and their three moments: mean, mean square, largest mean
    square. Of a stack whose models differ in these, those of neighbouring models that do not."""

    learning_rate: float
    weight_decay: float
    models: slice
    positions: list[int]
    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    largest_squares: list[Tensor]


class Adam:
    """Two groups, weights and biases, with a weight decay each: ``decoupled`` (AdamW) or in the gradient (Adam, L2);
    a third, of the parameters named ``undecayed``, has none.

    Parameters are stacks [K, ...]. Models may have learning rates and weight decays (of weights) of their own; those
    that differ are updated by operations of their own, on views of the stack.

    As in the released code, a parameter is a bias if its name says so: a batch normalisation's shift, not its scale.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        learning_rate: PerModel,
        betas: tuple[float, float],
        eps: float,
        weight_decay: PerModel,
        bias_weight_decay: float,
        amsgrad: bool,
        decoupled: bool = True,
        undecayed: Collection[str] = (),
    ) -> None:
        self.betas, self.eps, self.amsgrad = betas, eps, amsgrad
        self.update = torch._fused_adamw_ if decoupled else torch._fused_adam_
        values = list(parameters.values())
        self.steps = torch.zeros((), dtype=torch.float32, device=values[0].device)
        self.groups = []
        free = [i for i, name in enumerate(parameters) if name in undecayed]
        biases = [i for i, name in enumerate(parameters) if "bias" in name and i not in free]
        weights = [i for i in range(len(values)) if i not in free + biases]
        for decays, positions in ((weight_decay, weights), (bias_weight_decay, biases), (0.0, free)):
            for models, rate, decay in _runs(learning_rate, decays) if positions else ():
                chosen = [values[i].detach()[models] for i in positions]
                moments = [[torch.zeros_like(value) for value in chosen] for _ in range(3 if amsgrad else 2)]
                self.groups.append(
                    Group(rate, decay, models, positions, chosen, moments[0], moments[1], (*moments, [])[2])
                )

    def step(self, gradients: list[Tensor], factor: Tensor | None = None) -> None:
        """Update the parameters in place by their gradients, given in the parameters' order and layout, the learning
        rates times the ``factor`` (0-d)."""
        self.steps += 1
        for group in self.groups:
            self.update(
                group.parameters,
                [gradients[i][group.models] for i in group.positions],
                group.means,
                group.squares,
                group.largest_squares,
                [self.steps] * len(group.parameters),
                lr=group.learning_rate if factor is None else group.learning_rate * factor,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=group.weight_decay,
                eps=self.eps,
                amsgrad=self.amsgrad,
                maximize=False,
            )


def _runs(rates: PerModel, decays: PerModel) -> list[tuple[slice, float, float]]:
    """(neighbouring models, their learning rate, their weight decay); one run of all where no model has its own."""
    count = max((len(one) for one in (rates, decays) if isinstance(one, tuple)), default=0)
    if not count:
        return [(slice(None), *_of_model(rates, decays, 0))]
    both = [_of_model(rates, decays, k) for k in range(count)]
    starts = [k for k in range(count) if k == 0 or both[k] != both[k - 1]]
    return [(slice(a, b), *both[a]) for a, b in zip(starts, [*starts[1:], count], strict=True)]


def _of_model(rates: PerModel, decays: PerModel, k: int) -> tuple[float, float]:
    return (
        rates[k] if isinstance(rates, tuple) else rates,
        decays[k] if isinstance(decays, tuple) else decays,
    )
