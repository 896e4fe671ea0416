"""Linear machines against scikit-learn's, and the micro/macro frequency rule against golden numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from bench import methods
from bench.decisions.rule import rule_named
from bench.methods import linear_svm
from bench.methods.api import Split
from bench.methods.linear_svm import best_cut, micromacro_thresholds
from tests.conftest import problem_of, random_split

NOTHING = np.zeros(3, dtype=np.int64)


def fitted(name: str, train: Split, **options: object) -> Any:
    method = methods.create(name, problem_of(train), **options)
    method.fit(train, 3)  # type: ignore[operator]
    return method


@pytest.mark.parametrize("options", [{}, {"cost": 0.1}, {"cost": 10.0}])
def test_scores_are_decision_values_of_one_against_the_rest(options: dict) -> None:
    train, test = random_split(80, 5, 4, seed=0), random_split(20, 5, 4, seed=1)
    method = fitted("SVM", train, **options)
    scaler = StandardScaler().fit(train.x.numpy())
    learner = LinearSVC(C=options.get("cost", 1.0), loss="squared_hinge", max_iter=10_000, random_state=3)
    reference = OneVsRestClassifier(learner).fit(scaler.transform(train.x.numpy()), train.y.numpy())
    scores = method.scores(test.x).numpy()
    np.testing.assert_allclose(scores, reference.decision_function(scaler.transform(test.x.numpy())), atol=1e-6)
    assert np.array_equal(scores > method.decision_threshold, reference.predict(scaler.transform(test.x.numpy())) > 0)


@pytest.mark.parametrize(("rows", "dual"), [(49, True), (50, False)])
def test_the_dual_is_solved_where_rows_are_few(rows: int, dual: bool) -> None:
    method = fitted("SVM", random_split(rows, 5, 3, seed=0))
    assert [learner.dual for learner in method.model.learners] == [dual] * 3


@pytest.mark.parametrize(("number", "seed"), [(0, 11), (1, 3)])
def test_golden_thresholds(golden_2026: dict, number: int, seed: int) -> None:
    """Training replaced by given scores; ties of frequency go to the last label, and one label has no positives."""
    case = golden_2026["thresholding"][number]
    wanted = case["libmultilabel_micromacro_freq"]
    scores, y = np.array(case["scores"]), np.array(case["labels"])
    asked: list[int] = []

    def of_fold(label: int, rest: np.ndarray, fold: np.ndarray) -> np.ndarray:
        assert sorted([*rest, *fold]) == list(range(len(y)))
        asked.append(label)
        return scores[fold, label]

    found = micromacro_thresholds(y, None, of_fold, np.random.RandomState(seed).permutation)
    np.testing.assert_allclose(found, wanted["thresholds"], atol=1e-9)
    assert asked[::3] == wanted["label_order"]


@pytest.mark.parametrize(("number", "seed"), [(0, 11), (1, 3)])
def test_golden_counts(golden_2026: dict, number: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """True positives, false positives and misses of all folds after each label."""
    case = golden_2026["thresholding"][number]
    scores, y = np.array(case["scores"]), np.array(case["labels"])
    counts: list[np.ndarray] = []
    real = best_cut

    def spy(*arguments: Any) -> tuple[float, np.ndarray]:
        found = real(*arguments)
        counts.append(found[1])
        return found

    monkeypatch.setattr(linear_svm, "best_cut", spy)
    permutation = np.random.RandomState(seed).permutation
    micromacro_thresholds(y, None, lambda label, rest, fold: scores[fold, label], permutation)
    for labels, wanted in enumerate(case["libmultilabel_micromacro_freq"]["stats_after_each_label"], 1):
        hits, predicted, positives = np.sum(counts[: 3 * labels], axis=0)
        assert (hits, predicted - hits, positives - hits) == (wanted["tp"], wanted["fp"], wanted["fn"])


def test_worked_cuts() -> None:
    """Two labels on one fold: the first by its F1 alone; the second has its positive at the lowest score."""
    first = np.array([-1.2, -0.4, 0.1, 0.3, 0.8, 1.5])
    threshold, counts = best_cut(first, np.array([0, 0, 1, 0, 1, 1]), NOTHING, 1)
    assert threshold == pytest.approx(-0.15)
    assert counts.tolist() == [3, 4, 3]
    second = np.array([-0.9, -0.5, -0.1, 0.2, 0.4, 0.9])
    assert best_cut(second, np.array([1, 0, 0, 0, 0, 0]), counts, 2)[0] == np.nextafter(0.9, np.inf)
    assert best_cut(second, np.array([1, 0, 0, 0, 0, 0]), NOTHING, 1)[0] == np.nextafter(-0.9, -np.inf)
    assert best_cut(second, np.array([0, 0, 0, 1, 0, 0]), counts, 2)[0] == pytest.approx(0.05)


def test_no_cut_lies_between_equal_scores() -> None:
    """Its threshold would exceed none of them, and the counts be others than those it was chosen by."""
    scores, positive = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 1])
    threshold, counts = best_cut(scores, positive, NOTHING, 1)
    assert threshold == 0.5
    assert counts.tolist() == [2, 3, 2]


def test_cuts_are_those_of_the_decision_rule() -> None:
    """On one fold, without labels that are equally frequent: ``--decisions micromacro`` chooses the same cuts."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        y = (random.random((30, 4)) < 0.5).astype(np.int8)
        y[:, 3] = seed % 3 == 0
        scores = random.integers(0, 12, (30, 4)) / 4 if seed % 2 else random.normal(size=(30, 4))
        order = np.argsort(-y.sum(0), kind="stable")
        found, before = np.empty(4), NOTHING
        for number, j in enumerate(order, 1):
            found[j], counts = best_cut(scores[:, j], y[:, j], before, number)
            before = before + counts
        wanted = rule_named("micromacro")(y, scores, "macro-f1", 0.0)
        assert np.array_equal(scores > found, wanted(scores))


def test_thresholds_are_taken_off_the_decision_values() -> None:
    train, test = random_split(90, 5, 4, seed=0), random_split(20, 5, 4, seed=1)
    plain, shifted = fitted("SVM", train), fitted("SVM micromacro", train)
    np.testing.assert_allclose(shifted.scores(test.x), plain.scores(test.x).numpy() - shifted.cuts, atol=1e-12)
    scaler = StandardScaler().fit(train.x.numpy())
    x, y = scaler.transform(train.x.numpy()), train.y.numpy()

    def of_fold(label: int, rest: np.ndarray, fold: np.ndarray) -> np.ndarray:
        return LinearSVC(max_iter=10_000, random_state=3).fit(x[rest], y[rest, label]).decision_function(x[fold])

    expected = micromacro_thresholds(y, None, of_fold, np.random.default_rng([3, 4711]).permutation)
    np.testing.assert_allclose(shifted.cuts, expected, atol=1e-6)
    assert (shifted.cuts != 0).all()


def test_folds_are_of_known_rows() -> None:
    train = random_split(60, 5, 3, seed=0)
    observed = np.random.default_rng(0).random((60, 3)) < 0.5
    seen: dict[int, list[int]] = {}

    def of_fold(label: int, rest: np.ndarray, fold: np.ndarray) -> np.ndarray:
        seen.setdefault(label, []).extend(fold)
        return train.x.numpy()[fold, 0]

    micromacro_thresholds(train.y.numpy(), observed, of_fold, np.random.default_rng(0).permutation)
    for label in range(3):
        assert sorted(seen[label]) == np.flatnonzero(observed[:, label]).tolist()


def test_folds_without_a_learner_have_no_part() -> None:
    """A label's only positive: the fold that holds it leaves one class to the others."""
    train = random_split(60, 5, 3, seed=0)
    train.y[:, 1] = 0
    train.y[7, 1] = 1
    method = fitted("SVM micromacro", train)
    assert abs(method.cuts[1]) < 5
    train.y[:, 1] = 0
    assert fitted("SVM micromacro", train).cuts[1] == 0


def test_other_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="thresholds of SVM are 'none' or 'micromacro', not 'scut'"):
        fitted("SVM", random_split(20, 5, 3, seed=0), thresholds="scut")
