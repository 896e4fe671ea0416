"""Records for tests: a test names the fields that it is about, the others are those of a small finished job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.records.record import Cost, GridPoint, JobName, Metrics, Record, Result, Selected

NOTHING_SELECTED = Selected(None, None, {})
SAMPLES = {"train": 6, "val": 2, "test": 2}
A_SECOND = Cost(seconds=1.0)


def result(
    test: Metrics,
    *,
    grid: Sequence[GridPoint] = (),
    selected: Selected = NOTHING_SELECTED,
    epochs: int | None = None,
    stacks: Sequence[int] = (),
    n_samples: Mapping[str, int] = SAMPLES,
    n_features: int = 4,
    n_labels: int = 2,
) -> Result:
    """A result of the classification track with these metrics on test data."""
    return Result(
        selected, {}, test, list(grid), epochs, list(stacks), dict(n_samples), n_features=n_features, n_labels=n_labels
    )


def record(
    job: JobName,
    result: Result | None = None,
    *,
    base: str | None = None,
    key: Mapping[str, Any] | None = None,
    cost: Cost = A_SECOND,
    device: str = "cpu",
    artifacts: Mapping[str, str] | None = None,
) -> Record:
    """The record of a finished job; ``base`` is the variant's own name where none is given."""
    return Record(
        job=job,
        base=base or job.variant,
        protocol="small",
        key=dict(key or {}),
        status="done",
        cost=cost,
        environment={"device": device},
        result=result,
        artifacts=dict(artifacts or {}),
    )
