"""The metrics that every record holds, exact. Definitions: docs/protocol.md; they equal scikit-learn's.

They are imported by name, so that they are part of a job's key; further ones are found as files
(``bench.metrics.catalogue``), and depend on nothing that selection reads.
"""

from __future__ import annotations

from torch import Tensor

from bench.metrics.each import (
    average_precision,
    coverage,
    example_average_precision,
    hamming,
    macro_f1,
    micro_f1,
    one_error,
    ranking,
    subset_accuracy,
)
from bench.metrics.evaluation import Evaluation


def evaluate(y: Tensor, scores: Tensor, threshold: float) -> dict[str, float | None]:
    """The metrics of every record by key; None where one is not defined (no class has positives)."""
    return evaluated(Evaluation(y, scores, threshold))


def evaluated(evaluation: Evaluation) -> dict[str, float | None]:
    """The metrics of every record by key."""
    return {
        "hamming": hamming.metric(evaluation),
        "ranking": ranking.metric(evaluation),
        "coverage": coverage.metric(evaluation),
        "average_precision": average_precision.metric(evaluation),
        "micro_f1": micro_f1.metric(evaluation),
        "macro_f1": macro_f1.metric(evaluation),
        "subset_accuracy": subset_accuracy.metric(evaluation),
        "one_error": one_error.metric(evaluation),
        "example_average_precision": example_average_precision.metric(evaluation),
    }
