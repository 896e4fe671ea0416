"""One small run, which every test of a board copies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.cli.main import main

ROWS = ("BCE", "FL", "ML-KNN")
SETTINGS = "[protocols.small]\nepochs = 2\nminimum_steps = 0\n"
"""Two epochs by the settings themselves: an option of a run would be a protocol that a board does not have."""


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a run of three rows and two seeds on the embedded data set."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "bench.toml").write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BENCH_DATA", "")
        run = ["run", "--datasets", "yeast", "--methods", *ROWS, "--seeds", "0", "1", "--keep", "scores"]
        assert main(run) == 0
    return folder


@pytest.fixture
def work(run_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working folder."""
    folder = tmp_path / "work"
    shutil.copytree(run_once, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_DATA", "")
    return folder
