"""Findings before a run, of what it needs here: versions, devices, data, folders, disk and memory."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench import methods
from bench.errors import UsageError
from bench.plan.costs import Forecast
from bench.plan.forecast import total
from bench.plan.jobs import Job, Plan
from bench.records.record import JobName
from bench.records.store import Store
from bench.system import environment

RECORD_BYTES = 200 * 2**10
"""A generous guess for a record with the curves of a grid."""
SCORE_BYTES = 4


@dataclass(frozen=True)
class Finding:
    state: Literal["ok", "warning", "problem"]
    about: str
    text: str


def examine(
    plan: Plan,
    expected: dict[JobName, Forecast | None],
    store: Store,
    device: str,
    workers: int,
) -> Iterator[Finding]:
    """Check everything a run needs, without running."""
    yield from _software()
    yield from _devices(device)
    yield from _data(plan)
    yield from _disk(plan.jobs, expected, store)
    yield from _memory(plan.jobs, expected, workers)


def _software() -> Iterator[Finding]:
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions().items())
    commit = environment.commit()
    code = f" at {commit}" if commit else ""
    yield Finding("ok", "versions", f"flem-bench {environment.version('flem-bench')}{code}, Python "
                  f"{platform.python_version()}, {versions}")  # fmt: skip
    for name, info in methods.infos().items():
        if info.problems:
            yield Finding("warning", "methods", f"left out: {info.problems[0]}")
            continue
        try:
            methods.method_class(name)
        except (Exception, SystemExit) as error:
            yield Finding("problem", "methods", f"{name} cannot be imported: {error}")


def _devices(wanted: str) -> Iterator[Finding]:
    import torch  # here, because its import takes seconds, and --help and the versions need not wait

    from bench.system.hardware import devices

    try:
        chosen = devices(wanted)
    except UsageError as error:
        yield Finding("problem", "device", str(error))
        return
    for device in chosen:
        if device == "cpu":
            yield Finding("ok", "device", f"cpu, {os.cpu_count()} cores; equal runs give equal bytes")
        else:
            about = torch.cuda.get_device_properties(device)
            yield Finding("ok", "device", f"{device}, {about.name}, {about.total_memory / 2**30:.0f} GiB")
    if chosen[0] != "cpu":
        yield from _gpu_switches()


def _gpu_switches() -> Iterator[Finding]:
    import torch  # as in _devices

    if not os.environ.get("CUBLAS_WORKSPACE_CONFIG"):
        yield Finding("warning", "device", "CUBLAS_WORKSPACE_CONFIG is empty: matrix products may differ between runs")
    if torch.backends.cuda.matmul.allow_tf32:
        yield Finding("warning", "device", "TF32 is allowed: matrix products have 10 bits of precision")


def _data(plan: Plan) -> Iterator[Finding]:
    for missing in plan.missing:
        yield Finding("warning", "data", f"{missing.name} is not here: {missing.get}")
    for name, job in {job.name.full_dataset: job for job in plan.jobs}.items():
        try:
            dataset = job.source.load()
        except UsageError as error:
            yield Finding("problem", "data", str(error))
            continue
        rows = "/".join(str(len(dataset.splits[split].y)) for split in ("train", "val", "test"))
        train = dataset.splits["train"]
        size = f"{rows} rows, {train.x.shape[1]} features, {train.y.shape[1]} labels"
        yield Finding("ok", "data", f"{name}: {size}; every value checked")
        for warning in dataset.warnings:
            yield Finding("warning", "data", f"{name}: {warning}")


def _disk(jobs: list[Job], expected: dict[JobName, Forecast | None], store: Store) -> Iterator[Finding]:
    try:
        store.check_writable()
    except UsageError as error:
        yield Finding("problem", "results", str(error))
        return
    needed = sum(RECORD_BYTES + SCORE_BYTES * forecast.scores for job in jobs if (forecast := expected[job.name]))
    free = shutil.disk_usage(store.folder).free
    state: Literal["ok", "problem"] = "ok" if needed < free else "problem"
    yield Finding(state, "results", f"{store.folder} can be written; {gib(free)} free, about {gib(needed)} needed")


def _memory(jobs: list[Job], expected: dict[JobName, Forecast | None], workers: int) -> Iterator[Finding]:
    import torch  # as in _devices

    from bench.methods.enhancement.neighbours import free_memory

    run = total(jobs, expected, workers)
    available = free_memory(torch.device("cpu"))
    state: Literal["ok", "problem"] = "ok" if run.memory_bytes < available else "problem"
    yield Finding(state, "memory", f"{gib(available)} available; the run: {run.sentence(workers)}")


def gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"
