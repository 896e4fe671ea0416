"""Fitting a gradient-trained method: its grid as stacks through the shared loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench import methods
from bench.config import LINEAR, Backbone
from bench.job.build import OpenCheckpoint, Progress, linear_module, loop_options, per_sample_tensors
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted
from bench.methods.api import LinearMethod
from bench.protocol import Protocol
from bench.system.processes import side_by_side
from bench.training.checkpoint import Checkpoint
from bench.training.loop import DivergedError, Hooks, Trained, built, initialise_classifier, train
from bench.training.step import LoopOptions

ROWS_AT_ONCE = 4096
"""Of which a backbone computes its scores; hidden layers take memory."""


def fit_linear(
    name: str,
    points: list[dict[str, Any]],
    prepared: Prepared,
    protocol: Protocol,
    seed: int,
    progress: Progress | None = None,
    processes: int = 1,
    checkpoints: OpenCheckpoint | None = None,
    backbone: Backbone = LINEAR,
) -> Fitted:
    """Train every point of the grid; points that differ in numbers only are stacked, up to the protocol's stack size.

    ``progress("epoch", done, all)`` counts epochs over all stacks. With several ``processes`` a grid's stacks train
    side by side; each is the same program then, so results do not depend on it. ``checkpoints`` keep long trainings.

    Raises
    ------
    DivergedError: when no point of the grid has a finite loss.
    TypeError: for a method that is not gradient-trained.
    """
    cls = methods.method_class(name)
    if not issubclass(cls, LinearMethod):
        raise TypeError(f"the method {name!r} is no LinearMethod, so fit_method fits it and not fit_linear")
    options = loop_options(protocol, prepared.splits["train"].x.shape[0])
    parts = stacked_positions(points, protocol.stack if cls.stackable else 1, partial(_read_by_prepare, cls))
    chosen = [[points[position] for position in positions] for positions in parts]
    once: dict[str, dict[str, Tensor]] = {}
    stacks = []
    for number, (part, positions) in enumerate(zip(chosen, parts, strict=True)):
        read = _read_by_prepare(cls, part[0])
        if read not in once:
            own = _named(checkpoints, f"preparation {len(once)}")
            once[read] = per_sample_tensors(name, part[0], prepared, protocol, seed, progress, own)
        kept = checkpoints(f"stack of {positions[0]} to {positions[-1]}") if checkpoints else None
        stacks.append(_StackJob(number, part, once[read], kept))
    train_one = partial(_train_stack, name, prepared, options, seed, backbone)
    if processes > 1 and len(parts) > 1 and prepared.splits["train"].x.device.type == "cpu":
        one_of = partial(_train_one_of, train_one, stacks, protocol.threads)
        outcomes = side_by_side(one_of, len(parts), processes, forked=protocol.threads == 1)
    else:
        total = len(parts) * options.epochs
        outcomes = [train_one(stack, _counted(progress, stack.number * options.epochs, total)) for stack in stacks]
    failures = [outcome for outcome in outcomes if isinstance(outcome, DivergedError)]
    if len(failures) == len(outcomes):
        raise failures[0]
    candidates: dict[int, Candidate] = {}
    for positions, outcome, stack in zip(parts, outcomes, stacks, strict=True):
        for k, position in enumerate(positions):
            if isinstance(outcome, DivergedError):
                candidates[position] = Candidate(scores=_no_scores, diverged=options.epochs)
            else:
                recovered = partial(_distribution, name, points[position], prepared, seed, backbone, stack.extra)
                candidates[position] = _candidate(outcome, k, recovered, prepared, backbone)
    return Fitted(
        [candidates[i] for i in range(len(points))],
        cls.decision_threshold,
        options.epochs,
        [len(part) for part in parts],
    )


@dataclass(frozen=True)
class _StackJob:
    """Grid points that are trained together."""

    number: int
    points: list[dict[str, Any]]
    extra: dict[str, Tensor]
    checkpoint: Checkpoint | None


def _train_stack(
    name: str,
    prepared: Prepared,
    options: LoopOptions,
    seed: int,
    backbone: Backbone,
    stack: _StackJob,
    report: Callable[[int], None] | None = None,
) -> Trained | DivergedError:
    modules = [linear_module(name, point, prepared, seed) for point in stack.points]
    for module in modules:  # the classifier starts from a stream that all variants share
        initialise_classifier(module, seed, backbone)
    training, validation = prepared.splits["train"], prepared.splits.get("val")
    hooks = Hooks(report, stack.checkpoint)
    try:
        return train(modules, training, validation, options, seed, extra=stack.extra, hooks=hooks)
    except DivergedError as error:
        return error


def _train_one_of(
    train_one: Callable[[_StackJob], Trained | DivergedError], stacks: list[_StackJob], threads: int, number: int
) -> Trained | DivergedError:
    torch.set_num_threads(threads)
    return train_one(stacks[number])


def _counted(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    """Reports of a stack's epochs as epochs of all stacks."""
    return (lambda epoch: progress("epoch", before + epoch, total)) if progress else None


def _named(checkpoints: OpenCheckpoint | None, name: str) -> OpenCheckpoint | None:
    return None if checkpoints is None else lambda stage: checkpoints(f"{name} {stage}")


def stacked_positions(
    points: list[dict[str, Any]], size: int, apart: Callable[[dict[str, Any]], str] = lambda point: ""
) -> list[list[int]]:
    """Positions of the points that can be trained together: equal in everything but real numbers, and in ``apart``."""
    groups: dict[str, list[int]] = {}
    for position, point in enumerate(points):
        fixed = {option: value for option, value in point.items() if not isinstance(value, float)}
        groups.setdefault(repr(sorted(fixed.items())) + apart(point), []).append(position)
    return [group[i : i + size] for group in groups.values() for i in range(0, len(group), size)]


def _read_by_prepare(cls: type[LinearMethod], point: dict[str, Any]) -> str:
    """The options that decide what ``prepare`` returns; none where the method has no ``prepare`` of its own."""
    if cls.prepare is LinearMethod.prepare:
        return ""
    return repr(sorted((option, value) for option, value in point.items() if option not in cls.prepare_ignores))


def _candidate(
    trained: Trained,
    k: int,
    recovered: Callable[[dict[str, Tensor]], Tensor | None],
    prepared: Prepared,
    backbone: Backbone,
) -> Candidate:
    parameters = {name: value[k] for name, value in trained.parameters.items()}
    return Candidate(
        scores=partial(backbone_scores, backbone, prepared.problem.n_labels, parameters),
        distribution=partial(recovered, parameters),
        parameters=parameters,
        epoch=trained.epochs[k],
        diverged=trained.diverged[k],
        losses=trained.losses[k],
        hamming=trained.hamming[k],
        backbone=backbone,
    )


def linear_scores(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """[N, c] logits of the shared linear classifier."""
    return nn.functional.linear(x, parameters["classifier.weight"], parameters["classifier.bias"])


def backbone_scores(backbone: Backbone, labels: int, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """[N, c] logits of a trained backbone in evaluation mode."""
    if backbone == LINEAR:
        return linear_scores(parameters, x)
    network = built(backbone, x.shape[1], labels).to(x).eval()
    own = {name: parameters[f"classifier.{name}"] for name, _ in network.named_parameters()}
    with torch.no_grad():
        return torch.cat([functional_call(network, own, (part,)) for part in x.split(ROWS_AT_ONCE)])


def _distribution(
    name: str,
    point: dict[str, Any],
    prepared: Prepared,
    seed: int,
    backbone: Backbone,
    extra: dict[str, Tensor],
    parameters: dict[str, Tensor],
) -> Tensor | None:
    """The degrees that the model with these parameters recovers for the training rows."""
    train = prepared.splits["train"]
    module = linear_module(name, point, prepared, seed)
    if backbone != LINEAR:
        initialise_classifier(module, seed, backbone)
    module = module.to(train.x).eval()
    module.load_state_dict(parameters, strict=False)
    with torch.no_grad():
        return module.distribution(train, extra)


def _no_scores(x: Tensor) -> Tensor:
    raise RuntimeError("a diverged model has no scores")
