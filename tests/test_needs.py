"""Tests that need a program, a file of one, or real data are skipped by exactly that, and say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SharedData, program, tex_files


def skipped(by: Callable[[], object]) -> str:
    with pytest.raises(pytest.skip.Exception) as reason:
        by()
    return str(reason.value)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with the programs pdflatex and kpsewhich, of a TeX that has article.cls and nothing else."""
    for name, line in (("pdflatex", ""), ("kpsewhich", '[ "$1" = article.cls ]')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_missing_program_is_named(path: Path) -> None:
    assert program("nothing", "pdflatex", package="tex") == str(path / "pdflatex")
    reason = skipped(lambda: program("chromium", "chromium-browser", package="chromium"))
    assert reason == "needs the program chromium or chromium-browser (Debian: chromium)"


def test_a_missing_file_of_a_program_is_named(path: Path) -> None:
    tex_files("article.cls", package="texlive-latex-base")
    reason = skipped(lambda: tex_files("article.cls", "booktabs.sty", package="texlive-latex-recommended"))
    assert reason == "needs the LaTeX file booktabs.sty (Debian: texlive-latex-recommended)"


def test_missing_real_data_are_named(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    assert SharedData(tmp_path) / "there" == tmp_path / "there"
    assert skipped(lambda: SharedData(tmp_path) / "raw/absent") == (
        f"needs the real data raw/absent, which are not in {tmp_path}"
    )
