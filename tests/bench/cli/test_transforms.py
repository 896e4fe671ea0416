"""Transforms on the command line, and the page that says how: its files and its commands."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import methods
from bench.cli.main import main
from bench.records.record import read_record

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/transforms.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with a small set by the name of a known one in its data folder."""
    random = np.random.default_rng(0)
    x = random.random((90, 4)).astype(np.float32)
    y = (x @ random.standard_normal((4, 5)) > 0.2).astype(np.int8)
    y[random.random(y.shape) < 0.2] = 1
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/emotions.npz", X=x, Y=y)
    (tmp_path / "bench.toml").write_text("[protocols.small]\nepochs = 2\nminimum_steps = 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(methods, "_folders", [])
    yield tmp_path
    methods.infos.cache_clear()


def test_the_pages_files_and_commands(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "own/transforms").mkdir(parents=True)
    (work / "own/known_bce.py").write_text(block("known_bce.py"))
    (work / "own/transforms/forgotten.py").write_text(block("forgotten.py"))
    said = []
    for line in block("commands").splitlines():
        python, m, bench, *words = shlex.split(line)
        assert (python, m, bench) == ("python", "-m", "bench")
        assert main(words) == 0, capsys.readouterr().err
        said.append(capsys.readouterr().out)
    listed, card, ran, table, drawn = said
    assert "forgotten Forgotten labels: each positive training label is lost with a probability." in listed
    assert "transform    forgotten=20%: Forgotten labels" in card
    assert "6 jobs done, 0 failed" in ran
    heads = table.splitlines()[2].split()
    assert heads[1:4] == ["emotions", "emotions[forgotten=20%]", "emotions[observed=50%]"]
    assert "transforms-forgotten-hamming.svg" in drawn
    assert "transforms-observed-hamming.svg" in drawn
    known, plain = (
        read_record(work / f"results/runs/emotions[observed=50%]@npz/{variant}/seed-0.json")
        for variant in ("KnownBCE", "BCE")
    )
    assert known.result is not None
    assert plain.result is not None
    assert known.result.grid[0].curves != plain.result.grid[0].curves
    assert known.probe is not None


def test_folds_are_runs_of_their_own_and_are_not_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--datasets", "emotions", "--methods", "BCE", "--folds", "3", "--repeats", "2"]
    assert main(words) == 0
    assert "6 jobs done, 0 failed" in capsys.readouterr().out
    assert main([*words, "--dry-run"]) == 0
    assert "6 done" in capsys.readouterr().out
    assert main(["status"]) == 0
    assert "6 done" in capsys.readouterr().out
    one = ["table", "--metric", "hamming", "--include", "extra", "--datasets", "emotions[fold=2/3:r2]"]
    assert main(one) == 0
    assert "emotions[fold=2of3,r2]" in capsys.readouterr().out
    tests = []
    for fold in range(1, 4):
        record = read_record(Path(f"results/runs/emotions[fold={fold}of3]@npz/BCE/seed-0.json"))
        assert record.result is not None
        tests.append(record.result.n_samples["test"])
        assert sum(record.result.n_samples.values()) == 90
    assert tests == [30, 30, 30]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--datasets", "emotions[fold=1/91]"], "emotions: 91 folds of 90 rows"),
        (["--datasets", "emotions", "--folds", "91"], "emotions: 91 folds of 90 rows"),
        (["--datasets", "emotions[train=1%]"], "emotions[train=1%]@npz, split train"),
        (["--datasets", "emotions[labels=min:90]"], "emotions[labels=min90] leaves 0 of 5 labels"),
        (["--datasets", "emotions[nois=1%]"], "there is no transform 'nois'; did you mean 'noise'?"),
        (["--datasets", "emotions", "--folds", "1"], "--folds must be a whole number from 2"),
        (["--datasets", "emotions", "--repeats", "2"], "--repeats goes with --folds N."),
        (["--datasets", "emotions", "--stratified"], "--stratified goes with --folds N."),
        (["--datasets", "emotions[fold=1/5]", "--folds", "3"], "emotions[fold=1of5] says its fold itself"),
    ],
)
def test_a_wrong_transform_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--methods", "BCE", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_stratified_folds_say_which_package_they_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "iterstrat.ml_stratifiers", None)
    assert main(["run", "--datasets", "emotions", "--methods", "BCE", "--folds", "3", "--stratified"]) == 2
    assert "pip install 'flem-bench[stratified]'" in capsys.readouterr().err


def test_a_model_is_not_fitted_to_labels_that_are_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "emotions[observed=50%]", "BCE", "--model", "m.safetensors"]) == 2
    assert "has labels that are not known" in capsys.readouterr().err
