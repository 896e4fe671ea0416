"""Links between the pages, and what every page of docs is reached from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Anchors that GitHub gives the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"(?m)^#+ +(.*?) *$", prose(page)):
        words = re.sub(r"\]\([^)]*\)", "", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if number == 0 else f"{slug}-{number}" for slug, most in found.items() for number in range(most + 1)}


def links(page: Path) -> list[tuple[Path, str]]:
    """(file, anchor) of every relative link of a page."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))
    parts = [target.partition("#") for target in targets if not re.match(r"[a-z]+:", target)]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts]


def test_anchors_are_those_of_github() -> None:
    page = ROOT / "docs/results/what-tables-hide.md"
    assert {"flem-i-is-plain-bce-but-for-the-clip", "rakels-base-learner-is-unknown"} <= anchors(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{target} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{target.name} has no heading {anchor}"


def test_every_page_is_in_the_index_once_or_more() -> None:
    index = {target for target, _ in links(ROOT / "docs/README.md")}
    pages = [
        path for path in (ROOT / "docs").iterdir() if path.suffix in (".md", ".ipynb") and path.name != "README.md"
    ]
    assert [path.name for path in pages if path not in index] == []
    appendix = {target for target, _ in links(ROOT / "docs/results.md")}
    assert [path.name for path in (ROOT / "docs/results").glob("*.md") if path not in appendix] == []


def test_the_readme_is_read_in_one_sitting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 105
    assert len(readme.split()) <= 1000
