"""The runner itself: what a job that does nothing costs, 5000 records planned and read, two processes against one.

What reads records is set beside a floor: a bare interpreter that imports numpy and reads the bytes of the same files.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench import config as configuration
from bench.config import Variant
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.records.record import Manifest, Metrics, Record, read_record
from bench.records.store import Store
from bench.system import writing

ROOT = Path(__file__).parent.parent.parent
RECORDS = 5000
SETS = 12
METHODS_OF_SETS = [
    "FLEM-S", "FLEM-T", "FLEM-D", "ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN", "BCE",
]  # fmt: skip
SEEDS_OF_SETS = [0, 1, 2]
READ_BYTES = (
    "import glob, numpy, pathlib; [pathlib.Path(one).read_bytes() for one in glob.glob('results/runs/*@*/*/*.json')]"
)
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
            **records_read(folder),
            "two_processes_against_one": two_against_one(folder, 9 if full else 5),
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


def records_read(folder: Path) -> dict[str, Any]:
    """Seconds of the commands that plan and read 5000 records of 50 grid points' size, or the records of twelve sets.

    ``processor_s``: of the processor, start of Python included; ``to_floor``: the same as multiples of the floor's.
    """
    many, twelve = folder / "many", folder / "twelve"
    bench(folder, "run", "--methods", "FL", "--epochs", "30", "--keep", "none", "--results", "one")
    (example,) = map(read_record, Store(folder / "one").paths())
    rows = chosen_variants(configuration.load(), None)
    seeds = list(range(-(-RECORDS // len(rows))))
    copies(example, many, ["yeast"], rows, seeds)
    of_sets = chosen_variants(configuration.load(), METHODS_OF_SETS)
    copies(example, twelve, [f"set{number}" for number in range(SETS)], of_sets, SEEDS_OF_SETS)
    floors = {where: Taken.by(partial(read_bytes, where)) for where in (many, twelve, many, twelve)}
    commands = {
        "plan_and_read": (many, ("run", "--seeds", *map(str, seeds), "--dry-run")),
        "status": (many, ("status",)),
        "table": (many, ("table", "--metric", "hamming")),
        "report": (many, ("report", "--control", "FL")),
        f"table_of_{SETS}_sets": (twelve, ("table",)),
        f"report_of_{SETS}_sets": (twelve, ("report",)),
    }
    taken = {name: Taken.by(partial(bench, where, *words)) for name, (where, words) in commands.items()}
    return {
        "records": float(RECORDS),
        **{f"{name}_s": one.seconds for name, one in taken.items()},
        "floor_processor_s": floors[many].of_processor,
        "processor_s": {name: one.of_processor for name, one in taken.items()},
        "to_floor": {name: one.of_processor / floors[commands[name][0]].of_processor for name, one in taken.items()},
    }


class Taken(NamedTuple):
    """Seconds that a child process took, on the clock and of the processor."""

    seconds: float
    of_processor: float

    @classmethod
    def by(cls, call: Callable[[], object]) -> Taken:
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        call()
        seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def read_bytes(folder: Path) -> None:
    """The floor; run twice, so that the files are in the system's cache."""
    subprocess.run([sys.executable, "-c", READ_BYTES], cwd=folder, check=True)


def copies(example: Record, folder: Path, datasets: Sequence[str], rows: list[Variant], seeds: list[int]) -> None:
    """Write copies of a record, current ones of each job, whose values on test data differ; at most 5000."""
    folder.mkdir()
    store, draws = Store(folder / "results/runs"), random.Random(0)
    plan = make_plan(configuration.load(), [], ["yeast"], rows, seeds)
    jobs = [(dataset, job) for dataset in datasets for job in plan.jobs]
    for dataset, job in jobs[:RECORDS]:
        name = msgspec.structs.replace(job.name, dataset=dataset)
        key = {**msgspec.to_builtins(job.key), **({} if dataset == job.name.dataset else {"data": dataset})}
        store.write(scaled(msgspec.structs.replace(example, job=name, base=job.base, key=key), draws.uniform(0.9, 1.0)))
    names = [f"{dataset}@mulan" for dataset in datasets]
    store.write_manifest(Manifest(datasets=names, variants=[row.name for row in rows], seeds=seeds))


def scaled(record: Record, factor: float) -> Record:
    """A record with the paper's metrics on test data times a factor."""
    assert record.result is not None

    def times(values: Metrics | None) -> Metrics:
        return {name: None if value is None else factor * value for name, value in (values or {}).items()}

    grid = [msgspec.structs.replace(point, test=times(point.test)) for point in record.result.grid]
    result = msgspec.structs.replace(record.result, test=times(record.result.test), grid=grid)
    return msgspec.structs.replace(record, result=result)


def two_against_one(folder: Path, rounds: int) -> dict[str, float]:
    """Speed-up of twelve similar jobs of one thread each by two processes; in turns, start included."""
    seeds = [str(seed) for seed in range(SIMILAR_JOBS)]
    command = ("run", "--methods", "FL", "--epochs", "250", "--seeds", *seeds)
    ratios = []
    for number in range(rounds):
        one, two = (bench(folder, *command, "--jobs", jobs, "--results", f"{jobs}-{number}") for jobs in "12")
        ratios.append(one / two)
    return {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios), "rounds": rounds}
