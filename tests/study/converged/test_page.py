"""docs/results.md, its appendix, its pictures and the README's finding are what the committed records say."""

from __future__ import annotations

import re

import matplotlib
import pytest

from bench.dataset_name import dataset_name
from bench.records.record import Record
from study import results_page
from study.converged import page
from study.converged.committed import Study, committed
from tests.study.test_results_page import outlines

APPENDIX = results_page.DOCS / "results"


@pytest.fixture(scope="module")
def study() -> Study:
    return committed()


def test_the_pages_and_the_records_agree(study: Study) -> None:
    for path, text in page.pages(study).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m study.converged.page"
    assert page.README.read_text(encoding="utf-8") == page.with_finding(study), "run python -m study.converged.page"


def test_every_page_of_the_appendix_is_written_by_a_program() -> None:
    templates = {path.name for folder in (page.TEMPLATES, results_page.TEMPLATES) for path in folder.rglob("*.md")}
    written = {path.name for path in APPENDIX.glob("*.md")}
    assert written == templates - {"results.md"}


def test_the_first_page_is_two_screens() -> None:
    lines = (results_page.DOCS / "results.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100


def test_the_pictures_and_the_records_agree(study: Study) -> None:
    for path, drawn in page.pictures(study).items():
        written = path.read_bytes()
        drawn_by = re.search(rb"Matplotlib v([0-9.]+)", written)
        assert drawn_by
        if drawn_by[1].decode() != matplotlib.__version__:
            pytest.skip(f"{path.name} was drawn by matplotlib {drawn_by[1].decode()}, another than is installed")
        assert outlines(written) == outlines(drawn), f"{path.name}: run python -m study.converged.page"


def test_methods_on_some_sets_alone_are_compared_by_themselves(study: Study) -> None:
    lacking = {method: sets for method, sets in study.lacking.items() if sets}
    assert set(study.methods) >= {"BCE", "LR", "LD-y", "FLEM-D"}
    assert all(f"{method} without {sets[0]}" in study.partly_without() for method, sets in lacking.items())
    for compared, methods in ((study.comparison, set(study.methods)), (study.partly, lacking.keys())):
        assert {one.method for found in compared.by_metric.values() for one in found} <= methods


def test_a_set_that_is_lacking_is_named_once(study: Study) -> None:
    def of_birds(record: Record) -> bool:
        return (record.job.variant, dataset_name(record.job.dataset).base) == ("FL", "birds")

    without = Study([record for record in study.records if not of_birds(record)], [], [], [])
    assert without.lacking["FL"] == ["birds"]
    assert "FL" not in without.methods
