"""Fitting a gradient-trained method: its grid as stacks through the shared loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from msgspec.structs import replace as with_changes
from torch import Tensor

from bench import methods
from bench.backbones import built
from bench.config import LINEAR, Backbone
from bench.job.build import OpenCheckpoint, Progress, linear_module, loop_options, per_sample_tensors, stack_size
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted
from bench.methods.api import LinearMethod, Split
from bench.protocol import Protocol
from bench.system.processes import side_by_side
from bench.training.checkpoint import Checkpoint
from bench.training.loop import DivergedError, Hooks, Kept, Trained, initialise_classifier, train
from bench.training.stack import single_logits
from bench.training.step import LoopOptions
from bench.training.threshold import fitted_threshold


def fit_linear(
    name: str,
    points: list[dict[str, Any]],
    prepared: Prepared,
    protocol: Protocol,
    seed: int,
    progress: Progress | None = None,
    processes: int = 1,
    checkpoints: OpenCheckpoint | None = None,
    training: Sequence[Mapping[str, Any]] = (),
    backbone: Backbone = LINEAR,
    classifier_alone: bool = False,
) -> Fitted:
    """Train every point of the grid; points that differ in numbers only are stacked, up to the protocol's stack size,
    large models fewer.

    ``training``: each point's settings in place of the protocol's, where it has some. Learning rates, weight
    decays and L2 penalties may differ within a stack.

    ``progress("epoch", done, all)`` counts epochs over all stacks. With several ``processes`` a grid's stacks train
    side by side; each is the same program then, so results do not depend on it. ``checkpoints`` keep long trainings.
    ``classifier_alone``: of what was trained beside a classifier nothing is kept, and no distribution recovered by it.

    Raises
    ------
    DivergedError: when no point of the grid has a finite loss.
    UsageError: for a metric to select by that is not defined on the validation rows.
    TypeError: for a method that is not gradient-trained.
    """
    cls = methods.method_class(name)
    if not issubclass(cls, LinearMethod):
        raise TypeError(f"the method {name!r} is no LinearMethod, so fit_method fits it and not fit_linear")
    rows = prepared.splits["train"].x.shape[0]
    training = training or [{}] * len(points)
    protocols = [with_changes(protocol, **own) for own in training]
    whole = [_with_training(point, own) for point, own in zip(points, training, strict=True)]
    size = stack_size(name, points, prepared, protocol, seed)
    parts = stacked_positions(whole, size, partial(_read_by_prepare, cls))
    of, kept = ("classifiers", "classifier.") if classifier_alone else ("stack", "")
    once: dict[str, dict[str, Tensor]] = {}
    stacks = []
    for number, positions in enumerate(parts):
        part, read = [points[position] for position in positions], _read_by_prepare(cls, whole[positions[0]])
        if read not in once:
            own = _named(checkpoints, f"preparation {len(once)}")
            once[read] = per_sample_tensors(name, part[0], prepared, protocols[positions[0]], seed, progress, own)
        checkpoint = checkpoints(f"{of} of {positions[0]} to {positions[-1]}") if checkpoints else None
        options = replace(stack_options([protocols[position] for position in positions], rows), kept=kept)
        stacks.append(_StackJob(number, part, options, once[read], checkpoint))
    train_one = partial(_train_stack, name, prepared, seed, backbone)
    if processes > 1 and len(parts) > 1 and prepared.splits["train"].x.device.type == "cpu":
        one_of = partial(_train_one_of, train_one, stacks, protocol.threads)
        outcomes = side_by_side(one_of, len(parts), processes, forked=protocol.threads == 1)
    else:
        before = [0, *accumulate(stack.options.epochs for stack in stacks)]
        outcomes = [train_one(stack, _counted(progress, before[stack.number], before[-1])) for stack in stacks]
    failures = [outcome for outcome in outcomes if isinstance(outcome, DivergedError)]
    if len(failures) == len(outcomes):
        raise failures[0]
    selection, *others = protocol.criteria if "val" in prepared.splits else protocol.criteria[:1]
    labels = prepared.problem.n_labels
    decided = partial(_threshold, cls, prepared.splits.get("val", prepared.splits["train"]))
    candidates: dict[str, dict[int, Candidate]] = {criterion: {} for criterion in (selection, *others)}
    for positions, outcome, stack in zip(parts, outcomes, stacks, strict=True):
        for k, position in enumerate(positions):
            recovered: Callable[[dict[str, Tensor]], Tensor | None] = _no_distribution
            if not classifier_alone:
                recovered = partial(_distribution, name, points[position], prepared, seed, backbone, stack.extra)
            epochs = stack.options.epochs
            for criterion, found in candidates.items():
                if isinstance(outcome, DivergedError):
                    found[position] = Candidate(_no_scores, cls.decision_threshold, diverged=epochs, epochs=epochs)
                else:
                    best = outcome.also.get(criterion, outcome)
                    found[position] = _candidate(outcome, best, k, epochs, backbone, labels, recovered, decided)
    in_order = {criterion: [found[i] for i in range(len(points))] for criterion, found in candidates.items()}
    return Fitted(
        in_order[selection],
        max(stack.options.epochs for stack in stacks),
        [len(part) for part in parts],
        selection,
        {criterion: in_order[criterion] for criterion in others},
    )


@dataclass(frozen=True)
class _StackJob:
    """Grid points that are trained together."""

    number: int
    points: list[dict[str, Any]]
    options: LoopOptions
    extra: dict[str, Tensor]
    checkpoint: Checkpoint | None


def _train_stack(
    name: str,
    prepared: Prepared,
    seed: int,
    backbone: Backbone,
    stack: _StackJob,
    report: Callable[[int], None] | None = None,
) -> Trained | DivergedError:
    def made(point: dict[str, Any]) -> LinearMethod:
        module = linear_module(name, point, prepared, seed)
        initialise_classifier(module, seed, backbone)  # from a stream that all variants share
        return module

    training, validation = prepared.splits["train"], prepared.splits.get("val")
    hooks = Hooks(report, stack.checkpoint)
    try:
        return train(map(made, stack.points), training, validation, stack.options, seed, extra=stack.extra, hooks=hooks)
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


PER_MODEL = ("learning_rate", "weight_decay", "l2")
"""Settings of training that the models of a stack may differ in."""


def _with_training(point: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A point with its settings of training among its options; those that cannot differ in a stack are no numbers."""
    return point | {f"training {name}": value if name in PER_MODEL else repr(value) for name, value in own.items()}


def stack_options(protocols: Sequence[Protocol], rows: int) -> LoopOptions:
    """Options of a stack of models whose protocols differ in nothing but settings ``PER_MODEL``."""
    options = loop_options(protocols[0], rows)
    if all(protocol == protocols[0] for protocol in protocols):
        return options
    return replace(
        options,
        learning_rate=tuple(protocol.learning_rate for protocol in protocols),
        weight_decay=tuple(protocol.weight_decay for protocol in protocols),
        l2=tuple(protocol.l2 for protocol in protocols),
    )


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
    ignored = (*cls.prepare_ignores, "training l2")  # which no module has but the classifier
    return repr(sorted((option, value) for option, value in point.items() if option not in ignored))


def _candidate(
    trained: Trained,
    kept: Kept,
    k: int,
    epochs: int,
    backbone: Backbone,
    labels: int,
    recovered: Callable[[dict[str, Tensor]], Tensor | None],
    decided: Callable[[Callable[[Tensor], Tensor]], float],
) -> Candidate:
    parameters = {name: value[k] for name, value in kept.parameters.items()}
    scores = partial(backbone_scores, backbone, labels, parameters)
    return Candidate(
        scores=scores,
        threshold=decided(scores),
        distribution=partial(recovered, parameters),
        parameters=parameters,
        epoch=kept.epochs[k],
        epochs=epochs,
        diverged=trained.diverged[k],
        stopped=trained.stopped[k],
        losses=trained.losses[k],
        hamming=trained.hamming[k],
        backbone=backbone,
    )


def _threshold(cls: type[LinearMethod], rows: Split, scores: Callable[[Tensor], Tensor]) -> float:
    """The method's own threshold, or the one fitted on rows for a model's scores."""
    own = cls.decision_threshold
    return fitted_threshold(rows.y, scores(rows.x), own) if cls.fits_threshold else own


def backbone_scores(backbone: Backbone, labels: int, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """[N, c] logits of a trained backbone in evaluation mode."""
    network = None if backbone == LINEAR else built(backbone, x.shape[1], labels).to(x).eval()
    with torch.no_grad():
        return single_logits(network, parameters, x)


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


def _no_distribution(parameters: dict[str, Tensor]) -> Tensor | None:
    """None: what recovers the distribution was not kept."""
    return None


def _no_scores(x: Tensor) -> Tensor:
    raise RuntimeError("a diverged model has no scores")
