"""Exponents of stored seconds, what is above linear, and every line of the program at its smallest size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perf import growth, growth_page
from perf.growth import Line

SIZES = [100, 200, 400, 800]


def line_of(*powers: float, fixed: float = 0.0) -> dict[str, Any]:
    """A stored line with a round of each power."""
    seconds = [[fixed + 1e-3 * (size / SIZES[0]) ** power for size in SIZES] for power in powers]
    return {"sizes": SIZES, "seconds": seconds, "measured": {"date": "2026-01-02", "commit": "abc"}}


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_slope_is_the_power(power: float) -> None:
    line = line_of(power, power)
    assert growth_page.slopes(line["sizes"], line["seconds"]) == pytest.approx([power, power])
    assert growth_page.last_slopes(line["sizes"], line["seconds"]) == pytest.approx([power, power])


def test_a_fixed_cost_hides_less_of_the_last_slope() -> None:
    line = line_of(1.0, fixed=2e-3)
    (whole,), (last,) = (
        found(line["sizes"], line["seconds"]) for found in (growth_page.slopes, growth_page.last_slopes)
    )
    assert whole < last < 1


@pytest.mark.parametrize(
    ("line", "above"),
    [
        (line_of(1.0, 1.05, 0.9), False),
        (line_of(1.3, 1.2, 1.0), False),  # not in every round
        (line_of(1.3, 1.2, 1.15), True),
        (line_of(2.0, fixed=15e-3), True),  # hidden over all sizes, not at the end
    ],
)
def test_above_linear_is_what_every_round_shows(line: dict[str, Any], above: bool) -> None:
    assert growth_page.above_linear(line) == above


def test_the_page_names_what_is_above_linear_with_its_reason() -> None:
    results = {
        "machine": {"processor": "A(R) Processor @ 2 GHz"},
        "growth": {
            "rows": {
                "BCE": line_of(1.0),
                "ML-KNN": line_of(2.0),
                "decisions global": line_of(1.2),
                "decisions top-k": line_of(1.2),
            },
            "labels": {"BCE": line_of(0.5)},
            "records": {"table": line_of(1.5)},
        },
    }
    text = "\n".join(growth_page.section([results, {"machine": {}}]))
    assert "A, 2026-01-02:" in text
    assert "| BCE | 1.00 (1.00 to 1.00), last 1.00 | 0.50 (0.50 to 0.50), last 0.50 |" in text
    assert f"- ML-KNN by rows: {growth_page.REASONS['ML-KNN', 'rows']}" in text
    assert f"- decisions global by rows, decisions top-k by rows: {growth_page.KINDS['decisions']}" in text
    assert "- table by records: NOT EXPLAINED" in text
    assert "- BCE" not in text


def test_reasons_are_of_lines_that_are_measured(tmp_path: Path) -> None:
    every = {(line.what, line.axis) for line in growth.lines(tmp_path)}
    assert set(growth_page.REASONS) <= every
    assert all(any(what.startswith(kind) for what, _ in every) for kind in growth_page.KINDS)


def test_sizes_double_four_times_or_more(tmp_path: Path) -> None:
    for line in growth.lines(tmp_path):
        assert len(line.sizes) >= 4
        assert all(second == 2 * first for first, second in zip(line.sizes, line.sizes[1:], strict=False))


SMALL = {"rows": 64, "features": 16, "labels": 8, "points": 1}


@pytest.mark.parametrize("axis", ["rows", "features", "labels", "points", "jobs"])
def test_every_line_runs(axis: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(growth, "SHAPE", SMALL)
    monkeypatch.setattr(growth, "FEW_ROWS", 64)
    monkeypatch.setattr(growth, "RESAMPLES", 5)
    for line in growth.lines(tmp_path):
        if line.axis == axis:
            line.made(2 if axis == "points" else 64)()


def test_a_line_has_a_round_of_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    clock = iter(range(1000))
    found = growth.measure(Line("rows", "x", (1, 2), lambda size: lambda: ran.append(size), lambda: next(clock)))
    assert ran == [1, *([1, 2] * growth.ROUNDS)]
    assert found["seconds"] == [[1, 1]] * growth.ROUNDS


def test_a_line_of_this_commit_is_kept() -> None:
    line = Line("rows", "x", (1,), lambda size: lambda: None)
    kept = {"rows": {"x": {"measured": {"commit": "abc+"}}}}
    assert not growth.missing(line, kept, "abc")
    assert growth.missing(line, kept, "abd")
    assert growth.missing(line, kept, None)
    assert growth.missing(line, {}, "abc")
