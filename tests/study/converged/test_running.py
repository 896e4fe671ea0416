"""The study's command line, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench import config as configuration
from bench.dataset_name import dataset_name
from study import runs
from study.converged import __main__ as study
from study.converged.parts import FOLDER, LAST_EPOCH, PARTS, SIMULATED, SUBSET, SUBSET_JOBS, Part


def jobs(parts: list[Part]) -> set[tuple[str, str, str, int]]:
    return {
        (part.own, str(dataset_name(dataset)), method, seed)
        for part in parts
        for dataset in part.datasets
        for method in part.methods
        for seed in part.seeds
    }


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Arguments of the calls of ``bench run``, which are not made."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(runs, "run", lambda *arguments: calls.append(arguments))
    return calls


def test_what_is_compared_is_part_of_the_study() -> None:
    assert jobs(SUBSET) <= jobs(PARTS)
    assert len({part.name for part in PARTS}) == len(PARTS)


def test_parts_run_in_their_order(ran: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert study.main(["run", "--results", str(tmp_path)]) == 0
    assert ran == [
        (tmp_path / part.own, study.FOLDER / part.own, part.datasets, part.seeds, part.methods) for part in PARTS
    ]
    assert {call[:2] for call in ran} == {
        (tmp_path, study.FOLDER),
        (tmp_path / "last-epoch", study.FOLDER / "last-epoch"),
    }
    first, last = PARTS[0], PARTS[-1]
    capsys.readouterr()
    assert study.main(["run", last.name, first.name]) == 0
    assert [call[2:] for call in ran[len(PARTS) :]] == [last[1:4], first[1:4]]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"Part {last.name!r}, {len(jobs([last]))} job")


def test_an_unknown_part_is_refused_with_those_that_there_are(
    ran: list[tuple[Any, ...]], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        study.main(["run", "kernel"])
    assert ended.value.code == 2
    assert f"there is no part 'kernel'; there are {', '.join(repr(part.name) for part in PARTS)}" in (
        capsys.readouterr().err
    )
    assert not ran


def test_the_subset_leaves_out_and_names_what_is_not_here(
    ran: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert study.main(["run", "--subset", "--results", str(tmp_path)]) == 0
    of_yeast = [part for part in SUBSET if "yeast" in part.datasets]
    assert of_yeast
    assert [(call[2], call[4]) for call in ran] == [(["yeast"], part.methods) for part in of_yeast]
    said = capsys.readouterr().out
    for dataset in {dataset for part in SUBSET for dataset in part.datasets} - {"yeast"}:
        assert f"Not compared, for it is not here: {dataset} (" in said


def test_a_check_without_committed_records_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(study, "FOLDER", tmp_path)
    assert study.main(["check", "--results", str(tmp_path / "fresh")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_what_is_run_and_packed_is_computed_again_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    short = '[run]\nprotocol = "mine"\n[protocols.mine]\nbase = "small"\nminimum_steps = 20\nepochs = 1\n'
    (tmp_path / "bench.toml").write_text(short)
    monkeypatch.setenv("BENCH_DATA", "")
    monkeypatch.setattr(study, "FOLDER", tmp_path)
    monkeypatch.setattr(study, "PARTS", [Part("tiny", ["yeast"], range(1), ["BCE"])])
    monkeypatch.setattr(study, "SUBSET", study.PARTS)
    assert study.main(["run"]) == 0
    assert study.main(["run"]) == 0
    assert "1 job: 1 done." in capfd.readouterr().out  # and nothing to run
    assert study.main(["pack"]) == 0
    fresh = str(tmp_path / "check")
    assert study.main(["run", "--subset", "--results", fresh]) == 0
    capfd.readouterr()
    assert study.main(["check", "--results", fresh]) == 0
    assert capfd.readouterr().out == "1 byte for byte\n"


def test_a_folder_of_its_own_has_the_settings_of_the_study() -> None:
    own, last, simulated = (configuration.load(folder) for folder in (FOLDER, FOLDER / LAST_EPOCH, SIMULATED))
    assert {"BCE", "LD-y", "FLEM-D"} <= last.variants.keys()
    assert all(own.variants[name] == settings for name, settings in last.variants.items())
    protocol = own.protocols["converged"]
    assert last.protocols["converged"] == replace(protocol, select_every=last.protocols["converged"].select_every)
    assert simulated.protocols["converged"] == protocol
    common = own.variants.keys() & simulated.variants.keys()
    assert common >= {"BCE", "LD-y", "LD-random", "FLEM-D", "FLEM-S", "FLEM frozen"}
    assert {name: simulated.variants[name] for name in common} == {name: own.variants[name] for name in common}


def test_a_folder_without_records_is_not_packed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        study.main(["pack", "--results", str(tmp_path)])
    assert ended.value.code == 2
    assert f"{tmp_path} has no records of the study" in capsys.readouterr().err


def test_a_job_that_two_parts_of_the_subset_have_is_counted_once() -> None:
    assert sum(len(jobs([part])) for part in SUBSET) > len(jobs(SUBSET)) == SUBSET_JOBS
