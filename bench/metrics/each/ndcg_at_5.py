"""Normalised discounted cumulative gain of the first 5 ranks."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import ndcg_at

TITLE = "nDCG@5"
LOWER_IS_BETTER = False
ORDER = 18


def metric(evaluation: Evaluation) -> float | None:
    return ndcg_at(evaluation, 5)
