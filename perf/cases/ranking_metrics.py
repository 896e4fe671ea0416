"""Ranking loss, coverage and macro average precision on 60260 x 81 scores (NUS's test size) against scikit-learn, and
against torchmetrics where it is installed (whose ranking loss ignores ties; on these scores there are none)."""

from __future__ import annotations

import torch
from sklearn import metrics as scikit
from torch import Tensor

from bench.metrics import passes
from bench.metrics.evaluation import mean_of
from perf.machine import seconds

ROWS, LABELS = 60260, 81


def run(full: bool) -> dict[str, object]:
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(0)
    y = (torch.rand(ROWS, LABELS, generator=generator) < 0.0231).to(torch.int8)
    scores = torch.randn(ROWS, LABELS, generator=generator) + 2 * y
    truth, values = y.numpy().astype(int), scores.numpy()

    def ours() -> tuple[float, float, float | None]:
        sums = passes.ranking_sums(y, scores)
        return (
            sums.ranking_loss / ROWS,
            (sums.coverage_depth / ROWS - 1) / LABELS,
            mean_of(passes.average_precisions(y, scores)),
        )

    def theirs() -> tuple[float, float, float]:
        return (
            scikit.label_ranking_loss(truth, values),
            (scikit.coverage_error(truth, values) - 1) / LABELS,
            scikit.average_precision_score(truth, values, average="macro"),
        )

    difference = max(abs(a - b) for a, b in zip(ours(), theirs(), strict=True) if a is not None)
    mine, reference = seconds(ours, times=5), seconds(theirs, times=3, warm_up=0)
    return {
        "seconds": mine,
        "scikit_learn_seconds": reference,
        "ratio": reference / mine,
        "largest_difference": difference,
        **_torchmetrics(y, scores, mine),
    }


def _torchmetrics(y: Tensor, scores: Tensor, mine: float) -> dict[str, float]:
    """Nothing without it (pip install torchmetrics)."""
    try:
        from torchmetrics.functional.classification import (
            multilabel_average_precision,
            multilabel_coverage_error,
            multilabel_ranking_loss,
        )
    except ImportError:
        return {}
    truth = y.to(torch.int64)

    def theirs() -> None:
        multilabel_ranking_loss(scores, truth, LABELS)
        multilabel_coverage_error(scores, truth, LABELS)
        multilabel_average_precision(scores, truth, LABELS, average="macro")

    taken = seconds(theirs, times=3)
    return {"torchmetrics_seconds": taken, "ratio_to_torchmetrics": taken / mine}
