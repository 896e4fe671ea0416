"""Records as the converged protocol leaves them, with numbers drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import (
    AlsoSelected,
    Decided,
    Decisions,
    GridPoint,
    JobName,
    Metrics,
    Record,
    Selected,
    as_json,
)
from study.converged.multiverse.reselection import RULES
from tests import records as made

PROTOCOL = {"selection": "hamming", "learning_rate": 1e-3, "weight_decay": 1e-4, "scaling": "minmax"}
OPTIMISER_GRID = [
    {"learning_rate": rate, "weight_decay": decay} for rate, decay in product([1e-3, 1e-2], [1e-4, 0.1, 0.3, 1.0])
]
OWN_GRID: list[dict[str, Any]] = [{"k": k} for k in (5, 10, 20)]


def drawn(random: np.random.Generator) -> Metrics:
    """The paper's four, to two decimals: some are equal."""
    return {metric.key: round(float(random.uniform(0.1, 0.9)), 2) for metric in PAPER_METRICS}


def signed(values: Metrics, place: int) -> float:
    """A metric with the sign that makes lower better."""
    value = values[PAPER_METRICS[place].key]
    assert value is not None
    return value if PAPER_METRICS[place].lower_is_better else -value


def record(
    dataset: str, method: str, seed: int = 0, points: Sequence[Mapping[str, Any]] = OPTIMISER_GRID,
    options: Mapping[str, Any] | None = None, protocol: Mapping[str, Any] | None = None, draw: int = 0,
) -> Record:  # fmt: skip
    """A record of NAME@extractor; ``draw``: other numbers."""
    name, _, extractor = dataset.partition("@")
    random = np.random.default_rng([draw, seed, *map(ord, dataset + method)])
    grid = [GridPoint(dict(point), 3, None, drawn(random), drawn(random)) for point in points]

    def best(place: int) -> int:
        values = [one.val for one in grid]
        return min(range(len(grid)), key=lambda p: (signed(values[p] or {}, place), signed(values[p] or {}, 1), p))

    chosen = best(0)
    test = grid[chosen].test
    assert test is not None
    also = {
        metric.option: AlsoSelected(best(place), 2, {}, drawn(random), drawn(random))
        for place, metric in enumerate(PAPER_METRICS)
        if place
    }
    result = made.result(test, grid=grid, selected=Selected(chosen, 3, dict(points[chosen])))
    rules = {rule: {"hamming": Decided({"hamming": round(float(random.uniform(0.1, 0.9)), 2)}, {})} for rule in RULES}
    hyperparameters = {"options": dict(options or {})}
    key = {"data": dataset, "protocol": {**PROTOCOL, **(protocol or {})}, "hyperparameters": hyperparameters}
    job = JobName(name, extractor or "npz", method, seed)
    found = made.record(job, replace(result, val=grid[chosen].val or {}, also_selected=also), key=key)
    return replace(found, decisions_json=as_json(Decisions({}, rules)))
