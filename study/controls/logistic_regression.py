"""Logistic regression on the features as the protocol scales them: what a linear classifier reaches at its optimum."""

from __future__ import annotations

from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import PerLabel, arrays, base_learner, scores_in_blocks


@register(
    "LR",
    family="transformation",
    paper="scikit-learn's LogisticRegression, one a label",
    grid={"cost": [1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0, 30.0]},
    cost=1.0,
)
class ScaledLogisticRegression(Method):
    """P(y_j = 1 | x) by L2-regularised logistic regression, to at most 1000 steps of L-BFGS. Option: ``cost`` C.

    BR is the same on features that it standardises itself; here they are those that gradient methods are given.
    """

    cost: float

    def fit(self, train: Split, seed: int) -> None:
        x, y, observed = arrays(train)
        self.model = PerLabel(base_learner("logistic", self.cost), "probability").fit(x, y, observed)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(self.model.scores, x)
