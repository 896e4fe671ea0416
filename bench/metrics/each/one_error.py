"""Share of the rows of which a label with the highest score is no positive; of tied ones, any."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "One-error"
LOWER_IS_BETTER = True
ORDER = 8


def metric(evaluation: Evaluation) -> float:
    return evaluation.ranking_sums.one_errors / evaluation.y.shape[0]
