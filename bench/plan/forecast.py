"""Forecasts of a run: seconds and memory of each job, and of all together. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.datasets.shape import Shape, shape_of
from bench.plan.costs import CostModel, Forecast, time_on
from bench.plan.jobs import Job
from bench.records.record import JobName, Record
from bench.text import counted, duration

Expected = dict[JobName, Forecast | None]


def forecasts(jobs: list[Job], records: Iterable[Record], gpu: bool) -> Expected:
    """{job: its forecast}; None where nobody knows how large its data are."""
    model = CostModel(records, gpu)
    shapes: dict[str, Shape | None] = dict(model.shapes)
    for job in jobs:
        if job.name.full_dataset not in shapes and job.track == "classification":
            shapes[job.name.full_dataset] = shape_of(job.source.files, job.source.load)
    found = [(job, shapes.get(job.name.full_dataset)) for job in jobs]
    return {job.name: model.forecast(job, shape) if shape else None for job, shape in found}


def longest_first(jobs: Iterable[Job], expected: Expected) -> list[Job]:
    """Jobs of unknown length, then the longest: no worker ends long after the others (Graham 1969). Ties keep order."""
    return sorted(jobs, key=lambda job: found.seconds if (found := expected[job.name]) else math.inf, reverse=True)


@dataclass(frozen=True)
class Total:
    seconds: float
    memory_bytes: float
    unknown: int

    def sentence(self, workers: int) -> str:
        places = "one process" if workers == 1 else f"{workers} processes"
        left_out = f", without {counted(self.unknown)} of unknown size" if self.unknown else ""
        return f"about {duration(self.seconds)} on {places}{left_out}, {self.memory_bytes / 2**30:.1f} GiB of memory"


def total(jobs: list[Job], expected: Expected, workers: int) -> Total:
    """Seconds on so many processes, memory of the largest jobs that run at once, jobs without a forecast."""
    known = [forecast for job in longest_first(jobs, expected) if (forecast := expected[job.name])]
    largest = sorted((forecast.memory_bytes for forecast in known), reverse=True)[:workers]
    return Total(time_on(workers, [forecast.seconds for forecast in known]), sum(largest), len(jobs) - len(known))


def jobs_a_device(jobs: Iterable[Job], records: Iterable[Record], device_bytes: int) -> int:
    """Jobs that may share a GPU: four fifths of it by measured peaks, one where a variant was not measured."""
    peaks: dict[tuple[str, str], int] = {}
    for record in records:
        variant = record.job.full_dataset, record.job.variant
        peaks[variant] = max(peaks.get(variant, 0), record.cost.peak_device_bytes or 0)
    wanted = [peaks.get((job.name.full_dataset, job.name.variant), 0) for job in jobs]
    return max(1, int(0.8 * device_bytes / max(wanted))) if min(wanted, default=0) else 1
