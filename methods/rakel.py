"""Random k-labelsets (Tsoumakas, Katakis, Vlahavas, TKDE 2011), by scikit-multilearn's implementation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from math import comb

import numpy as np
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

# Not where they are used: their first import draws from the random module, which is seeded there.
from skmultilearn.ensemble import RakelD
from skmultilearn.problem_transform import LabelPowerset
from torch import Tensor

from methods.api import Method, Split, register


@register(
    "RAKEL",
    family="traditional",
    paper="Tsoumakas et al., Random k-Labelsets for Multilabel Classification, 2011",
    k=3,
    variant="disjoint",
    base="gaussian_nb",
)
class RAKEL(Method):
    """One label-powerset model per random set of k labels.

    Options: ``k``; ``variant`` "disjoint" (RAkELd: the score of a label is the summed probability of the classes that
    contain it) or "overlapping" (RAkELo: min(2c, C(c, k)) distinct sets; the score is the share of positive votes,
    0 for a label in no set); ``base`` "gaussian_nb" or "logistic" (much stronger and slower).

    The paper does not say which variant or base learner it used. Disjoint sets with Gaussian naive Bayes give the
    pattern its numbers have: scores that saturate and tie at the top.
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
            if self.variant == "disjoint":
                self._fit_disjoint(x, y)
            else:
                self._fit_overlapping(x, y)

    def scores(self, x: Tensor) -> Tensor:
        rows = x.cpu().numpy()
        if self.variant == "disjoint":
            scores = np.asarray(self.model.predict_proba(rows).todense())
        else:
            votes = np.zeros((rows.shape[0], self.problem.labels))
            for labels, model in self.models:
                votes[:, labels] += np.asarray(model.predict(rows).todense())
            scores = votes / np.maximum(self.models_with_label, 1)
        # Sums of class probabilities may pass 1 by rounding; keep them probabilities.
        return torch.from_numpy(np.clip(scores, 0.0, 1.0)).to(x.device)

    def _base_learner(self) -> object:
        if self.base == "gaussian_nb":
            return GaussianNB(var_smoothing=1e-9)
        if self.base == "logistic":
            return LogisticRegression(max_iter=1000)
        raise ValueError(f"RAKEL's base is 'gaussian_nb' or 'logistic', not {self.base!r}")

    def _fit_disjoint(self, x: np.ndarray, y: np.ndarray) -> None:
        self.model = RakelD(
            base_classifier=self._base_learner(),
            base_classifier_require_dense=[True, True],
            labelset_size=min(self.k, self.problem.labels),
        )
        self.model.fit(x, y)

    def _fit_overlapping(self, x: np.ndarray, y: np.ndarray) -> None:
        c, k = self.problem.labels, min(self.k, self.problem.labels)
        wanted = min(2 * c, comb(c, k))
        if comb(c, k) <= 4 * wanted:
            chosen = random.sample(list(combinations(range(c), k)), wanted)
        else:
            drawn: dict[tuple[int, ...], None] = {}
            while len(drawn) < wanted:
                drawn[tuple(sorted(random.sample(range(c), k)))] = None
            chosen = list(drawn)
        self.models = []
        self.models_with_label = np.zeros(c)
        for labels in map(list, chosen):
            # A set whose labels never vary has one class, which logistic regression refuses.
            constant = (y[:, labels] == y[0, labels]).all()
            base = DummyClassifier() if constant else self._base_learner()
            model = LabelPowerset(base, require_dense=[True, True])
            model.fit(x, y[:, labels])
            self.models.append((labels, model))
            self.models_with_label[labels] += 1


@contextmanager
def _seeded_global_random(seed: int) -> Iterator[None]:
    """scikit-multilearn draws from the global ``random`` module: seed it, and put it back afterwards."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
