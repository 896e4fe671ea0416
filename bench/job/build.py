"""Initialised modules of a job, and the per-sample tensors that its method computes once (``prepare``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench import methods
from bench.job.inputs import Prepared
from bench.methods.api import OBSERVED, Batch, Fit, LinearMethod, Schedule, Split
from bench.protocol import Protocol
from bench.training.checkpoint import Checkpoint
from bench.training.loop import Hooks, train_module
from bench.training.seeding import Streams, stream_seed
from bench.training.step import LoopOptions

STAGE = "recovery network"
STACKED_WEIGHTS = 2**26
"""Of a stack, 0.25 GiB of float32, of which training holds some six copies. Larger models gain nothing from one
another: their step is bound by products with their own weights, and by the update."""
OpenCheckpoint = Callable[[str], Checkpoint]
"""stage -> its checkpoint."""
Progress = Callable[[str, int, int], None]
"""(what is counted, done, all)."""


def loop_options(protocol: Protocol, rows: int) -> LoopOptions:
    return LoopOptions(
        epochs=protocol.epochs_for(rows),
        batch_size=protocol.batch_size,
        learning_rate=protocol.learning_rate,
        betas=protocol.betas,
        eps=protocol.eps,
        weight_decay=protocol.weight_decay,
        bias_weight_decay=protocol.bias_weight_decay,
        l2=protocol.l2,
        amsgrad=protocol.amsgrad,
        clip=protocol.effective_clip,
        criteria=protocol.criteria,
        select_every=protocol.select_every,
        patience=protocol.patience,
        tf32=protocol.precision == "tf32",
    )


def linear_module(name: str, point: dict[str, Any], prepared: Prepared, seed: int) -> LinearMethod:
    """One model; its side networks draw their initial weights from a stream of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "side networks", "initialisation"))
        module = methods.create(name, prepared.problem, **point)
    assert isinstance(module, LinearMethod)
    return module


def stack_size(name: str, points: list[dict[str, Any]], prepared: Prepared, protocol: Protocol, seed: int) -> int:
    """Models that are stacked at most: the protocol's number, fewer where they are large, one where they must be."""
    most = min(protocol.stack, len(points))
    module = linear_module(name, points[0], prepared, seed) if most > 1 else None
    if module is None or not module.stackable:
        return 1
    return min(most, max(1, STACKED_WEIGHTS // sum(value.numel() for value in module.parameters())))


def per_sample_tensors(
    name: str,
    point: dict[str, Any],
    prepared: Prepared,
    protocol: Protocol,
    seed: int,
    progress: Progress | None = None,
    checkpoints: OpenCheckpoint | None = None,
) -> dict[str, Tensor]:
    """Per-sample tensors that the method's ``prepare`` returns, checked, on the features' device and of their type."""
    training = prepared.splits["train"]
    checkpoint = checkpoints("prepared") if checkpoints else None
    if checkpoint and (saved := checkpoint.load()) is not None:
        return {key: value.to(training.x.device) for key, value in saved.items()}
    module = linear_module(name, point, prepared, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, STAGE, "initialisation"))
        extra = module.prepare(training, shared_fit(training, protocol, seed, progress, checkpoints))
    checked = _checked(name, extra, training.x)
    if checkpoint and checkpoint.due(finished=True):
        checkpoint.save({key: value.cpu() for key, value in checked.items()})
    return checked


def shared_fit(
    training: Split,
    protocol: Protocol,
    seed: int,
    progress: Progress | None = None,
    checkpoints: OpenCheckpoint | None = None,
) -> Fit:
    """The shared loop for the modules that a method trains itself; the protocol's minimum of steps holds for them."""
    base = loop_options(protocol, training.x.shape[0])
    numbers = count(1)

    def fit(
        module: nn.Module,
        objective: Callable[[Batch], Tensor],
        *,
        epochs: int,
        batch_size: int,
        exact: bool = False,
        optimiser: Literal["adamw", "adam"] = "adamw",
        weight_decay: float | None = None,
        learning_rate: float | None = None,
        schedule: Schedule | None = None,
        extra: Mapping[str, Tensor] | None = None,
        records: bool = False,
    ) -> None:
        decay = protocol.weight_decay if weight_decay is None else weight_decay
        adam = optimiser == "adam"
        options = replace(
            base,
            epochs=epochs if exact else protocol.epochs_for(training.x.shape[0], epochs, batch_size),
            batch_size=batch_size,
            learning_rate=base.learning_rate if learning_rate is None else learning_rate,
            schedule=schedule,
            weight_decay=decay,
            bias_weight_decay=decay if adam else base.bias_weight_decay,
            amsgrad=base.amsgrad and not adam,
            decoupled_decay=not adam,
            clip="none",
        )
        number = next(numbers)
        train_module(
            module,
            objective,
            training,
            options,
            Streams(seed, STAGE),
            extra=extra,
            records=records,
            hooks=Hooks(
                report=(lambda epoch: progress(f"{STAGE}, epoch", epoch, options.epochs)) if progress else None,
                checkpoint=checkpoints(f"{STAGE} {number}") if checkpoints else None,
            ),
        )

    return fit


def _checked(name: str, extra: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    if OBSERVED in extra:
        raise ValueError(f"{name}.prepare gave {OBSERVED!r}, which is the name of the known labels; take another one")
    for key, value in extra.items():
        if value.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"{name}.prepare gave {key!r} {tuple(value.shape)}; its first dimension must be {len(x)} rows"
            )
    return {
        key: value.to(device=x.device, dtype=x.dtype if value.is_floating_point() else value.dtype)
        for key, value in extra.items()
    }
