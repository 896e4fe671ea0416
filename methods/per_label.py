"""Binary learners of scikit-learn for the labels of a multi-label problem: shared by methods that are built of them.

A learner has ``fit`` and ``predict_proba`` or ``decision_function``. Those of scikit-learn refuse a label whose
training rows are of one class, or give it scores that mean nothing: ``fitted`` gives it a :class:`OneClass` in place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from threadpoolctl import threadpool_limits
from torch import Tensor

from bench.methods.api import Split
from bench.methods.enhancement.neighbours import free_memory

Score = Literal["probability", "margin"]
ROWS_AT_ONCE = 4096
"""Rows that are scored together, so that their copies in float64 stay small beside the features."""


class Learner(Protocol):
    """A binary classifier of scikit-learn; labels are 0 and 1."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self: ...


class OneClass:
    """Stands in for the learner of a label whose known training rows all have it, or all lack it, or are none.

    Its probability is 1 or 0, its margin 10 or -10: beyond what learners give on most data, and never infinite.
    """

    margin = 10.0

    def __init__(self, present: bool) -> None:
        self.present = present

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.tile([float(not self.present), float(self.present)], (len(x), 1))

    def decision_function(self, x: np.ndarray) -> np.ndarray:
        return np.full(len(x), self.margin if self.present else -self.margin)


def fitted(make: Callable[[], Learner], x: np.ndarray, y: np.ndarray) -> Learner | OneClass:
    """A learner fitted on x [n, D] and y [n] in {0, 1}; where y is of one class none is made."""
    return make().fit(x, y) if y.min(initial=1) < y.max(initial=0) else OneClass(bool(y.any()))


def score(learner: Learner | OneClass, x: np.ndarray, kind: Score) -> np.ndarray:
    """[n] float64: the probability that rows have the label, or the decision value."""
    found = learner.predict_proba(x)[:, 1] if kind == "probability" else learner.decision_function(x)  # type: ignore[union-attr]
    return np.asarray(found, dtype=np.float64)


class PerLabel:
    """One learner a label, each fitted on the rows on which its label is known."""

    def __init__(self, make: Callable[[], Learner], kind: Score) -> None:
        self.make, self.kind = make, kind

    def fit(self, x: np.ndarray, y: np.ndarray, observed: np.ndarray | None = None) -> Self:
        """Fit on x [N, D], y [N, c] in {0, 1} and observed [N, c] bool, or None where all labels are known."""
        check_classes(y, observed)
        every = np.ones(len(x), dtype=bool)
        self.learners = []
        with own_threads(), convergence_told(y.shape[1], "labels"):
            for j in range(y.shape[1]):
                known = every if observed is None else observed[:, j]
                rows = x if known.all() else x[known]
                self.learners.append(fitted(self.make, rows, y[known, j]))
        return self

    def scores(self, x: np.ndarray) -> np.ndarray:
        """[n, c] float64 scores of x [n, D]."""
        with own_threads():
            return np.stack([score(learner, x, self.kind) for learner in self.learners], axis=1)


class Standardiser:
    """Features less their mean over the training rows, divided by their deviation there; a constant one becomes 0."""

    def __init__(self, x: np.ndarray) -> None:
        self.mean = x.mean(0, dtype=np.float64)
        deviation = x.std(0, dtype=np.float64)
        # The deviation of a constant is not 0 but as large as the rounding of its mean.
        self.deviation = np.where((x.min(0) < x.max(0)) & (deviation > 0), deviation, 1.0)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[n, D] float64."""
        return (x - self.mean) / self.deviation


def base_learner(base: str, cost: float) -> Callable[[], Learner]:
    """Make logistic regressions ("logistic", with the inverse penalty ``cost``) or naive Bayes ("gaussian_nb")."""
    if base == "gaussian_nb":
        return GaussianNB
    if base == "logistic":
        return partial(LogisticRegression, C=cost, max_iter=1000)
    raise ValueError(f"a base learner is 'logistic' or 'gaussian_nb', not {base!r}")


def arrays(train: Split) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Features, labels and which of these are known, in the memory of the CPU."""
    observed = None if train.observed is None else train.observed.cpu().numpy()
    return train.x.cpu().numpy(), train.y.cpu().numpy(), observed


def scores_in_blocks(of: Callable[[np.ndarray], np.ndarray], x: Tensor) -> Tensor:
    """Scores [n, c] of the rows x [n, D], computed in blocks of ROWS_AT_ONCE."""
    rows = x.cpu().numpy()
    blocks = [of(rows[start : start + ROWS_AT_ONCE]) for start in range(0, len(rows), ROWS_AT_ONCE)]
    return torch.from_numpy(np.concatenate(blocks)).to(x.device)


def check_classes(y: np.ndarray, observed: np.ndarray | None) -> None:
    """Refuse labels of which none has a known positive and a known negative training row.

    Raises
    ------
    ValueError: as where single positives are known and no negatives; on wholly known labels never.
    """
    if observed is None:
        return
    positive, negative = ((y > 0) & observed).any(0), ((y == 0) & observed).any(0)
    if not (positive & negative).any():
        raise ValueError(
            "no label has both a positive and a negative training row that are known, and a binary learner needs "
            "both; a method of @partial-labels does without, as does the data set with more labels observed"
        )


@dataclass(frozen=True)
class Ceiling:
    """Work, or memory, above which a method is not begun."""

    most: float
    unit: str
    """Words for the unit: "rows x features x labels", "bytes"."""
    reason: str
    """The measurement that the ceiling comes from."""

    def check(self, method: str, amount: float) -> None:
        """Refuse an amount above the ceiling.

        Raises
        ------
        ValueError: before any work is done.
        """
        if amount > self.most:
            raise ValueError(
                f"{method} is not begun on {amount:.2g} {self.unit}, for it stops at {self.most:.2g} ({self.reason}); "
                f"take fewer training rows or features"
            )


LOGISTIC_WORK = Ceiling(1e11, "rows x features x fits", "30 to 120 ns each on one core, so that it would be hours")
LINEAR_BYTES = 32
"""Bytes that a linear learner takes for each value of the features: standardised, copied, and in LIBLINEAR's form."""


def check_linear(method: str, x: Tensor, fits: int, work: Ceiling = LOGISTIC_WORK) -> None:
    """Refuse so many fits of linear learners on x [N, D] where they take too long, or more memory than is free.

    Raises
    ------
    ValueError: before any work is done.
    """
    work.check(method, x.numel() * fits)
    free = Ceiling(0.8 * free_memory(torch.device("cpu")), "bytes", "80 % of the memory that is free")
    free.check(method, x.numel() * LINEAR_BYTES)


@contextmanager
def own_threads() -> Iterator[None]:
    """Hold BLAS and OpenMP to torch's number of threads, which is the protocol's.

    A job limits the libraries that are loaded when it begins; scikit-learn brings its own, later.
    """
    with threadpool_limits(limits=torch.get_num_threads()):
        yield


@contextmanager
def convergence_told(fits: int, noun: str) -> Iterator[None]:
    """Tell in one warning how many of the fits, called by a noun, have not converged; other warnings pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    failed = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    for one in caught:
        if one not in failed:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if failed:
        first = str(failed[0].message).splitlines()[0]
        warnings.warn(f"{len(failed)} of {fits} {noun} did not converge: {first}", ConvergenceWarning, stacklevel=3)
