"""A finished run of two methods on a small set, with kept scores."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.cli.main import main
from tests.conftest import random_split


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    data = random_split(200, 6, 4, seed=0)
    (folder / "data").mkdir()
    np.savez(folder / "data/small.npz", X=data.x.numpy().astype(np.float32), Y=data.y.numpy())
    words = ["--datasets", "small", "--methods", "BCE", "FLEM-D", "--epochs", "2", "--data", str(folder / "data")]
    assert main(["run", *words, "--results", str(folder / "results"), "--device", "cpu"]) == 0
    return folder


@pytest.fixture
def work(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run in the working folder: ``data`` and ``results``."""
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    return tmp_path
