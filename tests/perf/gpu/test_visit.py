"""The program for a GPU on its stand-in: lines within their minutes, results after each, faults that it finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.training.step import Step
from perf.gpu import __main__ as visits
from perf.gpu import correctness, page, tables
from perf.gpu.setting import Setting

CPU = Setting(torch.device("cpu"), 0.004)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(visits.time, "monotonic", lambda: now[0])
    return now


def test_no_line_is_begun_after_the_minutes_of_its_part(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    def lines(setting: Setting) -> Any:
        for number in range(10):
            yield str(number), lambda: clock.__setitem__(0, clock[0] + 20) or {}

    monkeypatch.setattr(visits, "PARTS", {"first": (lines, 0.5), "second": (lines, 1.0)})
    kept: dict[str, Any] = {}
    saved: list[int] = []
    visits.visit(CPU, ["first", "second"], 2.0, kept, lambda: saved.append(1))
    assert list(kept["first"]) == ["0", "1", "2", "3"]  # 60 seconds are over during the fourth
    assert list(kept["second"]) == ["0", "1", "2"]
    assert len(saved) == 7


def test_lines_that_are_there_are_kept_and_failed_ones_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> dict[str, Any]:
        raise ValueError("broken")

    monkeypatch.setattr(visits, "PARTS", {"part": (lambda setting: iter([("a", fails), ("b", fails)]), 1.0)})
    kept = {"part": {"a": {"value": 1}, "b": {"error": "earlier"}}}
    visits.visit(CPU, ["part"], 1.0, kept, lambda: None)
    assert kept["part"]["a"] == {"value": 1}
    assert kept["part"]["b"]["error"] == "ValueError: broken"


def test_a_stand_in_agrees_with_itself_and_a_wrong_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    good = correctness.agreement(correctness.Training("BCE"), CPU)
    assert good["twice_equal"]
    assert good["captured_equals_launched"]
    assert good["cpu_to_gpu"] == 0
    called = Step.__call__
    monkeypatch.setattr(Step, "__call__", lambda self, index: called(self, index[:-1]))
    assert not correctness.agreement(correctness.Training("BCE"), CPU)["captured_equals_launched"]


@pytest.mark.slow
def test_memory_that_runs_out_halves_the_stack() -> None:
    found = correctness.out_of_memory(CPU)
    assert (found["status"], found["stacks_that_did_not_fit"], found["stacks"]) == ("done", [8], [4, 4])


def test_seconds_are_scaled_by_the_second_epoch_of_each_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(name: str, points: Any, prepared: Prepared, protocol: Any, seed: int, progress: Any) -> Any:
        for done in (1, 2):
            now[0] += 3.0
            progress("recovery network, epoch", done, 2)
        for done in (1, 2, 3, 4):  # two stacks
            now[0] += 1.0
            progress("epoch", done, 4)
        return real

    now = [0.0]
    prepared = CPU.simulated("VOC07")
    real = fit_linear("BCE", [{}], prepared, tables.Protocol(epochs=1), 0)
    monkeypatch.setattr(tables.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(tables, "fit_linear", fitted)
    found = tables.trained(CPU, "LEVI", [{"epochs": 10}], prepared)
    assert found["measured_seconds"] == 10
    assert found["seconds"] == 10 + 3 * 8 + 2 * 1 * 28


def test_the_page_says_so_where_nothing_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "gpu.json")
    assert page.section() == ["No GPU has been measured."]
