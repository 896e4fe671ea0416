"""Fresh records beside committed ones, and calls of ``bench run``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from bench import config as configuration
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import AlsoSelected, Curves, Failure, GridPoint, JobName, Record, as_json
from bench.records.store import Store
from study import runs
from tests import records

HERE = "a processor"


def record(variant: str, hamming: float, coverage: float = 0.25, loss: float = 0.3, processor: str = HERE) -> Record:
    """A job whose point by coverage has this Hamming loss of its own."""
    test: dict[str, float | None] = {metric.key: 0.125 for metric in PAPER_METRICS} | {"hamming": hamming}
    grid = [GridPoint({}, 2, None, None, test, as_json(Curves([loss], [0.5])))]
    made = records.record(JobName("made", "npz", variant, 0), records.result(test, grid=grid), key={"data": "d0"})
    assert made.result is not None
    by_coverage = AlsoSelected(0, 1, {}, test, {**test, "hamming": coverage})
    return replace(
        made,
        result=replace(made.result, also_selected={"coverage": by_coverage}),
        environment={**made.environment, "processor": processor},
    )


def checked(tmp_path: Path, committed: Sequence[Record], fresh: Sequence[Record]) -> int:
    runs.pack(committed, tmp_path / "committed")
    for one in fresh:
        Store(tmp_path / "fresh").write(one)
    return runs.check(tmp_path / "fresh", tmp_path / "committed")


def test_bytes_and_digits_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    committed = [record("A", 0.2), record("B", 0.2), record("C", 0.2)]
    assert checked(tmp_path, committed, [committed[0], record("B", 0.20001), record("C", 0.2, loss=0.4)]) == 0
    assert capsys.readouterr().out == "1 byte for byte, 2 equal to four digits\n"


def test_a_digit_that_differs_is_named_with_what_was_another_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = replace(record("B", 0.2, coverage=0.5, processor="another"), key={"data": "d1"})
    assert checked(tmp_path, [record("A", 0.2), record("B", 0.2)], [record("A", 0.3), other]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "made@npz A seed 0: Hamming loss was 0.2000 and is 0.3000",
        "made@npz B seed 0: Hamming loss, selected by coverage, was 0.2500 and is 0.5000",
        "made@npz B seed 0 was made with another data",
        "2 different",
        "Those that differ were computed on a processor, and here on another: see docs/results/seeds.md, what another "
        "processor does.",
    ]


def test_a_selection_that_is_gone_differs(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    fresh = record("A", 0.2)
    assert fresh.result is not None
    without = replace(fresh, result=replace(fresh.result, also_selected={}))
    assert checked(tmp_path, [fresh], [without]) == 1
    assert "Hamming loss, selected by coverage, was 0.2500 and is undefined" in capsys.readouterr().out


def test_a_failure_fails_the_check_and_so_does_nothing_to_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    committed = [record("A", 0.2), record("B", 0.2)]
    failed = replace(committed[1], status="failed", result=None, failure=Failure("ValueError", "no rows"))
    assert checked(tmp_path, committed, [committed[0], failed]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "made@npz B seed 0 failed: no rows",
        "1 byte for byte, 1 failed",
    ]
    assert checked(tmp_path / "strange", committed, [record("C", 0.2)]) == 1
    assert capsys.readouterr().out == "made@npz C seed 0: no result of it is committed\n1 not comparable\n"
    assert runs.check(tmp_path / "empty", tmp_path / "committed") == 1
    assert "there is nothing to compare" in capsys.readouterr().out


def test_packing_keeps_what_was_asked_for_and_no_path(tmp_path: Path) -> None:
    fresh = Store(tmp_path / "fresh")
    failed = replace(record("B", 0.2), status="failed", result=None, failure=Failure("ValueError", "no rows"))
    for one in (record("A", 0.2), failed):
        fresh.write(one)
    fresh.write_manifest(replace(fresh.manifest(), variants=["A", "B"], files={"made@npz": "/data/made.npz"}))
    assert [one.job.variant for one in runs.done(fresh)] == ["A"]
    runs.packed(runs.readable(fresh), fresh.folder, tmp_path / "committed")
    there = Store(tmp_path / "committed")
    assert [one.status for one in runs.readable(there)] == ["done", "failed"]
    assert (there.manifest().variants, there.manifest().files) == (["A", "B"], {})


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What was called instead of a program."""
    calls: list[SimpleNamespace] = []

    def call(command: list[str], **options: Any) -> SimpleNamespace:
        calls.append(SimpleNamespace(command=command, **options))
        return SimpleNamespace(
            returncode=2 if "none" in command else 1
        )  # 1: some jobs failed, which is no reason to end

    monkeypatch.setattr(subprocess, "run", call)
    return calls


def test_data_folders_are_found_from_the_settings_folder(
    called: list[SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", os.pathsep.join(["here", "../there", "/absolute"]))
    runs.run(tmp_path / "r", tmp_path / "settings", ["yeast"], range(1, 3), ["BCE", "LR"])
    (call,) = called
    assert call.cwd == tmp_path / "settings"
    assert call.env["BENCH_DATA"].split(os.pathsep) == [
        str(tmp_path / "here"), str(tmp_path.parent / "there"), "/absolute",
    ]  # fmt: skip
    words = " ".join(call.command[1:])
    assert words.startswith(f"-m bench run --results {tmp_path / 'r'} ")
    assert words.endswith("--datasets yeast --seeds 1 2 --methods BCE LR")


def test_a_run_that_cannot_be_made_ends_the_program(called: list[SimpleNamespace], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        runs.run(tmp_path, tmp_path, ["none"], range(1), ["BCE"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("least", "hamming", "said"), [(1, 0.3, "1 jobs, of which 1 differ: "), (2, 0.2, "of which 0 differ")]
)
def test_keys_are_not_renewed_where_results_differ_or_too_few_are_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, least: int, hamming: float, said: str
) -> None:
    by_folder = {"before": [record("BCE", 0.2)], "now": [record("BCE", hamming)]}
    monkeypatch.setattr(runs, "done", lambda store: by_folder[store.folder.name])
    with pytest.raises(SystemExit, match=said):
        runs.renew(tmp_path / "now", tmp_path / "before", least, {})
    runs.renew(tmp_path / "before", tmp_path / "before", 1, {})


def test_keys_are_renewed_with_the_methods_of_the_settings_own_folders(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Path] = []
    gone = SimpleNamespace(record=record("Gone", 0.2), key=None, request=None, job="made@npz Gone seed 0")
    monkeypatch.setattr(runs, "done", lambda store: [record("BCE", 0.2)])
    monkeypatch.setattr(runs.methods, "add_folders", asked.extend)
    monkeypatch.setattr(runs, "expected_now", lambda *given: [gone])
    settings = replace(configuration.load(tmp_path), method_folders=["controls"])
    with pytest.raises(SystemExit, match="made@npz Gone seed 0: there is no such method or variant today"):
        runs.renew(tmp_path, tmp_path, 1, {tmp_path: settings})
    assert asked == [tmp_path / "controls"]
