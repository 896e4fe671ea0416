"""Parameters: options of the method by their own names, and rows of bench.toml with options over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

import bench
from bench import methods
from bench.classifier.rows import row_named, with_options
from bench.errors import UsageError
from bench.job.recipe import recipe
from bench.protocol import TRAINING_SETTINGS
from tests.conftest import random_split

TOML = """
[methods.row]
base = "FLEM-D"
beta = 0.01
grid = { alpha = [1e-3, 1e-2], learning_rate = [1e-3, 1e-2] }
training = { batch_size = 16 }
clip = "none"
classifier = "mlp"
classifier_options = { width = 8 }

[methods.near]
base = "ML-KNN"
k = 4
"""
SPLIT = random_split(60, 5, 3, seed=1)
X, Y = SPLIT.x.numpy().astype(np.float32), SPLIT.y.numpy()


@pytest.fixture(autouse=True)
def _own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bench.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)


def test_options_are_parameters() -> None:
    model = bench.estimator("FLEM-D", {"alpha": 0.1})
    deep, shallow = model.get_params(), model.get_params(deep=False)
    assert deep.keys() - shallow.keys() == {*methods.info("FLEM-D").defaults, *TRAINING_SETTINGS}
    assert {name: value for name, value in deep.items() if value is not None and name not in shallow} == {"alpha": 0.1}
    model.set_params(beta=0.01, epochs=2)
    assert model.options == {"alpha": 0.1, "beta": 0.01, "epochs": 2}
    copy = clone(model)
    assert copy.options == model.options
    assert copy.set_params(**copy.get_params()).get_params() == model.get_params()
    assert copy.set_params(alpha=None).options == {"beta": 0.01, "epochs": 2}
    assert model.options["alpha"] == 0.1
    assert model.set_params(method="ML-KNN", options=None, k=np.int64(3)).fit(X, Y).options_["k"] == 3


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("FLEM-D", "alhpa", "'FLEM-D' has no parameter or option 'alhpa'; did you mean 'alpha'"),
        ("ML-KNN", "learning_rate", "'ML-KNN' has no parameter or option 'learning_rate'; known: k, smoothing"),
        ("near", "kk", "did you mean 'k'"),
    ],
)
def test_an_unknown_parameter_is_refused(method: str, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bench.estimator(method).set_params(**{name: 1})


def test_what_is_given_is_neither_searched_nor_fixed_by_the_row() -> None:
    row = row_named("row")
    made = recipe(with_options(row, {}, None, None))
    assert (made.grid, made.settings_grid) == ({"alpha": [1e-3, 1e-2]}, {"learning_rate": [1e-3, 1e-2]})
    given = {"alpha": np.float32(0.5), "learning_rate": 0.1, "batch_size": 32, "clip": "joint", "beta": None}
    made = recipe(with_options(row, given, None, None))
    assert (made.grid, made.settings_grid) == ({}, {})
    assert made.options.items() >= {"alpha": 0.5, "beta": 0.01}.items()
    assert made.settings == {"learning_rate": 0.1, "batch_size": 32, "clip": "joint"}
    assert (made.backbone.name, made.backbone.options["width"]) == ("mlp", 8)
    assert recipe(with_options(row, {}, None, {"width": np.int64(4)})).backbone.options["width"] == 4
    assert recipe(with_options(row, {}, "linear", None)).backbone.name == "linear"


@pytest.mark.parametrize("name", ["row", "near"])
def test_a_row_is_saved_with_its_method(name: str, tmp_path: Path) -> None:
    options = {"epochs": 2} if name == "row" else None
    model = bench.estimator(name, options, validation=0.25).fit(X, Y)
    model.save(tmp_path / "m")
    (tmp_path / "bench.toml").unlink()
    again = bench.load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.options_ == model.options_
    assert again.get_params(deep=False) == model.get_params(deep=False)
    with pytest.raises(UsageError, match="there is no method"):
        clone(again).fit(X, Y)


@pytest.mark.parametrize("point", list(ParameterGrid({"k": [2, 4]})), ids=str)
def test_an_option_of_a_grid_is_the_one_given(point: dict[str, int]) -> None:
    given = clone(bench.estimator("near")).set_params(**point).fit(X, Y)
    assert np.array_equal(given.predict_proba(X), bench.estimator("ML-KNN", point).fit(X, Y).predict_proba(X))
