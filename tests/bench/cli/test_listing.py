"""List of methods by family."""

from __future__ import annotations

import pytest

from bench import methods
from bench.cli.main import main


def test_methods_are_listed_by_family_with_year_and_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    families = [line.split("  ")[0] for line in lines if line.startswith("@")]
    assert families == [methods.family_word(family) for family in methods.FAMILIES if family_is_there(family)]
    for name in methods.names():
        assert len([line for line in lines if line.startswith(f"  {name:<14} ")]) == 1, name
    (line,) = [line for line in lines if line.startswith("  BS ")]
    assert line.split()[:2] == ["BS", "2021"]
    assert line.endswith("(also called ZLPR)")


def family_is_there(family: str) -> bool:
    return any(info.family == family for info in methods.infos().values())


def test_options_are_listed_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods"]) == 0
    assert "gamma=2.0" not in capsys.readouterr().out
    assert main(["list", "methods", "--options"]) == 0
    assert "gamma=2.0, positive_weight=0.5, negative_weight=0.5" in capsys.readouterr().out
