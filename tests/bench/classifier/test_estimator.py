"""Methods as scikit-learn classifiers: its own checks, equality with the harness, and files that come back."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import get_scorer, roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import bench
from bench import methods
from bench.classifier import training
from bench.errors import UsageError
from bench.job.fit_linear import fit_linear
from bench.metrics.classification import evaluate
from tests.conftest import random_split
from tests.methods.test_contract import SMALL

QUICK = """
[protocols.quick]
base = "small"
minimum_steps = 0
learning_rate = 0.03

[protocols.brief]
base = "paper"
epochs = 3
"""
CHECKED = [
    bench.estimator("BCE", protocol="quick"),
    bench.estimator("ML-KNN", {"k": 3}),
    bench.estimator("RAKEL", validation=0.25),
]


@pytest.fixture(autouse=True)
def _quick_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench.toml").write_text(QUICK)
    monkeypatch.chdir(tmp_path)


@parametrize_with_checks(CHECKED)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([bench.estimator("FLEM-II", protocol="quick"), bench.estimator("SVM", validation=0.25)])
def test_scikit_learn_checks_of_networks_beside_the_classifier_and_of_margins(estimator: Any, check: Any) -> None:
    check(estimator)


def data(rows: int = 120) -> tuple[np.ndarray, np.ndarray]:
    split = random_split(rows, 8, 4, seed=1)
    return split.x.numpy().astype(np.float32), split.y.numpy()


OF_EACH_KIND = ("BCE", "Two-way", "FLEM-D", "LEVI", "ML-KNN", "RAKEL", "SVM", "RF")


@pytest.mark.parametrize(
    ("name", "validation"),
    [
        *((name, 0.25) for name in methods.names()),
        *(pytest.param(name, None, marks=[pytest.mark.slow] * (name not in OF_EACH_KIND)) for name in methods.names()),
    ],
)
def test_every_method_is_saved_and_comes_back(name: str, validation: float | None, tmp_path: Path) -> None:
    x, y = data()
    options = SMALL.get(name)
    if name.startswith("FLEM") and name not in ("FLEM-I", "FLEM-II"):
        options = {"alpha": 0.01, "beta": 0.01}
    if "positives_per_row" in methods.info(name).defaults:
        options = {"positives_per_row": 1.5}
    names = ["a", "b", "c", "d"]
    model = bench.estimator(name, options, protocol="brief", validation=validation)
    fitted = model.fit(x, pd.DataFrame(y, columns=names))
    assert bool(fitted.validation_) is (validation is not None)
    fitted.save(tmp_path / "model.safetensors")
    again = bench.load(tmp_path / "model.safetensors")
    assert np.array_equal(again.predict(x), fitted.predict(x))
    assert again.get_params() == fitted.get_params()
    assert again.label_names_ == names
    assert again.options_ == fitted.options_
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(x), fitted.predict(x))
    if hasattr(fitted, "decision_function"):
        assert np.array_equal(again.decision_function(x), fitted.decision_function(x))
        assert np.array_equal(fitted.predict(x) == 1, fitted.decision_function(x) > 0)
    if hasattr(fitted, "predict_proba"):
        found = fitted.predict_proba(x)
        assert np.array_equal(again.predict_proba(x), found)
        assert ((found >= 0) & (found <= 1)).all()
        decided_at = expit(fitted.threshold_) if methods.info(name).gradient else fitted.threshold_
        assert np.array_equal(fitted.predict(x) == 1, found > decided_at)


def test_a_data_sets_published_constants_are_used_under_its_name() -> None:
    """DB has mu .3 and lambda 5 on VOC07 (Wu et al.), .2 and 2 elsewhere."""
    train = random_split(130, 8, 4, seed=130)
    x, y = train.x.numpy().astype(np.float32), train.y.numpy()
    by_name = bench.estimator("DB", protocol="paper", dataset="VOC07").fit(x, y).decision_function(x)
    by_hand = bench.estimator("DB", {"mu": 0.3, "negative_scale": 5.0}, protocol="paper").fit(x, y)
    elsewhere = bench.estimator("DB", protocol="paper").fit(x, y).decision_function(x)
    np.testing.assert_array_equal(by_name, by_hand.decision_function(x))
    assert np.abs(by_name - elsewhere).max() > 0.01


def test_fitting_keeps_to_the_protocols_threads_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counted(*given: Any, **named: Any) -> Any:
        seen.append(torch.get_num_threads())
        return fit_linear(*given, **named)

    monkeypatch.setattr(training, "fit_linear", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        bench.estimator("BCE", protocol="quick").fit(*data())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]


@pytest.mark.parametrize("labels", [1, 2, 4])
def test_cross_validation_of_probabilities_and_ranks(labels: int) -> None:
    """By arrays [N, c], as scikit-learn's MLPClassifier gives them; of one and two labels, where it fails, too."""
    split = random_split(80, 6, labels, seed=1)
    x, y = split.x.numpy(), split.y.numpy()
    for model in (bench.estimator("BCE", {"epochs": 2}), bench.estimator("ML-KNN")):
        folds = KFold(2).split(x)
        found = cross_val_predict(model, x, y, cv=KFold(2), method="predict_proba")
        expected = [clone(model).fit(x[train], y[train]).predict_proba(x[test]) for train, test in folds]
        np.testing.assert_array_equal(found, np.concatenate(expected))
        for scoring in ("roc_auc", "roc_auc_ovr", "average_precision", "f1_macro"):
            by_fold = cross_val_score(model, x, y, cv=KFold(2), scoring=scoring, error_score="raise")
            assert np.isfinite(by_fold).all()
        fitted = model.fit(x, y)
        expected_auc = roc_auc_score(y, fitted.predict_proba(x), average="macro")
        assert get_scorer("roc_auc")(fitted, x, y) == pytest.approx(expected_auc)


@pytest.mark.parametrize(
    ("method", "decisions", "probabilities"),
    [("BCE", True, True), ("ML-KNN", False, True), ("SVM", True, False), ("Two-way", True, False)],
)
def test_scores_are_named_for_what_they_are(method: str, decisions: bool, probabilities: bool) -> None:
    model = bench.estimator(method)
    assert hasattr(model, "decision_function") is decisions
    assert hasattr(model, "predict_proba") is probabilities
    for name, word in (("decision_function", "are probabilities"), ("predict_proba", "are margins")):
        if not hasattr(model, name):
            with pytest.raises(AttributeError) as caught:
                getattr(model, name)
            assert f"the scores of '{method}' {word}" in str(caught.value.__cause__)
    with pytest.raises(AttributeError) as caught:
        bench.estimator("BCEE").predict_proba  # noqa: B018
    assert "there is no method 'BCEE'" in str(caught.value.__cause__)


def test_a_probability_is_the_logits_sigmoid_whatever_it_is_decided_at() -> None:
    x, y = data()
    asl, later = (bench.estimator(name, {"epochs": 2}).fit(x, y) for name in ("ASL", "ASL .8"))
    np.testing.assert_array_equal(asl.predict_proba(x), later.predict_proba(x))
    np.testing.assert_array_equal(later.predict(x), later.predict_proba(x) > 0.8)


def test_metrics_are_of_the_scores_and_not_of_what_is_shown() -> None:
    x, y = data()
    fitted = bench.estimator("BCE", protocol="paper").fit(1e4 * x, y)
    scores = torch.from_numpy(fitted.decision_function(1e4 * x))
    assert fitted.evaluate(1e4 * x, y) == pytest.approx(evaluate(torch.from_numpy(y), scores, 0.0), abs=1e-3)
    with np.errstate(all="raise"):
        assert len(np.unique(fitted.predict_proba(1e4 * x))) < len(np.unique(scores)) / 2


def test_scaling_is_by_the_training_range() -> None:
    x, y = data()
    plain = bench.estimator("BCE", protocol="quick").fit(x, y)
    stretched = bench.estimator("BCE", protocol="quick").fit(100 * x - 7, y)
    np.testing.assert_allclose(plain.decision_function(x), stretched.decision_function(100 * x - 7), atol=0.02)


def test_mistakes_are_told(tmp_path: Path) -> None:
    x, y = data()
    for given, message in (
        ({"X_val": x, "y_val": y[:, :2]}, "the labels have the shape"),
        ({"X_val": x, "y_val": 3 * y}, "other than the training labels'"),
        ({"X_val": x}, "one of them is missing"),
        ({"X_val": x, "y_val": pd.DataFrame(y)}, "the columns of the labels are"),
    ):
        with pytest.raises(ValueError, match=message):
            bench.estimator("BCE").fit(x, y, **given)
    with pytest.raises(ValueError, match="'a' 2 times"):
        bench.estimator("BCE").fit(x, pd.DataFrame(y, columns=list("abca")))
    for share in (1.5, 0, True, "half"):
        with pytest.raises(ValueError, match="between 0 and 1"):
            bench.estimator("BCE", validation=share).fit(x, y)
    with pytest.raises(ValueError, match="not a tuple; rows are X_val and y_val"):
        bench.estimator("BCE", validation=(x, y)).fit(x, y)
    with pytest.raises(ValueError, match="no protocol 'papre'"):
        bench.estimator("BCE", protocol="papre").fit(x, y)
    with pytest.raises(UsageError, match="did you mean 'alpha'"):
        bench.estimator("FLEM-D", {"alhpa": 1.0}).fit(x, y)
    with pytest.raises(UsageError, match="is missing"):
        bench.load(tmp_path / "none.safetensors")
    (tmp_path / "other").write_bytes(b"no model")
    with pytest.raises(UsageError, match="cannot be read as a safetensors file"):
        bench.load(tmp_path / "other")


def test_a_setting_of_the_protocols_training_is_an_option(tmp_path: Path) -> None:
    x, y = data()
    quick = bench.estimator("BCE", {"learning_rate": 0.1}, protocol="quick").fit(x, y)
    slow = bench.estimator("BCE", protocol="quick").fit(x, y)
    assert not np.allclose(quick.decision_function(x), slow.decision_function(x), atol=0.1)
    quick.save(tmp_path / "model.safetensors")
    again = bench.load(tmp_path / "model.safetensors")
    assert again.get_params()["options"] == {"learning_rate": 0.1}
    assert np.array_equal(again.predict(x), quick.predict(x))
    with pytest.raises(Exception, match="has no option 'learn_rate'; did you mean 'learning_rate'"):
        bench.estimator("BCE", {"learn_rate": 0.1}, protocol="quick").fit(x, y)
