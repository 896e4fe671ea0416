"""Fitting a method that is not gradient-trained: each point of its grid by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import methods
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted
from bench.methods.api import Method
from bench.training.seeding import stream_seed


def fit_method(
    name: str,
    points: list[dict[str, Any]],
    prepared: Prepared,
    seed: int,
    criteria: Sequence[str] = ("hamming",),
    on_point: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fit every point of the grid on the training split. Of ``criteria``, metrics on validation data, the first one
    chooses among them, and each other one by itself.

    Raises
    ------
    TypeError: for a gradient-trained method.
    """
    candidates = []
    threshold = methods.method_class(name).decision_threshold
    for done, point in enumerate(points, start=1):
        method = methods.create(name, prepared.problem, **point)
        if not isinstance(method, Method):
            raise TypeError(f"the method {name!r} is a LinearMethod, so fit_linear trains it and not fit_method")
        method.fit(prepared.splits["train"], stream_seed(seed, "fit") % 2**32)
        candidates.append(Candidate(method.scores, threshold))
        if on_point:
            on_point(done, len(points))
    also = dict.fromkeys(criteria[1:], candidates)
    return Fitted(candidates, None, [1] * len(points), criteria[0], also)
