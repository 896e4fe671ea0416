"""Share of the N*c decisions that are wrong."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation

TITLE = "Hamming loss"
LOWER_IS_BETTER = True
DECISION = True
ORDER = 1
PAPER_TABLE = 2
PAPER_KEY = "hamming_loss"


def metric(evaluation: Evaluation) -> float:
    return evaluation.decision_counts.wrong / evaluation.y.numel()
