"""Cost of what is no step of the shared loop, beside a job of BCE: recoveries of label distributions, and methods that
fit themselves. Data of yeast's shape, one thread."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from bench import methods
from bench.config import Variant
from bench.job.build import per_sample_tensors
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.job.recipe import recipe
from bench.methods.api import Split
from bench.methods.enhancement.two_stage import TwoStage
from bench.protocol import Protocol

ROWS = {"train": 1500, "val": 300, "test": 617}
FEATURES, LABELS = 103, 14
STEPS = 2000


def run(full: bool) -> dict[str, object]:
    """Seconds of each recovery, and of each fit with its scores of all rows; without ``full`` of quick ones alone."""
    torch.set_num_threads(1)
    prepared = simulated()
    protocol = Protocol(minimum_steps=STEPS)
    jobs: dict[str, dict[str, Callable[[], object]]] = {"recovery": {}, "fit": {}}
    for name, info in methods.infos().items():
        if info.origin != "built-in" or not (full or name not in SLOW):
            continue
        cls = methods.method_class(name)
        if issubclass(cls, TwoStage):
            jobs["recovery"][name] = lambda name=name: recovered(name, prepared, protocol)  # type: ignore[misc]
        elif not info.gradient:
            jobs["fit"][name] = lambda name=name: fitted(name, prepared)  # type: ignore[misc]
    bce = timed(lambda: fit_linear("BCE", [{}], prepared, protocol, 0))
    seconds = {kind: {name: timed(job) for name, job in of.items()} for kind, of in jobs.items()}
    torch.set_num_threads(2)
    return {
        "bce_seconds": bce,
        "seconds": seconds,
        "grid_points": {name: len(points(name)) for of in jobs.values() for name in of},
        "to_bce": {name: value / bce for of in seconds.values() for name, value in of.items()},
    }


SLOW = ("FCM", "ML", "GLLE", "LEIC", "SMILE")
"""Recoveries of a minute or so."""


def simulated() -> Prepared:
    """Labels that depend on features, of yeast's density."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(FEATURES, LABELS, generator=generator)

    def split(rows: int) -> Split:
        x = torch.rand(rows, FEATURES, generator=generator)
        score = (x - 0.5) @ direction + torch.randn(rows, LABELS, generator=generator)
        return Split(x, (score > 1).to(torch.int8))

    splits = {name: split(rows) for name, rows in ROWS.items()}
    return Prepared(problem_of("simulated", splits, "official"), splits)


def points(name: str) -> list[dict]:
    return recipe(Variant(name=name, base=name)).points


def recovered(name: str, prepared: Prepared, protocol: Protocol) -> None:
    per_sample_tensors(name, points(name)[0], prepared, protocol, 0)


def fitted(name: str, prepared: Prepared) -> None:
    """All points of the grid, and the scores that the choice and the test need."""
    for candidate in fit_method(name, points(name), prepared, 0).candidates:
        for split in prepared.splits.values():
            candidate.scores(split.x)


def timed(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started
