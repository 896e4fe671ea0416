"""Any metrics of an evaluation, by their files."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.errors import UsageError
from bench.metrics.catalogue import METRIC_FILES, Metric, metrics
from bench.metrics.evaluation import Evaluation
from bench.system import reading

Values = dict[str, float | None]
"""{metric's key: value, None where it is not defined}."""


def measured(evaluation: Evaluation, wanted: Iterable[Metric]) -> Values:
    """The wanted metrics' values.

    Raises
    ------
    UsageError: for a metric that cannot be imported, fails, or gives no finite number.
    """
    return {metric.key: value_of(metric, evaluation) for metric in wanted}


def value_of(metric: Metric, evaluation: Evaluation) -> float | None:
    """One metric's value.

    Raises
    ------
    UsageError: where the metric cannot be imported, fails, or gives no finite number.
    """
    function = METRIC_FILES.module(metric.option, "metric").metric
    where = f"the metric {metric.option!r} ({METRIC_FILES.component(metric.option).path})"
    try:
        found = function(evaluation)
        value = None if found is None else float(found)
    except Exception as error:
        raise UsageError(f"{where} fails: {reading.in_short(error)}.") from error
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{where} gives {value}; it must give a finite number, or None where it is not defined.")
    return value


def decision_metrics(evaluation: Evaluation) -> Values:
    """Every metric of decisions: those that another decision rule changes."""
    return measured(evaluation, (metric for metric in metrics() if metric.decision))
