"""docs/performance.md: every stored measurement has its processor and date, and the answers their floors and peers."""

from __future__ import annotations

from typing import Any

import pytest

from perf import performance_page, stored, summary
from perf.summary import Answer

EVERYWHERE = [results for results in stored.stored_everywhere() if results]


def test_every_stored_measurement_is_dated() -> None:
    for results in EVERYWHERE:
        for case, values in results.items():
            if case != "growth":
                assert summary.measured_on(values), f"{results['machine']['processor']}: {case}"


def test_the_page_is_the_one_that_the_files_give() -> None:
    assert performance_page.PAGE.read_text() == "\n".join(performance_page.page(EVERYWHERE)) + "\n"


def test_the_page_names_every_processor_in_its_first_table() -> None:
    head = next(line for line in performance_page.page(EVERYWHERE) if line.startswith("| how long"))
    for results in EVERYWHERE:
        assert summary.short_name(results) in head


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(0.02), "20 ms"),
        (Answer(3.0, 1.5), "3.0 s, 2.0 floors"),
        (Answer(30.0, None, 8.0), "30 s, peer 8.0x"),
        (Answer(30.0, 10.0, 8.0, (7.0, 12.0)), "30 s, 3.0 floors, peer 8.0x (7.0 to 12)"),
    ],
)
def test_an_answer_has_the_parts_that_were_measured(answer: Answer, text: str) -> None:
    assert str(answer) == text


def test_an_older_figure_has_its_date() -> None:
    question = summary.Question("x", "", "", "case", lambda case, machine: Answer(case["seconds"]))
    results: dict[str, Any] = {"machine": {}, "case": {"seconds": 2.0, "measured": {"date": "2026-01-01"}}}
    assert summary.cell(question, results, "2026-01-01") == "2.0 s"
    assert summary.cell(question, results, "2026-01-02") == "2.0 s (2026-01-01)"
    assert summary.cell(question, {"machine": {}}, "2026-01-02") == ""


@pytest.mark.parametrize(
    ("processor", "short"),
    [("Intel(R) Xeon(R) Processor @ 2.50GHz", "Intel Xeon"), ("AMD EPYC", "AMD EPYC"), ("Apple M3", "Apple M3")],
)
def test_a_processor_has_a_short_name(processor: str, short: str) -> None:
    assert summary.short_name({"machine": {"processor": processor}}) == short
