"""Decision rules by brute force over every candidate, in fractions; nothing of ``bench.decisions`` is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise, product
from math import inf, nextafter

import numpy as np

Predicted = list[list[bool]]


def cases(number: int = 200) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Labels, scores of few distinct values (ties within and across labels) and a threshold; some labels without
    positives, some with nothing else, some scores all equal."""
    for seed in range(number):
        random = np.random.default_rng(seed)
        rows, labels = int(random.integers(2, 14)), int(random.integers(2, 5))
        scores = random.integers(0, random.integers(1, 9), (rows, labels)) / 4 - 1
        y = (random.random((rows, labels)) < random.random(labels)).astype(np.int8)
        if seed % 5 == 0:
            y[:, 0] = 0
        if seed % 7 == 0:
            y[:, 1] = 1
        yield y, scores.astype(np.float32 if seed % 2 else np.float64), float(random.choice([-0.5, 0.0, 0.3]))


def thresholds(values: Sequence[float]) -> list[float]:
    """Candidates, ascending."""
    distinct = sorted({float(value) for value in values})
    between = [low / 2 + high / 2 for low, high in pairwise(distinct)]
    return [nextafter(distinct[0], -inf), *between, distinct[-1]]


def above(scores: np.ndarray, given: Sequence[float]) -> Predicted:
    return [[float(value) > given[j] for j, value in enumerate(row)] for row in scores]


def f1(y: np.ndarray, predicted: Predicted, labels: Sequence[int]) -> Fraction:
    """F1 of the decisions about these labels, pooled."""
    pairs = [(bool(y[i, j]), predicted[i][j]) for i in range(len(y)) for j in labels]
    hits, total = sum(a and b for a, b in pairs), sum(a + b for a, b in pairs)
    return Fraction(2 * hits, total) if total else Fraction(0)


def value(y: np.ndarray, predicted: Predicted, target: str) -> Fraction:
    """The target as something to maximise."""
    labels = range(y.shape[1])
    if target == "hamming":
        return Fraction(-sum(bool(y[i, j]) != predicted[i][j] for i in range(len(y)) for j in labels))
    if target == "micro-f1":
        return f1(y, predicted, labels)
    return sum((f1(y, predicted, [j]) for j in labels), Fraction(0)) / y.shape[1]


def best(candidates: Sequence[float], objective: Callable[[float], Fraction | int], threshold: float) -> float:
    """The best candidate; then the nearest to the threshold; then the lowest."""
    return min(candidates, key=lambda t: (-objective(t), abs(t - threshold), t))


def one_threshold(y: np.ndarray, scores: np.ndarray, target: str, threshold: float) -> float:
    labels = y.shape[1]
    return best(thresholds(scores.ravel().tolist()), lambda t: value(y, above(scores, [t] * labels), target), threshold)


def in_turn(y: np.ndarray, scores: np.ndarray) -> list[float]:
    """Thresholds of the labels, the most frequent first, each for its F1 / (labels so far) plus the micro-F1 so far."""
    order = sorted(range(y.shape[1]), key=lambda j: (-int(y[:, j].sum()), j))
    chosen = [inf] * y.shape[1]

    def objective(number: int, t: float) -> Fraction:
        predicted = above(scores, [*chosen[: order[number]], t, *chosen[order[number] + 1 :]])
        return f1(y, predicted, [order[number]]) / (number + 1) + f1(y, predicted, order[: number + 1])

    for number, j in enumerate(order):
        found = [(objective(number, t), t) for t in thresholds(scores[:, j].tolist())]
        chosen[j] = max(found)[1]
    return chosen


def every_choice(y: np.ndarray, scores: np.ndarray, target: str, threshold: float, fewest: int) -> tuple[float, ...]:
    """Thresholds of all labels at once: every combination is tried."""
    common = one_threshold(y, scores, target, threshold)
    free = [int(y[:, j].sum()) >= fewest for j in range(y.shape[1])]
    columns = [thresholds(scores[:, j].tolist()) if free[j] else [common] for j in range(y.shape[1])]
    combinations = list(product(*columns))
    values = [value(y, above(scores, choice), target) for choice in combinations]
    highest = max(values)
    equally_good = [choice for choice, one in zip(combinations, values, strict=True) if one == highest]
    # The optima are a product of each label's own: the nearest of each is one of them.
    nearest = tuple(
        min({choice[j] for choice in equally_good}, key=lambda t: (abs(t - threshold), t)) for j in range(y.shape[1])
    )
    assert nearest in equally_good
    return nearest
