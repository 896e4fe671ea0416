"""Share of the rows whose decisions are all right."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Subset accuracy"
LOWER_IS_BETTER = False
DECISION = True
ORDER = 7


def metric(evaluation: Evaluation) -> float:
    return evaluation.decision_counts.exact_rows / evaluation.y.shape[0]
