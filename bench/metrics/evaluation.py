"""An evaluation: labels, scores and decisions, and what several metrics need of them, computed once and when asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from bench.metrics import passes

T = TypeVar("T")


class TrainingLabels(NamedTuple):
    """Frequencies of the labels that a model was trained on."""

    positives: Tensor
    """[c]: positive rows of each label."""
    rows: int


class Evaluation:
    """Labels y [N, c] (positive where > 0), scores [N, c] and decisions of N rows.

    Parameters
    ----------
    threshold: the method's own: of its scores, not of ``decisions``.
    decisions: [N, c] boolean, of another decision rule; by default ``scores > threshold``.
    training: None where the training labels are not known; metrics that go by them are not defined then.

    Raises
    ------
    ValueError: for matrices that do not belong together, or a score that is not finite.
    """

    def __init__(
        self,
        y: Tensor,
        scores: Tensor,
        threshold: float,
        *,
        decisions: Tensor | None = None,
        training: TrainingLabels | None = None,
    ) -> None:
        _check(y, scores)
        if decisions is not None and decisions.shape != y.shape:
            raise ValueError(f"decisions {tuple(decisions.shape)} must have the labels' shape {tuple(y.shape)}")
        self.y, self.scores, self.threshold, self.training = y, scores, threshold, training
        self._given = decisions
        self._shared: dict[Callable[[Evaluation], Any], Any] = {}

    def decided(self, rows: slice) -> Tensor:
        """Decisions [rows, c], boolean."""
        return self.scores[rows] > self.threshold if self._given is None else self._given[rows]

    @property
    def decisions(self) -> Tensor:
        """[N, c] boolean."""
        return self.decided(slice(None))

    def shared(self, compute: Callable[[Evaluation], T]) -> T:
        """``compute(self)``, once for all metrics that ask for it."""
        if compute not in self._shared:
            self._shared[compute] = compute(self)
        return self._shared[compute]

    @cached_property
    def decision_counts(self) -> passes.DecisionCounts:
        return passes.decision_counts(self.y, self.decided)

    @cached_property
    def ranking_sums(self) -> passes.RankingSums:
        return passes.ranking_sums(self.y, self.scores)

    @cached_property
    def average_precisions(self) -> dict[int, Tensor]:
        """{label: average precision} of the labels that have positives."""
        return passes.average_precisions(self.y, self.scores)

    @cached_property
    def f1s(self) -> Tensor:
        """[c] float64: each label's F1, 0 where it has neither positives nor predictions."""
        counts = self.decision_counts
        return passes.f1(counts.true_positives, counts.false_positives, counts.false_negatives)

    @cached_property
    def roc_aucs(self) -> dict[int, float]:
        """{label: area under its ROC curve} of the labels that have positives and negatives."""
        found = {}
        for j in range(self.y.shape[1]):
            column = self.scores[:, j].contiguous()
            area = passes.roc_auc(column[self.y[:, j] > 0], column)
            if area is not None:
                found[j] = area
        return found


class _OfModels:
    """Passes over the labels y and the scores [K, N, c] of K models, each made once for all of them."""

    def __init__(self, y: Tensor, scores: Tensor) -> None:
        self.y, self.scores = y, scores

    @cached_property
    def ranking_sums(self) -> list[passes.RankingSums]:
        return passes.ranking_sums_of_models(self.y, self.scores)

    @cached_property
    def average_precisions(self) -> list[dict[int, Tensor]]:
        models, rows, labels = self.scores.shape
        columns = self.scores.transpose(0, 1).reshape(rows, models * labels)
        found: list[dict[int, Tensor]] = [{} for _ in range(models)]
        for column, value in passes.average_precisions(self.y.repeat(1, models), columns).items():
            found[column // labels][column % labels] = value
        return found


class _OneOfModels(Evaluation):
    """The evaluation of model k of several."""

    def __init__(self, models: _OfModels, k: int, threshold: float, training: TrainingLabels | None) -> None:
        super().__init__(models.y, models.scores[k], threshold, training=training)
        self._models, self._k = models, k

    @cached_property
    def ranking_sums(self) -> passes.RankingSums:
        return self._models.ranking_sums[self._k]

    @cached_property
    def average_precisions(self) -> dict[int, Tensor]:
        return self._models.average_precisions[self._k]


def evaluations(
    y: Tensor, scores: Tensor, thresholds: Sequence[float], training: TrainingLabels | None = None
) -> list[Evaluation]:
    """Evaluations of K models on the same labels y [N, c], by scores [K, N, c] and thresholds [K]: the same bits as of
    each alone, in fewer operations where all fit into a block."""
    if scores.numel() > passes.ELEMENTS_AT_ONCE:
        each = zip(scores, thresholds, strict=True)
        return [Evaluation(y, own, threshold, training=training) for own, threshold in each]
    models = _OfModels(y, scores)
    return [_OneOfModels(models, k, threshold, training) for k, threshold in enumerate(thresholds)]


def mean_of(values: dict[int, Tensor]) -> float | None:
    """Mean over labels of values that some have; None where none has."""
    return float(torch.stack(list(values.values())).mean()) if values else None


def _check(y: Tensor, scores: Tensor) -> None:
    if y.shape != scores.shape or y.dim() != 2:
        raise ValueError(f"labels {tuple(y.shape)} and scores {tuple(scores.shape)} must be two equal matrices")
    if not bool(scores.isfinite().all()):
        row, column = (~scores.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"the score in row {row}, label {column} is {scores[row, column].item()}, not finite")
