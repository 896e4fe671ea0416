"""A threshold for each label, together the best for the target (SCut); labels of few positives have the global one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.decisions.candidates import label_cuts, micro_f1_cuts, one_threshold, right
from bench.decisions.rule import Target, Thresholds

ORDER = 2
FEWEST = 5
"""Validation positives below which a label has the threshold of the rule ``global`` for the same target."""


@dataclass(frozen=True)
class PerLabel(Thresholds):
    """Predict the labels whose score exceeds their own threshold."""

    fallback: int
    """Number of labels that have the global threshold."""


def fit(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> PerLabel:
    """Choose each label's cut; micro-F1, which is no sum over labels, is maximised over all of them at once."""
    few = (y > 0).sum(0) < FEWEST
    common = one_threshold(y, scores, target, threshold) if few.any() else threshold
    able = np.flatnonzero(~few)
    every = label_cuts(y, scores)
    found = [every[j] for j in able]
    if target == "hamming":
        best = [own.nearest(right(own), threshold) for own in found]
    elif target == "macro-f1":
        best = [own.nearest(own.f1(), threshold) for own in found]
    else:
        given = scores[:, few] > np.float64(common)
        hits, others = int((given & (y[:, few] > 0)).sum()), int(given.sum() + (y[:, few] > 0).sum())
        best = micro_f1_cuts(found, threshold, hits, others)
    chosen = np.full(y.shape[1], common)
    chosen[able] = [own.thresholds[place] for own, place in zip(found, best, strict=True)]
    return PerLabel(tuple(chosen.tolist()), int(few.sum()))
