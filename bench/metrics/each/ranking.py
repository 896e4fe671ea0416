"""Mean over rows of the share of (positive, negative) pairs with the positive's score not above the negative's.

Ties are full errors; a row without positives or without negatives contributes 0 and stays in the denominator.
"""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Ranking loss"
LOWER_IS_BETTER = True
ORDER = 2
PAPER_TABLE = 3
PAPER_KEY = "ranking_loss"


def metric(evaluation: Evaluation) -> float:
    return evaluation.ranking_sums.ranking_loss / evaluation.y.shape[0]
