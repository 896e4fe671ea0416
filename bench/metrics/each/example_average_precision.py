"""Label ranking average precision: of each row's positives, the share of positives among labels scored as high.

Ties take the larger rank. A row without positives or without negatives scores 1.
"""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Average precision (by example)"
LOWER_IS_BETTER = False
ORDER = 9


def metric(evaluation: Evaluation) -> float:
    return evaluation.ranking_sums.precision / evaluation.y.shape[0]
