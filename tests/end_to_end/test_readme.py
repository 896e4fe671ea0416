"""A stranger's routes: the README's five doors, their files and commands taken from it and run in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests import forked
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
LABELS = ["sun", "rain", "wind"]


def blocks(door: str) -> list[tuple[str, str]]:
    """(language, text) of the blocks of code under a bold heading."""
    _, behind = README.split(f"\n**{door}.** ")
    behind = re.split(r"(?m)^\*\*|^## ", behind)[0]
    return re.findall(r"```(\w+)\n(.*?)```", behind, re.DOTALL)


def through(door: str, folder: Path, file: str = "") -> str:
    """Standard output of what stands behind a door; its Python becomes ``file``."""
    said = []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_DATA": "", "COLUMNS": "200"}
    for language, text in blocks(door):
        if language == "python":
            (folder / file).write_text(text)
            continue
        for line in text.splitlines():
            command, _, output = line.partition(" > ")
            python, *words = shlex.split(command)
            assert python == "python"
            program = ["-c", (folder / file).read_text()] if words == [file] else words
            done = forked.python(*program, cwd=folder, environment=environment)
            assert done.returncode == 0, done.stdout + done.stderr
            if output:
                (folder / output).write_text(done.stdout, encoding="utf-8")
            else:
                said.append(done.stdout)
    return "".join(said)


def rank_of(row: str, table: str) -> bool:
    """Whether a row of a table has a rank behind its value."""
    return re.search(rf"(?m)^{re.escape(row)} +\d\.\d{{4}}(±\d\.\d{{4}})?\(\d+\)", table) is not None


def test_a_table_of_ones_own_is_ranked(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(150, 5))
    y = x @ draw.normal(size=(5, len(LABELS))) + draw.normal(size=(150, len(LABELS))) > 0.5
    frame = pd.DataFrame(x, columns=[f"measured {number}" for number in range(5)])
    frame.assign(**dict(zip(LABELS, y.T.astype(int), strict=True))).to_csv(tmp_path / "mine.csv", index=False)
    printed = through("My data", tmp_path)
    assert ", ".join(LABELS) in printed  # which columns were taken for labels
    assert "3 jobs done, 0 failed" in printed
    assert all(rank_of(row, printed) for row in ("BCE", "ML-KNN", "RF"))


@pytest.mark.usefixtures("reference_probes")
def test_a_method_of_ones_own_is_ranked_with_the_reference(tmp_path: Path) -> None:
    printed = through("My method", tmp_path, "mine.py")
    assert "3 jobs done, 0 failed" in printed
    assert all(rank_of(row, printed) for row in ("Mine", "FLEM-D", "ML-KNN", "BCE"))
    assert "stale" not in printed


def test_scores_of_ones_own_are_ranked(tmp_path: Path) -> None:
    assert rank_of("MyNet", through("My scores", tmp_path, "network.py"))


@pytest.mark.parametrize(("door", "written", "part"), [
    ("The paper's tables", "tables.tex", r"\begin{table"), ("The report", "report.html", "</html>"),
])  # fmt: skip
def test_the_papers_tables_and_the_report_need_no_run(tmp_path: Path, door: str, written: str, part: str) -> None:
    through(door, tmp_path)
    assert part in (tmp_path / written).read_text(encoding="utf-8")
