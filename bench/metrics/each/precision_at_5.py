"""Share of positives among the 5 labels of highest score."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import precision_at

TITLE = "Precision@5"
LOWER_IS_BETTER = False
ORDER = 15


def metric(evaluation: Evaluation) -> float | None:
    return precision_at(evaluation, 5)
