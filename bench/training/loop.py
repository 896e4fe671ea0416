"""The shared training loop: a stack of linear classifiers (with or without side networks), AMSGrad-AdamW, norm-queue
clipping, validation Hamming loss after every epoch, and the best snapshot kept.

It trains side networks alone too (``train_module``), which is what ``prepare`` gets as ``fit``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from bench.backbones import BACKBONES, linear
from bench.config import LINEAR, Backbone
from bench.errors import UsageError
from bench.methods.api import Batch, LinearMethod, Split
from bench.system.blocks import rows_at_once
from bench.system.reading import in_short
from bench.training.checkpoint import Checkpoint
from bench.training.interleave import pass_on
from bench.training.seeding import Streams, stream_seed
from bench.training.stack import Stack, stacked_logits
from bench.training.step import LoopOptions, Step

LOGIT_BYTES_AT_ONCE = 64 * 2**20


Batches = Callable[[int], Sequence[Tensor]]
"""epoch (from 1) -> index tensors."""


@dataclass(frozen=True)
class Hooks:
    """Called after each epoch: ``report`` with the number of epochs done; ``checkpoint`` keeps the training, and is
    where it goes on from."""

    report: Callable[[int], None] | None = None
    checkpoint: Checkpoint | None = None


class DivergedError(RuntimeError):
    """Every model of a stack lost its loss to NaN or infinity."""


@dataclass
class Trained:
    """A trained stack: per model its best snapshot on validation data, and the curves."""

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


def initialise_classifier(module: LinearMethod, seed: int, backbone: Backbone = LINEAR) -> None:
    """Give a model its backbone, initialised from the seed's own stream: equal for all rows of a seed."""
    start = stream_seed(seed, "classifier", "initialisation")
    made = built(backbone, module.problem.n_features, module.problem.n_labels, start)
    module.classifier = made.to(next(module.parameters()).dtype)


def built(backbone: Backbone, n_features: int, n_labels: int, seed: int = 0) -> nn.Module:
    """One model of a backbone, whose initial weights are drawn after seeding.

    Raises
    ------
    UsageError: where its file does not give a network of features [B, D] to logits [B, c]; one sentence.
    """
    file = linear if backbone.name == LINEAR.name else BACKBONES.module(backbone.name, "build")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            made = file.build(n_features, n_labels, **backbone.options)
            if file is not linear:
                _check_backbone(made, n_features, n_labels)
        except Exception as error:  # a user's file may fail in any way
            raise UsageError(
                f"the backbone {backbone.name!r} cannot be built: {in_short(error).rstrip('.')}."
            ) from error
    return made


def _check_backbone(made: Any, n_features: int, n_labels: int) -> None:
    if not isinstance(made, nn.Module) or not list(made.parameters()):
        raise TypeError(f"build must return an nn.Module with parameters, not {type(made).__name__}")
    if buffers := [name for name, _ in made.named_buffers()]:
        raise TypeError(f"it keeps the buffer {buffers[0]!r}; only parameters are kept, so use a layer without buffers")
    with torch.no_grad():
        found = made.eval()(torch.zeros(2, n_features))
    made.train()
    if not isinstance(found, Tensor) or found.shape != (2, n_labels):
        shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"it gives {shape} for 2 rows and {n_labels} labels, not [2, {n_labels}]")


def train(
    modules: Sequence[LinearMethod],
    training: Split,
    validation: Split | None,
    options: LoopOptions,
    seed: int,
    *,
    extra: Mapping[str, Tensor] | None = None,
    batches: Batches | None = None,
    hooks: Hooks = Hooks(),
) -> Trained:
    """Train a stack of K models of one method and keep each at its best validation Hamming loss.

    Parameters
    ----------
    modules: the models, initialised; equal but for numeric hyper-parameters.
    training, validation: rows on the device they are to be trained on; x [N, D], y [N, c]. Without validation data
        the last epoch is kept.
    extra: per-sample tensors {name: [N, ...]} served as ``batch.extra``.
    batches: index tensors of an epoch, instead of the seed's shuffled ones.

    Raises
    ------
    DivergedError: when no model of the stack has a finite loss any more; the message names the epoch.
    """
    device, dtype = training.x.device, training.x.dtype
    stack = Stack(modules, linear=True, stackable=modules[0].stackable, device=device, dtype=dtype)
    hamming = (
        None
        if validation is None
        else partial(
            stacked_hamming,
            split=validation,
            threshold=modules[0].decision_threshold,
            classifier=copy.deepcopy(modules[0].classifier).eval(),
        )
    )
    step = Step(stack, options, training, extra or {})
    return _Training(step, hamming, Streams(seed, "classifier")).run(options, batches, hooks)


def train_module(
    module: nn.Module,
    objective: Callable[[Batch], Tensor],
    training: Split,
    options: LoopOptions,
    streams: Streams,
    *,
    extra: Mapping[str, Tensor] | None = None,
    hooks: Hooks = Hooks(),
) -> None:
    """Train any module by ``objective(batch)`` for all epochs; it is left with the last epoch's parameters, in
    evaluation mode. Batch order and noise are those of the ``streams``, apart from the classifier's.

    Raises
    ------
    DivergedError: when the loss is not finite any more; the message names the stage and the epoch.
    """
    holder = _Objective(module.train(), objective)
    stack = Stack([holder], linear=False, stackable=False, device=training.x.device, dtype=training.x.dtype)
    trained = _Training(Step(stack, options, training, extra or {}), None, streams).run(options, None, hooks)
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


class _Training:
    """A training on its way: the step, the curves, and each model's best snapshot."""

    def __init__(self, step: Step, hamming: Callable[[dict[str, Tensor]], Tensor] | None, streams: Streams) -> None:
        models, self.device = step.stack.size, step.training.x.device
        self.step, self.stack, self.hamming, self.streams = step, step.stack, hamming, streams
        self.epoch = 0
        # The authors start from 1.0 and keep strictly better epochs; the initial state stands until then.
        self.best = torch.full((models,), 1.0, dtype=torch.float64, device=self.device)
        self.best_epoch = torch.zeros(models, dtype=torch.int64, device=self.device)
        self.snapshot = {name: value.detach().clone() for name, value in self.stack.parameters.items()}
        self.alive = torch.ones(models, dtype=torch.bool, device=self.device)
        self.diverged: list[int | None] = [None] * models
        self.losses: list[list[float]] = []
        self.validation: list[list[float]] = []

    def run(self, options: LoopOptions, batches: Batches | None, hooks: Hooks) -> Trained:
        n_samples = self.step.training.x.shape[0]
        if n_samples < 2:
            raise ValueError(f"training needs at least two rows; there are {n_samples}")
        batches = batches or partial(self.streams.shuffled_batches, n_samples, options.batch_size)
        if hooks.checkpoint and (saved := hooks.checkpoint.load()) is not None:
            self.restore(saved)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for epoch in range(self.epoch + 1, options.epochs + 1):
                self.step.epoch.fill_(epoch)
                self.losses.append(self.train_epoch(epoch, batches(epoch), options.tf32))
                self.epoch = epoch
                if not self.alive.any():
                    if bool((self.best_epoch > 0).any()):
                        break  # what was kept before stays, as it does beside a model that goes on
                    where = f"in epoch {epoch} of {options.epochs}"
                    raise DivergedError(f"the {self.streams.stage}'s training loss is no longer finite {where}")
                self.keep_better(last=epoch == options.epochs)
                if hooks.report:
                    hooks.report(epoch)
                if hooks.checkpoint and hooks.checkpoint.due(finished=epoch == options.epochs):
                    hooks.checkpoint.save(self.saved())
        return self.trained()

    def train_epoch(self, epoch: int, order: Sequence[Tensor], tf32: bool) -> list[float]:
        """One step a batch; [K] mean losses. Models whose loss or parameters are not finite are alive no more."""
        total = torch.zeros(self.stack.size, dtype=torch.float64, device=self.device)
        rows = torch.cat(list(order)).to(self.device)
        for number, index in enumerate(rows.split([len(index) for index in order])):
            self.streams.seed_noise(epoch, number, self.device)
            with _products_in(tf32):
                total += self.step(index) * len(index)
            pass_on()
        loss = total / len(rows)
        self.alive &= loss.isfinite()
        for value in self.stack.parameters.values():  # the last step may have broken what its loss did not show
            self.alive &= value.detach().isfinite().flatten(1).all(1)
        for k, finite in enumerate(self.alive.tolist()):
            if not finite and self.diverged[k] is None:
                self.diverged[k] = epoch
        return loss.tolist()

    def keep_better(self, last: bool) -> None:
        """Take this epoch's parameters of the models whose validation Hamming loss is lower than before; without
        validation data those of the last epoch."""
        if self.hamming is None:
            better = self.alive & last
        else:
            now = self.hamming(self.stack.parameters).masked_fill(~self.alive, torch.inf)
            self.validation.append(now.tolist())
            better = now < self.best
            self.best.copy_(torch.where(better, now, self.best))
        if better.any():
            self.best_epoch.masked_fill_(better, self.epoch)
            for name, value in self.stack.parameters.items():
                mask = better.view(-1, *[1] * (value.dim() - 1))
                torch.where(mask, value.detach(), self.snapshot[name], out=self.snapshot[name])

    def trained(self) -> Trained:
        models = self.stack.size
        return Trained(
            parameters=self.snapshot,
            epochs=self.best_epoch.tolist(),
            validation_hamming=self.best.tolist() if self.hamming is not None else [math.nan] * models,
            losses=[list(curve) for curve in zip(*self.losses, strict=True)],
            hamming=[list(curve) for curve in zip(*self.validation, strict=True)] or [[] for _ in range(models)],
            diverged=self.diverged,
        )

    def saved(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {
            "tensors": {name: tensor.cpu() for name, tensor in self.changing().items()},
            "epoch": self.epoch,
            "diverged": self.diverged,
            "losses": self.losses,
            "hamming": self.validation,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        for name, tensor in self.changing().items():
            tensor.copy_(saved["tensors"][name])
        self.epoch, self.diverged = saved["epoch"], saved["diverged"]
        self.losses, self.validation = saved["losses"], saved["hamming"]

    def changing(self) -> dict[str, Tensor]:
        """Every tensor that an epoch changes, by name. Noise has no state: each step seeds its own."""
        optimiser = self.step.optimiser
        tensors = {"best": self.best, "best epoch": self.best_epoch, "alive": self.alive, "steps": optimiser.steps}
        tensors |= {f"parameter {name}": value.detach() for name, value in self.stack.parameters.items()}
        tensors |= {f"buffer {name}": value for name, value in self.stack.buffers.items()}
        tensors |= {f"snapshot {name}": value for name, value in self.snapshot.items()}
        for number, group in enumerate(optimiser.groups):
            for moment in ("means", "squares", "largest_squares"):
                tensors |= {f"{moment} {number} {i}": value for i, value in enumerate(getattr(group, moment))}
        return tensors | {f"norms {number}": queue.norms for number, (_, queue) in enumerate(self.step.clip_groups)}


@contextmanager
def _products_in(tf32: bool) -> Iterator[None]:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False  # metrics, the validation Hamming loss among them


def stacked_hamming(
    parameters: dict[str, Tensor], split: Split, threshold: float, classifier: nn.Module | None = None
) -> Tensor:
    """[K] float64 Hamming losses of K classifiers (linear ones where none is given), in blocks of rows."""
    own = {name: value.detach() for name, value in parameters.items() if name.startswith("classifier.")}
    classifier = classifier or nn.Linear(split.x.shape[1], split.y.shape[1], device="meta")
    example = next(iter(own.values()))
    widest = max(value.shape[1] for value in own.values())  # of the layers' outputs, which take the memory
    step = rows_at_once(LOGIT_BYTES_AT_ONCE, len(example) * widest * split.x.element_size())
    wrong = torch.zeros(len(example), dtype=torch.int64, device=example.device)
    for start in range(0, split.x.shape[0], step):
        predicted = stacked_logits(classifier, own, split.x[start : start + step]) > threshold
        wrong += (predicted != (split.y[start : start + step] > 0)).sum((1, 2))
    return wrong.double() / split.y.numel()
