"""The commit of a record tells the code, or says that it does not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.system import environment


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "checkout"
    for name in ("bench/system/environment.py", "methods/focal.py", "own/mine.py", ".gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("ignored.py\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "all")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.setattr(environment, "__file__", str(folder / "bench/system/environment.py"))
    environment.commit.cache_clear()
    yield folder
    environment.commit.cache_clear()


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        (None, ""),
        ("notes.txt", ""),
        ("study.py", ""),  # of no package
        ("methods/mine.py", "+"),
        ("methods/ignored.py", "+"),
        ("bench/job/new.py", "+"),
        ("own/other.py", "+"),
        ("methods/focal.py", "+"),  # changed
    ],
)
def test_python_files_that_the_commit_lacks_are_said(checkout: Path, path: str | None, mark: str) -> None:
    if path is not None:
        (checkout / path).parent.mkdir(exist_ok=True)
        (checkout / path).write_text("new")
    found = environment.environment("cpu", (checkout / "own",))["commit"]
    assert found[12:] == mark


def test_a_folder_of_methods_elsewhere_is_said(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert str(environment.commit((tmp_path / "elsewhere",)))[12:] == ""
    environment.commit.cache_clear()
    (tmp_path / "elsewhere/mine.py").write_text("")
    assert str(environment.commit((tmp_path / "elsewhere",)))[12:] == "+"
