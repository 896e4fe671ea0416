"""``python -m perf.growth``: seconds at growing sizes, for the exponents in docs/scaling.md.

    python -m perf.growth                    # what is not stored of this commit; it is after every line; 15 minutes
    python -m perf.growth --only ML-KNN rows # lines whose name or axis is among these words
    python -m perf.growth --again            # everything anew

Data are simulated. Each line has four or five sizes, each twice the one before, in turns in three rounds; seconds are
of the processor and of one thread, which other work on the machine disturbs less than a clock on the wall.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch; scikit-learn's threads too

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import config as configuration
from bench import methods
from bench.analysis import bootstrap
from bench.decisions.candidates import forget_cuts
from bench.decisions.rule import RULES, TARGETS, rule_named
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.methods.api import Split
from bench.metrics.catalogue import METRICS, PAPER_METRICS, RESULT_METRICS
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.metrics.measuring import measured
from bench.plan.forecast import forecasts, longest_first
from bench.plan.states import survey
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.protocol import Protocol
from bench.records.artifacts import KeptScores
from bench.records.record import read_record
from bench.records.store import Store
from perf.cases import runner
from perf.machine import children_time, facts, stamp, timed
from perf.stored import read, store, stored_everywhere, stored_here

ROUNDS = 3
SHAPE = {"rows": 2000, "features": 256, "labels": 20, "points": 1}
"""Sizes of what does not grow."""
FEW_ROWS = 512
"""For validation and scores where rows do not grow, and for training where labels do."""
POSITIVES_A_ROW = 3
RESAMPLES = 200
FASTER = {"RF": {"trees": 10}, "LEVI": {"epochs": 1}}
"""Options of fewer trees and epochs, with which every size takes as much less."""
MEMORY = Path("/dev/shm")
"""Folder of the thousands of records: a disk's speed is not measured."""
REPORTED = ("status", "table", "report")
Run = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Line:
    """One exponent: of what, by what, from which sizes."""

    axis: str
    what: str
    sizes: tuple[int, ...]
    made: Callable[[int], Run]
    """The timed call at a size, with its input made before."""
    clock: Clock = time.process_time


def doubled(first: int, times: int = 4) -> tuple[int, ...]:
    return tuple(first * 2**power for power in range(times + 1))


def lines(folder: Path) -> Iterator[Line]:
    """All lines; ``folder`` is for records."""
    for name, rows, features in (("BCE", 16000, 2048), ("FLEM-D", 8000, 2048), ("LEVI", 4000, 512)):
        yield Line("rows", name, doubled(rows, 3), partial(training, name, "rows"))
        yield Line("features", name, doubled(features, 3), partial(training, name, "features"))
        yield Line("labels", name, doubled(128), partial(training, name, "labels"))
    for name in ("FLEM-D", "LEVI"):
        yield Line("points", name, doubled(1), partial(training, name, "points"))
    for name in ("ML-KNN", "RF"):
        yield Line("rows", name, doubled(1000, 3), partial(fit, name, "rows"))
        yield Line("features", name, doubled(128, 3), partial(fit, name, "features"))
        yield Line("labels", name, doubled(16), partial(fit, name, "labels"))
    for what, wanted in (("a record's metrics", RESULT_METRICS), ("further metrics", METRICS[len(RESULT_METRICS) :])):
        yield Line("rows", what, doubled(8000), partial(metrics_of, wanted, "rows"))
        yield Line("labels", what, doubled(64), partial(metrics_of, wanted, "labels"))
    yield Line("rows", "sorting scores", doubled(4000), partial(sorting, "rows"))
    yield Line("labels", "sorting scores", doubled(32), partial(sorting, "labels"))
    for name in RULES.built_in():
        if name != "fixed":
            yield Line("rows", f"decisions {name}", doubled(4000), partial(rule, name, "rows"))
            yield Line("labels", f"decisions {name}", doubled(32), partial(rule, name, "labels"))
    yield Line("rows", "bootstrap intervals", doubled(500), partial(resampled, "rows"))
    yield Line("labels", "bootstrap intervals", doubled(16), partial(resampled, "labels"))
    yield Line("jobs", "plan, states, forecasts", doubled(1000), planned)
    for command in REPORTED:
        yield Line("records", command, doubled(625, 3), partial(records, command, folder), children_time)


def shape_at(axis: str, size: int) -> dict[str, int]:
    """The sizes with one of them grown; training rows are few where labels are many."""
    return {**SHAPE, **({"rows": FEW_ROWS} if axis == "labels" else {}), axis: size}


def simulated(rows: int, features: int, labels: int, seed: int = 0) -> Split:
    """Normal features, and as many positives in a row as the data have, whatever the number of labels."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, features, generator=generator)
    direction = torch.randn(features, labels, generator=torch.Generator().manual_seed(99))
    scores = x @ direction + torch.randn(rows, labels, generator=generator)
    y = torch.zeros(rows, labels, dtype=torch.int8)
    return Split(x, y.scatter_(1, scores.topk(POSITIVES_A_ROW, dim=1).indices, 1))


def prepared_at(axis: str, size: int) -> Prepared:
    shape = shape_at(axis, size)
    validation_rows = shape["rows"] // 4 if axis == "rows" else FEW_ROWS
    splits = {
        "train": simulated(shape["rows"], shape["features"], shape["labels"]),
        "val": simulated(validation_rows, shape["features"], shape["labels"], seed=1),
    }
    return Prepared(problem_of("simulated", splits, "official"), splits)


def options_of(name: str, points: int) -> list[dict[str, Any]]:
    """Options of so many points that differ in a number."""
    info = methods.info(name)
    number = next((option for option, values in info.grid.items() if isinstance(values[0], float)), None)
    own = FASTER.get(name, {})
    if number is None:
        return [methods.options(name, info.defaults, own)] * points
    values = [info.grid[number][0] * (1 + point / 16) for point in range(points)]
    return [methods.options(name, info.defaults, {**own, number: value}) for value in values]


def training(name: str, axis: str, size: int) -> Run:
    """One epoch of a gradient method, its recovery network and its validation included."""
    prepared, points = prepared_at(axis, size), options_of(name, shape_at(axis, size)["points"])
    return lambda: fit_linear(name, points, prepared, Protocol(epochs=1, stack=len(points)), 0)


def fit(name: str, axis: str, size: int) -> Run:
    """A method that fits itself, and its scores of the validation rows."""
    prepared, points = prepared_at(axis, size), options_of(name, 1)
    return lambda: fit_method(name, points, prepared, 0).candidates[0].scores(prepared.splits["val"].x)


def scored(axis: str, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and scores that depend on them."""
    shape = shape_at(axis, size)
    y = simulated(shape["rows"], SHAPE["labels"], shape["labels"]).y
    return y, torch.randn(y.shape, generator=torch.Generator().manual_seed(0)) + 2 * y


def metrics_of(wanted: Sequence[Any], axis: str, size: int) -> Run:
    y, scores = scored(axis, size)
    training_labels = TrainingLabels(y.sum(0, dtype=torch.float64), len(y))
    return lambda: measured(Evaluation(y, scores, 0.5, training=training_labels), wanted)


def sorting(axis: str, size: int) -> Run:
    """The sort that every decision rule begins with: its floor."""
    scores = scored(axis, size)[1].numpy()
    return lambda: np.argsort(scores, axis=None, kind="stable")


def rule(name: str, axis: str, size: int) -> Run:
    """A decision rule's fit for every target, and its decisions."""
    y, scores = (tensor.numpy() for tensor in scored(axis, size))
    fitted = rule_named(name)

    def run() -> None:
        forget_cuts()
        for target in TARGETS:
            fitted(y, scores, target, 0.5)(scores)

    return run


def resampled(axis: str, size: int) -> Run:
    """The paper's metrics on resamples of the rows."""
    y, scores = (tensor.numpy() for tensor in scored(axis, size))
    kept = KeptScores(scores, y, 0.5, [str(label) for label in range(y.shape[1])])
    counts = bootstrap.resamples(len(y), RESAMPLES)
    return lambda: bootstrap.values_of(kept, [metric.key for metric in PAPER_METRICS], counts)


def planned(jobs: int) -> Run:
    """Planning, as ``bench run`` does it before the first job starts."""
    settings = configuration.load()
    rows = chosen_variants(settings, None)
    seeds = list(range(-(-jobs // len(rows))))

    def run() -> None:
        plan = make_plan(settings, [], ["yeast"], rows, seeds)
        survey(plan, Store(Path("no records")), False, [])
        longest_first(plan.jobs, forecasts(plan.jobs, [], False))

    return run


def records(command: str, folder: Path, number: int) -> Run:
    """A command that reads about so many records."""
    place = folder / str(number)
    if not place.exists():
        rows, one = chosen_variants(configuration.load(), None), folder / "one"
        if not one.exists():
            runner.bench(folder, "run", "--methods", "FL", "--epochs", "30", "--keep", "none", "--results", one.name)
        (example,) = map(read_record, Store(one).paths())
        runner.copies(example, place, ["yeast"], rows, list(range(number // len(rows))))
    more = {"table": ("--metric", "hamming"), "report": ("--control", "FL")}.get(command, ())
    return partial(runner.bench, place, command, *more)


def measure(line: Line) -> dict[str, Any]:
    """Seconds of each size in each round; the smallest once before, for what is imported and remembered."""
    runs = [line.made(size) for size in line.sizes]
    runs[0]()
    return {
        "sizes": list(line.sizes),
        "seconds": [[timed(run, line.clock) for run in runs] for _ in range(ROUNDS)],
        "measured": stamp(),
    }


def missing(line: Line, kept: dict[str, Any], commit: str | None) -> bool:
    """True of a line that is not stored, or not of this commit; files that changed since count as none."""
    found = kept.get(line.axis, {}).get(line.what)
    return not found or not commit or str(found["measured"]["commit"]).rstrip("+") != commit.rstrip("+")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="WORD", help="lines whose name or axis is one of these")
    parser.add_argument("--minutes", type=float, default=15.0, help="no line is begun later")
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    here, begun = stored_here(), time.monotonic()
    results = read(here)
    results.setdefault("machine", {**facts(), "measured": stamp()})
    kept = results.setdefault("growth", {})
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for line in lines(Path(folder)):
            if given.only and not {line.axis, line.what} & set(given.only):
                continue
            if not given.again and not missing(line, kept, stamp()["commit"]):
                continue
            passed = time.monotonic() - begun
            if passed > 60 * given.minutes:
                print(f"stopped before {line.what}, {line.axis}: the minutes are over; go on by the same command")
                break
            found = measure(line)
            kept.setdefault(line.axis, {})[line.what] = found
            store(here, results)
            seconds = ", ".join(f"{value:.2g}" for value in found["seconds"][-1])
            print(f"{passed:5.0f} s  {line.what}, {line.axis}: {seconds}", flush=True)

    from perf import scaling_page

    scaling_page.write(stored_everywhere())


if __name__ == "__main__":
    main()
