"""Macro F1 of the head labels: a third of them by training frequency."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.frequency import f1_of, labels_of

TITLE = "Macro F1 (head)"
LOWER_IS_BETTER = False
DECISION = True
ORDER = 26


def metric(evaluation: Evaluation) -> float | None:
    return f1_of(evaluation, labels_of(evaluation, "head"))
