"""Records of several people, as they use the program: halves merged, one's own among the committed, a pull request."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import methods
from bench.cli.main import main

ROOT = Path(__file__).parent.parent.parent
ROWS = ("BCE", "FL", "ML-KNN")
WHOLE = (
    "run",
    "--datasets",
    "yeast",
    "--methods",
    *ROWS,
    "--seeds",
    "0",
    "1",
    "--epochs",
    "1",
    "--keep",
    "scores",
    "model",
)
HALVES = {
    "shards": (("--shard", "1/2"), ("--shard", "2/2")),
    "seeds": (("--seeds", "0"), ("--seeds", "1")),
    "methods": (("--methods", *ROWS[:2]), ("--methods", *ROWS[2:])),
}
"""Options that come after those of the whole run, of each half."""


def bench(*arguments: str | Path) -> int:
    return main([str(one) for one in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole run, and with its halves by shards, seeds and methods."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BENCH_DATA", "")
        assert bench(*WHOLE, "--results", "whole") == 0
        for name, halves in HALVES.items():
            for number, options in enumerate(halves):
                given = [*WHOLE]
                if options[0] in given:
                    start = given.index(options[0])
                    end = next(place for place in range(start + 1, len(given)) if given[place].startswith("--"))
                    del given[start:end]
                assert bench(*given, *options, "--results", f"{name}-{number}") == 0
    return folder


@pytest.fixture
def work(runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(runs)
    monkeypatch.setenv("BENCH_DATA", "")
    return runs


def content(folder: Path) -> dict[str, Any]:
    """{file: its content}, of records and the manifest without what another run of the same honestly has otherwise."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
            for part in ("cost", "environment", "checksum", "expected_seconds"):
                found[name].pop(part, None)
        else:
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("name", HALVES)
def test_two_halves_are_the_whole(work: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    merged, whole = work / f"merged-{name}", content(work / "whole")
    assert bench("merge", f"{name}-0", f"{name}-1", "--to", merged) == 0
    assert capsys.readouterr().out == f"{merged}: 6 records of 2 sources; 0 equal to another, 0 refused.\n"
    assert content(merged) == whole
    assert {Path(one).suffix for one in whole} == {".json", ".py", ".npz", ".safetensors"}
    assert all(point["curves"]["loss"] for point in whole["yeast@mulan/FL/seed-1.json"]["result"]["grid"])
    assert bench("merge", f"{name}-1", "whole", "--to", merged) == 0
    assert content(merged) == whole


def test_an_edited_record_is_refused_and_the_rest_merged(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "edited"
    shutil.copytree("whole", edited)
    path = edited / "yeast@mulan/FL/seed-0.json"
    path.write_text(re.sub(r'"hamming": [0-9.]+', '"hamming": 0.1', path.read_text()))
    assert bench("merge", edited, "--to", tmp_path / "all") == 1
    out = capsys.readouterr().out
    assert out.startswith(
        f"refused  {edited}: the record {path} does not match its checksum; it was edited or damaged.\n"
    )
    assert out.endswith("all: 5 records of 1 source; 0 equal to another, 1 refused.\n")
    assert bench("check-records", path, edited / "yeast@mulan/BCE/seed-0.json", "--data", tmp_path) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"refused  the record {path} does not match its checksum; it was edited or damaged."
    assert (
        out[1]
        == "refused  yeast@mulan BCE seed 0: its protocol 'small' has epochs 1 (here 30), minimum_steps 0 (here 2000)."
    )
    assert out[2] == "0 records accepted, 2 refused."


def test_where_nothing_can_be_used_nothing_is_written(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad/yeast@mulan/FL/seed-0.json"
    bad.parent.mkdir(parents=True)
    bad.write_text("{}")
    assert bench("merge", tmp_path / "bad", "--to", tmp_path / "all") == 2
    assert not (tmp_path / "all").exists()
    assert capsys.readouterr().err == "error: none of 1 record can be used; nothing was written.\n"
    assert bench("merge", "--to", tmp_path / "all") == 2
    assert bench("check-records") == 2
    assert bench("check-records", tmp_path / "gone") == 2


HINGE = '''"""Squared hinge loss."""

from torch import Tensor

from bench.methods.api import Batch, LinearMethod, register


@register("Hinge", family="margin", paper="none", margin=1.0)
class Hinge(LinearMethod):
    """Mean of max(0, margin - (2y - 1) z)^2. Options: ``margin``."""

    margin: Tensor

    def objective(self, batch: Batch) -> Tensor:
        return (self.margin - (2 * batch.y - 1) * batch.z).clamp(min=0).square().mean()
'''


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Folders of methods that this test alone adds."""
    monkeypatch.setattr(methods, "_folders", added := [])
    yield added
    methods.infos.cache_clear()


@pytest.mark.usefixtures("reference_probes")
def test_a_method_of_ones_own_is_ranked_among_the_committed_records(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", "")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/hinge.py").write_text(HINGE)
    own = ("--methods-dir", "own")
    assert bench("run", "--datasets", "yeast", "--methods", "Hinge", "ML-KNN", *own) == 0
    capsys.readouterr()
    among = ("--from", "reference+runs", *own)

    assert bench("table", "--metric", "hamming", "--format", "csv", *among) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()]
    ranked = {row[rows[0].index("variant")] for row in rows[1:] if "rank" in rows[0] and row[rows[0].index("rank")]}
    assert {"Hinge", "FLEM-D", "ML-KNN"} <= ranked
    assert "BCE" not in ranked

    assert bench("table", "--metric", "hamming", *among) == 0
    out = capsys.readouterr().out
    assert "Ranks are among the 13 ranked variants that are here; variants under the rule are unranked." in out
    assert "Rows of your own (results/runs): Hinge; the others are the reference's." in out
    assert "Your own in place of the reference's: ML-KNN on yeast (seed 0)." in out
    assert "Reference records, made at commit " in out

    assert bench("stats", "--metric", "hamming", "--control", "Hinge", *among) == 0
    assert "Rows of your own (results/runs): Hinge" in capsys.readouterr().out
    assert bench("export", "all.sqlite", *among) == 0
    with sqlite3.connect("all.sqlite") as database:
        found = dict(database.execute("select variant, count(*) from jobs group by variant"))
    assert found["Hinge"] == 1
    assert found["FLEM-D"] > 1

    folders.clear()  # as in a process of its own, without the option
    methods.infos.cache_clear()
    capsys.readouterr()
    assert bench("table", "--metric", "hamming", "--from", "reference+runs") == 0
    out = capsys.readouterr().out
    assert "stale: Hinge on yeast (seed 0): its variant is not known here" in out


def test_a_pull_request_is_checked_by_the_program_of_its_base(tmp_path: Path) -> None:
    """The workflow's script in a repository of its own, with programs that only say what they were asked."""
    script = (ROOT / ".github/workflows/records.yml").read_text().partition("run: |\n")[2]
    repository, tools = tmp_path / "repository", tmp_path / "tools"
    for folder in ("results/submissions", "methods", "bench", ".venv/bin"):
        (repository / folder).mkdir(parents=True)
    tools.mkdir()
    for program, text in ((tools / "make", "cat bench/code"), (repository / ".venv/bin/python", 'echo "$@"')):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path)}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=repository, env=environment, check=True, capture_output=True, text=True
        ).stdout

    def commit(files: dict[str, str]) -> None:
        for name, text in files.items():
            (repository / name).write_text(text)
        run("git", "add", "-f", *files)
        run("git", "commit", "-qm", "files")

    run("git", "init", "-q", "-b", "main")
    commit({"bench/code": "base\n", "methods/a.py": "a", "results/submissions/old.jsonl.xz": "old"})
    run("git", "checkout", "-q", "-b", "submission")
    new = "results/submissions/new one.jsonl.xz"
    commit({"bench/code": "submitted\n", "methods/b.py": "b", new: "new", "results/submissions/bench.toml": ""})
    run("git", "checkout", "-q", "main")
    run("git", "merge", "-q", "--no-ff", "-m", "merge", "submission")
    said = run("bash", "-c", re.sub(r"^ {10}", "", script, flags=re.MULTILINE))
    assert said == f"base\n-m bench check-records {new}\n"
    assert (repository / "methods/b.py").is_file()
