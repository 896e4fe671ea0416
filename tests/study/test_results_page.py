"""The pages of the paper's protocol and their picture are what the committed records say."""

from __future__ import annotations

import re

import matplotlib
import pytest

from study import results_page
from study.results_page import Reference


@pytest.fixture(scope="module")
def reference(reference_probes: None) -> Reference:
    return results_page.read()


def test_the_pages_and_the_records_agree(reference: Reference) -> None:
    expected = results_page.pages(reference)
    for path, text in expected.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m study.results_page"


def test_the_demo_and_the_features_agree_with_the_records(reference: Reference) -> None:
    for path, text in results_page.with_findings(reference).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m study.results_page"


def test_the_first_page_is_two_screens() -> None:
    lines = (results_page.DOCS / "results/paper-protocol.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100


def test_the_picture_and_the_records_agree(reference: Reference) -> None:
    written = results_page.PICTURE.read_bytes()
    drawn_by = re.search(rb"Matplotlib v([0-9.]+)", written)
    assert drawn_by
    if drawn_by[1].decode() != matplotlib.__version__:
        pytest.skip(f"the committed picture was drawn by matplotlib {drawn_by[1].decode()}, another than is installed")
    assert outlines(written) == outlines(results_page.picture(reference)), "run python -m study.results_page"


def outlines(svg: bytes) -> bytes:
    """Without the glyphs' numbers: a system's DejaVu Sans has others than matplotlib's copy of it."""
    return re.sub(rb"DejaVuSans-[0-9a-f]+", b"glyph", svg)
