"""A compared method used on rows of one's own: bench fit, bench predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench as package
from tests.conftest import random_split
from tests.end_to_end.test_program import bench, result_of

ROW = '[methods.separate]\nbase = "FLEM-I"\nclip = "separate"\n[methods.warm]\nbase = "CB"\nbeta = 0.9\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a set of its own, mine.npz, on which a row was run, and its features in two more forms."""
    folder = tmp_path_factory.mktemp("models")
    split = random_split(150, 5, 3, seed=2)
    x, y = split.x.numpy().astype(np.float32), split.y.numpy()
    np.savez(folder / "mine.npz", X=x, Y=y, label_names=np.array(["sun", "rain", "snow"]))
    np.save(folder / "mine.npy", x)
    lines = [",".join(f"feature {i}" for i in range(5)), *(",".join(map(repr, row.tolist())) for row in x)]
    (folder / "mine.csv").write_text("\n".join(lines))
    (folder / "bench.toml").write_text(ROW)
    assert bench("run", "--datasets", "mine.npz", "--methods", "warm", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    done = bench("fit", "mine.npz", "warm", "--model", "warm.safetensors", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_fitted_is_the_run(folder: Path, said: str) -> None:
    test = result_of(folder / "results/runs", "mine@npz", "warm")["test"]
    assert f"Hamming loss: {package.load(folder / 'warm.safetensors').validation_['hamming']:.4f} on validation" in said
    for metric in ("hamming", "ranking", "coverage"):
        assert f"{test[metric]:.4f} on test" in said
    assert "beta 0.9" in said


@pytest.mark.usefixtures("said")
def test_every_form_of_the_features_gives_the_same(folder: Path) -> None:
    x = np.load(folder / "mine.npy")
    expected = package.load(folder / "warm.safetensors").predict(x)
    lines = "sun,rain,snow\n" + "\n".join(",".join(map(str, row)) for row in expected) + "\n"
    for name in ("mine.npz", "mine.npy", "mine.csv"):
        assert bench("predict", "warm.safetensors", name, cwd=folder).stdout == lines, name
    done = bench("predict", "warm.safetensors", "mine.npy", "--probabilities", "--output", "p.npz", cwd=folder)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "p.npz") as archive:
        assert list(archive["label_names"]) == ["sun", "rain", "snow"]
        assert np.array_equal(archive["Y"] > 0.5, expected == 1)


@pytest.mark.usefixtures("said")
def test_mistakes_are_one_sentence(folder: Path) -> None:
    (folder / "few.csv").write_text("1,2\n3,4\n")
    (folder / "words.csv").write_text("1,2,3,4,5\n1,2,three,4,5\n")
    (folder / "notes.txt").write_text("")
    (folder / "twins.csv").write_text("a,b,c,d,a\n1,2,3,4,5\n")
    for arguments, message in (
        (("predict", "warm.safetensors", "few.csv"), "few.csv has 2 features; warm.safetensors was trained on 5."),
        (("predict", "warm.safetensors", "words.csv"), "line 2, column 2 is 'three', no number"),
        (("predict", "warm.safetensors", "twins.csv"), "it has two columns of the name 'a'"),
        (("predict", "warm.safetensors", "notes.txt"), "notes.txt is not one of .npz, .npy, .csv."),
        (("predict", "warm.safetensors", "gone.npy"), "the file gone.npy is missing."),
        (("predict", "mine.npz", "mine.npy"), "mine.npz is no model that `bench fit` or `save` wrote"),
        (("fit", "mine.npz", "separate", "--model", "m"), "the row 'separate' has a clip"),
        (("fit", "mine.npz", "BEC", "--model", "m"), "did you mean 'BCE'?"),
        (("fit", "mine.npz", "BCE", "--model", "gone/m"), "the folder gone of the model m does not exist."),
    ):
        done = bench(*arguments, cwd=folder)
        assert done.returncode == 2, arguments
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_columns_are_found_by_their_names(folder: Path) -> None:
    with np.load(folder / "mine.npz") as archive:
        x, y, names = archive["X"], archive["Y"], archive["label_names"]
    header = ["width", "height", "depth", "mass", "age"]
    rows = [[*map(repr, map(float, row)), ";".join(names[labels > 0])] for row, labels in zip(x, y, strict=True)]
    write(folder / "things.csv", [[*header, "labels"], *rows])
    assert bench("data", "prepare", "things", "--raw", "things.csv", "--to", "data", cwd=folder).returncode == 0
    done = bench("fit", "things", "ML-KNN", "--model", "things.safetensors", "--data", "data", cwd=folder)
    assert done.returncode == 0, done.stderr

    write(folder / "turned.csv", [[*header[::-1], "note"], *([*row[4::-1], "new"] for row in rows)])
    write(folder / "bare.csv", [row[:5] for row in rows])
    write(folder / "fewer.csv", [header[1:], *(row[1:5] for row in rows)])
    found = [
        bench("predict", "things.safetensors", file, cwd=folder) for file in ("things.csv", "turned.csv", "bare.csv")
    ]
    assert all(one.returncode == 0 for one in found), [one.stderr for one in found]
    assert found[0].stdout == found[1].stdout == found[2].stdout
    assert len(found[0].stdout.splitlines()) == len(rows) + 1
    done = bench("predict", "things.safetensors", "fewer.csv", cwd=folder)
    assert done.returncode == 2
    assert "it has no column 'width', which the model was trained on" in done.stderr


def write(path: Path, rows: list[list[str]]) -> None:
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
