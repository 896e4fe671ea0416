"""Copies of a file, run and reported as a user does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from tests.end_to_end.test_program import bench


def test_five_identical_copies_of_a_file_count_as_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "other"):
        x = random.normal(size=(60, 4)).astype(np.float32)
        y = (x[:, :3] + random.normal(size=(60, 3)) > 0).astype(np.uint8)
        (tmp_path / "data").mkdir(exist_ok=True)
        np.savez(tmp_path / "data" / f"{name}.npz", X=x, Y=y)
    for name in "bcde":
        shutil.copy(tmp_path / "data/a.npz", tmp_path / "data" / f"{name}.npz")
    names = [*"abcde", "other"]
    done = bench("run", "--datasets", *names, "--methods", "FL", "CB", "BCE", "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    compared = ("--methods", "FL", "CB", "BCE", "--control", "BCE", "--metric", "hamming")
    said = bench("stats", *compared, cwd=tmp_path).stdout
    flat = " ".join(said.split())
    assert "b, c, d, e have the same arrays as a; they count once, by the values of a." in flat
    assert "So 2 data sets of 6 columns; averages and tests are over those without gaps." in flat
    assert "Mean ranks over 2 data sets" in flat
    table = " ".join(bench("table", "--metric", "hamming", cwd=tmp_path).stdout.split())
    assert "b, c, d, e have the same arrays as a" in table
