"""Features and labels in their many forms: arrays, sparse matrices and data frames give one model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import bench
from bench.classifier.labels import Labels
from bench.datasets.validation import ROWS_AT_ONCE
from bench.system import reading
from tests.conftest import random_split

SPLIT = random_split(60, 5, 3, seed=1)
X, Y = SPLIT.x.numpy().astype(np.float32), SPLIT.y.numpy()
X[X < 0.3] = 0


@pytest.mark.parametrize("method", ["BCE", "ML-KNN"])
@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array, pd.DataFrame, np.asfortranarray, np.ndarray.tolist]
)
def test_every_form_gives_the_same_model(method: str, form: Callable[[Any], Any]) -> None:
    options = {"epochs": 2} if method == "BCE" else None
    expected = bench.estimator(method, options, validation=0.25).fit(X, Y)
    model = bench.estimator(method, options, validation=0.25).fit(form(X), form(Y))
    assert model.validation_ == expected.validation_
    np.testing.assert_array_equal(model.predict_proba(form(X)), expected.predict_proba(X))
    assert isinstance(model.predict(form(X)), np.ndarray)
    assert model.evaluate(form(X), form(Y)) == expected.evaluate(X, Y)
    by_rows = bench.estimator(method, options).fit(form(X[:40]), form(Y[:40]), form(X[40:]), form(Y[40:]))
    assert by_rows.validation_ == bench.estimator(method, options).fit(X[:40], Y[:40], X[40:], Y[40:]).validation_


def test_rows_of_a_sparse_matrix_are_scored_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    model = bench.estimator("BCE", {"epochs": 2}).fit(X, Y)
    many = sparse.vstack([sparse.csr_matrix(X)] * (ROWS_AT_ONCE // len(X) + 2)).tocsr()
    expected, seen = model.decision_function(many.toarray()), []
    scores = type(model._model).scores
    monkeypatch.setattr(type(model._model), "scores", lambda self, x: (seen.append(len(x)), scores(self, x))[1])
    np.testing.assert_array_equal(model.decision_function(many), expected)
    assert seen == [ROWS_AT_ONCE, many.shape[0] - ROWS_AT_ONCE]


def test_a_sparse_matrix_that_memory_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "free_memory", lambda: X.nbytes - 1)
    with pytest.raises(ValueError, match=r"the sparse features \[60, 5\] are trained on as an array"):
        bench.estimator("BCE").fit(sparse.csr_matrix(X), Y)


def test_names_of_data_frames_are_kept(tmp_path: Path) -> None:
    x, y = pd.DataFrame(X, columns=list("pqrst")), pd.DataFrame(Y, columns=["sun", "rain", "snow"])
    model = bench.estimator("ML-KNN").fit(x, y)
    model.save(tmp_path / "m")
    for found in (model, bench.load(tmp_path / "m")):
        assert found.feature_names_in_.tolist() == list("pqrst")
        assert found.label_names_ == ["sun", "rain", "snow"]
        with pytest.raises(ValueError, match="feature names should match"):
            found.predict(x[list("qprst")])
        with pytest.raises(ValueError, match="the columns of the labels are"):
            found.evaluate(x, y[["rain", "sun", "snow"]])
    assert bench.estimator("ML-KNN").fit(X, Y).label_names_ == ["label 0", "label 1", "label 2"]


@pytest.mark.parametrize("values", [(0, 1), (-1, 1), (-1, 0), (0, 7), (0.0, 0.5)])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_the_larger_value_is_having_the_label(values: tuple[float, float], form: Callable[[Any], Any]) -> None:
    y = form(np.array(values)[Y])
    labels = Labels.of(y)
    assert labels.values.tolist() == list(values)
    np.testing.assert_array_equal(labels.encoded(y, len(Y)), Y)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_other_values_are_refused(form: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match="3 values where each label is had or not"):
        Labels.of(form(Y + Y[:, ::-1]))
    with pytest.raises(ValueError, match="other than the training labels'"):
        Labels.of(Y).encoded(form(2 * Y), len(Y))


def test_labels_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match="Input y contains NaN"):
        bench.estimator("EM").fit(X, np.where(Y, 1.0, np.nan))
