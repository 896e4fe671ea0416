"""The metrics, exact, on any device, in bounded memory. Definitions: docs/protocol.md; they equal scikit-learn's.

Every function takes ``y`` [N, c] (positive where > 0) and real ``scores`` [N, c] and returns a Python float. Scores are
compared as they are given, in their own precision: ties count, and are not broken by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from bench.system.blocks import rows_at_once

ELEMENTS_AT_ONCE = 1 << 22
"""Comparisons held at once by the ranking metrics: about 4 MiB."""


def evaluate(
    y: Tensor, scores: Tensor, threshold: float, keys: Collection[str] | None = None
) -> dict[str, float | None]:
    """All metrics of ``bench.metrics.catalogue`` by key, or those of ``keys`` alone; None where one is not defined (no
    class has positives)."""
    _check(y, scores)
    decisions = cache(lambda: decision_counts(y, scores, threshold))
    ranking = cache(lambda: ranking_sums(y, scores))
    every: dict[str, Callable[[], float | None]] = {
        "hamming": lambda: decisions().wrong / y.numel(),
        "ranking": lambda: ranking().ranking_loss / y.shape[0],
        "coverage": lambda: (ranking().coverage_depth / y.shape[0] - 1) / y.shape[1],
        "average_precision": lambda: average_precision(y, scores),
        "micro_f1": lambda: decisions().micro_f1,
        "macro_f1": lambda: decisions().macro_f1,
        "subset_accuracy": lambda: decisions().exact_rows / y.shape[0],
        "one_error": lambda: ranking().one_errors / y.shape[0],
        "example_average_precision": lambda: ranking().precision / y.shape[0],
    }
    return {key: value() for key, value in every.items() if keys is None or key in keys}


def hamming_loss(y: Tensor, scores: Tensor, threshold: float) -> float:
    """Share of the N*c decisions ``score > threshold`` that are wrong."""
    return decision_counts(y, scores, threshold).wrong / y.numel()


def ranking_loss(y: Tensor, scores: Tensor) -> float:
    """Mean over rows of the share of (positive, negative) pairs with the positive's score not above the negative's.

    Ties are full errors; a row without positives or without negatives contributes 0 and stays in the denominator.
    """
    return ranking_sums(y, scores).ranking_loss / y.shape[0]


def coverage(y: Tensor, scores: Tensor) -> float:
    """(coverage error - 1) / c: how far down the ranking the last positive is; ties take the larger rank.

    A row without positives has coverage error 0 and so contributes -1/c.
    """
    return (ranking_sums(y, scores).coverage_depth / y.shape[0] - 1) / y.shape[1]


def average_precision(y: Tensor, scores: Tensor) -> float | None:
    """Macro mean of each class's step-wise average precision, over the classes that have positives; ties grouped.

    The average over a class's positives i of (positives scoring >= s_i) / (rows scoring >= s_i), which is
    sum_k (R_k - R_{k-1}) P_k over the distinct scores.
    """
    precisions = []
    for j in range(y.shape[1]):
        column = scores[:, j].contiguous()
        positive = column[y[:, j] > 0].sort().values
        if not len(positive):
            continue
        # Only the positives are sorted: each row is counted between two of them.
        not_above = torch.searchsorted(positive, column, right=True)
        counts = torch.bincount(not_above, minlength=len(positive) + 1)
        at_or_above = counts.flip(0).cumsum(0).flip(0)
        rows = at_or_above[torch.searchsorted(positive, positive, right=True)]
        hits = len(positive) - torch.searchsorted(positive, positive)
        precisions.append((hits.double() / rows).mean())
    return float(torch.stack(precisions).mean()) if precisions else None


@dataclass(frozen=True)
class DecisionCounts:
    wrong: int
    exact_rows: int
    true_positives: Tensor
    """[c]"""
    false_positives: Tensor
    false_negatives: Tensor

    @property
    def micro_f1(self) -> float:
        """2 TP / (2 TP + FP + FN) over all decisions; 0 where nothing is positive or predicted."""
        return float(_f1(self.true_positives.sum(), self.false_positives.sum(), self.false_negatives.sum()))

    @property
    def macro_f1(self) -> float:
        """Mean of the classes' F1; a class with neither positives nor predictions counts as 0."""
        return float(_f1(self.true_positives, self.false_positives, self.false_negatives).mean())


def _f1(true_positives: Tensor, false_positives: Tensor, false_negatives: Tensor) -> Tensor:
    denominator = 2 * true_positives + false_positives + false_negatives
    return 2 * true_positives.double() / denominator.clamp(min=1)


def decision_counts(y: Tensor, scores: Tensor, threshold: float) -> DecisionCounts:
    """Counts of right and wrong decisions ``score > threshold``."""
    labels = y.shape[1]
    exact = torch.zeros((), dtype=torch.int64, device=y.device)
    counts = torch.zeros(3, labels, dtype=torch.int64, device=y.device)
    for block in _blocks(y.shape[0], labels):
        truth, predicted = y[block] > 0, scores[block] > threshold
        exact += (truth == predicted).all(1).sum()
        counts += torch.stack([(truth & predicted).sum(0), (~truth & predicted).sum(0), (truth & ~predicted).sum(0)])
    return DecisionCounts(int(counts[1:].sum()), int(exact), counts[0], counts[1], counts[2])


@dataclass(frozen=True)
class RankingSums:
    """Sums over rows; divide by N."""

    ranking_loss: float
    coverage_depth: float
    """Sum of coverage errors: the largest rank of a row's positives, 0 without positives."""
    one_errors: float
    precision: float


def ranking_sums(y: Tensor, scores: Tensor) -> RankingSums:
    """Every row-wise ranking metric from one pass over the positives.

    For each positive it counts the labels, and the positives, that score at least as high: #positives * c comparisons.
    """
    rows, labels = y.shape
    totals = torch.zeros(4, dtype=torch.float64, device=y.device)
    for block in _blocks(rows, labels):
        truth, values = y[block] > 0, scores[block]
        positives = truth.sum(1)
        negatives = labels - positives
        misranked = torch.zeros(len(values), dtype=torch.int64, device=y.device)
        depth = torch.zeros_like(misranked)
        precision = torch.zeros(len(values), dtype=torch.float64, device=y.device)
        row_of, label_of = truth.nonzero(as_tuple=True)
        for part in _blocks(len(row_of), labels):
            row, label = row_of[part], label_of[part]
            at_least = values[row] >= values[row, label].unsqueeze(1)
            rank = at_least.sum(1)
            hits = (at_least & truth[row]).sum(1)
            misranked.index_add_(0, row, rank - hits)
            depth.scatter_reduce_(0, row, rank, "amax")
            precision.index_add_(0, row, hits.double() / rank)
        pairs = positives * negatives
        totals[0] += (misranked.double() / pairs.clamp(min=1)).sum()
        totals[1] += depth.sum()
        # The top label: an error unless every label with the highest score is a positive.
        top = values == values.amax(1, keepdim=True)
        totals[2] += (top & ~truth).any(1).sum()
        # scikit-learn's label_ranking_average_precision_score: rows without positives or negatives score 1.
        totals[3] += torch.where(pairs > 0, precision / positives.clamp(min=1), 1.0).sum()
    return RankingSums(*totals.tolist())


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = rows_at_once(ELEMENTS_AT_ONCE, columns)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _check(y: Tensor, scores: Tensor) -> None:
    if y.shape != scores.shape or y.dim() != 2:
        raise ValueError(f"labels {tuple(y.shape)} and scores {tuple(scores.shape)} must be two equal matrices")
    if not bool(scores.isfinite().all()):
        row, column = (~scores.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"the score in row {row}, label {column} is {scores[row, column].item()}, not finite")
