"""Random k-labelsets (Tsoumakas, Katakis, Vlahavas, TKDE 2011); label sets are drawn by scikit-multilearn."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

# Not where they are used: their first import draws from the random module, which is seeded there.
from skmultilearn.cluster.random import RandomLabelSpaceClusterer
from torch import Tensor

from bench.methods.api import Method, Split, register

ROWS_AT_ONCE = 4096


@register(
    "RAKEL",
    family="transformation",
    paper="Tsoumakas et al., Random k-Labelsets for Multilabel Classification, 2011",
    k=3,
    variant="disjoint",
    base="gaussian_nb",
)
@register(
    "RAkELo",
    family="transformation",
    paper="Tsoumakas et al., 2011: overlapping label sets, with logistic regression",
    k=3,
    variant="overlapping",
    base="logistic",
)
class RAKEL(Method):
    """One label-powerset model per random set of k labels.

    Options: ``k``; ``variant`` "disjoint" (RAkELd: the score of a label is the summed probability of the classes that
    contain it) or "overlapping" (RAkELo: min(2c, C(c, k)) distinct sets; the score is the share of positive votes,
    0 for a label in no set); ``base`` "gaussian_nb" or "logistic" (much stronger and slower).

    The paper does not say which variant or base learner it used, and its numbers do not tell: with the ones chosen here
    ranking losses lie much further above Hamming losses than in print.
    """

    k: int
    variant: str
    base: str

    def fit(self, train: Split, seed: int) -> None:
        if self.variant not in ("disjoint", "overlapping"):
            raise ValueError(f"RAKEL's variant is 'disjoint' or 'overlapping', not {self.variant!r}")
        if self.k < 1:
            raise ValueError(f"RAKEL's k must be at least 1, not {self.k}")
        x, y = train.x.cpu().numpy(), train.y.cpu().numpy()
        with _seeded_global_random(seed):
            label_sets = self._disjoint_sets(y) if self.variant == "disjoint" else self._overlapping_sets()
        self.models = [(labels, LabelPowerset(self._base_learner(), x, y[:, labels])) for labels in label_sets]

    def scores(self, x: Tensor) -> Tensor:
        rows = x.cpu().numpy()
        scores = np.zeros((len(rows), self.problem.n_labels))
        sets_with_label = np.zeros(self.problem.n_labels)
        for labels, model in self.models:
            scores[:, labels] += model.probabilities(rows) if self.variant == "disjoint" else model.predicted(rows)
            sets_with_label[labels] += 1
        scores /= np.maximum(sets_with_label, 1)
        # Sums of class probabilities may pass 1 by rounding; keep them probabilities.
        return torch.from_numpy(np.clip(scores, 0.0, 1.0)).to(x.device)

    def _base_learner(self) -> ClassifierMixin:
        if self.base == "gaussian_nb":
            return GaussianNB(var_smoothing=1e-9)
        if self.base == "logistic":
            return LogisticRegression(max_iter=1000)
        raise ValueError(f"RAKEL's base is 'gaussian_nb' or 'logistic', not {self.base!r}")

    def _disjoint_sets(self, y: np.ndarray) -> list[list[int]]:
        size = min(self.k, y.shape[1])
        sets = RandomLabelSpaceClusterer(size, math.ceil(y.shape[1] / size), allow_overlap=False)
        return [list(labels) for labels in sets.fit_predict(None, y)]

    def _overlapping_sets(self) -> list[list[int]]:
        c, k = self.problem.n_labels, min(self.k, self.problem.n_labels)
        wanted = min(2 * c, math.comb(c, k))
        if math.comb(c, k) <= 4 * wanted:
            return [list(labels) for labels in random.sample(list(combinations(range(c), k)), wanted)]
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < wanted:
            drawn[tuple(sorted(random.sample(range(c), k)))] = None
        return [list(labels) for labels in drawn]


class LabelPowerset:
    """A classifier whose classes are the combinations that a set of labels occurs in, in order of appearance.

    scikit-multilearn's gives the same, but makes sparse copies of the features and sums in Python loops: at
    NUS-WIDE's size 8 GiB, and not done in four minutes.
    """

    def __init__(self, base: ClassifierMixin, x: np.ndarray, y: np.ndarray) -> None:
        found, first, classes = np.unique(y, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        self.combinations = found[order].astype(float)  # [classes, labels]
        # A set whose labels never vary has one class, which logistic regression refuses.
        self.model = (DummyClassifier() if len(found) == 1 else base).fit(x, np.argsort(order)[classes.ravel()])

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """[N, labels]: for each label the summed probability of the combinations that contain it."""
        return self._in_blocks(x, lambda rows: self.model.predict_proba(rows) @ self.combinations)

    def predicted(self, x: np.ndarray) -> np.ndarray:
        """[N, labels] 0 or 1: the most probable combination."""
        return self._in_blocks(x, lambda rows: self.combinations[self.model.predict(rows)])

    def _in_blocks(self, x: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return np.concatenate([of(x[start : start + ROWS_AT_ONCE]) for start in range(0, len(x), ROWS_AT_ONCE)])


@contextmanager
def _seeded_global_random(seed: int) -> Iterator[None]:
    """scikit-multilearn draws from the global ``random`` module: seed it, and put it back afterwards."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
