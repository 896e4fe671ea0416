"""Coherence of a record: what its parts must be to each other, whoever made it. Imports neither torch nor methods.

A checksum tells damage; a record that was edited, and given a checksum that fits, is told by what it contradicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

from bench.metrics.catalogue import METRICS, RECOVERY_METRICS, Metric, as_loss
from bench.records.record import Further, Metrics, Provenance, Record, Result
from bench.text import name_fault

ROUNDING = 1e-6
NAMED = {metric.option: metric for metric in METRICS}
CLASSIFICATION = frozenset(metric.key for metric in METRICS)


def incoherence(record: Record) -> str:
    """The first contradiction, in a sentence without a subject; empty where there is none."""
    return next(_contradictions(record), "")


def _contradictions(record: Record) -> Iterator[str]:
    for part in ("hyperparameters", "protocol", "versions"):
        if not isinstance(record.key.get(part, {}), dict):
            yield f"has a key whose {part} are no table"
            return
    yield from _names(record)
    yield from _key(record)
    labels = record.result.n_labels if record.result else record.recovered.n_labels if record.recovered else 1
    for where, values in _values(record):
        for name, value in values.items():
            least, most = bounds(name, labels)
            if value is not None and not least - ROUNDING <= value <= most + ROUNDING:
                yield f"has {name} {value:g} on {where}, which is from {least:g} to {most:g}"
    if record.result is not None:
        yield from _selection(record.result, record.key.get("protocol", {}).get("selection", "hamming"))
        if any(point.curves_json for point in record.result.grid) and isinstance(record.result.result_sha256, str):
            yield "has curves and the digest of a packed result, which has none"


def _names(record: Record) -> Iterator[str]:
    """Names that would be no file's or folder's: a record of another machine is written under them."""
    source = str(record.key.get("method", "")).partition(" ")[0]
    for name in (record.job.full_dataset, record.job.variant, *record.artifacts.values(), source or "none"):
        if fault := _name_fault(name):
            yield f"names {name!r}, which can be no file's: {fault}"


_name_fault = cache(name_fault)


def _key(record: Record) -> Iterator[str]:
    key = record.key
    if key.get("seed", record.job.seed) != record.job.seed:
        yield f"has the key of seed {key['seed']}"
    method = key.get("hyperparameters", {}).get("method", record.base)
    if method != record.base:
        yield f"is of the method {record.base}, but has the key of {method}"
    if isinstance(record.provenance, Provenance):
        if key.get("file", record.provenance.sha256) != record.provenance.sha256:
            yield "has the key of other scores than those that it says it is of"
    elif record.status == "done" and (record.track == "recovery") != (record.recovered is not None):
        yield f"is of the {record.track} track, but has a result of the other"


def _values(record: Record) -> Iterator[tuple[str, Metrics]]:
    """(where, values) of all metrics and measures of a record."""
    if record.recovered is not None:
        yield "the training rows", record.recovered.measures
    if isinstance(record.further, Further):
        yield "test data", record.further.values
    if record.result is not None:
        grid = [(point.val or {}, point.test or {}) for point in record.result.grid]
        also = [(one.val, one.test) for one in (record.result.also_selected or {}).values()]
        for on_validation, on_test in [(record.result.val, record.result.test), *grid, *also]:
            yield "validation data", on_validation
            yield "test data", on_test


@cache
def bounds(name: str, labels: int) -> tuple[float, float]:
    """(least, most) value of a built-in metric or measure on so many labels; of any other there is no bound."""
    unbounded = {"kullback_leibler": (0.0, math.inf), "clark": (0.0, math.sqrt(labels)), "canberra": (0.0, labels)}
    if name == "coverage":
        return -1 / labels, 1.0
    if name in CLASSIFICATION or name in {metric.key for metric in RECOVERY_METRICS}:
        return unbounded.get(name, (0.0, 1.0))
    return -math.inf, math.inf


def _selection(result: Result, selection: str) -> Iterator[str]:
    """Contradictions between what was chosen and the grid that it was chosen of."""
    chosen = result.selected
    if chosen.point is None or not result.grid:
        return
    if not 0 <= chosen.point < len(result.grid):
        yield f"chose the grid point {chosen.point} of {len(result.grid)}"
        return
    point = result.grid[chosen.point]
    if point.epoch != chosen.epoch or point.hyperparameters != chosen.hyperparameters:
        yield "has another epoch or other hyper-parameters than the grid point that it chose"
    for split, whole, of_point in (("validation", result.val, point.val), ("test", result.test, point.test)):
        for name, value in (of_point or {}).items():
            if whole.get(name, value) != value:
                yield f"has another {name} on {split} data than the grid point that it chose"
    metric = NAMED.get(str(selection))
    if metric is not None and _loss(metric, point.val) > min(_loss(metric, one.val) for one in result.grid):
        yield f"chose a grid point that is not the best by {metric.title} on validation data"


def _loss(metric: Metric, values: Mapping[str, float | None] | None) -> float:
    value = (values or {}).get(metric.key)
    return math.inf if value is None else as_loss(metric, value)
