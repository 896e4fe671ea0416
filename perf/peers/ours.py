"""Our sides, run as the peers' are: the methods as a job fits them, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench import config as configuration
from bench import methods
from bench.config import LINEAR
from bench.job.build import per_sample_tensors
from bench.job.fit_linear import backbone_scores, fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.methods.api import Method, Split
from bench.protocol import Protocol
from perf.peers.handover import Arrays, Curve, Predict, Side, main

PARAMETER = "parameter classifier."


class Snapshots:
    """A checkpoint that keeps each epoch's classifier in memory."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Tensor]] = []

    def load(self) -> None:
        return None

    def due(self, finished: bool) -> bool:
        return True

    def save(self, state: dict[str, Any]) -> None:
        own = {name: value for name, value in state.get("tensors", {}).items() if name.startswith(PARAMETER)}
        if own:  # not what was prepared before the first epoch
            self.kept.append({name.removeprefix("parameter "): value[0].clone() for name, value in own.items()})


def prepared(data: Arrays) -> Prepared:
    torch.set_num_threads(1)
    parts = [part for part in ("train", "val", "test") if f"{part}_x" in data]
    splits = {part: Split(*(torch.from_numpy(data[f"{part}_{what}"]) for what in "xy")) for part in parts}
    return Prepared(problem_of(str(data["name"]), splits, "official"), splits)


def protocol(data: Arrays) -> Protocol:
    return configuration.load().protocols[str(data["protocol"])]


def gradient(name: str, data: Arrays) -> Side:
    """All epochs of one model, each validated, and the best one's scores."""
    problem, how = prepared(data), protocol(data)
    labels, test = problem.problem.n_labels, problem.splits["test"].x

    def fit() -> Predict:
        (model,) = fit_linear(name, [{}], problem, how, 0).candidates
        return lambda: model.scores(test).numpy()

    def curve() -> Curve:
        """Processor seconds of one training, and the scores after each epoch of another, which is the same."""
        seconds: list[float] = []
        start = time.process_time()
        fit_linear(name, [{}], problem, how, 0, lambda *_: seconds.append(time.process_time() - start))
        snapshots = Snapshots()
        fit_linear(name, [{}], problem, how, 0, checkpoints=lambda stage: snapshots)  # type: ignore[return-value, arg-type]
        for spent, parameters in zip(seconds, snapshots.kept, strict=True):
            yield spent, backbone_scores(LINEAR, labels, parameters, test).numpy()

    return Side(fit, curve)


def direct(name: str, data: Arrays, **options: Any) -> Side:
    """A method that is not gradient-trained, with these options over its own."""
    problem = prepared(data)
    methods.method_class(name)  # imports it

    def fit() -> Predict:
        method = methods.create(name, problem.problem, **options)
        assert isinstance(method, Method)
        method.fit(problem.splits["train"], 0)
        return lambda: method.scores(problem.splits["test"].x).numpy()

    return Side(fit)


def recovery(name: str, data: Arrays) -> Side:
    """The degrees that label enhancement recovers for the training rows."""
    problem, how = prepared(data), protocol(data)

    def fit() -> Predict:
        degrees = per_sample_tensors(name, {}, problem, how, 0)["degrees"]
        return lambda: degrees.numpy()

    return Side(fit)


SIDES: dict[str, Callable[[Arrays], Side]] = {
    "BCE": partial(gradient, "BCE"),
    "SVM": partial(direct, "SVM", cost=1.0),
    **{name: partial(direct, name) for name in ("ML-KNN", "BRkNN", "RAKEL", "RAkELo", "CC", "BR-RF", "BR")},
    **{name: partial(recovery, name) for name in ("GLLE", "LP")},
}

if __name__ == "__main__":
    main(SIDES)
