"""Each label's own values: average precision, F1 and area under the ROC curve."""

from __future__ import annotations

import math

import numpy as np
import torch

from bench.metrics.evaluation import Evaluation


def label_values(y: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """{"AP", "F1", "AUC": [c] float64} of labels and scores [N, c]; NaN where one is not defined."""
    evaluation = Evaluation(torch.from_numpy(y), torch.from_numpy(scores), threshold)
    labels = range(y.shape[1])
    return {
        "AP": np.array([float(evaluation.average_precisions.get(j, math.nan)) for j in labels]),
        "F1": evaluation.f1s.numpy(),
        "AUC": np.array([evaluation.roc_aucs.get(j, math.nan) for j in labels]),
    }
