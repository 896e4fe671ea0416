"""Mean over rows of how far down the ranking the last positive is: (coverage error - 1) / c.

Ties take the larger rank. A row without positives has coverage error 0 and so contributes -1/c.
"""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Coverage"
LOWER_IS_BETTER = True
ORDER = 3
PAPER_TABLE = 4
PAPER_KEY = "coverage"


def metric(evaluation: Evaluation) -> float:
    rows, labels = evaluation.y.shape
    return (evaluation.ranking_sums.coverage_depth / rows - 1) / labels
