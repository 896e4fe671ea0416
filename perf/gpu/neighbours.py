"""Part e: the neighbours of ML-KNN at NUS's size: float64 products of all rows, and the harness's search, which
computes them for near ties alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench.methods.enhancement.neighbours import COLUMNS_PER_BLOCK, ROWS_PER_BLOCK, nearest_rows, smallest
from perf.gpu.setting import Line, Setting

K = 10
SET = "NUS"


def lines(setting: Setting) -> Iterator[Line]:
    yield f"{SET}, 4000 queries", lambda: searches(setting)


def searches(setting: Setting) -> dict[str, Any]:
    """Seconds of both, and the share of rows whose neighbours are the same in the same order."""
    rows = setting.simulated(SET).splits["train"].x
    queries = rows[:4000]
    found: list[Tensor] = []
    exact = setting.seconds(lambda: found.append(by_float64_products(queries, rows)))
    harness = setting.seconds(lambda: found.append(nearest_rows(queries, rows, K)))
    unordered = setting.seconds(lambda: nearest_rows(queries, rows, K, in_order=False))
    return {
        "float64_seconds": exact,
        "float32_seconds": harness,
        "float32_in_any_order_seconds": unordered,
        "ratio": exact / harness,
        "same_rows": float((found[0] == found[-1]).all(1).double().mean()),
        "whole_float64_seconds": exact * len(rows) / len(queries),
    }


def by_float64_products(queries: Tensor, rows: Tensor) -> Tensor:
    """[Q, k] nearest rows, all distances computed in float64, block by block."""
    distance = queries.new_empty(len(queries), 0, dtype=torch.float64)
    index = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(rows), COLUMNS_PER_BLOCK):
        columns = rows[start : start + COLUMNS_PER_BLOCK].double()
        norms = columns.square().sum(1)
        found = [
            smallest(torch.addmm(norms, part.double(), columns.T, alpha=-2), K)
            for part in queries.split(ROWS_PER_BLOCK)
        ]
        nearest, position = (torch.cat(parts) for parts in zip(*found, strict=True))
        distance, order = smallest(torch.cat([distance, nearest], 1), K)
        index = torch.cat([index, position + start], 1).gather(1, order)
    return index
