"""Normalised discounted cumulative gain of the first rank, 0 of a row without positives."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import ndcg_at

TITLE = "nDCG@1"
LOWER_IS_BETTER = False
ORDER = 16


def metric(evaluation: Evaluation) -> float | None:
    return ndcg_at(evaluation, 1)
