"""Part e: the neighbours of ML-KNN at NUS's size: the harness's float64 search, and one in float32 whose candidates are
ranked again by float64 distances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench.methods.enhancement.neighbours import nearest_rows
from perf.gpu.setting import Line, Setting

K, CANDIDATES, QUERIES_AT_ONCE = 10, 32, 2048
SET = "NUS"


def lines(setting: Setting) -> Iterator[Line]:
    yield f"{SET}, 4000 queries", lambda: searches(setting)


def searches(setting: Setting) -> dict[str, Any]:
    """Seconds of both, and the share of rows whose neighbours are the same in the same order."""
    rows = setting.simulated(SET).splits["train"].x
    queries = rows[:4000]
    found: list[Tensor] = []
    exact = setting.seconds(lambda: found.append(nearest_rows(queries, rows, K)))
    candidates = setting.seconds(lambda: found.append(by_candidates(queries, rows)))
    return {
        "float64_seconds": exact,
        "float32_seconds": candidates,
        "ratio": exact / candidates,
        "same_rows": float((found[0] == found[1]).all(1).double().mean()),
        "whole_float64_seconds": exact * len(rows) / len(queries),
    }


def by_candidates(queries: Tensor, rows: Tensor) -> Tensor:
    """[Q, k] nearest rows: the nearest ``CANDIDATES`` by float32 products, in order of their float64 distances. Where
    more rows than that are within rounding of the k-th, it can be wrong; the harness does not use it."""
    norms = rows.square().sum(1)
    parts = []
    for part in queries.split(QUERIES_AT_ONCE):
        near = torch.addmm(norms, part, rows.T, alpha=-2).topk(min(CANDIDATES, len(rows)), 1, largest=False).indices
        near = near.sort(1).values
        for some, index in zip(part.split(256), near.split(256), strict=True):
            distance = (rows[index].double() - some[:, None].double()).square().sum(2)
            parts.append(index.gather(1, distance.sort(dim=1, stable=True).indices[:, :K]))
    return torch.cat(parts)
