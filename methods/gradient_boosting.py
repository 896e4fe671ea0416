"""Gradient boosting of trees on histograms (Friedman 2001; Ke et al. 2017), one ensemble a label; scikit-learn's."""

from __future__ import annotations

from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import Ceiling, PerLabel, arrays, scores_in_blocks

TIME = Ceiling(2e9, "rows x features x labels", "about 40 minutes of one core for each 1e9")


@register(
    "HGB",
    family="trees",
    paper="Friedman, Greedy Function Approximation: A Gradient Boosting Machine, Annals of Statistics 2001",
    learning_rate=0.1,
    iterations=100,
    leaves=31,
    min_samples_leaf=20,
    l2=0.0,
)
class GradientBoosting(Method):
    """Probability of the label by a sum of trees, each fitted to the gradient of the log loss, p - y.

    Options: ``learning_rate``; ``iterations``, trees of each label; ``leaves`` of a tree at most; ``min_samples_leaf``,
    rows of a leaf at least: with fewer than 40 rows on which a label is known no tree splits, and all its scores are
    its frequency; ``l2``, penalty of the leaves' values. Each feature is cut into at most 255 bins of equal numbers of
    rows. Rows on which a label is unknown are left out of its trees.

    Departs from the release: scikit-learn 1.9.1 holds a tenth of the rows out to stop early where there are more than
    10000; here no row is held out and all iterations are made.
    """

    learning_rate: float
    iterations: int
    leaves: int
    min_samples_leaf: int
    l2: float

    def fit(self, train: Split, seed: int) -> None:
        x, y, observed = arrays(train)
        TIME.check("HGB", x.size * y.shape[1])
        self.ensembles = PerLabel(lambda: self._ensemble(seed), "probability").fit(x, y, observed)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(self.ensembles.scores, x)

    def _ensemble(self, seed: int) -> HistGradientBoostingClassifier:
        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.iterations,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.min_samples_leaf,
            l2_regularization=self.l2,
            early_stopping=False,
            random_state=seed,
        )
