"""Share of the rows whose label of highest score is a positive; of tied labels, their mean."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import precision_at

TITLE = "Precision@1"
LOWER_IS_BETTER = False
ORDER = 13


def metric(evaluation: Evaluation) -> float | None:
    return precision_at(evaluation, 1)
