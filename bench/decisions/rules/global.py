"""One threshold for all labels, the best for the target."""

from __future__ import annotations

import numpy as np

from bench.decisions.candidates import one_threshold
from bench.decisions.rule import Target, Thresholds

ORDER = 1


def fit(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> Thresholds:
    """Choose among all cuts of the N*c scores."""
    return Thresholds((one_threshold(y, scores, target, threshold),))
