"""Decision thresholds fitted on labelled rows, for methods whose scores have no threshold of their own."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from bench.decisions.candidates import one_threshold


def fitted_threshold(y: Tensor, scores: Tensor, own: float) -> float:
    """The one threshold of all labels that has the largest micro-F1 on y [N, c] and scores [N, c]: that of the decision
    rule ``global``, rounded down to a number of the scores' type, which leaves every decision as it is.

    Of equally good thresholds the nearest to the method's ``own`` is taken, so where y has no positives; scores that
    are not finite have none but ``own``.
    """
    if not bool(scores.isfinite().all()):
        return own
    numbers = scores.detach().cpu().numpy()
    best = one_threshold(y.cpu().numpy(), numbers, "micro-f1", own)
    rounded = numbers.dtype.type(best)
    return float(rounded if float(rounded) <= best else np.nextafter(rounded, numbers.dtype.type(-np.inf)))
