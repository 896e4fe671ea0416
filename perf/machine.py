"""Rates of this machine, which measurements are set against, and the clocks that the cases share."""

from __future__ import annotations

import platform
import resource
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from statistics import median

import torch

from bench.system.environment import commit, environment


def seconds(run: Callable[[], object], times: int = 3, warm_up: int = 1) -> float:
    """Median wall time of ``run``."""
    for _ in range(warm_up):
        run()
    return median(timed(run) for _ in range(times))


def timed(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one call; ``time.process_time`` counts those of this process alone, which others disturb less."""
    start = clock()
    run()
    return clock() - start


def children_time() -> float:
    """Seconds of the processor of all child processes that have ended: a clock for commands."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """{name: seconds in each round}; all take turns, so that they see the same machine, after a round not counted."""
    for run in runs.values():
        run()
    every = [{name: timed(run, clock) for name, run in runs.items()} for _ in range(rounds)]
    return {name: [one[name] for one in every] for name in runs}


def over(these: list[float], those: list[float]) -> list[float]:
    """The ratio in each round."""
    return [this / that for this, that in zip(these, those, strict=True)]


def stamp() -> dict[str, str | None]:
    """Date and commit of a measurement."""
    return {"date": datetime.now(UTC).date().isoformat(), "commit": commit()}


def rates() -> dict[str, float]:
    """Matrix-product rate and bandwidths, measured now, with the threads that torch uses now."""
    a = torch.randn(2048, 2048)
    product = seconds(lambda: a @ a, times=7)
    source = torch.randn(64 * 2**20)
    target = torch.empty_like(source)
    copy = seconds(lambda: target.copy_(source), times=7)
    update = seconds(lambda: target.mul_(1.0), times=7)
    return {
        "matrix_product_gflops": 2 * 2048**3 / product / 1e9,
        "copy_gb_per_s": 2 * source.numel() * 4 / copy / 1e9,
        # In place, as an optimiser works; a copy also reads what it overwrites, which its rate does not count.
        "update_gb_per_s": 2 * source.numel() * 4 / update / 1e9,
    }


def facts() -> dict[str, object]:
    """The machine, its libraries, and its rates."""
    where = environment("cpu")
    return {
        "processor": where["processor"],
        "cores": where["cores"],
        "system": platform.platform(),
        "python": where["python"],
        "libraries": where["libraries"],
        "threads": torch.get_num_threads(),
        **rates(),
    }
