"""What jobs cost against the data's size: every method on simulated data of several shapes, each job in a process of
its own; coefficients for ``bench.costs`` by non-negative least squares on relative errors, checked on shapes left out
and on the records of a real results folder (``BENCH_REAL_RECORDS``), where there is one."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import Config
from bench.costs import TYPICAL, CostModel, memory_terms, time_terms
from bench.datasets import canonical
from bench.datasets.base import SplitArrays
from bench.plan import Job, Plan
from bench.protocol import Protocol
from bench.records import Record, Store
from bench.shapes import recorded_shape

FITTED = [
    (500, 128, 20), (1000, 128, 20), (2000, 128, 20), (4000, 128, 20), (1000, 32, 20), (1000, 512, 20),
    (1000, 128, 5), (1000, 128, 80), (2000, 512, 40), (500, 1024, 10),
]  # fmt: skip
MIDDLE = (1000, 128, 20)
LEFT_OUT = [(3000, 256, 30), (1500, 64, 60), (800, 300, 14)]
"""(training rows, features, labels)."""
TALL = (16000, 32, 5)
"""Rows enough to tell methods that hold all pairs of rows from those that work in blocks; for methods of few points."""


def run(full: bool) -> dict[str, Any]:
    """Measure, write ``bench/typical_costs.json``, and say how far forecasts are from what was left out."""
    with tempfile.TemporaryDirectory() as folder:
        records = measured(Path(folder), [*FITTED, TALL, *LEFT_OUT])
    names = {name_of(shape) for shape in (*FITTED, TALL)}
    fitted = fit([record for record in records if record.job.dataset in names])
    write(fitted)
    found: dict[str, Any] = {
        "methods": len(fitted),
        "shapes": len(FITTED) + 1,
        "growth": growth(records),
        "left_out": errors([record for record in records if record.job.dataset not in names], fitted),
    }
    if real := os.environ.get("BENCH_REAL_RECORDS"):
        of_others = done(Store(Path(real)))
        found["real_sets"] = sorted({record.job.full_dataset for record in of_others})
        found["real_records"] = errors(of_others, fitted)
    return found


def measured(folder: Path, shapes: list[tuple[int, int, int]]) -> list[Record]:
    from bench import config as configuration
    from bench.plan import chosen_rows, make_plan

    config = configuration.load()
    store = Store(Path(os.environ.get("BENCH_COST_RECORDS", folder / "records")))
    for shape in shapes:
        make_data(folder, shape)
    plan = make_plan(config, [folder], [name_of(shape) for shape in shapes], chosen_rows(config, ["all"]), [0])
    plan = replace(plan, jobs=[job for job in plan.jobs if job.name.dataset != name_of(TALL) or len(job.points) <= 4])
    run_apart(plan, config, folder, store)
    return done(store)


def run_apart(plan: Plan, config: Config, folder: Path, store: Store) -> None:
    """Each job in a process of its own, so that its peak memory is its own."""
    import torch  # noqa: F401  before the fork: importing it is no part of a job

    from bench.plan import state_of
    from bench.worker import run_job

    for job in plan.jobs:
        if state_of(job, store).kind == "done":
            continue
        child = os.fork()
        if child == 0:
            try:
                run_job(job, config, [folder], store, "cpu", [])
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        print(job.name, flush=True)


def make_data(folder: Path, shape: tuple[int, int, int]) -> None:
    rows, features, labels = shape
    random = np.random.default_rng(0)
    direction = random.standard_normal((features, labels)).astype(np.float32)
    threshold = np.quantile(random.standard_normal((4096, features)) @ direction, 1 - min(0.3, 3 / labels), axis=0)
    splits = {}
    for split, size in (("train", rows), ("val", rows // 4), ("test", rows // 2)):
        x = random.standard_normal((size, features)).astype(np.float32)
        splits[split] = SplitArrays(x, (x @ direction > threshold).astype(np.int8))
    canonical.save(folder, name_of(shape), "simulated", splits)


def name_of(shape: tuple[int, int, int]) -> str:
    return "rows{}features{}labels{}".format(*shape)


def done(store: Store) -> list[Record]:
    return [found for _, found in store.records() if isinstance(found, Record) and found.status == "done"]


def fit(records: list[Record]) -> dict[str, Any]:
    """{method: {"seconds": {term: coefficient}, "memory": {...}}}; terms with coefficient 0 are left out."""
    methods: dict[str, Any] = {}
    for base in sorted({record.base for record in records}):
        own = [record for record in records if record.base == base]
        methods[base] = {
            "seconds": coefficients([times(r) for r in own], [float(r.cost["seconds"]) for r in own]),
            "memory": coefficients([memory(r) for r in own], [r.cost["peak_memory_bytes"] / 2**30 for r in own]),
        }
    return methods


def times(record: Record) -> dict[str, float]:
    return time_terms(*described(record))


def memory(record: Record) -> dict[str, float]:
    return memory_terms(*described(record))


def described(record: Record) -> tuple[Protocol, Any, int]:
    assert record.result is not None
    return Protocol(**record.key["protocol"]), recorded_shape(record.result), len(record.result["grid"])


def coefficients(terms: list[dict[str, float]], measured: list[float]) -> dict[str, float]:
    from scipy.optimize import nnls

    names = list(terms[0])
    relative = np.array([[row[name] for name in names] for row in terms]) / np.array(measured)[:, None]
    found, _ = nnls(relative, np.ones(len(measured)))
    return {name: float(f"{value:.4g}") for name, value in zip(names, found, strict=True) if value > 0}


def growth(records: list[Record]) -> dict[str, dict[str, float]]:
    """{method: {what grows: exponent}}: slopes of log seconds over the sweeps of one size with the others fixed."""
    seconds = {(record.base, record.job.dataset): float(record.cost["seconds"]) for record in records}
    found: dict[str, dict[str, float]] = {}
    for base in sorted({record.base for record in records}):
        found[base] = {}
        for position, what in enumerate(("rows", "features", "labels")):
            others = [i for i in range(3) if i != position]
            sweep = sorted({shape for shape in FITTED if all(shape[i] == MIDDLE[i] for i in others)})
            sizes = np.log([shape[position] for shape in sweep])
            times_ = np.log([seconds[base, name_of(shape)] for shape in sweep])
            found[base][what] = float(np.polyfit(sizes, times_, 1)[0])
    return found


def errors(records: list[Record], fitted: dict[str, Any]) -> dict[str, Any]:
    """The forecast over the measured value: its median and its range over all records, for seconds and memory."""
    model = CostModel([], gpu=False, typical=fitted)
    seconds, sizes = [], []
    for record in records:
        if record.base not in fitted:
            continue
        forecast = model.forecast(as_job(record), described(record)[1])
        seconds.append(forecast.seconds / float(record.cost["seconds"]))
        sizes.append(forecast.memory_bytes / record.cost["peak_memory_bytes"])
    return {"records": len(seconds), "seconds": spread(seconds), "memory": spread(sizes)}


def spread(ratios: list[float]) -> dict[str, float]:
    low, middle, high = map(float, np.quantile(ratios, [0.1, 0.5, 0.9]))
    within = float(np.mean([0.5 <= ratio <= 2 for ratio in ratios]))
    return {"median": middle, "10 %": low, "90 %": high, "within a factor of 2": within}


def as_job(record: Record) -> Job:
    protocol, _, points = described(record)
    return Job(
        name=record.job, base=record.base, protocol_name="", protocol=protocol, points=({},) * points, grid_names=(),
        gradient=bool(record.result and record.result["stacks"]), files=(), reader="", key={},
    )  # fmt: skip


def write(fitted: dict[str, Any]) -> None:
    from bench import provenance

    environment = provenance.environment("cpu")
    content = {
        "made by": "python -m benchmarks costs",
        "machine": f"{environment['processor']}, {environment['cores']} cores",
        "methods": fitted,
    }
    TYPICAL.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
