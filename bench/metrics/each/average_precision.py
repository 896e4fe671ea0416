"""Macro mean of each label's step-wise average precision, over the labels that have positives; ties grouped."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation, mean_of

TITLE = "Average precision (macro)"
LOWER_IS_BETTER = False
ORDER = 4
PAPER_TABLE = 5
PAPER_KEY = "average_precision_macro"


def metric(evaluation: Evaluation) -> float | None:
    return mean_of(evaluation.average_precisions)
