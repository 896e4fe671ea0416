"""Candidate thresholds, and the exact best of them, in O(N log N).

Scores can be cut in two below their lowest, between two adjacent distinct ones, and above their highest. The threshold
of a cut is the midpoint (rounded in float64; the lower score where that gives the higher), above all the highest score,
which does not exceed itself, and below all the next smaller number than the lowest. Of cuts that are equally good the
one whose threshold is nearest the method's own is taken; of two as near the lower one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.decisions.rule import Target

TIE = 1e-9
"""Sums of quotients (macro-F1 over several labels) that differ by no more are equally good; rounding does that."""


@dataclass(frozen=True)
class Cuts:
    """Every way to cut K distinct scores in two, from above: the first predicts nothing, the last everything."""

    levels: np.ndarray
    """[K] the distinct scores, descending, float64."""
    thresholds: np.ndarray
    """[K + 1], descending."""
    predicted: np.ndarray
    """[K + 1] how many scores exceed the threshold."""
    hits: np.ndarray
    """[K + 1] how many of these are of positives."""
    positives: int

    def f1(self) -> np.ndarray:
        """[K + 1] F1 of each cut."""
        return f1(self.hits, self.predicted, self.positives)

    def nearest(self, values: np.ndarray, threshold: float, tie: float = 0.0) -> int:
        """Position of the best value; of equally good ones as the module says."""
        good = np.flatnonzero(values >= values.max() - tie)[::-1]
        return int(good[np.abs(self.thresholds[good] - threshold).argmin()])


def cuts(y: np.ndarray, scores: np.ndarray) -> Cuts:
    """The cuts of scores [n] with their labels [n]."""
    order = np.argsort(-scores)
    values, hits = scores[order].astype(np.float64), np.cumsum(y[order] > 0)
    ends = np.flatnonzero(values[1:] != values[:-1]) + 1
    above, below = values[ends - 1], values[ends]
    middle = above / 2 + below / 2
    middle = np.where((below <= middle) & (middle < above), middle, below)
    predicted = np.concatenate([[0], ends, [len(values)]])
    return Cuts(
        levels=values[predicted[1:] - 1],
        thresholds=np.concatenate([values[:1], middle, [np.nextafter(values[-1], -np.inf)]]),
        predicted=predicted,
        hits=np.concatenate([[0], hits[predicted[1:] - 1]]),
        positives=int(hits[-1]),
    )


def pooled_cuts(y: np.ndarray, scores: np.ndarray) -> Cuts:
    """The cuts of all scores [N, c] together."""
    return _remembered(y, scores).pooled


def label_cuts(y: np.ndarray, scores: np.ndarray) -> list[Cuts]:
    """The cuts of each label's scores, of y [N, c] and scores [N, c]."""
    return _remembered(y, scores).by_label


class _AllCuts:
    """Cuts of y [N, c] and scores [N, c], made when they are asked for."""

    def __init__(self, y: np.ndarray, scores: np.ndarray) -> None:
        self.y, self.scores = y, scores

    @cached_property
    def pooled(self) -> Cuts:
        return cuts(self.y.ravel(), self.scores.ravel())

    @cached_property
    def by_label(self) -> list[Cuts]:
        return [cuts(self.y[:, j], self.scores[:, j]) for j in range(self.y.shape[1])]


_last: list[_AllCuts] = []
"""Of the last read-only arrays: rules and targets share them, and what can be written to might have changed."""


def _remembered(y: np.ndarray, scores: np.ndarray) -> _AllCuts:
    if y.flags.writeable or scores.flags.writeable:
        return _AllCuts(y, scores)
    if not (_last and _last[0].y is y and _last[0].scores is scores):
        _last[:] = [_AllCuts(y, scores)]
    return _last[0]


def forget_cuts() -> None:
    """Free what is remembered."""
    _last.clear()


def f1(hits: np.ndarray, predicted: np.ndarray, positives: int) -> np.ndarray:
    """2 TP / (2 TP + FP + FN); 0 where nothing is positive or predicted."""
    return 2 * hits / np.maximum(1, predicted + positives)


def right(found: Cuts) -> np.ndarray:
    """[K + 1] right decisions of each cut, less a constant."""
    return 2 * found.hits - found.predicted


def one_threshold(y: np.ndarray, scores: np.ndarray, target: Target, threshold: float) -> float:
    """The one threshold for all labels that is best for the target on y [N, c] and scores [N, c]."""
    pooled = pooled_cuts(y, scores)
    if target == "hamming":
        best = pooled.nearest(right(pooled), threshold)
    elif target == "micro-f1":
        best = pooled.nearest(pooled.f1(), threshold)
    else:
        best = pooled.nearest(_macro_f1(pooled, y, scores), threshold, TIE)
    return float(pooled.thresholds[best])


def micro_f1_cuts(found: Sequence[Cuts], threshold: float, hits: int = 0, others: int = 0) -> list[int]:
    """Cuts of the labels with the highest micro-F1 that any have, by Dinkelbach's method, in whole numbers.

    Micro-F1 is 2 TP / (positives + predicted). With its value so far, f, each label maximises 2 TP - f * predicted by
    itself; the micro-F1 of what they choose is the next f, until it stays: then no choice is better, and the ties of
    each label are all the ties that there are (Dinkelbach, Management Science 1967).

    Parameters
    ----------
    hits, others: true positives, and positives plus predicted, of labels that have nothing to choose.
    """
    others += sum(own.positives for own in found)
    above, below = 0, 1  # f as a fraction
    while True:
        best = [own.nearest(2 * below * own.hits - above * own.predicted, threshold) for own in found]
        true = hits + sum(int(own.hits[place]) for own, place in zip(found, best, strict=True))
        all_of = max(1, others + sum(int(own.predicted[place]) for own, place in zip(found, best, strict=True)))
        if 2 * true * below == above * all_of:
            return best
        above, below = 2 * true, all_of


def _macro_f1(pooled: Cuts, y: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """[K + 1] macro-F1 of all labels at each of the pooled cuts: each label's F1 changes at its own scores."""
    change, ascending = np.zeros(len(pooled.levels)), -pooled.levels
    for own in label_cuts(y, scores):
        change[np.searchsorted(ascending, -own.levels)] += np.diff(own.f1())
    return np.concatenate([[0.0], np.cumsum(change)]) / y.shape[1]
