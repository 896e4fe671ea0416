"""One optimiser step of a stack: forward, backward, per-model clipping, update."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.methods.api import OBSERVED, Schedule, Split
from bench.training.clipping import NormQueue
from bench.training.cuda_graph import CapturedFunction
from bench.training.optimiser import Adam, PerModel
from bench.training.stack import Stack

Clip = Literal["joint", "separate", "none"]


@dataclass(frozen=True)
class LoopOptions:
    """Options of optimiser and loop: a protocol's part that training needs (paper section 4.2, released code)."""

    epochs: int = 30
    batch_size: int = 64
    learning_rate: PerModel = 1e-3
    schedule: Schedule | None = None
    """Factor of the learning rate at each step, which some recovery networks ask for."""
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: PerModel = 1e-4
    bias_weight_decay: float = 1e-2
    """The released code's bias group names no decay and so gets AdamW's default."""
    l2: PerModel = 0.0
    """Penalty l2 ||W||^2 / (2 N c) on the weights of the classifier, in the gradient but not in the reported loss."""
    amsgrad: bool = True
    decoupled_decay: bool = True
    """False: the decay is part of the gradient (Adam with L2), which some recovery networks ask for."""
    clip: Clip = "joint"
    criteria: tuple[str, ...] = ("hamming",)
    """Metrics on validation data, by their names in `list metrics`, that snapshots are kept by; the first selects."""
    select_every: int = 1
    """Epochs from one evaluation of them to the next; Hamming loss has each epoch."""
    patience: int = 0
    """Epochs without a better value of the first after which a model stops; 0: it never does."""
    kept: str = ""
    """Prefix of the names of the parameters whose best values are kept: all, or "classifier."."""
    tf32: bool = False
    """True where a GPU may round the factors of the steps' matrix products to 10 bits."""


class Step:
    """One step of the stack: forward, backward, per-model clipping, one fused AMSGrad-AdamW update.

    On a GPU the step of a recorded batch size is captured as a CUDA graph; the odd last batch of an epoch has its own.
    """

    def __init__(self, stack: Stack, options: LoopOptions, training: Split, extra: Mapping[str, Tensor]) -> None:
        self.stack = stack
        self.training = training
        self.schedule = options.schedule
        # Which labels are known travels with the per-sample tensors: there is nothing to carry where all are.
        known = {} if training.observed is None else {OBSERVED: training.observed.to(training.x.dtype)}
        self.extra = {**known, **extra}
        self.captured: dict[int, CapturedFunction] = {}
        self.epoch = torch.ones((), device=training.x.device)
        """The epoch, from 1; changed in its place."""
        self.optimiser = Adam(
            stack.parameters,
            learning_rate=options.learning_rate,
            betas=options.betas,
            eps=options.eps,
            weight_decay=options.weight_decay,
            bias_weight_decay=options.bias_weight_decay,
            amsgrad=options.amsgrad,
            decoupled=options.decoupled_decay,
            undecayed=stack.per_sample,
        )
        self.penalised = _penalised(stack, options.l2, training)
        example = next(iter(stack.parameters.values()))
        self.clip_groups = [
            (positions, NormQueue(stack.size, example.device, example.dtype))
            for positions in clip_groups(list(stack.parameters), options.clip, stack.per_sample)
        ]

    def __call__(self, index: Tensor) -> Tensor:
        """[K] losses on the training rows of ``index``, before the update."""
        rows = len(index)
        if not (index.is_cuda and self.stack.is_recorded(rows)):
            return self._run(index)
        if rows not in self.captured:
            self.captured[rows] = CapturedFunction(self._run, index)  # counted as one call, though nothing runs
        else:
            self.stack.count_replay(rows)
        return self.captured[rows](index)

    def _run(self, index: Tensor) -> Tensor:
        x = self.training.x.index_select(0, index)
        y = self.training.y.index_select(0, index).to(x.dtype)
        extra = {name: value.index_select(0, index) for name, value in self.extra.items()}
        losses, given = self.stack.losses_and_gradients(x, y, extra, (self.epoch, self.optimiser.steps))
        # The fused optimiser walks memory and expects a gradient laid out like its parameter.
        gradients = [gradient.contiguous() for gradient in given]
        with torch.inference_mode():
            for position, weights, strength in self.penalised:
                gradients[position].addcmul_(weights, strength)
            for positions, queue in self.clip_groups:
                group = [gradients[i] for i in positions]
                norms = torch.stack([torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in group])
                factor = queue.scale(torch.linalg.vector_norm(norms, dim=0))
                # On a GPU asking whether anything is clipped would wait for the device; multiplying by 1 does not.
                if factor.is_cuda or bool((factor < 1).any()):
                    for gradient in group:
                        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
            rate = self.schedule(self.epoch, self.optimiser.steps) if self.schedule else None
            self.optimiser.step(gradients, rate)
        return losses


def _penalised(stack: Stack, l2: PerModel, training: Split) -> list[tuple[int, Tensor, Tensor]]:
    """(position, value, factor [K, 1, ...] that makes it a gradient) of each of the classifier's weights, where a model
    has an L2 penalty."""
    if not any(l2 if isinstance(l2, tuple) else [l2]):
        return []
    weights = [
        (position, value.detach())
        for position, (name, value) in enumerate(stack.parameters.items())
        if name.startswith("classifier.") and "bias" not in name
    ]
    of_models = torch.tensor(l2, dtype=torch.float64) / training.y.numel()
    return [
        (position, value, of_models.to(value).expand(stack.size).reshape(-1, *[1] * (value.dim() - 1)))
        for position, value in weights
    ]


def clip_groups(names: list[str], clip: Clip, unclipped: Collection[str] = ()) -> list[list[int]]:
    """Positions of the parameters that share one norm: all ("joint"), classifier and the rest ("separate"), or none.
    Those named ``unclipped`` are in no group."""
    if clip == "none":
        return []
    clipped = [i for i, name in enumerate(names) if name not in unclipped]
    if clip == "joint":
        return [clipped]
    own = [i for i in clipped if names[i].startswith("classifier.")]
    rest = [i for i in clipped if i not in own]
    return [group for group in (own, rest) if group]
