"""Macro average precision of the tail labels: a third of them by training frequency."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.frequency import average_precision_of, labels_of

TITLE = "Average precision (tail)"
LOWER_IS_BETTER = False
ORDER = 25


def metric(evaluation: Evaluation) -> float | None:
    return average_precision_of(evaluation, labels_of(evaluation, "tail"))
