"""Expected calibration error of all N*c probabilities, in 15 bins of equal width.

sum_b |B_b| / (N c) * |mean probability in B_b - share of positives in B_b| (Naeini et al. 2015; 15 bins: Guo et al.
2017). The probability of a label is the sigmoid of its score for methods that decide at 0 (their scores are logits),
and the score itself for methods that decide at 0.5 and whose scores all lie in [0, 1]. Scores of other methods are no
probabilities: not defined. A loss that is no proper scoring rule (a focal one, say) need not make its sigmoid one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.metrics.evaluation import Evaluation
from bench.metrics.passes import blocks

TITLE = "Expected calibration error"
LOWER_IS_BETTER = True
ORDER = 22
BINS = 15
"""[k / 15, (k + 1) / 15), the last with 1."""


def metric(evaluation: Evaluation) -> float | None:
    y, scores = evaluation.y, evaluation.scores
    logits = evaluation.threshold == 0
    if not logits and not (evaluation.threshold == 0.5 and bool(((scores >= 0) & (scores <= 1)).all())):
        return None
    excess = torch.zeros(BINS, dtype=torch.float64, device=y.device)
    for block in blocks(*y.shape):
        p: Tensor = scores[block].double().flatten()
        p = p.sigmoid() if logits else p
        place = (p * BINS).long().clamp(max=BINS - 1)
        excess.index_add_(0, place, p - (y[block].flatten() > 0).double())
    return float(excess.abs().sum()) / y.numel()
