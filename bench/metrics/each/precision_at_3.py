"""Share of positives among the 3 labels of highest score."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import precision_at

TITLE = "Precision@3"
LOWER_IS_BETTER = False
ORDER = 14


def metric(evaluation: Evaluation) -> float | None:
    return precision_at(evaluation, 3)
