"""Propensity-scored precision at 1 (Jain et al. 2016)."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.top_k import propensity_scored_precision_at

TITLE = "PSP@1"
LOWER_IS_BETTER = False
ORDER = 19


def metric(evaluation: Evaluation) -> float | None:
    return propensity_scored_precision_at(evaluation, 1)
