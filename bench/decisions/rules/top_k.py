"""The k labels of the highest scores in each row (RCut), k from 1 to c the best for the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.decisions.candidates import TIE, f1
from bench.decisions.rule import Target

ORDER = 4


@dataclass(frozen=True)
class TopK:
    """Predict the k labels of the highest scores; of equal scores those of the lower label numbers."""

    k: int

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return _ranks(scores) < self.k


def _ranks(scores: np.ndarray) -> np.ndarray:
    """[N, c] each label's place in its row, from 0."""
    ranks = np.empty(scores.shape, dtype=np.int64)
    np.put_along_axis(ranks, np.argsort(-scores, axis=1, kind="stable"), np.arange(scores.shape[1])[None], axis=1)
    return ranks


def fit(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> TopK:
    """Choose the smallest of the equally good k."""
    ranks, positive, labels = _ranks(scores), y > 0, y.shape[1]
    hits, predicted = np.bincount(ranks[positive], minlength=labels).cumsum(), len(y) * np.arange(1, labels + 1)
    if target == "hamming":
        values = 2 * hits - predicted
    elif target == "micro-f1":
        values = f1(hits, predicted, int(hits[-1]))
    else:
        values = np.zeros(labels)
        for j in np.flatnonzero(positive.any(0)):  # the F1 of a label without positives is 0 at each k
            own = np.bincount(ranks[positive[:, j], j], minlength=labels).cumsum()
            values += f1(own, np.bincount(ranks[:, j], minlength=labels).cumsum(), int(own[-1]))
        values /= labels
    return TopK(1 + int(np.flatnonzero(values >= values.max() - TIE)[0]))
