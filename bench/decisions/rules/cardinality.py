"""One threshold by which as many labels are predicted as there are positives (PCut), whatever the target."""

from __future__ import annotations

import numpy as np

from bench.decisions.candidates import pooled_cuts
from bench.decisions.rule import Target, Thresholds

ORDER = 3
BY_TARGET = False


def fit(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> Thresholds:
    """Choose the cut whose label cardinality is nearest that of the validation labels."""
    pooled = pooled_cuts(y, scores)
    best = pooled.nearest(-np.abs(pooled.predicted - pooled.positives), threshold)
    return Thresholds((float(pooled.thresholds[best]),))
