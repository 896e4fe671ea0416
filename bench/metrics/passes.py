"""Passes over labels and scores that several metrics share: exact, on any device, in bounded memory.

``y`` [N, c] is positive where > 0. Scores are compared as they are given, in their own precision: ties count, and are
not broken by rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.system.blocks import rows_at_once

ELEMENTS_AT_ONCE = 1 << 22
"""Comparisons held at once by the ranking metrics: about 4 MiB."""
IN_CACHE = 1 << 17
"""Comparisons held at once where each takes a float32 value: 512 KiB, which a core's own cache holds."""
FEW = 16
"""Positives of a label, on average, up to which comparing each with all rows takes less than a search for each label:
a fourteenth of the time at a tenth of a positive, a quarter at five, and more from some fifty on."""


def average_precisions(y: Tensor, scores: Tensor) -> dict[int, Tensor]:
    """{label: its step-wise average precision, 0-d float64}, of the labels that have positives; ties grouped.

    The average over a label's positives i of (positives scoring >= s_i) / (rows scoring >= s_i), which is
    sum_k (R_k - R_{k-1}) P_k over the distinct scores.
    """
    if scores.is_cuda:
        return _by_sorting(y, scores)
    if len(y) < 2**24 and int((y > 0).sum()) <= FEW * y.shape[1]:
        return _by_comparing(y, scores)
    precisions = {}
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
        precisions[j] = (hits.double() / rows).mean()
    return precisions


def _by_sorting(y: Tensor, scores: Tensor) -> dict[int, Tensor]:
    """The same with all rows of many labels sorted at once, for devices on which each operation has to be launched."""
    rows, labels = y.shape
    precisions: dict[int, Tensor] = {}
    for block in blocks(labels, rows):
        ascending, order = scores[:, block].T.contiguous().sort(1)
        truth = (y[:, block].T > 0).gather(1, order)
        below = torch.searchsorted(ascending, ascending)  # rows that score less
        positives = truth.sum(1)
        up_to = torch.nn.functional.pad(truth.cumsum(1), (1, 0))
        hits = positives[:, None] - up_to.gather(1, below)
        means = torch.where(truth, hits.double() / (rows - below), 0).sum(1) / positives
        precisions |= {block.start + j: means[j] for j in positives.nonzero().squeeze(1).tolist()}
    return precisions


def _by_comparing(y: Tensor, scores: Tensor) -> dict[int, Tensor]:
    """The same bits from comparisons of each positive with its label's rows, for many labels of few positives each: no
    operation is of one label alone but its mean."""
    columns, truth = scores.T.contiguous(), (y.T > 0).contiguous()
    label, row = truth.nonzero(as_tuple=True)
    own = columns[label, row]
    at_or_above = torch.empty_like(label)
    for part in blocks(len(label), len(y), IN_CACHE):
        values = columns.index_select(0, label[part])
        # Ones of float32 are compared and added three times as fast as truth values, and exact up to 2^24 rows.
        ones = torch.ge(values, own[part].unsqueeze(1), out=torch.empty(values.shape))
        at_or_above[part] = ones.sum(1).long()
    # Each label's positives from the lowest score up, added in this order as above; a tie counts from its first.
    upwards = own.argsort(stable=True)
    upwards = upwards[label[upwards].argsort(stable=True)]
    ascending, place = own[upwards], torch.arange(len(own))
    tied = torch.nn.functional.pad((ascending[1:] == ascending[:-1]) & (label[1:] == label[:-1]), (1, 0))
    first = place.masked_fill(tied, 0).cummax(0).values
    count = truth.sum(1)
    hits = count.cumsum(0)[label] - first
    parts = (hits.double() / at_or_above[upwards]).split(count.tolist())
    return {j: part.mean() for j, part in enumerate(parts) if len(part)}


def roc_auc(positive: Tensor, scores: Tensor) -> float | None:
    """Area under the ROC curve: the share of (positive, negative) pairs in order, a tie counting half.

    ``scores`` [n] are those of all rows, ``positive`` [p] of the positives among them; None without either kind.
    """
    positives = len(positive)
    negatives = len(scores) - positives
    if not positives or not negatives:
        return None
    ordered = scores.sort().values
    # Twice the number of rows below each positive, a tie counting one; the positives among themselves give p^2.
    below = torch.searchsorted(ordered, positive) + torch.searchsorted(ordered, positive, right=True)
    in_order = int(below.sum()) - positives**2
    return in_order / (2 * positives * negatives)


@dataclass(frozen=True)
class DecisionCounts:
    wrong: int
    exact_rows: int
    true_positives: Tensor
    """[c]"""
    false_positives: Tensor
    false_negatives: Tensor


def f1(true_positives: Tensor, false_positives: Tensor, false_negatives: Tensor) -> Tensor:
    """2 TP / (2 TP + FP + FN), float64; 0 where there are neither positives nor predictions."""
    denominator = 2 * true_positives + false_positives + false_negatives
    return 2 * true_positives.double() / denominator.clamp(min=1)


def decision_counts(y: Tensor, decided: Callable[[slice], Tensor]) -> DecisionCounts:
    """Counts of right and wrong decisions; ``decided``: rows -> their decisions [rows, c], boolean."""
    labels = y.shape[1]
    exact = torch.zeros((), dtype=torch.int64, device=y.device)
    counts = torch.zeros(3, labels, dtype=torch.int64, device=y.device)
    for block in blocks(y.shape[0], labels):
        truth, predicted = y[block] > 0, decided(block)
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
    """Every row-wise ranking metric from one pass over the positives."""
    totals = torch.zeros(4, dtype=torch.float64, device=y.device)
    for block in blocks(*y.shape):
        totals += torch.stack([values.sum() for values in _of_rows(y[block] > 0, scores[block])])
    return RankingSums(*totals.tolist())


def ranking_sums_of_models(y: Tensor, scores: Tensor) -> list[RankingSums]:
    """The same of each of K models, ``scores`` [K, N, c] on the same labels: the same bits from one pass over all rows,
    for devices on which each operation has to be launched."""
    models, rows, labels = scores.shape
    values = _of_rows((y > 0).repeat(models, 1), scores.reshape(models * rows, labels))
    totals = torch.stack([torch.stack([part.sum() for part in each.split(rows)]) for each in values], dim=1)
    return [RankingSums(*of_model) for of_model in totals.tolist()]


def _of_rows(truth: Tensor, scores: Tensor) -> Sequence[Tensor]:
    """Each row's values of :class:`RankingSums`, [N] float64 each, in its order.

    For each positive it counts the labels, and the positives, that score at least as high: #positives * c comparisons.
    """
    rows, labels = truth.shape
    positives = truth.sum(1)
    negatives = labels - positives
    misranked = torch.zeros(rows, dtype=torch.int64, device=truth.device)
    depth = torch.zeros_like(misranked)
    precision = torch.zeros(rows, dtype=torch.float64, device=truth.device)
    row_of, label_of = truth.nonzero(as_tuple=True)
    for part in blocks(len(row_of), labels):
        row, label = row_of[part], label_of[part]
        at_least = scores[row] >= scores[row, label].unsqueeze(1)
        rank = at_least.sum(1)
        hits = (at_least & truth[row]).sum(1)
        misranked.index_add_(0, row, rank - hits)
        depth.scatter_reduce_(0, row, rank, "amax")
        precision.index_add_(0, row, hits.double() / rank)
    pairs = positives * negatives
    # The top label: an error unless every label with the highest score is a positive.
    top = scores == scores.amax(1, keepdim=True)
    return (
        misranked.double() / pairs.clamp(min=1),
        depth.double(),
        (top & ~truth).any(1).double(),
        # scikit-learn's label_ranking_average_precision_score: rows without positives or negatives score 1.
        torch.where(pairs > 0, precision / positives.clamp(min=1), 1.0),
    )


def blocks(rows: int, columns: int, elements: int = ELEMENTS_AT_ONCE) -> Iterator[slice]:
    """Rows in blocks of at most so many elements."""
    step = rows_at_once(elements, columns)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
