"""What a run will take, before it starts: seconds and memory of each job, and of all together. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.config import Config
from bench.costs import CostModel, Forecast, time_on
from bench.plan import Job, source_of
from bench.records import JobName, Record
from bench.shapes import Shape, shape_of
from bench.wording import counted, duration

SHARE_OF_DEVICE = 0.8
"""How much of a GPU's memory the jobs that share it may take together."""


def forecasts(
    jobs: Sequence[Job], records: Iterable[Record], gpu: bool, config: Config, folders: list[Path]
) -> dict[JobName, Forecast | None]:
    """{job: its forecast}; None where nobody knows how large its data are."""
    model = CostModel(records, gpu)
    shapes: dict[str, Shape | None] = dict(model.shapes)
    found: dict[JobName, Forecast | None] = {}
    for job in jobs:
        dataset = job.name.full_dataset
        if dataset not in shapes:
            shapes[dataset] = _shape(job, config, folders)
        shape = shapes[dataset]
        found[job.name] = None if shape is None else model.forecast(job, shape)
    return found


def _shape(job: Job, config: Config, folders: list[Path]) -> Shape | None:
    if job.track == "recovery":
        return None
    return shape_of(job.files, source_of(job, config, folders).load)


def longest_first(jobs: Iterable[Job], expected: Mapping[JobName, Forecast | None]) -> list[Job]:
    """What starts last is then short, and no worker ends long after the others (Graham 1969). Jobs of unknown length
    come first; ties keep their order."""

    def length(job: Job) -> float:
        forecast = expected[job.name]
        return float("inf") if forecast is None else forecast.seconds

    return sorted(jobs, key=length, reverse=True)


@dataclass(frozen=True)
class Total:
    seconds: float
    memory_bytes: float
    """Of the largest jobs, as many as run at once."""
    unknown: int
    """Jobs without a forecast."""

    def sentence(self, workers: int) -> str:
        places = "one process" if workers == 1 else f"{workers} processes"
        left_out = f", without {counted(self.unknown)} of unknown size" if self.unknown else ""
        return f"about {duration(self.seconds)} on {places}{left_out}, {self.memory_bytes / 2**30:.1f} GiB of memory"


def total(jobs: Iterable[Job], expected: Mapping[JobName, Forecast | None], workers: int, together: int = 1) -> Total:
    """Of all jobs on so many processes, each of which has so many jobs at a time."""
    ordered = [expected[job.name] for job in longest_first(jobs, expected)]
    known = [forecast for forecast in ordered if forecast is not None]
    largest = sorted((forecast.memory_bytes for forecast in known), reverse=True)[: workers * together]
    return Total(time_on(workers, [forecast.seconds for forecast in known]), sum(largest), len(ordered) - len(known))


def jobs_a_device(jobs: Iterable[Job], records: Iterable[Record], device_bytes: int) -> int:
    """How many jobs may share a GPU: one, or as many as the measured peaks allow where every row was measured."""
    peaks: dict[tuple[str, str], int] = {}
    for record in records:
        if record.cost.get("together"):
            continue  # its peak is that of several jobs
        peak = int(record.cost.get("peak_device_bytes", 0))
        key = record.job.full_dataset, record.job.row
        if peak:
            peaks[key] = max(peak, peaks.get(key, 0))
    wanted = {(job.name.full_dataset, job.name.row) for job in jobs}
    if not wanted or not wanted <= peaks.keys():
        return 1
    return max(1, int(SHARE_OF_DEVICE * device_bytes / max(peaks[key] for key in wanted)))
