"""Linear support vector machines, one for each label, and thresholds from cross-validation (LibMultiLabel)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from sklearn.svm import LinearSVC
from torch import Tensor

from bench.methods.api import Method, Split, register
from bench.methods.per_label import (
    Ceiling,
    OneClass,
    PerLabel,
    Standardiser,
    arrays,
    check_linear,
    convergence_told,
    fitted,
    own_threads,
    score,
    scores_in_blocks,
)

FOLDS = 3
STREAM = 4711
"""Folds are drawn from NumPy's default_rng([seed, STREAM])."""
TIE = 1e-9
"""Objectives that differ by no more are equally good; rounding does that."""

ROWS_A_FEATURE = 10
"""With fewer rows than so many a feature the dual is solved. Newton's method on the primal, which scikit-learn takes
from one row a feature on, needs up to thousands of steps where rows are about as many as features, and few where they
are many more."""
WORK = Ceiling(1e10, "rows x features x fits", "0.2 to 9 us each on one core, so that it would be hours")

FoldScores = Callable[[int, np.ndarray, np.ndarray], np.ndarray | None]
"""(label, rows to fit on, rows of the fold) -> [fold] scores; None where no learner can be fitted on the rows."""


@register(
    "SVM",
    family="transformation",
    paper="Fan et al., LIBLINEAR: A library for large linear classification, JMLR 2008: one-vs-rest",
    grid={"cost": [0.00001, 0.0001, 0.001, 0.01, 0.1]},
    cost=1.0,
    thresholds="none",
)
@register(
    "SVM micromacro",
    family="transformation",
    paper="Lin and Lin, On the thresholding strategy for infrequent labels in multi-label classification, CIKM 2023",
    cost=1.0,
    thresholds="micromacro",
)
class LinearSVM(Method):
    """|w|^2 / 2 + C sum max(0, 1 - s (w x + b))^2 for each label, s = 1 or -1; predicted where w x + b exceeds 0.

    Options: ``cost`` C; ``thresholds`` "none" or "micromacro": what each label's decision value has to exceed, chosen
    by cross-validation on the training rows, label after label, for F1 of the label and of all labels so far
    (:func:`micromacro_thresholds`). It is subtracted from the decision value, so that ranking metrics are of shifted
    values, as the package's are.

    Features are standardised. Each label is fitted on the rows on which it is known; one whose known training rows are
    of one class is not fitted, and scores -10 or 10.

    Departs from the package: there is an intercept, penalised as a weight is (LibMultiLabel has none unless told).
    Folds whose training rows are of one class have no part in a label's threshold.
    """

    decision_threshold = 0.0

    cost: float
    thresholds: str

    def fit(self, train: Split, seed: int) -> None:
        if self.thresholds not in ("none", "micromacro"):
            raise ValueError(f"thresholds of SVM are 'none' or 'micromacro', not {self.thresholds!r}")
        x, y, observed = arrays(train)
        check_linear("SVM", train.x, y.shape[1] * (1 if self.thresholds == "none" else FOLDS), WORK)
        self.standardised = Standardiser(x)
        x = self.standardised(x)
        dual = x.shape[0] < ROWS_A_FEATURE * x.shape[1]
        learner = partial(LinearSVC, C=self.cost, dual=dual, max_iter=10_000, random_state=seed)
        self.model = PerLabel(learner, "margin").fit(x, y, observed)
        self.cuts = np.zeros(y.shape[1])
        if self.thresholds == "none":
            return

        def fold_scores(label: int, rest: np.ndarray, fold: np.ndarray) -> np.ndarray | None:
            model = fitted(learner, x[rest], y[rest, label])
            return None if isinstance(model, OneClass) else score(model, x[fold], "margin")

        with own_threads(), convergence_told(FOLDS * y.shape[1], "folds of labels"):
            draw = np.random.default_rng([seed, STREAM]).permutation
            self.cuts = micromacro_thresholds(y, observed, fold_scores, draw)

    def scores(self, x: Tensor) -> Tensor:
        return scores_in_blocks(lambda rows: self.model.scores(self.standardised(rows)) - self.cuts, x)


def micromacro_thresholds(
    y: np.ndarray, observed: np.ndarray | None, scores: FoldScores, permutation: Callable[[int], np.ndarray]
) -> np.ndarray:
    """[c] thresholds of labels y [N, c], the most frequent first, each the mean of its folds'.

    A fold's is the cut that maximises F1 of the label there, divided by the labels so far, plus F1 of the fold's
    decisions pooled with those on all folds of the labels before (Lin and Lin, CIKM 2023, section 4.3). Of labels with
    equally many positives the last comes first. One without any fold to choose on has the threshold 0.

    Parameters
    ----------
    observed: [N, c] bool, which labels are known: only their rows are divided into folds; None: all.
    scores: of a fold's rows, by a learner fitted on the others.
    permutation: of so many rows, drawn anew for each label.
    """
    positive = y > 0 if observed is None else (y > 0) & observed
    thresholds = np.zeros(y.shape[1])
    before = np.zeros(3, dtype=np.int64)
    for number, j in enumerate(np.argsort(positive.sum(0), kind="stable")[::-1], 1):
        rows = np.arange(len(y)) if observed is None else np.flatnonzero(observed[:, j])
        shuffled = rows[permutation(len(rows))]
        bounds = [v * len(rows) // FOLDS for v in range(FOLDS + 1)]
        chosen = []
        counts = before.copy()
        for first, end in pairwise(bounds):
            fold, rest = shuffled[first:end], np.concatenate([shuffled[:first], shuffled[end:]])
            if len(fold) and (found := scores(int(j), rest, fold)) is not None:
                threshold, own = best_cut(found, positive[fold, j], before, number)
                chosen.append(threshold)
                counts += own
        thresholds[j] = np.mean(chosen) if chosen else 0.0
        before = counts
    return thresholds


def best_cut(scores: np.ndarray, positive: np.ndarray, before: np.ndarray, number: int) -> tuple[float, np.ndarray]:
    """The threshold for one label's scores [n], and the counts at it: true positives, predicted ones, positives.

    Candidates lie between two different scores, below all and above all; of equally good ones the highest is taken.
    ``before`` are the counts of the ``number`` - 1 labels before.
    """
    order = np.argsort(scores, kind="stable")
    values = scores[order]
    at_or_below = np.concatenate([[0], np.cumsum(positive[order])])  # positives that each cut misses, lowest cut first
    total = np.full(len(values) + 1, at_or_below[-1])
    counts = np.stack([total - at_or_below, np.arange(len(values), -1, -1), total])
    objective = _f1(counts) / number + _f1(counts + before[:, None])
    objective[1:-1][values[1:] == values[:-1]] = -np.inf
    best = int(np.flatnonzero(objective >= objective.max() - TIE)[-1])
    if best == 0:
        threshold = np.nextafter(values[0], -np.inf)
    elif best == len(values):
        threshold = np.nextafter(values[-1], np.inf)
    else:
        threshold = values[best - 1] / 2 + values[best] / 2
    return float(threshold), counts[:, best]


def _f1(counts: np.ndarray) -> np.ndarray:
    """2 TP / (predicted + positives); 0 where nothing is predicted or positive."""
    return 2 * counts[0] / np.maximum(1, counts[1] + counts[2])
