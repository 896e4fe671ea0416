"""The examples of docs/decision-rules.md and docs/score-external-models.md run as they are written."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from bench.cli.main import main
from bench.decisions.rule import RULES
from tests import forked
from tests.conftest import ROOT


@pytest.fixture
def yeast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of BCE on yeast in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    assert main(["run", "--datasets", "yeast", "--methods", "BCE", "--epochs", "1", "--device", "cpu"]) == 0
    return tmp_path


def code(page: str, number: int) -> str:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)[number]


def test_decisions_by_hand(yeast: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--metric", "macro-f1", "--decision", "per-label", "--format", "csv", "--digits", "4"]) == 0
    table = capsys.readouterr().out
    (yeast / "by_hand.py").write_text(code("decision-rules.md", 0))
    runpy.run_path("by_hand.py")
    value = capsys.readouterr().out.splitlines()[-1]
    assert value in table


def test_a_rule_of_ones_own(yeast: Path) -> None:
    folder = yeast / "my_methods/decisions"
    folder.mkdir(parents=True)
    (folder / "half.py").write_text(code("decision-rules.md", 1))
    for words in (["decide"], ["table", "--metric", "micro-f1", "--decision", "half"]):
        done = forked.python("-m", "bench", *words, "--methods-dir", "my_methods")
        assert done.returncode == 0, done.stderr
    assert "decisions half for micro-f1" in done.stdout
    assert "stale" not in done.stdout


def test_scores_of_a_network(yeast: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (yeast / "network.py").write_text(code("score-external-models.md", 0))
    runpy.run_path("network.py")
    assert main(["score", "scores.npz", "--dataset", "yeast", "--as", "MyNet", "--threshold", "0.5"]) == 0
    assert main(["table", "--metric", "micro-f1", "--decision", "global"]) == 0
    assert "MyNet" in capsys.readouterr().out


def test_the_page_names_every_rule() -> None:
    page = (ROOT / "docs/decision-rules.md").read_text(encoding="utf-8")
    for name in RULES.components():
        assert f"| `{name}` | " in page
    fewest = RULES.component("per-label").settings["FEWEST"]
    assert f"labels of fewer than {fewest} validation positives" in page
