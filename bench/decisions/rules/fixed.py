"""The method's own threshold, as in the paper."""

from __future__ import annotations

import numpy as np

from bench.decisions.rule import Target, Thresholds

ORDER = 0
BY_TARGET = False


def fit(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> Thresholds:
    """Choose nothing."""
    return Thresholds((threshold,))
