"""Metrics at the top of each row's ranking; of tied labels, their mean over every order of the tied."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.metrics.evaluation import Evaluation
from bench.metrics.passes import blocks

A, B = 0.55, 1.5
"""Constants of the propensity model that Jain, Prabhu and Varma (2016) state as defaults (for Wikipedia: .5 and .4)."""


class Place(NamedTuple):
    """Places of P positives among the scores of their rows, from one pass: #P * c comparisons."""

    row: Tensor
    """[P]"""
    label: Tensor
    above: Tensor
    """[P]: labels of the row that score higher."""
    tied: Tensor
    """[P]: labels that score the same, itself among them."""

    def weight(self, of_ranks: Tensor) -> Tensor:
        """[P] float64: mean weight of the ranks that the positive may have; weights [c] by rank, from the first."""
        total = torch.cat([of_ranks.new_zeros(1), of_ranks.cumsum(0)])
        return (total[self.above + self.tied] - total[self.above]) / self.tied


def precision_at(evaluation: Evaluation, k: int) -> float | None:
    """Mean over rows of the share of positives among the k labels of highest score; None for fewer than k labels."""
    labels = evaluation.y.shape[1]
    if labels < k:
        return None
    return float(_places(evaluation).weight(_first(k, evaluation)).sum()) / (k * evaluation.y.shape[0])


def ndcg_at(evaluation: Evaluation, k: int) -> float | None:
    """Mean over rows of DCG@k divided by the best possible; discounts 1 / log2(rank + 1), gains 0 and 1.

    As scikit-learn's ``ndcg_score``: a row without positives has 0. None for fewer than k labels.
    """
    y = evaluation.y > 0
    rows, labels = y.shape
    if labels < k:
        return None
    discounts = _first(k, evaluation) / torch.arange(2, labels + 2, device=y.device, dtype=torch.float64).log2()
    best = torch.cat([discounts.new_zeros(1), discounts.cumsum(0)])[y.sum(1)]
    places = _places(evaluation)
    gained = discounts.new_zeros(rows).index_add_(0, places.row, places.weight(discounts))
    return float((gained / torch.where(best > 0, best, 1.0)).sum()) / rows


def propensity_scored_precision_at(evaluation: Evaluation, k: int) -> float | None:
    """Sum over rows of 1 / p_l over the positives l among the k labels of highest score, divided by the best possible.

    The propensity of a label with n of N training rows is p = 1 / (1 + C (n + B)^-A), C = (log N - 1) (B + 1)^A (Jain,
    Prabhu, Varma: Extreme multi-label loss functions for recommendation, tagging, ranking & other missing label
    applications, KDD 2016, with their A = .55, B = 1.5); normalised as the Extreme Classification Repository does. None
    for fewer than k labels, without training labels, with less than 3 training rows (C < 0), or without a positive.
    """
    y, training = evaluation.y > 0, evaluation.training
    if y.shape[1] < k or training is None or training.rows < 3 or not bool(y.any()):
        return None
    positives = training.positives.to(device=y.device, dtype=torch.float64)
    constant = (torch.tensor(float(training.rows)).double().log() - 1) * (B + 1) ** A
    inverse = 1 + constant.to(y.device) * (positives + B) ** -A
    places = _places(evaluation)
    gained = (places.weight(_first(k, evaluation)) * inverse[places.label]).sum()
    best = inverse.new_zeros(())
    for block in blocks(*y.shape):
        best += (y[block] * inverse).topk(k, dim=1).values.sum()
    return float(gained / best)


def _first(k: int, evaluation: Evaluation) -> Tensor:
    """[c] float64: 1 for the first k ranks, 0 after."""
    labels = evaluation.y.shape[1]
    return (torch.arange(labels, device=evaluation.y.device) < k).double()


def _places(evaluation: Evaluation) -> Place:
    return evaluation.shared(places)


def places(evaluation: Evaluation) -> Place:
    """Places of all positives."""
    y, scores = evaluation.y, evaluation.scores
    row, label = (y > 0).nonzero(as_tuple=True)
    above, tied = torch.empty_like(row), torch.empty_like(row)
    for part in blocks(len(row), y.shape[1]):
        values = scores[row[part]]
        own = scores[row[part], label[part]].unsqueeze(1)
        above[part], tied[part] = (values > own).sum(1), (values == own).sum(1)
    return Place(row, label, above, tied)
