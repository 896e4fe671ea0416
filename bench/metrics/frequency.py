"""Head, medium and tail: the labels in thirds by their training frequency."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from bench.metrics.evaluation import Evaluation, mean_of

Third = Literal["head", "medium", "tail"]
THIRDS: tuple[Third, ...] = ("head", "medium", "tail")


def third_of(positives: Tensor) -> Tensor:
    """[c]: 0 (head), 1 or 2 (tail) of each label, by the training positives [c].

    A label is of the head where less than a third of the labels are more frequent, of the tail from two thirds on;
    equally frequent labels are of one third.
    """
    more_frequent = len(positives) - torch.searchsorted(positives.sort().values, positives, right=True)
    return more_frequent * 3 // len(positives)


def labels_of(evaluation: Evaluation, third: Third) -> list[int] | None:
    """Labels of a third; None where the training labels are not known."""
    if evaluation.training is None:
        return None
    return (third_of(evaluation.training.positives) == THIRDS.index(third)).nonzero().flatten().tolist()


def average_precision_of(evaluation: Evaluation, labels: list[int] | None) -> float | None:
    """Macro average precision over those of the labels that have positives; None where none has."""
    found = evaluation.average_precisions
    return mean_of({j: found[j] for j in labels or [] if j in found})


def f1_of(evaluation: Evaluation, labels: list[int] | None) -> float | None:
    """Macro F1 over the labels, 0 for one with neither positives nor predictions; None without labels."""
    if not labels:
        return None
    return float(evaluation.f1s[torch.tensor(labels, device=evaluation.y.device)].mean())
