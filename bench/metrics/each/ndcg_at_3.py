"""Normalised discounted cumulative gain of the first 3 ranks."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import ndcg_at

TITLE = "nDCG@3"
LOWER_IS_BETTER = False
ORDER = 17


def metric(evaluation: Evaluation) -> float | None:
    return ndcg_at(evaluation, 3)
