"""Cost model of jobs: seconds and memory from the data's shape, corrected by past records. Imports no torch."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.datasets.shape import Shape
from bench.plan.jobs import Job
from bench.protocol import Protocol
from bench.records.record import Record, RecoveryResult, Result
from bench.system import reading

Coefficients = dict[str, dict[str, float]]
TYPICAL = Path(__file__).with_name("typical_costs.json")
"""{method: {term of its seconds: coefficient}}, fitted to the committed records by ``python -m perf.cost_model``."""


LENGTH = ("epochs", "minimum_steps", "batch_size")
"""Settings of training that a job's seconds go with."""


@dataclass(frozen=True)
class Forecast:
    seconds: float
    memory_bytes: float
    scores: int = 0  # kept ones, one a row of val and test and label


def time_terms(protocol: Protocol, shape: Shape, points: int) -> dict[str, float]:
    """Terms that a job's seconds may grow with, in units that give coefficients of about a second."""
    steps = protocol.epochs_for(shape.train) * math.ceil(shape.train / protocol.batch_size)
    weights = points * shape.labels * shape.features
    return {
        "steps": math.ceil(points / protocol.stack) * steps / 1e3,
        "weights x steps": weights * steps / 1e9,
        "weights x rows": weights * shape.train / 1e9,
        "pairs of rows": shape.train * (shape.train + shape.evaluated) / 1e8,
    }


def memory_bytes(job: Job, shape: Shape) -> float:
    """A process with torch, and as many float32 copies of the data and of a stack's weights as records tell."""
    data = (shape.train + shape.evaluated) * (shape.features + shape.labels)
    weights = min(len(job.points), job.protocol.stack) * shape.labels * shape.features
    pairs = shape.train**2 if job.base in ("GLLE", "LP") else 0  # float64; other methods work in blocks of rows
    return 0.35 * 2**30 + 4 * (3 * data + 50 * weights) + 8 * 3 * pairs


def computed_on_gpu(record: Record) -> bool:
    """True of a record that a GPU computed."""
    return not str(record.environment.get("device", "")).startswith("cpu")


class CostModel:
    """Forecasts for jobs of one results folder, on a GPU or not. Its records correct them, except those of the other
    kind of device. ``typical``: in place of what the harness comes with."""

    def __init__(self, records: Iterable[Record], gpu: bool, typical: Coefficients | None = None) -> None:
        self.typical: Coefficients = typical or reading.json(TYPICAL, Coefficients)
        self.shapes: dict[str, Shape] = {}
        self._factors: dict[object, list[float]] = defaultdict(list)
        for record in records:
            if record.status == "done" and record.result and computed_on_gpu(record) == gpu:
                shape = self.shapes[record.job.full_dataset] = recorded_shape(record.result)
                if (protocol := recorded_protocol(record)) is None:
                    continue
                searched = record.key.get("hyperparameters", {}).get("training_grid", {})
                own = [dict(zip(searched, values, strict=True)) for values in product(*searched.values())]
                points = len(record.result.grid)
                expected = self._seconds(record.base, protocol, shape, points, own if searched else ())
                for which in ((record.job.full_dataset, record.job.variant), record.base, None):
                    self._factors[which].append(record.cost.seconds / expected)

    def forecast(self, job: Job, shape: Shape) -> Forecast:
        """Corrected by records of the variant on this data set, else by those of the method, else by all."""
        variant = job.name.full_dataset, job.name.variant
        factors = self._factors.get(variant) or self._factors.get(job.base) or self._factors.get(None, [1.0])
        seconds = self._seconds(job.base, job.protocol, shape, len(job.points), job.training) * median(factors)
        return Forecast(seconds, memory_bytes(job, shape), shape.evaluated * shape.labels)

    def _seconds(
        self, base: str, protocol: Protocol, shape: Shape, points: int, training: Sequence[Mapping[str, Any]]
    ) -> float:
        """``training``: settings of equally many points each, in place of the protocol's; without any all have its."""
        lengths = Counter(tuple(own.get(name, getattr(protocol, name)) for name in LENGTH) for own in training or ({},))
        coefficients = self.typical.get(base) or self.typical["BCE"]  # stands in for a method that was never measured
        seconds = 0.0
        for values, count in lengths.items():
            own = msgspec.structs.replace(protocol, **dict(zip(LENGTH, values, strict=True)))
            terms = time_terms(own, shape, points * count // lengths.total())
            seconds += sum(value * terms[name] for name, value in coefficients.items())
        return seconds


def time_on(workers: int, seconds: Iterable[float]) -> float:
    """Seconds until jobs of these seconds are done, each given to the worker that is free first."""
    free = [0.0] * max(1, workers)
    for cost in seconds:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


def recorded_protocol(record: Record) -> Protocol | None:
    """The protocol of a record's key; None where another version wrote it."""
    try:
        return msgspec.convert(record.key.get("protocol"), Protocol)
    except msgspec.ValidationError:
        return None


def recorded_shape(result: Result | RecoveryResult) -> Shape:
    """The shape that a record's result tells; the recovery track has training rows only."""
    samples = result.n_samples if isinstance(result, Result) else {"train": result.n_samples}
    train = samples["train"]
    return Shape(train, sum(samples.values()) - train, result.n_features, result.n_labels)
