"""Mean of the labels' F1; a label with neither positives nor predictions counts as 0."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Macro F1"
LOWER_IS_BETTER = False
DECISION = True
ORDER = 6


def metric(evaluation: Evaluation) -> float:
    return float(evaluation.f1s.mean())
