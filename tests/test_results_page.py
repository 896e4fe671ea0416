"""docs/results.md is what the committed records say."""

from __future__ import annotations

from benchmarks import results_page


def test_the_page_and_the_records_agree() -> None:
    written = results_page.PAGE.read_text(encoding="utf-8")
    assert written == results_page.page(), "run python -m benchmarks.results_page"
