"""Classifier chains and their ensemble (Read, Pfahringer, Holmes, Frank, Machine Learning 2011)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import (
    Learner,
    Standardiser,
    arrays,
    base_learner,
    check_linear,
    convergence_told,
    fitted,
    own_threads,
    score,
    scores_in_blocks,
)

STREAM = 4711
"""Orders and samples are drawn from NumPy's default_rng([seed, STREAM])."""


@register(
    "CC",
    family="transformation",
    paper="Read et al., Classifier chains for multi-label classification, Machine Learning 2011: one chain",
    chains=1,
    order="given",
    samples="all",
    votes=False,
    base="logistic",
    cost=1.0,
)
@register(
    "ECC",
    family="transformation",
    paper="Read et al., Classifier chains for multi-label classification, Machine Learning 2011",
    chains=10,
    order="random",
    samples="bootstrap",
    votes=False,
    base="logistic",
    cost=1.0,
)
class ClassifierChains(Method):
    """Mean over chains of P(y_j = 1 | x, y of the labels before j); predicted where it exceeds .5.

    In training the labels before j are the true ones, in prediction those that the chain itself has predicted.

    Options: ``chains``, their number; ``order`` of each, "given" (as the data set lists its labels) or "random";
    ``samples``, the rows that each chain is fitted on: "all", "bootstrap" (N with replacement, as in 2011) or "subset"
    (67 % without, as in 2009); ``votes``, true for the share of chains that predict the label in place of the mean of
    their probabilities; ``base`` "logistic" or "gaussian_nb" and ``cost`` C, as those of BR. Features are standardised.

    A link whose rows are of one class is not fitted: its label is always predicted, or never. Labels that are not known
    count as negative, for every link needs the labels before it.

    Departs from the paper: the links are logistic regressions, there support vector machines; the cut is .5, there one
    that gives test rows as many labels as training rows have.
    """

    chains: int
    order: str
    samples: str
    votes: bool
    base: str
    cost: float

    def fit(self, train: Split, seed: int) -> None:
        if self.chains < 1:
            raise ValueError(f"at least one chain is needed, not {self.chains}")
        if self.order not in ("given", "random"):
            raise ValueError(f"the order of chains is 'given' or 'random', not {self.order!r}")
        x, y, _ = arrays(train)
        learner = base_learner(self.base, self.cost)
        check_linear(
            f"an ensemble of {self.chains} chains" if self.chains > 1 else "a chain", train.x, y.shape[1] * self.chains
        )
        self.standardised = Standardiser(x)
        x = self.standardised(x)
        random = np.random.default_rng([seed, STREAM])
        self.models = []
        with own_threads(), convergence_told(self.chains * y.shape[1], "links"):
            for _ in range(self.chains):
                order = random.permutation(y.shape[1]) if self.order == "random" else np.arange(y.shape[1])
                rows = self._sample(len(x), random)
                self.models.append(Chain(learner, order).fit(x[rows], y[rows]))

    def scores(self, x: Tensor) -> Tensor:
        with own_threads():
            return scores_in_blocks(lambda rows: ensemble(self.models, self.standardised(rows), self.votes), x)

    def _sample(self, rows: int, random: np.random.Generator) -> np.ndarray | slice:
        match self.samples:
            case "all":
                return slice(None)
            case "bootstrap":
                return random.integers(0, rows, rows)
            case "subset":
                return random.choice(rows, size=max(1, round(0.67 * rows)), replace=False)
        raise ValueError(f"the samples of chains are 'all', 'bootstrap' or 'subset', not {self.samples!r}")


class Chain:
    """One classifier a label, whose features are x and the labels before it in the order."""

    def __init__(self, make: Callable[[], Learner], order: np.ndarray) -> None:
        self.make, self.order = make, order

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Fit on x [n, D] and y [n, c] in {0, 1}."""
        features = np.hstack([x, y[:, self.order]])
        width = x.shape[1]
        self.links = [fitted(self.make, features[:, : width + r], y[:, j]) for r, j in enumerate(self.order)]
        return self

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """[n, c]: of each label given those predicted before it."""
        width = x.shape[1]
        features = np.hstack([x, np.zeros((len(x), len(self.order)))])
        found = np.empty((len(x), len(self.order)))
        for r, (j, link) in enumerate(zip(self.order, self.links, strict=True)):
            found[:, j] = score(link, features[:, : width + r], "probability")
            features[:, width + r] = found[:, j] > 0.5
        return found


def ensemble(chains: list[Chain], x: np.ndarray, votes: bool) -> np.ndarray:
    """[n, c]: mean over the chains of their probabilities, or the share of those that predict the label."""
    total = np.zeros((len(x), len(chains[0].order)))
    for chain in chains:
        found = chain.probabilities(x)
        total += found > 0.5 if votes else found
    return total / len(chains)
