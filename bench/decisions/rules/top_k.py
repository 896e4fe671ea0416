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
    ranks, labels = _ranks(scores), y.shape[1]
    hits, sum_of_f1 = np.zeros(labels, dtype=np.int64), np.zeros(labels)
    for j in range(labels):
        own = np.bincount(ranks[y[:, j] > 0, j], minlength=labels).cumsum()
        hits += own
        sum_of_f1 += f1(own, np.bincount(ranks[:, j], minlength=labels).cumsum(), int(own[-1]))
    predicted = len(y) * np.arange(1, labels + 1)
    by_target = {
        "hamming": 2 * hits - predicted,
        "micro-f1": f1(hits, predicted, int(hits[-1])),
        "macro-f1": sum_of_f1 / labels,
    }
    values = by_target[target]
    return TopK(1 + int(np.flatnonzero(values >= values.max() - TIE)[0]))
