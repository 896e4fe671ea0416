"""The shared training loop: a stack of linear classifiers (with or without side networks), AMSGrad-AdamW, norm-queue
clipping, validation Hamming loss after every epoch, and the best snapshot kept.

It trains side networks alone too (``train_module``), which is what ``prepare`` gets as ``fit``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bench.methods.api import Batch, LinearMethod, Split
from bench.system.blocks import rows_at_once
from bench.training.interleave import pass_on
from bench.training.seeding import generator, seed_noise, shuffled_batches, stream_seed
from bench.training.stack import Stack, stacked_linear
from bench.training.step import LoopOptions, Step

LOGIT_BYTES_AT_ONCE = 64 * 2**20


class Stage(Protocol):
    """Where a training is kept from time to time, so that a killed one goes on (``bench.training.checkpoint``)."""

    def load(self) -> dict[str, Any] | None: ...

    def due(self, finished: bool) -> bool: ...

    def save(self, state: dict[str, Any]) -> None: ...


Batches = Callable[[int], Sequence[Tensor]]
"""epoch (from 1) -> index tensors."""


class DivergedError(RuntimeError):
    """Every model of a stack lost its loss to NaN or infinity."""


@dataclass
class Trained:
    """What training a stack leaves: per model its best snapshot on validation data, and the curves."""

    parameters: dict[str, Tensor]
    """{name: [K, ...]} of each model's best epoch (the last epoch where nothing was selected)."""
    epochs: list[int]
    """[K] the epoch of the snapshot, counted from 1; 0 is the initial state."""
    validation_hamming: list[float]
    """[K] at that epoch."""
    losses: list[list[float]] = field(default_factory=list)
    """[K][E] mean training loss."""
    hamming: list[list[float]] = field(default_factory=list)
    """[K][E] validation Hamming loss."""
    diverged: list[int | None] = field(default_factory=list)
    """[K] the epoch in which a model's loss stopped being finite; it is not considered from then on."""


def initialise_classifier(module: LinearMethod, seed: int) -> None:
    """Kaiming normal weights (fan-in, gain sqrt 2) from the seed's own stream, bias 0: equal for all rows of a seed."""
    linear = module.classifier
    with torch.no_grad():
        noise = torch.randn(
            linear.weight.shape, generator=generator(seed, "classifier", "initialisation"), dtype=torch.float64
        )
        linear.weight.copy_(noise * math.sqrt(2 / linear.in_features))
        linear.bias.zero_()


def train(
    modules: Sequence[LinearMethod],
    training: Split,
    validation: Split | None,
    options: LoopOptions,
    seed: int,
    *,
    extra: dict[str, Tensor] | None = None,
    batches: Batches | None = None,
    on_epoch: Callable[[int], None] | None = None,
    kept: Stage | None = None,
) -> Trained:
    """Train a stack of K models of one method and keep each at its best validation Hamming loss.

    Parameters
    ----------
    modules: the models, initialised; equal but for numeric hyper-parameters.
    training, validation: rows on the device they are to be trained on; x [N, D], y [N, c]. Without validation data
        the last epoch is kept.
    extra: per-sample tensors {name: [N, ...]} served as ``batch.extra``.
    batches: index tensors of an epoch, instead of the seed's shuffled ones.
    on_epoch: called with the number of epochs done.
    kept: where the training goes on from, and is kept.

    Raises
    ------
    DivergedError: when no model of the stack has a finite loss any more; the message names the epoch.
    """
    stack = Stack(
        modules,
        linear=True,
        stackable=modules[0].stackable,
        device=training.x.device,
        dtype=training.x.dtype,
    )
    hamming = (
        None
        if validation is None
        else partial(stacked_hamming, split=validation, threshold=modules[0].decision_threshold)
    )
    return _run(stack, training, hamming, options, seed, "classifier", extra, batches, on_epoch, kept)


def train_module(
    module: nn.Module,
    objective: Callable[[Batch], Tensor],
    training: Split,
    options: LoopOptions,
    seed: int,
    *,
    stage: str,
    extra: Mapping[str, Tensor] | None = None,
    on_epoch: Callable[[int], None] | None = None,
    kept: Stage | None = None,
) -> None:
    """Train any module by ``objective(batch)`` for all epochs; it is left with the last epoch's parameters, in
    evaluation mode. Batch order and noise are those of the ``stage``, apart from the classifier's.

    Raises
    ------
    DivergedError: when the loss is not finite any more; the message names the stage and the epoch.
    """
    holder = _Objective(module.train(), objective)
    stack = Stack([holder], linear=False, stackable=False, device=training.x.device, dtype=training.x.dtype)
    trained = _run(stack, training, None, options, seed, stage, dict(extra or {}), None, on_epoch, kept)
    module.eval()
    with torch.no_grad():
        for name, parameter in holder.named_parameters():
            parameter.data = trained.parameters[name].squeeze(0).clone()
        for name, buffer in holder.named_buffers():
            buffer.data = stack.buffers[name].squeeze(0).clone()


class _Objective(nn.Module):
    def __init__(self, module: nn.Module, objective: Callable[[Batch], Tensor]) -> None:
        super().__init__()
        self.module = module
        self.objective = objective

    def forward(self, batch: Batch) -> Tensor:
        return self.objective(batch)


def _run(
    stack: Stack,
    training: Split,
    hamming: Callable[[dict[str, Tensor]], Tensor] | None,
    options: LoopOptions,
    seed: int,
    stage: str,
    extra: dict[str, Tensor] | None,
    batches: Batches | None,
    on_epoch: Callable[[int], None] | None,
    kept: Stage | None,
) -> Trained:
    device, models = training.x.device, stack.size
    if training.x.shape[0] < 2:
        raise ValueError(f"training needs at least two rows; there are {training.x.shape[0]}")
    step = Step(stack, options, training, extra or {})
    state = _State(stack)
    if kept and (before := kept.load()) is not None:
        _restore(before, state, step)

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for epoch in range(state.epoch + 1, options.epochs + 1):
            order = (
                batches(epoch)
                if batches
                else shuffled_batches(training.x.shape[0], options.batch_size, seed, stage, epoch)
            )
            total = torch.zeros(models, dtype=torch.float64, device=device)
            there = torch.cat(list(order)).to(device)
            for number, index in enumerate(there.split([len(index) for index in order])):
                seed_noise(stream_seed(seed, stage, "noise", epoch, number), device)
                with _products_in(options.tf32):
                    total += step(index) * len(index)
                pass_on()
            loss = total / len(there)
            state.epoch = epoch
            state.losses.append(loss.tolist())
            state.alive &= loss.isfinite()
            for value in stack.parameters.values():  # the last step may have broken what its loss did not show
                state.alive &= value.detach().isfinite().flatten(1).all(1)
            for k, finite in enumerate(state.alive.tolist()):
                if not finite and state.diverged[k] is None:
                    state.diverged[k] = epoch
            if not state.alive.any():
                if bool((state.best_epoch > 0).any()):
                    break  # what was kept before stays, as it does beside a model that goes on
                raise DivergedError(
                    f"the {stage}'s training loss is no longer finite in epoch {epoch} of {options.epochs}"
                )
            if hamming is None:
                better = state.alive & (epoch == options.epochs)
            else:
                now = hamming(stack.parameters).masked_fill(~state.alive, torch.inf)
                state.hamming.append(now.tolist())
                better = now < state.best
            if better.any():
                state.keep(better, None if hamming is None else now)
            if on_epoch:
                on_epoch(epoch)
            if kept and kept.due(finished=epoch == options.epochs):
                kept.save(_saved(state, step))

    return Trained(
        parameters=state.snapshot,
        epochs=state.best_epoch.tolist(),
        validation_hamming=state.best.tolist() if hamming is not None else [math.nan] * models,
        losses=[list(curve) for curve in zip(*state.losses, strict=True)],
        hamming=[list(curve) for curve in zip(*state.hamming, strict=True)] or [[] for _ in range(models)],
        diverged=state.diverged,
    )


@contextmanager
def _products_in(tf32: bool) -> Iterator[None]:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False  # metrics, the validation Hamming loss among them


class _State:
    """What a training has come to: the curves, and each model at its best."""

    def __init__(self, stack: Stack) -> None:
        models, device = stack.size, next(iter(stack.parameters.values())).device
        self.stack = stack
        self.epoch = 0
        # The authors start from 1.0 and keep strictly better epochs; the initial state stands until then.
        self.best = torch.full((models,), 1.0, dtype=torch.float64, device=device)
        self.best_epoch = torch.zeros(models, dtype=torch.int64, device=device)
        self.snapshot = {name: value.detach().clone() for name, value in stack.parameters.items()}
        self.alive = torch.ones(models, dtype=torch.bool, device=device)
        self.diverged: list[int | None] = [None] * models
        self.losses: list[list[float]] = []
        self.hamming: list[list[float]] = []

    def keep(self, better: Tensor, hamming: Tensor | None) -> None:
        """Take this epoch's parameters of the models that ``better`` [K] marks."""
        if hamming is not None:
            self.best.copy_(torch.where(better, hamming, self.best))
        self.best_epoch.masked_fill_(better, self.epoch)
        for name, value in self.stack.parameters.items():
            mask = better.view(-1, *[1] * (value.dim() - 1))
            torch.where(mask, value.detach(), self.snapshot[name], out=self.snapshot[name])


def _saved(state: _State, step: Step) -> dict[str, Any]:
    return {
        "tensors": {name: tensor.cpu() for name, tensor in _changing(state, step).items()},
        "epoch": state.epoch,
        "diverged": state.diverged,
        "losses": state.losses,
        "hamming": state.hamming,
    }


def _restore(saved: dict[str, Any], state: _State, step: Step) -> None:
    for name, tensor in _changing(state, step).items():
        tensor.copy_(saved["tensors"][name])
    state.epoch, state.diverged = saved["epoch"], saved["diverged"]
    state.losses, state.hamming = saved["losses"], saved["hamming"]


def _changing(state: _State, step: Step) -> dict[str, Tensor]:
    """Every tensor that an epoch changes, by name. Noise has no state: each step seeds its own."""
    tensors = {"best": state.best, "best epoch": state.best_epoch, "alive": state.alive, "steps": step.optimiser.steps}
    tensors |= {f"parameter {name}": value.detach() for name, value in state.stack.parameters.items()}
    tensors |= {f"buffer {name}": value for name, value in state.stack.buffers.items()}
    tensors |= {f"snapshot {name}": value for name, value in state.snapshot.items()}
    for number, group in enumerate(step.optimiser.groups):
        for moment in ("means", "squares", "largest_squares"):
            tensors |= {f"{moment} {number} {i}": value for i, value in enumerate(getattr(group, moment))}
    return tensors | {f"norms {number}": queue.norms for number, (_, queue) in enumerate(step.clip_groups)}


def stacked_hamming(parameters: dict[str, Tensor], split: Split, threshold: float) -> Tensor:
    """[K] float64 Hamming losses of K linear classifiers, in blocks of rows."""
    weight, bias = parameters["classifier.weight"].detach(), parameters["classifier.bias"].detach()
    step = rows_at_once(LOGIT_BYTES_AT_ONCE, bias.numel() * split.x.element_size())
    wrong = torch.zeros(bias.shape[0], dtype=torch.int64, device=bias.device)
    for start in range(0, split.x.shape[0], step):
        predicted = stacked_linear(weight, bias, split.x[start : start + step]) > threshold
        wrong += (predicted != (split.y[start : start + step] > 0)).sum((1, 2))
    return wrong.double() / split.y.numel()
