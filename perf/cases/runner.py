"""The runner itself: what a job that does nothing costs, 5000 records planned and read, two processes against one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import config as configuration
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.records.record import Manifest, Record
from bench.records.store import Store
from bench.system import reading, writing
from perf.machine import in_turns, over

ROOT = Path(__file__).parent.parent.parent
RECORDS = 5000
EMPTY_JOBS = 60
SIMILAR_JOBS = 12
EMPTY_METHOD = '''
"""A method that does nothing."""
from bench.methods.api import Method, register

@register("Nothing", family="test", paper="none")
class Nothing(Method):
    def fit(self, train, seed):
        pass
    def scores(self, x):
        return x[:, :14]
'''


def run(full: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "empty_job_ms": {str(jobs): empty_jobs(folder / f"empty-{jobs}", jobs) for jobs in (1, 2)},
            **many_records(folder / "many"),
            "similar_jobs": SIMILAR_JOBS,
            "ratio_of_two_processes": two_against_one(folder, 9 if full else 5),
        }


def bench(folder: Path, *arguments: str, program: Path = ROOT) -> float:
    """Seconds that a command took."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(program), "BENCH_DATA": ""},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begin


def empty_jobs(folder: Path, jobs: int) -> float:
    """Milliseconds a job: claim, load yeast, evaluate, write, less what a run with few of them takes."""
    folder.mkdir()
    program = folder / "program"
    for package in ("bench", "methods"):
        shutil.copytree(ROOT / package, program / package, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "bench.toml", program)
    writing.write(program / "methods/nothing.py", EMPTY_METHOD.encode())
    few = [str(seed) for seed in range(4)]
    many = [str(seed) for seed in range(EMPTY_JOBS)]
    command = ("run", "--methods", "Nothing", "--keep", "none", "--jobs", str(jobs))
    short = bench(folder, *command, "--seeds", *few, "--results", "few", program=program)
    long = bench(folder, *command, "--seeds", *many, "--results", "many", program=program)
    return (long - short) / (len(many) - len(few)) * jobs * 1e3


def many_records(folder: Path) -> dict[str, Any]:
    """Seconds of the commands that plan and read 5000 records, and of reading and parsing their files alone."""
    seeds = records_in(folder, RECORDS)
    paths = Store(folder / "results/runs").paths()
    commands = {
        "plan_and_read": ("run", "--seeds", *seeds, "--dry-run"),
        "status": ("status",),
        "table": ("table", "--metric", "hamming"),
        "report": ("report", "--control", "FL"),
    }
    runs: dict[str, Callable[[], object]] = {
        name: partial(bench, folder, *command) for name, command in commands.items()
    }
    times = in_turns({**runs, "reading": lambda: [reading.json(path) for path in paths]}, 3)
    return {
        "records": len(paths),
        **{f"{name}_s": median(taken) for name, taken in times.items()},
        "to_reading": {name: over(times[name], times["reading"]) for name in commands},
    }


def records_in(folder: Path, number: int) -> list[str]:
    """Write so many records into ``results/runs`` of a new folder: one job's result under every variant and seed; the
    seeds are returned."""
    folder.mkdir()
    settings = configuration.load()
    store = Store(folder / "results/runs")
    rows = chosen_variants(settings, None)
    seeds = list(range(-(-number // len(rows))))
    plan = make_plan(settings, [], ["yeast"], rows, seeds)
    bench(folder, "run", "--methods", "FL", "--epochs", "30", "--keep", "none", "--results", "one")
    (path,) = Store(folder / "one").paths()
    example = reading.json(path)
    example.pop("checksum")
    record = msgspec.convert(example, Record)
    for job in plan.jobs[:number]:
        store.write(msgspec.structs.replace(record, job=job.name, base=job.base, key=msgspec.to_builtins(job.key)))
    store.write_manifest(Manifest(datasets=["yeast@mulan"], variants=[row.name for row in rows], seeds=seeds))
    return [str(seed) for seed in seeds]


def two_against_one(folder: Path, rounds: int) -> list[float]:
    """Speed-up of similar jobs of one thread each by two processes; in turns, start included."""
    seeds = [str(seed) for seed in range(SIMILAR_JOBS)]
    command = ("run", "--methods", "FL", "--epochs", "250", "--seeds", *seeds)
    ratios = []
    for number in range(rounds):
        one, two = (bench(folder, *command, "--jobs", jobs, "--results", f"{jobs}-{number}") for jobs in "12")
        ratios.append(one / two)
    return ratios
