"""Rates of this machine: the bounds that measurements are set against."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from statistics import median

import torch

from bench.system.environment import environment


def seconds(run: Callable[[], object], times: int = 3, warm_up: int = 1) -> float:
    """Median wall time of ``run``."""
    for _ in range(warm_up):
        run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return median(taken)


def facts() -> dict[str, object]:
    """Matrix-product rate and bandwidths, measured now, with the threads that torch uses now."""
    a = torch.randn(2048, 2048)
    product = seconds(lambda: a @ a, times=7)
    source = torch.randn(64 * 2**20)
    target = torch.empty_like(source)
    copy = seconds(lambda: target.copy_(source), times=7)
    update = seconds(lambda: target.mul_(1.0), times=7)
    where = environment("cpu")
    return {
        "processor": where["processor"],
        "cores": where["cores"],
        "system": platform.platform(),
        "python": where["python"],
        "libraries": where["libraries"],
        "threads": torch.get_num_threads(),
        "matrix_product_gflops": 2 * 2048**3 / product / 1e9,
        "copy_gb_per_s": 2 * source.numel() * 4 / copy / 1e9,
        # In place, as an optimiser works; a copy also reads what it overwrites, which its rate does not count.
        "update_gb_per_s": 2 * source.numel() * 4 / update / 1e9,
    }
