"""Learners per label: labels of one class, unknown rows, threads, convergence, ceilings."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info

from bench import methods
from bench.methods import per_label
from bench.methods.api import Method, Split
from bench.methods.per_label import Ceiling, OneClass, PerLabel, Standardiser, fitted, score
from tests.conftest import problem_of, random_split

SVC = partial(LinearSVC, random_state=0)
PROBABILITIES, MARGINS = ["BR", "CC", "ECC"], ["SVM", "SVM micromacro"]


def data(rows: int = 60, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    split = random_split(rows, 5, labels, seed=0)
    return split.x.numpy(), split.y.numpy()


@pytest.mark.parametrize(
    ("learner", "kind"), [(LogisticRegression, "probability"), (GaussianNB, "probability"), (SVC, "margin")]
)
def test_labels_of_one_class_are_not_fitted(learner: type, kind: per_label.Score) -> None:
    """Scikit-learn's own learners refuse them, or give them scores within the range of the others'."""
    x, y = data()
    y[:, 1], y[:, 3] = 0, 1
    scores = PerLabel(learner, kind).fit(x, y).scores(x)
    absent, present = (0.0, 1.0) if kind == "probability" else (-10.0, 10.0)
    assert (scores[:, 1] == absent).all()
    assert (scores[:, 3] == present).all()
    assert np.isfinite(scores).all()
    for j in (0, 2):
        np.testing.assert_array_equal(scores[:, j], score(learner().fit(x, y[:, j]), x, kind))
    if learner is not GaussianNB:
        with pytest.raises(ValueError, match="at least 2 classes"):
            MultiOutputClassifier(learner()).fit(x, y)


@pytest.mark.parametrize("name", [*PROBABILITIES, *MARGINS])
def test_every_method_takes_labels_of_one_class(name: str) -> None:
    train = random_split(60, 5, 4, seed=0)
    train.y[:, 1], train.y[:, 3] = 0, 1
    scores = run(name, train, train.x)
    assert torch.isfinite(scores).all()
    absent, present = (0.0, 1.0) if name in PROBABILITIES else (-10.0, 10.0)
    assert (scores[:, 1] == absent).all()
    assert (scores[:, 3] == present).all()


@pytest.mark.parametrize("name", [*PROBABILITIES, *MARGINS])
@pytest.mark.parametrize("rows", [2, 3, 5])
def test_few_rows(name: str, rows: int) -> None:
    train = random_split(rows, 5, 4, seed=0)
    assert torch.isfinite(run(name, train, train.x)).all()


@pytest.mark.parametrize("name", [*PROBABILITIES, *MARGINS])
def test_equal_seeds_give_equal_scores_and_blocks_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = random_split(80, 5, 4, seed=0, dtype=torch.float32), random_split(20, 5, 4, seed=1)
    first = run(name, train, test.x.float())
    assert first.dtype == torch.float64
    assert torch.equal(first, run(name, train, test.x.float()))
    monkeypatch.setattr(per_label, "ROWS_AT_ONCE", 7)
    torch.testing.assert_close(first, run(name, train, test.x.float()), atol=1e-12, rtol=0)


def run(name: str, train: Split, x: torch.Tensor, seed: int = 3, **options: object) -> torch.Tensor:
    method = methods.create(name, problem_of(train), **options)
    assert isinstance(method, Method)
    method.fit(train, seed)
    return method.scores(x)


@pytest.mark.parametrize("name", ["BR", *MARGINS])
def test_rows_whose_label_is_unknown_have_no_part_in_it(name: str) -> None:
    """Their labels may be anything; their features still are of the mean and deviation."""
    train = random_split(80, 5, 4, seed=0)
    observed = torch.rand(80, 4, generator=torch.Generator().manual_seed(5)) < 0.6
    other = torch.where(observed, train.y, 1 - train.y)
    first, second = (run(name, Split(train.x, y, observed), train.x) for y in (train.y, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, run(name, train, train.x))


def test_known_rows_alone_are_fitted() -> None:
    x, y = data()
    observed = np.random.default_rng(0).random(y.shape) < 0.7
    scores = PerLabel(LogisticRegression, "probability").fit(x, y, observed).scores(x)
    for j in range(4):
        known = observed[:, j]
        np.testing.assert_array_equal(
            scores[:, j], LogisticRegression().fit(x[known], y[known, j]).predict_proba(x)[:, 1]
        )


def test_a_label_that_is_nowhere_known_counts_as_absent() -> None:
    x, y = data()
    observed = np.ones_like(y, dtype=bool)
    observed[:, 2] = False
    assert (PerLabel(SVC, "margin").fit(x, y, observed).scores(x)[:, 2] == -10).all()


@pytest.mark.parametrize("name", ["BR", *MARGINS])
def test_positives_alone_are_refused(name: str) -> None:
    train = random_split(60, 5, 4, seed=0)
    with pytest.raises(ValueError, match="no label has both a positive and a negative training row that are known"):
        run(name, Split(train.x, train.y, train.y > 0), train.x)


@pytest.mark.parametrize("name", ["CC", "ECC"])
def test_chains_take_unknown_labels_for_negative(name: str) -> None:
    train = random_split(60, 5, 4, seed=0)
    known = Split(train.x, train.y, train.y > 0)
    assert torch.equal(run(name, known, train.x), run(name, train, train.x))


def test_scores_are_those_of_one_against_the_rest() -> None:
    x, y = data()
    probabilities = PerLabel(LogisticRegression, "probability").fit(x, y).scores(x)
    np.testing.assert_allclose(
        probabilities, OneVsRestClassifier(LogisticRegression()).fit(x, y).predict_proba(x), atol=1e-12
    )
    margins = PerLabel(SVC, "margin").fit(x, y).scores(x)
    np.testing.assert_allclose(margins, OneVsRestClassifier(SVC()).fit(x, y).decision_function(x), atol=1e-12)


def test_standardised_features() -> None:
    x = np.random.default_rng(0).normal(3, 2, (50, 3)).astype(np.float32)
    x[:, 1] = 0.1
    found = Standardiser(x)(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(found.std(0), [1, 0, 1], atol=1e-12)
    assert abs(Standardiser(x)(x + 1)[:, 1] - 1).max() < 1e-6  # a constant one is not divided by its rounding


def test_one_class_has_both_interfaces() -> None:
    x = np.zeros((3, 2))
    for present in (False, True):
        learner = OneClass(present)
        assert learner.predict_proba(x).tolist() == [[1.0 - present, float(present)]] * 3
        assert learner.decision_function(x).tolist() == [10.0 if present else -10.0] * 3
    assert isinstance(fitted(SVC, np.zeros((0, 2)), np.zeros(0, dtype=np.int8)), OneClass)


def test_convergence_is_told_once_for_all_labels_and_for_every_job() -> None:
    x, y = data(labels=3)
    short = partial(LogisticRegression, max_iter=1)
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            PerLabel(short, "probability").fit(x, y)
        (one,) = caught
        assert issubclass(one.category, ConvergenceWarning)
        assert str(one.message).startswith("3 of 3 labels did not converge: lbfgs failed to converge")
        assert "\n" not in str(one.message)


def test_nothing_is_told_where_all_converge_and_other_warnings_pass() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        with per_label.convergence_told(1, "labels"):
            warnings.warn("of another kind", UserWarning, stacklevel=1)
        PerLabel(LogisticRegression, "probability").fit(*data())
    assert [str(one.message) for one in caught] == ["of another kind"]


def test_threads_are_those_of_torch() -> None:
    """Also of the libraries that scikit-learn brings along."""
    seen: list[set[int]] = []

    class Spy(GaussianNB):
        def fit(self, x: np.ndarray, y: np.ndarray) -> Spy:
            seen.append({library["num_threads"] for library in threadpool_info()})
            return super().fit(x, y)

        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            seen.append({library["num_threads"] for library in threadpool_info()})
            return super().predict_proba(x)

    assert torch.get_num_threads() == 1
    x, y = data(labels=2)
    PerLabel(Spy, "probability").fit(x, y).scores(x)
    assert seen == [{1}] * 4


def test_a_ceiling_refuses_in_a_sentence() -> None:
    ceiling = Ceiling(1e9, "rows x features x labels", "600 s on one core")
    ceiling.check("X", 1e9)
    with pytest.raises(ValueError, match="X is not begun on 2e\\+09 rows x features x labels, for it stops at 1e\\+09"):
        ceiling.check("X", 2e9)


@pytest.mark.parametrize("name", [*PROBABILITIES, *MARGINS])
def test_linear_learners_have_ceilings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of work, and of memory; they are asked before anything is computed."""
    x, y = torch.zeros(1, 1).expand(10**6, 10**6), torch.zeros(1, 4, dtype=torch.int8).expand(10**6, 4)
    with pytest.raises(ValueError, match=r"not begun on .* rows x features x fits"):
        run(name, Split(x, y), x)
    monkeypatch.setattr(per_label, "free_memory", lambda device: 1000)
    train = random_split(60, 5, 4, seed=0)
    with pytest.raises(ValueError, match=r"not begun on 9.6e\+03 bytes"):
        run(name, train, train.x)
