"""Random forests (Breiman 2001): one for all labels (Kocev et al. 2007), or one a label; scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import Ceiling, PerLabel, arrays, scores_in_blocks

MEMORY = Ceiling(8e9, "bytes of label shares at its trees' nodes", "an upper bound, of which about .6 is used")
TIME = Ceiling(1e10, "rows x sqrt(features) x labels x trees", "6 to 10 minutes of one core for each 1e9")
DISTINCT = 1 - math.exp(-1)
"""Share of the rows that a bootstrap has."""


@register(
    "RF",
    family="trees",
    paper="Kocev et al., Ensembles of Multi-Objective Decision Trees, ECML 2007: a forest for all labels",
    trees=200,
    min_samples_leaf=2,
)
class RandomForest(Method):
    """Share of the label in the leaf that a row falls into, averaged over trees that each serve all labels.

    Options: ``trees``; ``min_samples_leaf``, rows of a leaf at least (leaves of one row give many equal scores). Splits
    lower the Gini impurity averaged over the labels, the best of sqrt(D) features drawn; each tree has a bootstrap of
    the rows. A tree for all labels needs whole rows, so an unknown label counts as absent; BR-RF leaves it out. A label
    that all training rows have, or none, has the score 1 or 0.
    """

    trees: int
    min_samples_leaf: int

    def fit(self, train: Split, seed: int) -> None:
        x, y, _ = arrays(train)
        nodes = 2 * DISTINCT * len(x) / max(self.min_samples_leaf, 1)
        MEMORY.check("RF", self.trees * nodes * y.shape[1] * 2 * np.dtype(np.float64).itemsize)
        self.forest = forest(self.trees, self.min_samples_leaf, seed).fit(x, y)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(self._shares, x)

    def _shares(self, x: np.ndarray) -> np.ndarray:
        """[n, c]: of each label the probabilities of its classes, which are 0 and 1 or one of the two, times these."""
        per_label = zip(self.forest.predict_proba(x), self.forest.classes_, strict=True)
        return np.stack([probabilities @ classes for probabilities, classes in per_label], axis=1)


@register(
    "BR-RF",
    family="trees",
    paper="Breiman, Random Forests, Machine Learning 2001: a forest for each label",
    trees=100,
    min_samples_leaf=2,
)
class BinaryRelevanceForest(Method):
    """Share of the label in the leaf that a row falls into, averaged over the trees of the label's own forest.

    Options: ``trees`` of each label; ``min_samples_leaf``, as in RF, from which this differs in that splits are the
    label's own. A forest is fitted on the rows on which its label is known; all have the same random state, so that
    none depends on other labels.
    """

    trees: int
    min_samples_leaf: int

    def fit(self, train: Split, seed: int) -> None:
        x, y, observed = arrays(train)
        TIME.check("BR-RF", y.size * math.sqrt(x.shape[1]) * self.trees)
        self.forests = PerLabel(lambda: forest(self.trees, self.min_samples_leaf, seed), "probability")
        self.forests.fit(x, y, observed)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(self.forests.scores, x)


def forest(trees: int, min_samples_leaf: int, seed: int) -> RandomForestClassifier:
    """An unfitted forest, grown by one thread."""
    return RandomForestClassifier(trees, min_samples_leaf=min_samples_leaf, random_state=seed)
