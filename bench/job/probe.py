"""A probe: the numbers that a variant gives on a fixed tiny problem, through the whole path of a job.

Two versions of the code that give the same probes compute the same records, whatever their text; ``bench.plan.probes``
asks for probes and compares them. The problem is built by integer arithmetic and computed in float64 on one
thread of the CPU, so that every processor and Python gives the same numbers but for rounding.

Rows without and with all labels, a label without training positives, an odd last batch, equal distances and tied
scores, gradients large enough for the clip, and a grid's first and last point are all in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.readers.ldl import DistributionSet, binarised
from bench.job.evaluation import evaluated
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, prepare
from bench.job.recovery import prepare_recovery, recover
from bench.job.selection import select
from bench.methods.api import Problem
from bench.metrics.classification import evaluate
from bench.metrics.passes import FEW
from bench.records.probe_request import ProbeRequest, Probes
from bench.records.record import Probe
from bench.system.hardware import threads

SIZES = {"train": 43, "val": 14, "test": 13}
FEATURES, LABELS = 7, 5
OUTLIERS, FACTOR = (5, 29), 128
"""Training rows of features so large, where they are not scaled, that their gradients are clipped."""
EMPTY, FULL = 0, 1
"""Rows of each split without labels and with all; the empty training row has labels where training goes on for long."""
TWINS = 19, 20
"""Training rows of equal features and opposite labels."""


class Training(NamedTuple):
    """One training of a probe.

    Networks whose biases start at 0 see a row without labels at the kink of their rectifier, where rounding decides
    about gradients: training on one lasts a single step.
    """

    name: str
    scaling: Literal["protocol", "none"]
    empty_row: bool
    epochs: int
    batch_size: int
    partly_known: bool = False
    """True where some negative labels of training rows are not known."""


TRAININGS = (
    Training("as the protocol scales", "protocol", empty_row=False, epochs=12, batch_size=8),
    Training("unscaled", "none", empty_row=False, epochs=5, batch_size=8),
    Training("one step", "protocol", empty_row=True, epochs=1, batch_size=64),
)
PARTLY_KNOWN = Training("partly known", "protocol", empty_row=False, epochs=5, batch_size=8, partly_known=True)
"""One more for data sets with transforms, which may leave labels unknown."""
PROJECTIONS = 3
ROUNDED = 2.0
"""Scores rounded to a multiple of 1 / ROUNDED are tied: how metrics treat ties shows."""
MANY = FEW + 1
"""Repetitions of all rows, which change no metric. Average precision counts so many positives in another way."""
TIED_POINTS = [
    {"hamming": 0.3, "ranking": 0.1},
    {"hamming": 0.2, "ranking": 0.4},
    {"hamming": 0.2, "ranking": 0.3},
    {"hamming": 0.2, "ranking": 0.3},
    {"hamming": 0.1, "ranking": 0.0},
]
"""Grid points' validation metrics that decide how ``select`` breaks ties; the last one is not usable."""


def probes(requests: Mapping[str, ProbeRequest]) -> Probes:
    """Each request's numbers, None where the method fails on so small a problem, and whether it asked for the name."""
    found: Probes = {}
    for key, request in requests.items():
        asked: list[bool] = []
        try:
            values: Probe | None = _numbers(request, asked)
        except (Exception, SystemExit):  # a method's own sys.exit is a failure like others
            values = None
        found[key] = values, bool(asked)
    return found


def _numbers(request: ProbeRequest, asked: list[bool]) -> Probe:
    if request.metrics_alone:
        return _metrics_of_fixed_scores()
    track = _recovery if request.track == "recovery" else _classification
    found: Probe = {}
    with torch.random.fork_rng(), threads(1):
        for training in (*TRAININGS, *([PARTLY_KNOWN] if request.transformed else [])):
            protocol = msgspec.structs.replace(request.protocol, epochs=training.epochs, batch_size=training.batch_size)
            if training.scaling == "none":
                protocol = msgspec.structs.replace(protocol, scaling="none")
            values = track(msgspec.structs.replace(request, protocol=protocol), training, asked)
            found |= {f"{training.name}: {name}": None if _undefined(one) else one for name, one in values.items()}
    return found


def _undefined(value: float | None) -> bool:
    return value is None or not math.isfinite(value)  # JSON has no word for the others


class _NotedProblem(Problem):
    """Notes when a method asks for the data set's name."""

    asked: list[bool]

    def __getattribute__(self, name: str) -> Any:
        if name == "dataset":
            object.__getattribute__(self, "asked").append(True)
        return object.__getattribute__(self, name)


def _noted(problem: Problem, asked: list[bool]) -> Problem:
    noted = _NotedProblem(**vars(problem))
    object.__setattr__(noted, "asked", asked)
    return noted


def _classification(request: ProbeRequest, training: Training, asked: list[bool]) -> dict[str, Any]:
    protocol, points = request.protocol, [dict(point) for point in request.points]
    cpu = torch.device("cpu")
    loaded = prepare(tiny_dataset(request.dataset, training), protocol.scaling, protocol.fidelity, cpu, torch.float64)
    prepared = Prepared(_noted(loaded.problem, asked), loaded.splits)
    if request.gradient:
        fitted = fit_linear(
            request.base, points, prepared, protocol, 0, training=request.training, backbone=request.backbone
        )
    else:
        fitted = fit_method(request.base, points, prepared, 0, protocol.criteria)
    result, scores, best = evaluated(points, (), fitted, prepared)
    tied = (scores["test"] * ROUNDED).round() / ROUNDED
    times = MANY if training.epochs > 1 else 1
    rounded = evaluate(prepared.splits["test"].y.repeat(times, 1), tied.repeat(times, 1), best.threshold)
    values: dict[str, Any] = {"point": result.selected.point, "epoch": result.selected.epoch}
    for name, metrics in (("val", result.val), ("test", result.test), ("rounded", rounded)):
        values |= {f"{name} {metric}": value for metric, value in metrics.items()}
    for option, also in (result.also_selected or {}).items():
        values |= {f"by {option} point": also.point, f"by {option} epoch": also.epoch}
        values |= {
            f"by {option} {split} {metric}": value
            for split, found in (("val", also.val), ("test", also.test))
            for metric, value in found.items()
        }
    for number, (point, candidate) in enumerate(zip(result.grid, fitted.candidates, strict=True)):
        values |= {f"point {number} {metric}": value for metric, value in (point.val or {}).items()}
        values |= {f"point {number} loss {epoch}": value for epoch, value in enumerate(candidate.losses)}
    values |= _projections("validation scores", scores["val"])
    values |= _projections("test scores", scores["test"])
    if (degrees := best.distribution()) is not None:
        values |= _projections("degrees", degrees)
    if len(points) > 1:
        values["tied point"] = select(TIED_POINTS, [True] * (len(TIED_POINTS) - 1) + [False])
    return values


def _metrics_of_fixed_scores() -> Probe:
    """Metrics of scores with and without ties; labels without positives, rows without and with all labels."""
    y = torch.from_numpy(tiny_dataset("", TRAININGS[0]).splits["test"].y)
    found: Probe = {}
    for modulus, times in ((7, 1), (97, MANY)):
        scores = torch.from_numpy(_integers(y.shape[0], y.shape[1], 5, modulus) - modulus // 2).double()
        metrics = evaluate(y.repeat(times, 1), scores.repeat(times, 1), 0.0)
        found |= {f"modulus {modulus}: {metric}": value for metric, value in metrics.items()}
    return found


def _recovery(request: ProbeRequest, training: Training, asked: list[bool]) -> dict[str, Any]:
    dataset, protocol = tiny_distributions(request.dataset, training), request.protocol
    loaded = prepare_recovery(dataset, protocol, torch.device("cpu"))
    prepared = Prepared(_noted(loaded.problem, asked), loaded.splits)
    result, distribution = recover(
        request.base,
        dict(request.points[0]),
        dataset,
        prepared,
        protocol,
        0,
        request.normalisation,
        request.backbone,
    )
    values = {f"measure {name}": value for name, value in result.measures.items()}
    return {**values, **_projections("degrees", distribution)}


def _projections(name: str, scores: Tensor) -> dict[str, float]:
    """Sums of the scores [N, c] with fixed weights in (0, 1]."""
    flat = scores.double().flatten()
    position = torch.arange(len(flat))
    weights = [((position * (7 + 4 * k) + k) % 23 + 1) / 23 for k in range(PROJECTIONS)]
    return {f"{name}, projection {k}": float((weight * flat).sum()) for k, weight in enumerate(weights)}


def _integers(rows: int, columns: int, step: int, modulus: int) -> np.ndarray:
    """[rows, columns] whole numbers from 0 to below the modulus that look irregular."""
    i, j = np.arange(rows)[:, None], np.arange(columns)[None]
    return (i * i * 3 + i * (step + 2 * j) + j * j * 5 + step) % modulus


def _features_and_labels(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """x [N, FEATURES] eighths, y [N, LABELS] that depends on x and on noise.

    Each training range is 2, so that scaled features are sixteenths: distances, and ties among them, are exact.
    """
    rows, train, val = sum(SIZES.values()), SIZES["train"], SIZES["val"]
    x = _integers(rows, FEATURES, 11, 17)
    for j in range(FEATURES):
        x[2 + j, j], x[30 + j, j] = 0, 16
    x[TWINS[1]] = x[TWINS[0]]
    x[train + 4], x[train + val + 4] = 20, 20  # outside the training range
    x = x / 8
    direction = _integers(FEATURES, LABELS, 5, 7) - 3
    noise = _integers(rows, LABELS, 13, 19) - 9
    y = (x @ direction + noise / 3 > x.mean(0) @ direction).astype(np.int8)
    empty = y[:, :4].sum(1) == 0
    y[empty, np.arange(rows)[empty] % 4] = 1
    for first in (0, train, train + val):
        y[first + FULL] = 1
        if first or training.empty_row:
            y[first + EMPTY] = 0
    y[TWINS[1], :4] = 1 - y[TWINS[0], :4]
    y[:train, LABELS - 1] = 0  # without training positives
    if training.scaling == "none":
        x[list(OUTLIERS)] *= FACTOR
    return x, y


def tiny_dataset(name: str, training: Training) -> Dataset:
    """The problem of the classification track, in three splits."""
    x, y = _features_and_labels(training)
    splits, start = {}, 0
    for split, size in SIZES.items():
        splits[split] = SplitArrays(x[start : start + size].astype(np.float32), y[start : start + size])
        start += size
    if training.partly_known:
        train = splits["train"]
        known = (_integers(SIZES["train"], LABELS, 17, 23) % 3 > 0) | (train.y == 1)
        splits["train"] = SplitArrays(train.x, train.y, known)
    return Dataset(name, "", splits, [f"label {j}" for j in range(LABELS)], "", "", ())


def tiny_distributions(name: str, training: Training) -> DistributionSet:
    """The problem of the recovery track; degrees are small whole numbers divided by their row's sum."""
    x, _ = _features_and_labels(training)
    degrees = (1 + _integers(len(x), LABELS, 7, 29) % 11).astype(np.float64)
    degrees /= degrees.sum(1, keepdims=True)
    return DistributionSet(name, x.astype(np.float32), binarised(degrees), degrees, "")
