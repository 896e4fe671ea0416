"""Binary relevance: a classifier for each label, which knows nothing of the others."""

from __future__ import annotations

from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import PerLabel, Standardiser, arrays, base_learner, check_linear, scores_in_blocks


@register(
    "BR",
    family="transformation",
    paper="Boutell et al., Learning multi-label scene classification, Pattern Recognition 2004",
    base="logistic",
    cost=1.0,
)
class BinaryRelevance(Method):
    """P(y_j = 1 | x) of one probabilistic classifier a label; predicted where it exceeds .5.

    Options: ``base`` "logistic" (regression with an L2 penalty, at most 1000 steps of L-BFGS) or "gaussian_nb" (naive
    Bayes); ``cost`` C of logistic regression, the weight of the summed log-loss beside half the squared norm of the
    weights.

    Features are standardised. Each label is fitted on the rows on which it is known; one whose known training rows are
    of one class is not fitted, and scores 0 or 1.

    Departs from the paper: the classifiers are logistic regressions, there support vector machines; SVM has those.
    """

    base: str
    cost: float

    def fit(self, train: Split, seed: int) -> None:
        x, y, observed = arrays(train)
        learner = base_learner(self.base, self.cost)
        check_linear("BR", train.x, y.shape[1])
        self.standardised = Standardiser(x)
        self.model = PerLabel(learner, "probability").fit(self.standardised(x), y, observed)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(lambda rows: self.model.scores(self.standardised(rows)), x)
