"""The page of methods is what the registry and the published defaults make of it."""

from __future__ import annotations

import pytest

from bench import methods
from study import methods_page


@pytest.mark.usefixtures("reference_probes")
def test_page_is_the_committed_one() -> None:
    written = methods_page.PAGE.read_text(encoding="utf-8")
    assert written == methods_page.text(), "run python -m study.methods_page"


def test_every_method_option_and_alias_is_on_the_page() -> None:
    lines = methods_page.text().splitlines()
    for name, info in methods.infos().items():
        if info.origin == "built-in":
            (row,) = [line for line in lines if line.startswith(f"| **{name}**")]
            assert info.paper.replace("|", r"\|") in row
            assert all(alias in row for alias in info.aliases)
            for option in info.defaults:
                found = [line for line in lines if line.startswith(f"| `{option}` |") and name in line]
                assert found, f"{name}: no row of {option}"
                assert all(line.split(" | ")[-1].strip(" |") for line in found)
