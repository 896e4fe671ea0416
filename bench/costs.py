"""What jobs cost: seconds and memory, forecast from the data's shape and corrected by past records. Imports no torch.

A job's cost is a sum of terms, such as the optimiser's steps or the products of features and weights, each with a
coefficient for the method: ``typical_costs.json``, fitted by ``python -m benchmarks costs`` (docs/scaling.md). Records
of a results folder then say by which factor this machine, and this row on this data set, is slower or faster.
"""

from __future__ import annotations

import heapq
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from bench.plan import Job
from bench.protocol import Protocol
from bench.records import Record
from bench.shapes import Shape, recorded_shape

TYPICAL = Path(__file__).with_name("typical_costs.json")
STAND_IN = {True: "BCE", False: "ML-KNN"}
"""{gradient-trained: the method whose costs stand in for those of one that was never measured}."""


def time_terms(protocol: Protocol, shape: Shape, points: int) -> dict[str, float]:
    """What a job's time may grow with. Products are in units that give coefficients of about a second."""
    rows, every = shape.train, shape.train + shape.evaluated
    epochs = protocol.epochs_for(rows)
    stacks = math.ceil(points / protocol.stack)
    steps = epochs * math.ceil(rows / protocol.batch_size)
    weights = points * shape.labels * shape.features
    return {
        "start": 1.0,
        "steps": stacks * steps / 1e3,
        "weights x steps": weights * steps / 1e9,
        "logits": points * epochs * rows * shape.labels / 1e8,
        "features": epochs * rows * shape.features / 1e8,
        "pairs": rows * every / 1e8,
        "pairs x features": rows * every * shape.features / 1e10,
        "pairs x labels": rows * every * shape.labels / 1e10,
        "rows x features x labels": rows * shape.features * shape.labels / 1e9,
    }


def memory_terms(protocol: Protocol, shape: Shape, points: int) -> dict[str, float]:
    """What a job's peak memory may grow with, in GiB where single precision holds one number each."""
    rows, every = shape.train, shape.train + shape.evaluated
    one = 4 / 2**30
    return {
        "start": 1.0,
        "features": every * shape.features * one,
        "labels": every * shape.labels * one,
        "weights": min(points, protocol.stack) * shape.labels * shape.features * one,
        "pairs": rows * rows * one,
    }


@dataclass(frozen=True)
class Forecast:
    seconds: float
    memory_bytes: float
    scores: int = 0
    """How many scores are kept, one a test row and label; validation rows counted in."""


class CostModel:
    """Forecasts for jobs of one results folder.

    Parameters
    ----------
    records: what the folder holds; failed ones say nothing, nor do those of jobs that ran in turns with others.
    gpu: whether jobs will run on one; records of the other kind of device are left out.
    typical: {method: {"seconds": coefficients, "memory": coefficients}}; what the harness comes with by default.
    """

    def __init__(
        self, records: Iterable[Record], gpu: bool, typical: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.typical = typical_costs() if typical is None else typical
        self.shapes: dict[str, Shape] = {}
        self._of_row: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._of_method: dict[str, list[float]] = defaultdict(list)
        for record in records:
            usable = record.status == "done" and _on_gpu(record) == gpu and not record.cost.get("together")
            if not usable or record.result is None:
                continue
            shape = self.shapes[record.job.full_dataset] = recorded_shape(record.result)
            points = len(record.result.get("grid", ())) or 1
            gradient = record.result.get("stacks") is not None
            protocol = Protocol(**record.key["protocol"])
            expected = self._typical_seconds(record.base, gradient, protocol, shape, points)
            factor = float(record.cost["seconds"]) / expected
            self._of_row[record.job.full_dataset, record.job.row].append(factor)
            self._of_method[record.base].append(factor)

    def forecast(self, job: Job, shape: Shape) -> Forecast:
        points = len(job.points)
        seconds = self._typical_seconds(job.base, job.gradient, job.protocol, shape, points) * self._factor(job)
        coefficients = self._coefficients(job.base, job.gradient)["memory"]
        memory = _total(coefficients, memory_terms(job.protocol, shape, points)) * 2**30
        return Forecast(seconds, memory, shape.evaluated * shape.labels)

    def _factor(self, job: Job) -> float:
        """How this row on this data set compares with what is typical; else this method; else this machine."""
        own = self._of_row.get((job.name.full_dataset, job.name.row)) or self._of_method.get(job.base)
        if own is None:
            own = [median(factors) for factors in self._of_method.values()] or [1.0]
        return median(own)

    def _typical_seconds(self, base: str, gradient: bool, protocol: Protocol, shape: Shape, points: int) -> float:
        return _total(self._coefficients(base, gradient)["seconds"], time_terms(protocol, shape, points))

    def _coefficients(self, base: str, gradient: bool) -> Mapping[str, Any]:
        return self.typical.get(base) or self.typical[STAND_IN[gradient]]


def time_on(workers: int, seconds: Iterable[float]) -> float:
    """Seconds until jobs of these seconds are done, each given to the worker that is free first."""
    free = [0.0] * max(1, workers)
    for cost in seconds:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


@lru_cache(maxsize=1)
def typical_costs() -> dict[str, Any]:
    return json.loads(TYPICAL.read_text(encoding="utf-8"))["methods"]


def _total(coefficients: Mapping[str, float], terms: Mapping[str, float]) -> float:
    return sum(value * terms[name] for name, value in coefficients.items())


def _on_gpu(record: Record) -> bool:
    return not str(record.environment.get("device", "")).startswith("cpu")
