"""Names of rows that a table is counted or tested against: aliases, in any case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.cli.main import main


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of two methods on two small sets."""
    folder = tmp_path_factory.mktemp("against")
    generator = np.random.default_rng(0)
    for name in ("one", "two"):
        x = generator.random((90, 5)).astype(np.float32)
        np.savez(folder / f"{name}.npz", X=x, Y=(x[:, :3] > 0.5).astype(np.int8))
    files = [str(folder / f"{name}.npz") for name in ("one", "two")]
    results = str(folder / "runs")
    assert main(["run", "--datasets", *files, "--methods", "an", "ml-knn", "--epochs", "2", "--results", results]) == 0
    return folder


@pytest.mark.parametrize("name", ["bce", "an"])
def test_a_row_is_named_in_any_case_and_by_an_alias(work: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = ["--results", str(work / "runs")]
    assert main(["table", "--against", name, *results]) == 0
    assert "Wins/ties/losses against BCE on 2 data sets" in capsys.readouterr().out
    assert main(["stats", "--metric", "hamming", "--control", name, "--methods", "ML-knn", *results]) == 0
    assert "that of BCE is" in capsys.readouterr().out


def test_a_family_is_no_row(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--against", "@losses", "--results", str(work / "runs")]) == 2
    assert "there is no row '@losses'" in capsys.readouterr().err
