"""Mean of the labels' areas under the ROC curve, over those with positives and negatives; a tie counts half."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "ROC-AUC (macro)"
LOWER_IS_BETTER = False
ORDER = 10


def metric(evaluation: Evaluation) -> float | None:
    areas = evaluation.roc_aucs
    return sum(areas.values()) / len(areas) if areas else None
