"""Moves: ratios against the stored ones, by their own noise and direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perf import __main__ as program
from perf import check, stored
from perf.check import LEAST_NOISE, NOISE

STEADY = [4.9, 5.0, 5.1]
LOUD = [3.0, 5.0, 8.0]


def test_rounds_become_their_median_with_their_spread_beside() -> None:
    found = check.medians({"ratio": LOUD, "to_bce": {"FL": STEADY}, "rounds": [1.0, 2.0], "seconds": 3.0})
    assert found["ratio"] == 5.0
    assert found["to_bce"] == {"FL": 5.0}
    assert found["rounds"] == [1.0, 2.0]
    assert found["seconds"] == 3.0
    assert found["spread"] == {"ratio": [3.0, 8.0], "to_bce FL": [4.9, 5.1]}


def test_the_noise_of_a_ratio_is_its_own_where_its_rounds_are_known() -> None:
    found = check.ratios(
        check.medians({"ratio": LOUD, "to_bce": {"FL": STEADY}, "share_of_validation": 0.3, "ms": 2.0})
    )
    assert found["ratio"].noise == max(LOUD) / min(LOUD)
    assert found["to_bce FL"].noise == LEAST_NOISE
    assert found["share_of_validation"].noise == NOISE
    assert set(found) == {"ratio", "to_bce FL", "share_of_validation"}


@pytest.mark.parametrize(("factor", "moved"), [(1.0, False), (LEAST_NOISE * 0.99, False), (LEAST_NOISE * 1.01, True)])
def test_a_ratio_moves_where_it_leaves_its_noise(factor: float, moved: bool) -> None:
    now = {"ratio": [value / factor for value in STEADY]}
    found = check.moves("case", check.medians(now), [check.medians({"ratio": STEADY})], elsewhere=False)
    assert bool(found) == moved


@pytest.mark.parametrize(("name", "higher_is_better"), [("ratio_to_plain", True), ("to_bce", False), ("share", False)])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_direction_of_a_ratio_is_in_its_name(name: str, higher_is_better: bool, factor: float) -> None:
    now = check.medians({name: {"FL": [value * factor for value in STEADY]}})
    (move,) = check.moves("case", now, [check.medians({name: {"FL": STEADY}})], elsewhere=False)
    assert move.worse == ((factor < 1) == higher_is_better)
    assert str(move).startswith("worse: case: " if move.worse else "better: case: ")
    assert move.in_noises > 1


def test_another_processor_is_compared_with_the_nearest_stored_one() -> None:
    stored_ones = [check.medians({"ratio": [value * factor for value in STEADY]}) for factor in (1, 4)]
    near_the_second = check.medians({"ratio": [value * 3.5 for value in STEADY]})
    assert not check.moves("case", near_the_second, stored_ones, elsewhere=True)
    (move,) = check.moves("case", near_the_second, stored_ones[:1], elsewhere=True)
    assert not move.worse
    assert move.noise == NOISE


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stored, "RESULTS", tmp_path / "results.json")
    for number, processor in enumerate(("One", "Two")):
        path = tmp_path / ("results.json" if number == 0 else "results-two.json")
        stored.store(path, {"machine": {"processor": processor}, "steps": check.medians({"to_bce": {"FL": STEADY}})})
    return tmp_path


@pytest.mark.parametrize(("processor", "name"), [("One", "results.json"), ("Two", "results-two.json")])
def test_a_processor_has_its_file(files: Path, monkeypatch: pytest.MonkeyPatch, processor: str, name: str) -> None:
    monkeypatch.setattr(stored, "environment", lambda device: {"processor": processor})
    assert stored.stored_here() == files / name


@pytest.mark.parametrize("processor", ["Two", "Three (TM) @ 3 GHz"])
@pytest.mark.parametrize(("factor", "status", "word"), [(1, 0, "No ratio moved"), (2, 1, "worse"), (0.5, 0, "better")])
def test_the_program_ends_with_1_where_something_is_worse(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    processor: str,
    factor: float,
    status: int,
    word: str,
) -> None:
    def measured(name: str, full: bool) -> dict[str, Any]:
        return {"to_bce": {"FL": [value * factor for value in STEADY]}}

    for module in (stored, program):
        monkeypatch.setattr(module, "environment", lambda device: {"processor": processor})
    monkeypatch.setattr(program, "measured", measured)
    assert program.what_moved(["steps"], full=False) == status
    printed = capsys.readouterr().out
    assert "1 ratios compared" in printed
    assert word in printed
    assert ("Nothing is stored of this processor" in printed) == processor.startswith("Three")
    assert not list(files.glob("*three*"))


def test_the_help_names_every_case(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["perf", "--help"])
    with pytest.raises(SystemExit):
        program.main()
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in program.NAMES)
    assert len(printed.splitlines()) <= 40
