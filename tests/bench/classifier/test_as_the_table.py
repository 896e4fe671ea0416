"""scikit-learn's tools over ``bench.estimator`` against a table's jobs: same seed, same split, the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.metrics import hamming_loss, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import bench
from bench.classifier import MultiLabelClassifier
from bench.datasets.dataset import split_rows
from bench.records.record import JobName, Record
from bench.records.store import Store

TOML = """
[protocols.small]
epochs = 3
minimum_steps = 0

[methods.searched]
base = "BCE"
grid = { learning_rate = [1e-3, 1e-1] }

[methods.apart]
base = "FLEM-II"
clip = "separate"
fidelity = "paper"
classifier = "mlp"
classifier_options = { width = 8 }
training = { batch_size = 16 }

[methods."5 nearest"]
base = "ML-KNN"
k = 5
"""
METHODS = ["BCE", "searched", "apart", "FLEM-II", "Two-way", "EPR", "ML-KNN", "5 nearest", "SVM", "CC"]
"""Of each kind: without a grid, with one, rows of bench.toml, a fitted threshold, probabilities, margins."""
SEED = 3
RANDOM = np.random.default_rng(0)
X = (10 * RANDOM.random((120, 6)) - 2).astype(np.float32)
Y = (X[:, :4] / 10 + 0.3 * RANDOM.random((120, 4)) > 0.6).astype(int)
FOLDS = [(train, test) for train, test in KFold(2, shuffle=True, random_state=1).split(X)]
HAMMING = make_scorer(hamming_loss)


@dataclass(frozen=True)
class Runs:
    """A folder of records: a data set for each fold, whose official split it is."""

    folder: Path

    def record(self, fold: int, method: str) -> Record:
        found = Store(self.folder / "runs").read(JobName(f"fold{fold}", "npz", method, SEED))
        assert found is not None
        assert found.result is not None, found.failure
        return found

    def test(self, method: str, metric: str) -> list[float | None]:
        return [self.record(fold, method).result.test[metric] for fold in range(len(FOLDS))]  # type: ignore[union-attr]

    def scores(self, fold: int, method: str) -> np.lib.npyio.NpzFile:
        return np.load(self.folder / f"runs/fold{fold}@npz/{method}/seed-{SEED}.scores.npz")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("folds")
    (folder / "bench.toml").write_text(TOML)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BENCH_DATA", "")
        sets = [
            bench.load_dataset(X, Y, name=f"fold{fold}", splits={"train": train, "test": test})
            for fold, (train, test) in enumerate(FOLDS)
        ]
        bench.run(sets, METHODS, seeds=[SEED], results="runs")
    return Runs(folder)


@pytest.fixture(autouse=True)
def _in_the_folder(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.folder)


def of(method: str) -> MultiLabelClassifier:
    return bench.estimator(method, seed=SEED, validation=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_cross_validation_gives_the_metrics_of_the_jobs(method: str, runs: Runs) -> None:
    model = of(method)
    found = cross_validate(model, X, Y, cv=FOLDS, scoring=type(model).evaluate, return_estimator=True)
    for name in runs.record(0, method).result.test:  # type: ignore[union-attr]
        assert found[f"test_{name}"].tolist() == runs.test(method, name)
    for fold, fitted in enumerate(found["estimator"]):
        result = runs.record(fold, method).result
        assert result is not None
        assert fitted.validation_ == result.val
        assert fitted.epoch_ == result.selected.epoch
        assert fitted.options_.items() >= result.selected.hyperparameters.items()
        scores = runs.scores(fold, method)
        assert fitted.threshold_ == scores["threshold"]
        assert np.array_equal(fitted.predict(X[FOLDS[fold][1]]), scores["scores"] > scores["threshold"])


@pytest.mark.parametrize("method", ["searched", "ML-KNN", "SVM"])
def test_scikit_learns_scorers_agree(method: str, runs: Runs) -> None:
    found = cross_val_score(of(method), X, Y, cv=FOLDS, scoring=HAMMING)
    assert found.tolist() == runs.test(method, "hamming")
    found = cross_val_score(of(method), X, Y, cv=FOLDS, scoring="average_precision")
    assert found == pytest.approx(runs.test(method, "average_precision"), rel=1e-12)


@pytest.mark.parametrize(
    ("method", "what", "rounding"),
    [
        ("searched", "decision_function", 1e-6),  # logits are of double precision, a job's of the protocol's
        ("ML-KNN", "predict_proba", 0),
        ("SVM", "decision_function", 0),
    ],
)
def test_predictions_of_folds_are_the_kept_scores(method: str, what: str, rounding: float, runs: Runs) -> None:
    found = cross_val_predict(of(method), X, Y, cv=FOLDS, method=what)
    for fold, (_, test) in enumerate(FOLDS):
        np.testing.assert_allclose(found[test], runs.scores(fold, method)["scores"], rtol=0, atol=rounding)


def test_a_grid_search_of_options_is_the_jobs_grid(runs: Runs) -> None:
    """The points of a row's grid, each with its epoch chosen on the validation rows, as within the job."""
    search = GridSearchCV(of("BCE"), {"learning_rate": [1e-3, 1e-1]}, cv=FOLDS, scoring=HAMMING, refit=False)
    found = search.fit(X, Y).cv_results_
    for fold in range(len(FOLDS)):
        grid = runs.record(fold, "searched").result.grid  # type: ignore[union-attr]
        assert found[f"split{fold}_test_score"].tolist() == [point.test["hamming"] for point in grid]  # type: ignore[index]
    by_k = GridSearchCV(of("ML-KNN"), {"k": [5, 10]}, cv=FOLDS, scoring=HAMMING).fit(X, Y)
    for point, method in enumerate(["5 nearest", "ML-KNN"]):
        assert by_k.cv_results_["mean_test_score"][point] == np.mean(runs.test(method, "hamming"))
    assert by_k.best_estimator_.options_["k"] == by_k.best_params_["k"]


def test_a_pipeline_is_trained_as_the_job(runs: Runs) -> None:
    whole = make_pipeline(FunctionTransformer(), of("searched"))
    assert cross_val_score(whole, X, Y, cv=FOLDS, scoring=HAMMING).tolist() == runs.test("searched", "hamming")
    searched = GridSearchCV(whole, {"multilabelclassifier__seed": [SEED]}, cv=FOLDS, scoring=HAMMING).fit(X, Y)
    assert searched.best_score_ == np.mean(runs.test("searched", "hamming"))


def test_a_pipeline_transforms_validation_rows_of_ones_own() -> None:
    train, test = FOLDS[0]
    index, _ = split_rows(len(X), {"train": train, "test": test})
    fit, held_out = index["train"], index["val"]
    with sklearn.config_context(enable_metadata_routing=True):
        model = bench.estimator("BCE", seed=SEED).set_fit_request(X_val=True, y_val=True)
        whole = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        whole.fit(X[fit], Y[fit], X_val=X[held_out], y_val=Y[held_out])
    standardised = StandardScaler().fit(X[fit]).transform(X)
    by_hand = clone(model).fit(standardised[fit], Y[fit], standardised[held_out], Y[held_out])
    assert whole[-1].validation_ == by_hand.validation_
    assert np.array_equal(whole.predict(X[test]), by_hand.predict(standardised[test]))


def test_validation_rows_of_ones_own_are_those_of_the_job(runs: Runs) -> None:
    train, test = FOLDS[1]
    index, _ = split_rows(len(X), {"train": train, "test": test})
    frames = [pd.DataFrame(X[index[split]], columns=list("abcdef")) for split in ("train", "val", "test")]
    for method in ("FLEM-II", "EPR"):
        model = bench.estimator(method, seed=SEED).fit(frames[0], Y[index["train"]], frames[1], Y[index["val"]])
        assert model.evaluate(frames[2], Y[test]) == runs.record(1, method).result.test  # type: ignore[union-attr]


def test_without_validation_rows_the_row_is_trained_to_the_end() -> None:
    model = bench.estimator("searched").fit(X, Y)
    assert model.epoch_ == 3
    assert model.validation_ == {}
    assert np.array_equal(model.decision_function(X), bench.estimator("BCE").fit(X, Y).decision_function(X))
