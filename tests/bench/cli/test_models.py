"""fit and predict, called in this process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

import bench
from bench.cli.main import main
from bench.datasets.dataset import SplitArrays
from bench.datasets.readers import canonical
from bench.job.evaluation import evaluated
from bench.job.fit_linear import fit_linear
from bench.job.inputs import prepare
from bench.metrics.catalogue import PAPER_METRICS
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from tests.conftest import random_split

FEW_STEPS = "[protocols.small]\nepochs = 30\nminimum_steps = 0\nlearning_rate = 0.1\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    Path("bench.toml").write_text(FEW_STEPS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """named.st is of the features a, b, c, nameless.st of three without names; of two labels."""
    folder = tmp_path_factory.mktemp("models")
    split = random_split(40, 3, 2, seed=1)
    (folder / "bench.toml").write_text(FEW_STEPS)
    for name, features in (("named", {"feature_names": np.array(list("abc"))}), ("nameless", {})):
        np.savez(folder / f"{name}.npz", X=split.x.numpy(), Y=split.y.numpy(), **features)
        arguments = [str(folder / f"{name}.npz"), "BCE", "--model", str(folder / f"{name}.st")]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            assert main(["fit", *arguments, "--device", "cpu"]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_what_fit_prints_is_what_a_run_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Features of a thousand make logits whose sigmoids are equal numbers, though the logits are not."""
    parts = {name: random_split(rows, 5, 3, seed) for seed, (name, rows) in enumerate(
        {"train": 200, "val": 60, "test": 60}.items()
    )}  # fmt: skip
    arrays = {
        name: SplitArrays(((part.x.numpy() - 0.3) * 5000).astype(np.float32), part.y.numpy())
        for name, part in parts.items()
    }
    canonical.save(tmp_path, "big", "raw", arrays)
    assert main(["fit", "big", "BCE", "--data", ".", "--model", "m", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out

    (source,) = canonical.find(tmp_path)
    prepared = prepare(source.load(), "none", "official", torch.device("cpu"), torch.float32)
    result, scores, _ = evaluated([{}], (), fit_linear("BCE", [{}], prepared, Protocol(), 0), prepared)
    test = prepared.splits["test"]
    tied = evaluate(test.y, scores["test"].double().sigmoid(), 0.5)
    assert abs(tied["ranking"] - result.test["ranking"]) > 0.01  # type: ignore[operator]
    for metric in PAPER_METRICS:
        value = result.val[metric.key], result.test[metric.key]
        assert f"{metric.title}: {value[0]:.4f} on validation, {value[1]:.4f} on test" in printed

    model = bench.load(tmp_path / "m")
    assert model.evaluate(test.x.numpy(), test.y.numpy()) == result.test
    assert np.isfinite(model.predict_proba(test.x.numpy())).all()


def test_a_header_of_numbers_is_no_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The names that pandas gives to columns without any."""
    split = random_split(60, 3, 2, seed=1)
    lines = [",".join(map(repr, row)) for row in split.x.tolist()]
    labels = [";".join(np.array(["sun", "rain"])[row > 0]) for row in split.y.numpy()]
    Path("numbered.csv").write_text(
        "\n".join(["0,1,2,labels", *(f"{x},{y}" for x, y in zip(lines, labels, strict=True))])
    )
    Path("new.csv").write_text("\n".join(["0,1,2", *lines[:4]]))
    assert main(["data", "prepare", "numbered", "--raw", "numbered.csv", "--to", "data"]) == 0
    assert main(["fit", "numbered", "BCE", "--data", "data", "--model", "m", "--device", "cpu"]) == 0
    capsys.readouterr()
    code, out, err = said(capsys, "predict", "m", "new.csv")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 1 + 4


def test_columns_are_taken_by_name_or_a_note_says_why_not(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng(0).random((30, 3)).astype(np.float32)
    turned = rows[:, ::-1]
    np.save("rows.npy", rows)
    np.savez("turned.npz", X=turned, feature_names=np.array(list("cba")))
    Path("turned.csv").write_text("\n".join(["c,b,a", *(",".join(map(repr, row)) for row in turned.tolist())]))
    np.save("turned.npy", turned)
    named, nameless = models / "named.st", models / "nameless.st"
    expected = said(capsys, "predict", named, "rows.npy")
    assert "rows.npy are taken by their place: it has no feature names." in expected[2]
    for file in ("turned.csv", "turned.npz"):
        assert said(capsys, "predict", named, file) == (0, expected[1], "")
        code, out, err = said(capsys, "predict", nameless, file)
        assert (code, out) == (0, said(capsys, "predict", nameless, "turned.npy")[1])
        assert f"{file} are taken by their place: the model {nameless} has no feature names." in err
        assert err.count("\n") == 1
    assert said(capsys, "predict", nameless, "rows.npy")[2] == ""


def test_a_column_that_numbers_the_rows_is_left_out_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    split = random_split(150, 3, 2, seed=1)
    x = np.hstack([np.arange(150)[:, None], split.x.numpy()])
    np.savez("numbered.npz", X=x, Y=split.y.numpy(), feature_names=np.array(["row", "a", "b", "c"]))
    assert main(["fit", "numbered.npz", "BCE", "--model", "m", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert said(capsys, "predict", "m", "numbered.npz")[::2] == (0, "")


def test_a_row_is_fitted_with_its_grid_and_settings(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bench.toml").write_text(
        "[protocols.small]\nepochs = 2\nminimum_steps = 0\n"
        '[methods.row]\nbase = "FLEM-I"\nclip = "separate"\ngrid = { learning_rate = [1e-3, 1e-1] }\n'
    )
    assert main(["fit", str(models / "named.npz"), "row", "--model", "m", "--device", "cpu"]) == 0
    model = bench.load("m")
    assert f"learning_rate {model.options_['learning_rate']}" in capsys.readouterr().out
    assert model.get_params(deep=False)["method"] == "row"
    assert main(["run", "--datasets", str(models / "named.npz"), "--methods", "row", "--device", "cpu"]) == 0
    record = json.loads(Path("results/runs/named@npz/row/seed-0.json").read_text())
    assert model.validation_ == record["result"]["val"]
    assert model.options_.items() >= record["result"]["selected"]["hyperparameters"].items()


def test_warnings_name_their_job(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "bench.methods.linear_svm.LinearSVC", lambda **given: LinearSVC(**{**given, "dual": True, "max_iter": 1})
    )
    Path("bench.toml").write_text('[methods.row]\nbase = "SVM"\ngrid = {}\n')
    told = "2 of 2 labels did not converge: Liblinear failed to converge, increase the number of iterations."
    code, _, err = said(capsys, "fit", models / "named.npz", "row", "--model", "m")
    assert (code, err) == (0, f"note: {told}\n")
    code, _, err = said(capsys, "run", "--datasets", models / "named.npz", "--methods", "row", "--jobs", 1)
    assert (code, err) == (0, f"named@npz row seed 0: {told}\n")


def test_what_predicts_nothing_is_said(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(models / "named.npz")
    assert main(["run", "--datasets", data, "--methods", "BCE", "--keep", "model", "--device", "cpu"]) == 0
    assert main(["fit", data, "SVM", "--model", "svm.st"]) == 0
    capsys.readouterr()
    code, out, err = said(capsys, "predict", "results/runs/named@npz/BCE/seed-0.model.safetensors", data)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is no model; it holds a run's trained parameters alone" in err
    code, out, err = said(capsys, "predict", "svm.st", data, "--probabilities")
    assert (code, out) == (2, "")
    assert err == "error: svm.st (SVM) gives margins, no probabilities; leave out --probabilities.\n"


def not_trained(*given: Any) -> Any:
    raise AssertionError("trained before the output was looked at")


UNUSABLE = {
    "": "is a shell variable unset?",
    ".": "is a shell variable unset?",
    "folder.csv": "is a folder, a pipe or a device, not a file",
    "pipe.csv": "is a folder, a pipe or a device, not a file",
    "/proc/x.csv": "/proc/x.csv cannot be written",
    "set.npz/x.csv": "cannot be written",
    "x" * 300 + ".csv": "at most 255 bytes",
    "link.npz": "is read, and what is written would take its place",
    "set.npz": "is read, and what is written would take its place",
}


@pytest.mark.parametrize("verb", ["fit", "predict"])
def test_an_output_is_looked_at_before_any_work(
    models: Path, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (models / "named.npz").read_bytes()
    Path("set.npz").write_bytes(content)
    Path("link.npz").symlink_to("set.npz")
    Path("folder.csv").mkdir()
    os.mkfifo("pipe.csv")
    monkeypatch.setattr("bench.classifier.training.fit_linear", not_trained)
    monkeypatch.setattr("bench.load", not_trained)
    before = sorted(Path().rglob("*"))
    for name, message in UNUSABLE.items():
        given = ("set.npz", "BCE", "--model") if verb == "fit" else (models / "named.st", "set.npz", "--output")
        code, out, err = said(capsys, verb, *given, name)
        assert (code, out, err.count("\n")) == (2, "", 1), name
        assert message in err
    assert Path("set.npz").read_bytes() == content
    assert sorted(Path().rglob("*")) == before


def test_an_output_of_another_kind_is_refused(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "predict", models / "named.st", models / "named.npz", "--output", "p.npy")
    assert code == 2
    assert "--output is a .csv or .npz file, not 'p.npy'." in err


def test_the_folders_of_outputs_are_made(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(models / "named.npz"), "ML-KNN", "--model", "a/b/m", "--device", "cpu"]) == 0
    assert main(["predict", "a/b/m", str(models / "named.npz"), "--output", "c/d/p.csv"]) == 0
    assert Path("c/d/p.csv").read_text().startswith("label 0,label 1\n")


def test_the_values_of_a_model_are_0_and_1_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    split = random_split(40, 3, 2, seed=1)
    np.save("x.npy", split.x.numpy())
    model = bench.estimator("BCE").fit(split.x.numpy(), np.array(["no", "yes"])[split.y.numpy()])
    model.save("m")
    _, out, _ = said(capsys, "predict", "m", "x.npy")
    rows = [",".join("1" if value == "yes" else "0" for value in row) for row in model.predict(split.x.numpy())]
    assert out == "\n".join(["label 0,label 1", *rows]) + "\n"


MISTAKES = {
    ("fit", "named.npz", "all", "--model", "m"): "'all' stands for",
    ("fit", "named.npz", "FLEMD", "--model", "m"): "did you mean 'FLEM-D'?",
    ("fit", "named.npz", "", "--model", "m"): "an argument is empty",
    ("fit", "all", "BCE", "--model", "m"): "there is no data set 'all'",
    ("fit", "named.npz", "BCE", "--model", "m", "--device", "gpu9"): "there is no device 'gpu9'",
    ("predict", "named.st", "few.csv"): "few.csv has 2 features; named.st was trained on 3.",
    ("predict", "named.st", "fewer.csv"): "fewer.csv has no column 'c', which the model was trained on.",
    ("predict", "named.st", "words.csv"): "words.csv, line 2, column c is 'three', no finite float32 number.",
    ("predict", "named.st", "notes.txt"): "notes.txt is not one of .npz, .npy, .csv.",
    ("predict", "named.st", "gone.npy"): "gone.npy is missing.",
    ("predict", "gone.st", "few.csv"): "gone.st is missing.",
    ("predict", "named.npz", "few.csv"): "give a file that `bench fit` or `save` wrote",
}


def test_mistakes_are_one_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("named.npz", "named.st"):
        Path(name).symlink_to(models / name)
    Path("few.csv").write_text("1,2\n3,4\n")
    Path("fewer.csv").write_text("a,b\n1,2\n")
    Path("words.csv").write_text("a,b,c\n1,2,three\n")
    Path("notes.txt").touch()
    for arguments, message in MISTAKES.items():
        code, out, err = said(capsys, *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
        assert message in err
    assert not Path("m").exists()


BROKEN = """
from bench.methods.api import Method, register

@register("Broken", family="mine", paper="none")
class Broken(Method):
    def fit(self, train, seed):
        if {fails}:
            raise KeyError("a fault of its own")
        self.labels = train.y.shape[1]

    def scores(self, x):
        return x[:, : self.labels] * float("nan")
"""


@pytest.mark.parametrize(
    ("fails", "message"),
    [("True", "broken.py, line 8: 'a fault of its own'"), ("False", "row 0, label 0 is nan, not finite")],
)
def test_a_fault_of_a_method_is_one_sentence(
    models: Path, fails: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench import methods

    monkeypatch.setattr(methods, "_folders", [])
    methods.infos.cache_clear()
    Path("own").mkdir()
    Path("own/broken.py").write_text(BROKEN.format(fails=fails))
    try:
        code, _, err = said(
            capsys, "--methods-dir", "own", "fit", models / "named.npz", "Broken", "--model", "m", "--device", "cpu"
        )
    finally:
        monkeypatch.undo()
        methods.infos.cache_clear()
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
