"""A compared method used on rows of one's own: bench fit, bench predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench as package
from tests.conftest import random_split
from tests.end_to_end.test_program import bench, result_of

ROW = '[methods.warm]\nbase = "CB"\nbeta = 0.9\n'


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
