"""The program from Python: what its functions return is what the command line prints and records hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.metrics import f1_score, hamming_loss, label_ranking_loss

import bench
from bench.cli.main import main
from bench.errors import UsageError

NOTEBOOK = Path(__file__).parent.parent.parent / "docs/python.ipynb"
RANDOM = np.random.default_rng(0)
X = RANDOM.random((120, 6))
Y = (X[:, :4] + 0.3 * RANDOM.random((120, 4)) > 0.8).astype(int)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names of docs/python.ipynb after its cells have run in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        patch.setenv("BENCH_DATA", "")
        names: dict[str, Any] = {"folder": Path.cwd()}
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    return names


def test_the_notebook_runs_and_holds_no_output() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)


def test_a_run_returns_the_records_of_its_jobs(notebook: dict[str, Any]) -> None:
    frame = notebook["frame"]
    assert len(frame) == 2 * 3 * 2
    assert set(frame["state"]) == {"done"}
    record = json.loads((notebook["folder"] / "runs/mine@npz/FL/seed-1.json").read_text())
    row = frame.set_index(["dataset", "variant", "seed"]).loc["mine", "FL", 1]
    for metric, value in record["result"]["test"].items():
        assert row[metric] == value
    whole = bench.results(notebook["folder"] / "runs")
    pd.testing.assert_frame_equal(whole[frame.columns].reset_index(drop=True), frame.reset_index(drop=True))


def test_a_table_is_what_the_command_prints(notebook: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    table = notebook["table"]
    folder = str(notebook["folder"] / "runs")
    assert main(["table", "--metric", "hamming", "--include", "extra", "--results", folder]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[:8] == bench.table(results=folder, include_extra=True).__repr__().splitlines()[:8]
    assert table.loc["BCE", "yeast"] == pytest.approx(float(table.ranked.cells["BCE", "yeast"].mean))
    assert "<table>" in table._repr_html_()
    assert isinstance(table * 2, pd.DataFrame)
    assert not isinstance(table * 2, type(table))


def test_tests_are_a_row_a_method(notebook: dict[str, Any]) -> None:
    tests = notebook["tests"]
    assert list(tests.index) == ["FL", "ML-KNN"]
    assert (tests["wins"] + tests["losses"] <= 2).all()
    assert "Mean ranks over 2 data sets" in tests.attrs["report"]


def test_a_fold_is_a_run_and_options_are_parameters(notebook: dict[str, Any]) -> None:
    assert notebook["by_fold"][0] == notebook["job"]["hamming"].item()
    assert (
        notebook["search"].best_estimator_[-1].options_["k"]
        == notebook["search"].best_params_["multilabelclassifier__k"]
    )


def test_stats_of_one_data_set_are_refused(notebook: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="1 data sets have a value of each method"):
        bench.stats("hamming", "BCE", methods=["FL"], datasets=["mine"], results=notebook["folder"] / "runs")


@pytest.mark.parametrize(
    "form",
    [np.asarray, sparse.csr_matrix, sparse.csc_array, pd.DataFrame, torch.tensor],
    ids=lambda form: form.__name__,
)
def test_a_data_set_of_any_form_is_the_same(form: Any) -> None:
    one, other = bench.load_dataset(X, Y), bench.load_dataset(form(X), form(Y))
    for split in ("train", "val", "test"):
        np.testing.assert_array_equal(one.splits[split].x, other.splits[split].x)
        np.testing.assert_array_equal(one.splits[split].y, other.splits[split].y)
    given = bench.load_dataset(
        form(X), form(Y), splits={"train": range(60), "val": range(60, 90), "test": range(90, 120)}
    )
    np.testing.assert_array_equal(given.splits["test"].y, Y[90:])


def test_a_data_frames_columns_name_the_labels() -> None:
    frame = pd.DataFrame(Y, columns=["a", "b", "c", "d"])
    assert bench.load_dataset(X, frame).label_names == ["a", "b", "c", "d"]
    assert bench.load_dataset("yeast").full_name == "yeast@mulan"


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (X, Y[:5], "there are 120 rows of features and 5 of labels"),
        (X, Y + 1, "labels are 0 or 1"),
        (np.where(X > 0.99, np.nan, X), Y, "not finite"),
        (X, Y[:, :1], "multi-label learning needs at least two"),
    ],
)
def test_faults_of_arrays_are_one_sentence(x: Any, y: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        bench.load_dataset(x, y)


def test_metrics_of_scores_are_scikit_learns() -> None:
    scores = RANDOM.normal(size=Y.shape)
    found = bench.evaluate(Y, scores, metrics=["hamming", "ranking", "micro-f1"])
    assert found["hamming"] == pytest.approx(hamming_loss(Y, scores > 0))
    assert found["ranking"] == pytest.approx(label_ranking_loss(Y, scores), abs=1e-6)
    assert found["micro_f1"] == pytest.approx(f1_score(Y, scores > 0, average="micro"))
    probabilities = 1 / (1 + np.exp(-scores))
    assert bench.evaluate(Y, probabilities, threshold=0.5)["hamming"] == pytest.approx(found["hamming"])
    with pytest.raises(UsageError, match="they must be the same"):
        bench.evaluate(Y, scores[:, :2])


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="module 'bench' has no attribute 'tabel'"):
        bench.tabel  # noqa: B018
