"""Fitting a gradient-trained method: its grid as stacks through the shared loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import methods
from bench.config import Protocol
from bench.fitting import Candidate, Fitted, Prepared
from bench.streams import stream_seed
from bench.training import DivergedError, LoopOptions, Trained, initialise_classifier, train, train_module
from methods.api import Batch, LinearMethod, Problem, Split


def fit_linear(
    name: str,
    points: list[dict[str, Any]],
    prepared: Prepared,
    protocol: Protocol,
    seed: int,
    on_epoch: Callable[[int, int], None] | None = None,
    processes: int = 1,
) -> Fitted:
    """Train every point of the grid; points that differ in numbers only are stacked, up to the protocol's stack size.

    ``on_epoch(done, all)`` counts epochs over all stacks. With several ``processes`` the stacks of a grid train side by
    side; each is the same program then, so results do not depend on it.

    Raises
    ------
    DivergedError: when no point of the grid has a finite loss.
    """
    cls = methods.method_class(name)
    options = loop_options(protocol, prepared.splits["train"].x.shape[0])
    extra = _per_sample_tensors(name, points[0], prepared, options, seed)
    stacks = stacked_positions(points, protocol.stack if getattr(cls, "stackable", True) else 1)
    chosen = [[points[position] for position in positions] for positions in stacks]
    if processes > 1 and len(stacks) > 1 and prepared.splits["train"].x.device.type == "cpu":
        outcomes = _side_by_side(name, chosen, prepared, options, seed, extra, processes, protocol.threads)
    else:
        outcomes = []
        for number, part in enumerate(chosen):

            def report(epoch: int, before: int = number * options.epochs) -> None:
                if on_epoch:
                    on_epoch(before + epoch, len(stacks) * options.epochs)

            outcomes.append(_train_stack(name, part, prepared, options, seed, extra, report))
    failures = [outcome for outcome in outcomes if isinstance(outcome, DivergedError)]
    if len(failures) == len(outcomes):
        raise failures[0]
    candidates: dict[int, Candidate] = {}
    for positions, outcome in zip(stacks, outcomes, strict=True):
        for k, position in enumerate(positions):
            candidates[position] = (
                Candidate(scores=_no_scores, diverged=options.epochs)
                if isinstance(outcome, DivergedError)
                else _candidate(outcome, k)
            )
    return Fitted([candidates[i] for i in range(len(points))], cls.cut, options.epochs, [len(part) for part in stacks])


def _train_stack(
    name: str,
    points: list[dict[str, Any]],
    prepared: Prepared,
    options: LoopOptions,
    seed: int,
    extra: dict[str, Tensor],
    on_epoch: Callable[[int], None] | None = None,
) -> Trained | DivergedError:
    modules = [_module(name, point, prepared, seed) for point in points]
    try:
        return train(
            modules, prepared.splits["train"], prepared.splits["val"], options, seed, extra=extra, on_epoch=on_epoch
        )
    except DivergedError as error:
        return error


def _side_by_side(
    name: str,
    stacks: list[list[dict[str, Any]]],
    prepared: Prepared,
    options: LoopOptions,
    seed: int,
    extra: dict[str, Tensor],
    processes: int,
    threads: int,
) -> list[Trained | DivergedError]:
    """One process per stack. Arrays travel as files that every process maps into memory, not as copies."""
    from joblib import Parallel, delayed

    arrays = {split: (prepared.splits[split].x.numpy(), prepared.splits[split].y.numpy()) for split in ("train", "val")}
    per_sample = {key: value.numpy() for key, value in extra.items()}
    parallel = Parallel(n_jobs=min(processes, len(stacks)), mmap_mode="c")
    return parallel(
        delayed(_in_another_process)(name, part, prepared.problem, arrays, per_sample, options, seed, threads)
        for part in stacks
    )


def _in_another_process(
    name: str,
    points: list[dict[str, Any]],
    problem: Problem,
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
    per_sample: dict[str, np.ndarray],
    options: LoopOptions,
    seed: int,
    threads: int,
) -> Trained | DivergedError:
    torch.set_num_threads(threads)
    splits = {split: Split(torch.from_numpy(x), torch.from_numpy(y)) for split, (x, y) in arrays.items()}
    extra = {key: torch.from_numpy(value) for key, value in per_sample.items()}
    return _train_stack(name, points, Prepared(problem, splits), options, seed, extra)


def loop_options(protocol: Protocol, rows: int) -> LoopOptions:
    return LoopOptions(
        epochs=protocol.epochs_for(rows),
        batch_size=protocol.batch_size,
        learning_rate=protocol.learning_rate,
        betas=protocol.betas,
        eps=protocol.eps,
        weight_decay=protocol.weight_decay,
        bias_weight_decay=protocol.bias_weight_decay,
        amsgrad=protocol.amsgrad,
        clip=protocol.clip_in_force,
    )


def stacked_positions(points: list[dict[str, Any]], size: int) -> list[list[int]]:
    """Positions of the points that can be trained together: equal in everything but real numbers."""
    groups: dict[str, list[int]] = {}
    for position, point in enumerate(points):
        fixed = {option: value for option, value in point.items() if not isinstance(value, float)}
        groups.setdefault(repr(sorted(fixed.items())), []).append(position)
    return [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]


def _module(name: str, point: dict[str, Any], prepared: Prepared, seed: int) -> LinearMethod:
    """One initialised model. Side networks draw from a stream of their own, the classifier from one all rows share."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "side networks", "initialisation"))
        module = methods.create(name, prepared.problem, **point)
    assert isinstance(module, LinearMethod)
    initialise_classifier(module, seed)
    return module


def _per_sample_tensors(
    name: str, point: dict[str, Any], prepared: Prepared, options: LoopOptions, seed: int
) -> dict[str, Tensor]:
    training = prepared.splits["train"]

    def fit(module: nn.Module, objective: Callable[[Batch], Tensor], **changes: Any) -> None:
        own = LoopOptions(**{**vars(options), "clip": "none", **changes})
        train_module(module, objective, training, own, seed, stage="recovery")

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "recovery", "initialisation"))
        extra = methods.create(name, prepared.problem, **point).prepare(training, fit)  # type: ignore[union-attr]
    return _checked(name, extra, training.x)


def _checked(name: str, extra: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    for key, value in extra.items():
        if value.shape[:1] != x.shape[:1]:
            raise ValueError(
                f"{name}.prepare gave {key!r} {tuple(value.shape)}; its first dimension must be {len(x)} rows"
            )
    return {
        key: value.to(device=x.device, dtype=x.dtype if value.is_floating_point() else value.dtype)
        for key, value in extra.items()
    }


def _candidate(trained: Trained, k: int) -> Candidate:
    parameters = {name: value[k] for name, value in trained.parameters.items()}

    def scores(x: Tensor) -> Tensor:
        return nn.functional.linear(x, parameters["classifier.weight"], parameters["classifier.bias"])

    return Candidate(
        scores=scores,
        parameters=parameters,
        epoch=trained.epochs[k],
        diverged=trained.diverged[k],
        losses=trained.losses[k],
        hamming=trained.hamming[k],
    )


def _no_scores(x: Tensor) -> Tensor:
    raise RuntimeError("a diverged model has no scores")
