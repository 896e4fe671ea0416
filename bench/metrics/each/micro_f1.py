"""F1 over all decisions, 2 TP / (2 TP + FP + FN); 0 where nothing is positive or predicted."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.passes import f1

TITLE = "Micro F1"
LOWER_IS_BETTER = False
DECISION = True
ORDER = 5


def metric(evaluation: Evaluation) -> float:
    counts = evaluation.decision_counts
    return float(f1(counts.true_positives.sum(), counts.false_positives.sum(), counts.false_negatives.sum()))
