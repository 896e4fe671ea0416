"""Evaluations of several models together: the values that each has alone, from far fewer operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, label_ranking_loss
from torch.utils._python_dispatch import TorchDispatchMode

from bench.metrics.catalogue import metric_named, metrics
from bench.metrics.evaluation import Evaluation, TrainingLabels, evaluations
from bench.metrics.measuring import measured
from bench.metrics.passes import ELEMENTS_AT_ONCE, FEW, ranking_sums

ROW_WISE_AND_LABEL_WISE = [metric_named(option) for option in ("ranking", "coverage", "average-precision")]


class Operations(TorchDispatchMode):
    """Counts operations."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def simulated(models: int, rows: int, labels: int, share: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels [N, c], and scores [K, N, c] with ties."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(rows, labels, generator=generator) < share).to(torch.int8)
    return y, (torch.randn(models, rows, labels, generator=generator) * 8).round() / 8


@pytest.mark.parametrize("share", [0.02, 0.4])  # of positives: fewer and more than FEW a label
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("models", "rows", "labels"), [(1, 40, 7), (6, 225, 53), (12, 95, 6), (3, 1, 4)])
def test_each_model_has_the_metrics_that_it_has_alone(
    models: int, rows: int, labels: int, dtype: torch.dtype, share: float
) -> None:
    y, scores = simulated(models, rows, labels, share)
    scores = scores.to(dtype)
    training = TrainingLabels(y.sum(0), rows)
    cuts = [0.1 * k for k in range(models)]
    for k, evaluation in enumerate(evaluations(y, scores, cuts, training)):
        alone = Evaluation(y, scores[k], cuts[k], training=training)
        assert measured(evaluation, metrics()) == measured(alone, metrics())


def test_what_is_larger_than_a_block_has_the_values_that_it_has_alone() -> None:
    """Sums over rows are added block by block."""
    y, scores = simulated(1, 2 * ELEMENTS_AT_ONCE // 5 + 3, 5, 0.3)
    for own, evaluation in zip(scores, evaluations(y, scores, [0.0]), strict=True):
        assert evaluation.ranking_sums == ranking_sums(y, own)


def test_each_model_has_scikit_learns_values() -> None:
    y, scores = simulated(4, 60, 5, 0.4)
    for k, evaluation in enumerate(evaluations(y, scores, [0.0] * 4)):
        found = measured(evaluation, ROW_WISE_AND_LABEL_WISE)
        assert found["ranking"] == pytest.approx(label_ranking_loss(y, scores[k]), abs=1e-12)
        of_labels = [average_precision_score(y[:, j], scores[k, :, j]) for j in range(5)]
        assert found["average_precision"] == pytest.approx(np.mean(of_labels), abs=1e-12)


def test_eight_models_take_far_fewer_operations_than_eight_times_those_of_one() -> None:
    """A GPU has to launch each."""
    y, scores = simulated(8, 50, 6, 0.1)
    assert int(y.sum()) <= FEW * 6

    def operations(k: int) -> int:
        with Operations() as seen:
            for evaluation in evaluations(y, scores[:k], [0.0] * k):
                measured(evaluation, ROW_WISE_AND_LABEL_WISE)
        return seen.count

    assert operations(8) < 3 * operations(1)
