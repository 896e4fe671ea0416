"""Ranking loss, coverage and macro average precision on 60260 x 81 scores (NUS's test size) against scikit-learn, and
against torchmetrics where it is installed (whose ranking loss ignores ties; on these scores there are none). The floor
is one sort of every label and of every row."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch
from sklearn import metrics as scikit
from torch import Tensor

from bench.metrics import passes
from bench.metrics.evaluation import mean_of
from perf.machine import in_turns, over

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

    def sorting() -> None:
        scores.sort(0), scores.sort(1)

    difference = max(abs(a - b) for a, b in zip(ours(), theirs(), strict=True) if a is not None)
    others = {"scikit_learn": theirs, "torchmetrics": _torchmetrics(y, scores)}
    times = in_turns({"ours": ours, "sorting": sorting, **{name: run for name, run in others.items() if run}}, 3)
    found: dict[str, object] = {
        "seconds": median(times["ours"]),
        "sorting_seconds": median(times["sorting"]),
        "scikit_learn_seconds": median(times["scikit_learn"]),
        "ratio": over(times["scikit_learn"], times["ours"]),
        "to_sorting": over(times["ours"], times["sorting"]),
        "largest_difference": difference,
    }
    if "torchmetrics" in times:
        found["torchmetrics_seconds"] = median(times["torchmetrics"])
        found["ratio_to_torchmetrics"] = over(times["torchmetrics"], times["ours"])
    return found


def _torchmetrics(y: Tensor, scores: Tensor) -> Callable[[], None] | None:
    """None without it (pip install torchmetrics)."""
    try:
        from torchmetrics.functional.classification import (
            multilabel_average_precision,
            multilabel_coverage_error,
            multilabel_ranking_loss,
        )
    except ImportError:
        return None
    truth = y.to(torch.int64)

    def theirs() -> None:
        multilabel_ranking_loss(scores, truth, LABELS)
        multilabel_coverage_error(scores, truth, LABELS)
        multilabel_average_precision(scores, truth, LABELS, average="macro")

    return theirs
