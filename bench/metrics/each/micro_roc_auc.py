"""Area under the ROC curve of all N*c decisions at once; a tie counts half."""

from __future__ import annotations

from bench.metrics.evaluation import Evaluation
from bench.metrics.passes import roc_auc

TITLE = "ROC-AUC (micro)"
LOWER_IS_BETTER = False
ORDER = 11


def metric(evaluation: Evaluation) -> float | None:
    scores = evaluation.scores.flatten()
    return roc_auc(scores[evaluation.y.flatten() > 0], scores)
