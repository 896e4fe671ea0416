"""Mean of the rows' F1, 2 TP / (2 TP + FP + FN); a row with neither positives nor predictions counts as 0."""

from __future__ import annotations

import torch

from bench.metrics.evaluation import Evaluation
from bench.metrics.passes import blocks, f1

TITLE = "F1 (by example)"
LOWER_IS_BETTER = False
DECISION = True
ORDER = 12


def metric(evaluation: Evaluation) -> float:
    total = torch.zeros((), dtype=torch.float64, device=evaluation.y.device)
    for block in blocks(*evaluation.y.shape):
        truth, predicted = evaluation.y[block] > 0, evaluation.decided(block)
        hits, false, missed = truth & predicted, ~truth & predicted, truth & ~predicted
        total += f1(hits.sum(1), false.sum(1), missed.sum(1)).sum()
    return float(total) / evaluation.y.shape[0]
