"""Source digests ignore what does not compute, on every Python version; data digests are remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.plan import digests
from bench.system import environment as system_environment

SOURCE = '''"""Docstring."""
import os  # a comment


def f(x: int = 3) -> str:
    """Another."""
    return f"{x!r:>{10}} {'a' + f'{x}'} \\
more" + 'b'


class C:
    value = [1,
             2]
'''

SAME = """import re, os as other
from pathlib import (
    Path,
)
def f(x: int = 3) -> str:
        return f"{x!r:>{10}} {'a' + f'{x}'} \\
more" + 'b'
class C:
    "What it is."
    value = [1, 2]
"""


def test_fixed_digest() -> None:
    """The same number on Python 3.11, 3.12 and 3.13, which split f-strings differently."""
    assert digests.source_digest(SOURCE) == "f853e6a9c31531a9"


def test_imports_comments_docstrings_and_layout_do_not_count() -> None:
    assert digests.source_digest(SAME) == digests.source_digest(SOURCE)


def test_everything_else_does() -> None:
    digest = digests.source_digest(SOURCE)
    for change in (
        ("x: int = 3", "x: int = 4"),
        ("{x!r", "{x!s"),
        ("'b'", "'c'"),
        ("[1,", "[(1),"),
    ):
        assert digests.source_digest(SOURCE.replace(*change)) != digest
    assert digests.source_digest("if a:\n    b\nc\n") != digests.source_digest("if a:\n    b\n    c\n")


def test_a_module_counts_with_the_project_modules_it_imports() -> None:
    closure = {path.name for path in digests._closure("bench.job.fit_linear")}
    assert {
        "fit_linear.py",
        "loop.py",
        "step.py",
        "stack.py",
        "clipping.py",
        "seeding.py",
        "api.py",
        "inputs.py",
        "passes.py",  # whose metrics select epochs
    } <= closure
    assert "passes.py" not in {path.name for path in digests._closure("bench.job.fit_direct")}
    assert {path.name for path in digests._closure("bench.methods.focal")} == {"focal.py", "losses.py", "api.py"}


def test_data_digests_are_remembered_until_a_file_or_the_reader_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "a.bin", tmp_path / "b.bin"
    for file in files:
        file.write_bytes(b"one")
    computed = []

    def digest() -> str:
        computed.append(1)
        return f"digest {len(computed)}"

    def asked() -> str:
        return digests.data_digest(files, "bench.datasets.readers.npz", digest)

    assert [asked(), asked()] == ["digest 1", "digest 1"]
    assert "digest 1" in (tmp_path / ".fingerprints.json").read_text()
    stamp = files[1].stat().st_mtime_ns
    os.utime(files[1], ns=(stamp + 10**9, stamp + 10**9))
    assert asked() == "digest 2"
    monkeypatch.setattr(digests, "code_digest", lambda module: "another reader")
    assert [asked(), asked()] == ["digest 3", "digest 3"]
    files[1].unlink()
    with pytest.raises(UsageError, match=r"the data file .*b.bin is missing"):
        asked()


def test_a_results_version_is_read_from_the_source(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text("RESULTS_VERSION = 3\n")
    assert digests.results_versions("bench.job.fit_linear", own) == {"loop": 1, "method": 3}
    assert digests.results_versions("bench.job.fit_linear", None) == {"loop": 1, "method": 1}


def test_source_digests_are_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "mine.py"
    file.write_text("import bench.errors\nx = 1\n")
    forget = digests._facts_of_source.cache_clear
    forget()
    digest, imports, version = digests._facts_of_source(file)
    assert digest == digests.source_digest(file.read_text())
    assert (imports, version) == (["bench.errors"], 1)
    forget()
    with monkeypatch.context() as patch:  # nothing is computed again
        patch.setattr(digests, "source_digest", None)
        assert digests._facts_of_source(file) == (digest, imports, version)
    forget()
    file.write_text("import bench.system.files\nRESULTS_VERSION = 2\n")
    os.utime(file, ns=(1, 1))
    assert digests._facts_of_source(file) == (digests.source_digest(file.read_text()), ["bench.system.files"], 2)
    memory = tmp_path / "cache/flem-bench/sources.json"
    others = [tmp_path / name for name in ("a.py", "b[c].py", "d.py")]
    for other in others:
        other.write_text("")
        digests._facts_of_source(other)
    digests._remembered(memory, (others[0],), lambda: 1, suffix="[noise=10%]")
    others[2].unlink()
    assert str(others[2]) in memory.read_text()
    (tmp_path / "e.py").write_text("")
    digests._facts_of_source(tmp_path / "e.py")
    names = [str(file), *map(str, others[:2]), f"{others[0]}[noise=10%]", str(tmp_path / "e.py")]
    assert sorted(digests.read_json(memory)) == sorted(names)  # what is known of a file that is gone is gone
    for damage in ("{", "[]", '{"%s": [1]}' % file, ""):  # noqa: UP031
        forget()
        memory.write_text(damage)
        assert digests._facts_of_source(file)[1] == ["bench.system.files"]
    forget()


def test_environment_names_versions() -> None:
    environment = system_environment.environment("cpu")
    assert environment["libraries"]["torch"].startswith("2.")
    assert environment["python"].startswith("3.")
