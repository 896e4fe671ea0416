"""The shared training loop: a stack of linear classifiers (with or without side networks), AMSGrad-AdamW, norm-queue
clipping, validation Hamming loss after every epoch, and the best snapshot by it, or by other metrics, kept.

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

from bench.backbones import built
from bench.config import LINEAR, Backbone
from bench.methods.api import Batch, LinearMethod, Split
from bench.metrics.catalogue import metric_named
from bench.metrics.evaluation import TrainingLabels
from bench.system.blocks import rows_at_once
from bench.training.checkpoint import Checkpoint
from bench.training.seeding import Streams, stream_seed
from bench.training.stack import Stack, stacked_logits, stacked_losses
from bench.training.step import LoopOptions, Step

LOGIT_BYTES_AT_ONCE = 64 * 2**20
HAMMING = "hamming"

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
class Kept:
    """The best snapshot of each model of a stack by one metric on validation data."""

    parameters: dict[str, Tensor]
    """{name: [K, ...]} of each model's best epoch (the last epoch where nothing was selected); those that belong to
    the training rows are left out."""
    epochs: list[int]
    """[K] the epoch of the snapshot, counted from 1; 0 is the initial state."""
    values: list[float]
    """[K] of the metric at that epoch."""


@dataclass
class Trained(Kept):
    """A trained stack: per model its best snapshot, and the curves, which end where a model ends."""

    also: dict[str, Kept] = field(default_factory=dict)
    """{metric: the snapshots by it}, of further metrics."""
    losses: list[list[float]] = field(default_factory=list)
    """[K][E] mean training loss."""
    hamming: list[list[float]] = field(default_factory=list)
    """[K][E] validation Hamming loss."""
    diverged: list[int | None] = field(default_factory=list)
    """[K] the epoch in which a model's loss stopped being finite; it is not considered from then on."""
    stopped: list[int | None] = field(default_factory=list)
    """[K] the epoch in which a model ran out of patience; it is not considered from then on."""


def initialise_classifier(module: LinearMethod, seed: int, backbone: Backbone = LINEAR) -> None:
    """Give a model its backbone, initialised from the seed's own stream: equal for all rows of a seed."""
    start = stream_seed(seed, "classifier", "initialisation")
    made = built(backbone, module.problem.n_features, module.problem.n_labels, start)
    module.classifier = made.to(next(module.parameters()).dtype)


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
    """Train a stack of K models of one method and keep each at its best value of the options' metrics on validation
    data.

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
    UsageError: for a metric that the validation rows have no value of.
    """
    device, dtype = training.x.device, training.x.dtype
    stackable, epochs = modules[0].stackable, options.epochs
    stack = Stack(modules, linear=True, stackable=stackable, device=device, dtype=dtype, epochs=epochs)
    step = Step(stack, options, training, extra or {})
    known = TrainingLabels(training.y.sum(0, dtype=torch.float64), training.y.shape[0])
    evaluation = None
    if validation is not None:
        classifier = copy.deepcopy(modules[0].classifier).eval()
        threshold, fitted = modules[0].decision_threshold, modules[0].fits_threshold
        evaluation = _Validation(validation, threshold, known, options, classifier, fitted)
    return _Training(step, evaluation, Streams(seed, "classifier")).run(options, batches, hooks)


def train_module(
    module: nn.Module,
    objective: Callable[[Batch], Tensor],
    training: Split,
    options: LoopOptions,
    streams: Streams,
    *,
    extra: Mapping[str, Tensor] | None = None,
    records: bool = False,
    hooks: Hooks = Hooks(),
) -> None:
    """Train any module by ``objective(batch)`` for all epochs; it is left with the last epoch's parameters, in
    evaluation mode. Batch order and noise are those of the ``streams``, apart from the classifier's. ``records``: the
    objective has no state of its own, so that a GPU's steps may be recorded.

    Raises
    ------
    DivergedError: when the loss is not finite any more; the message names the stage and the epoch.
    """
    holder = _Objective(module.train(), objective)
    device, dtype, epochs = training.x.device, training.x.dtype, options.epochs
    stack = Stack([holder], linear=False, stackable=False, device=device, dtype=dtype, epochs=epochs)
    stack.records = records and training.x.is_cuda  # on a CPU these large steps gain nothing
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


@dataclass(frozen=True)
class _Validation:
    """Validation rows, and the metrics on them that a training selects by."""

    split: Split
    threshold: float
    training: TrainingLabels
    options: LoopOptions
    classifier: nn.Module
    """One like those of the stack, in evaluation mode."""
    fitted: bool
    """True: each model's threshold is fitted on these rows, anew in every epoch."""

    def losses(self, parameters: dict[str, Tensor], alive: Tensor, epoch: int) -> dict[str, Tensor]:
        """{metric: [K] float64}, lower is better, of Hamming loss and of the others that are due in this epoch."""
        due = epoch % self.options.select_every == 0 or epoch == self.options.epochs
        wanted = [option for option in self.options.criteria if option != HAMMING] if due else []
        found = {}
        if self.fitted:
            wanted = [HAMMING, *wanted]
        else:
            found = {HAMMING: stacked_hamming(parameters, self.split, self.threshold, self.classifier)}
        if wanted:
            considered = alive.tolist()
            found |= stacked_losses(
                parameters, self.split, self.threshold, wanted, considered, self.training, self.classifier, self.fitted
            )
        return {option: losses.masked_fill(~alive, torch.inf) for option, losses in found.items()}


class _Best:
    """The best snapshot of each model of a stack by one metric."""

    def __init__(self, option: str, stack: Stack, device: torch.device) -> None:
        self.option, models = option, stack.size
        # The authors start from 1.0 and keep strictly better epochs; the initial state stands until then.
        self.best = torch.full((models,), 1.0 if option == HAMMING else torch.inf, dtype=torch.float64, device=device)
        self.epoch = torch.zeros(models, dtype=torch.int64, device=device)
        kept = {name: value for name, value in stack.parameters.items() if name not in stack.per_sample}
        self.snapshot = {name: value.detach().clone() for name, value in kept.items()}

    def compare(self, now: Tensor, epoch: int, parameters: dict[str, Tensor]) -> None:
        """Take the parameters of the models whose loss [K] is lower than before."""
        better = now < self.best
        self.best.copy_(torch.where(better, now, self.best))
        self.take(better, epoch, parameters)

    def take(self, better: Tensor, epoch: int, parameters: dict[str, Tensor]) -> None:
        if better.any():
            self.epoch.masked_fill_(better, epoch)
            for name, kept in self.snapshot.items():
                mask = better.view(-1, *[1] * (kept.dim() - 1))
                torch.where(mask, parameters[name].detach(), kept, out=kept)

    def kept(self) -> Kept:
        sign = 1 if metric_named(self.option).lower_is_better else -1
        return Kept(self.snapshot, self.epoch.tolist(), [sign * value for value in self.best.tolist()])

    def changing(self) -> dict[str, Tensor]:
        tensors = {"best": self.best, "best epoch": self.epoch}
        return tensors | {f"snapshot {name}": value for name, value in self.snapshot.items()}


class _Training:
    """A training on its way: the step, the curves, and each model's best snapshots."""

    def __init__(self, step: Step, validation: _Validation | None, streams: Streams) -> None:
        models, self.device = step.stack.size, step.training.x.device
        self.step, self.stack, self.validation, self.streams = step, step.stack, validation, streams
        self.epoch = 0
        criteria = validation.options.criteria if validation else (HAMMING,)
        self.bests = [_Best(option, self.stack, self.device) for option in criteria]
        self.alive = torch.ones(models, dtype=torch.bool, device=self.device)
        """[K] models that are considered: neither diverged nor out of patience."""
        self.diverged: list[int | None] = [None] * models
        self.stopped: list[int | None] = [None] * models
        self.losses: list[list[float]] = []
        self.hamming: list[list[float]] = []

    def run(self, options: LoopOptions, batches: Batches | None, hooks: Hooks) -> Trained:
        n_samples = self.step.training.x.shape[0]
        if n_samples < 2:
            raise ValueError(f"training needs at least two rows; there are {n_samples}")
        batches = batches or partial(self.streams.shuffled_batches, n_samples, options.batch_size)
        if hooks.checkpoint and (saved := hooks.checkpoint.load()) is not None:
            self.restore(saved)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for epoch in range(self.epoch + 1, options.epochs + 1):
                if self.finished(options.epochs):
                    break
                self.step.epoch.fill_(epoch)
                self.losses.append(self.train_epoch(epoch, batches(epoch), options.tf32))
                self.epoch = epoch
                if not self.alive.any():
                    if any(self.stopped) or bool((self.bests[0].epoch > 0).any()):
                        break  # what was kept before stays, as it does beside a model that goes on
                    where = f"in epoch {epoch} of {options.epochs}"
                    raise DivergedError(f"the {self.streams.stage}'s training loss is no longer finite {where}")
                self.stack.after_epoch(self.step.training, self.step.extra, self.alive, epoch)
                self.keep_better(last=epoch == options.epochs)
                if hooks.report:
                    hooks.report(epoch)
                if hooks.checkpoint and hooks.checkpoint.due(self.finished(options.epochs)):
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
        loss = total / len(rows)
        self.alive &= loss.isfinite()
        for value in self.stack.parameters.values():  # the last step may have broken what its loss did not show
            self.alive &= value.detach().isfinite().flatten(1).all(1)
        for k, considered in enumerate(self.alive.tolist()):
            if not considered and self.stopped[k] is None and self.diverged[k] is None:
                self.diverged[k] = epoch
        return loss.tolist()

    def keep_better(self, last: bool) -> None:
        """Take this epoch's parameters of the models that are better by a metric than before, and note which models
        have run out of patience; without validation data take those of the last epoch."""
        parameters = self.stack.parameters
        if self.validation is None:
            self.bests[0].take(self.alive & last, self.epoch, parameters)
            return
        losses = self.validation.losses(parameters, self.alive, self.epoch)
        self.hamming.append(losses[HAMMING].tolist())
        for best in self.bests:
            if best.option in losses:
                best.compare(losses[best.option], self.epoch, parameters)
        patience, selecting = self.validation.options.patience, self.bests[0]
        if patience and selecting.option in losses:
            out = self.alive & (self.epoch - selecting.epoch >= patience)
            self.stopped = [self.epoch if k else was for k, was in zip(out.tolist(), self.stopped, strict=True)]
            self.alive &= ~out

    def finished(self, epochs: int) -> bool:
        """True after the last epoch, and where no model is considered any more."""
        ends = zip(self.stopped, self.diverged, strict=True)
        return self.epoch == epochs or all(stopped or diverged for stopped, diverged in ends)

    def trained(self) -> Trained:
        models = range(self.stack.size)
        first, *others = [best.kept() for best in self.bests]
        losses = [list(curve) for curve in zip(*self.losses, strict=True)]
        hamming = [list(curve) for curve in zip(*self.hamming, strict=True)] or [[] for _ in models]
        # Where a model ended, whether others of its stack went on or not; nothing is validated after divergence.
        ends = [self.stopped[k] or self.diverged[k] for k in models]
        validated = [self.stopped[k] or (d and d - 1) for k, d in enumerate(self.diverged)]
        return Trained(
            parameters=first.parameters,
            epochs=first.epochs,
            values=first.values if self.validation else [math.nan] * len(models),
            also={best.option: kept for best, kept in zip(self.bests[1:], others, strict=True)},
            losses=[losses[k][: ends[k]] for k in models],
            hamming=[hamming[k][: validated[k]] for k in models],
            diverged=self.diverged,
            stopped=self.stopped,
        )

    def saved(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {
            "tensors": {name: tensor.cpu() for name, tensor in self.changing().items()},
            "epoch": self.epoch,
            "diverged": self.diverged,
            "stopped": self.stopped,
            "losses": self.losses,
            "hamming": self.hamming,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        for name, tensor in self.changing().items():
            tensor.copy_(saved["tensors"][name])
        self.epoch, self.diverged, self.stopped = saved["epoch"], saved["diverged"], saved["stopped"]
        self.losses, self.hamming = saved["losses"], saved["hamming"]

    def changing(self) -> dict[str, Tensor]:
        """Every tensor that an epoch changes, by name. Noise has no state: each step seeds its own."""
        optimiser = self.step.optimiser
        tensors = {"alive": self.alive, "steps": optimiser.steps}
        for best in self.bests:
            tensors |= {f"{best.option} {name}": tensor for name, tensor in best.changing().items()}
        tensors |= {f"parameter {name}": value.detach() for name, value in self.stack.parameters.items()}
        tensors |= {f"buffer {name}": value for name, value in self.stack.buffers.items()}
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


@torch.no_grad()
def stacked_hamming(
    parameters: dict[str, Tensor], split: Split, threshold: float, classifier: nn.Module | None = None
) -> Tensor:
    """[K] float64 Hamming losses of K classifiers (linear ones where none is given), in blocks of rows."""
    own = {name: value.detach() for name, value in parameters.items() if name.startswith("classifier.")}
    example = next(iter(own.values()))
    # Of the layers' outputs, which take the memory.
    widest = max(value.shape[1] for value in own.values() if value.dim() > 1)
    step = rows_at_once(LOGIT_BYTES_AT_ONCE, len(example) * widest * split.x.element_size())
    wrong = torch.zeros(len(example), dtype=torch.int64, device=example.device)
    for start in range(0, split.x.shape[0], step):
        predicted = stacked_logits(classifier, own, split.x[start : start + step]) > threshold
        wrong += (predicted != (split.y[start : start + step] > 0)).sum((1, 2))
    return wrong.double() / split.y.numel()
