"""Source digests ignore what does not compute, on every Python version; data digests are remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import provenance

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

SAME = """import os
def f(x: int = 3) -> str:
        return f"{x!r:>{10}} {'a' + f'{x}'} \\
more" + 'b'
class C:
    "What it is."
    value = [1, 2]
"""


def test_fixed_digest() -> None:
    """The same number on Python 3.11, 3.12 and 3.13, which split f-strings differently."""
    assert provenance.source_digest(SOURCE) == "80c0c6fa60442dfd"


def test_comments_docstrings_and_layout_do_not_count() -> None:
    assert provenance.source_digest(SAME) == provenance.source_digest(SOURCE)


def test_everything_else_does() -> None:
    digest = provenance.source_digest(SOURCE)
    for change in (
        ("x: int = 3", "x: int = 4"),
        ("{x!r", "{x!s"),
        ("'b'", "'c'"),
        ("[1,", "[(1),"),
        ("import os", "import re"),
    ):
        assert provenance.source_digest(SOURCE.replace(*change)) != digest
    assert provenance.source_digest("if a:\n    b\nc\n") != provenance.source_digest("if a:\n    b\n    c\n")


def test_a_module_counts_with_the_project_modules_it_imports() -> None:
    closure = {path.name for path in provenance._closure("bench.fit_linear")}
    assert {"fit_linear.py", "training.py", "stack.py", "clipping.py", "streams.py", "api.py", "fitting.py"} <= closure
    assert "metrics.py" not in closure
    assert {path.name for path in provenance._closure("bench.methods.focal")} == {"focal.py", "losses.py", "api.py"}


def test_file_digests_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"one")
    first = provenance.file_digest(file)
    memory = tmp_path / ".fingerprints.json"
    assert first in memory.read_text()
    stamp = file.stat().st_mtime_ns
    file.write_bytes(b"two")
    os.utime(file, ns=(stamp + 10**9, stamp + 10**9))
    assert provenance.file_digest(file) != first


def test_source_digests_are_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "mine.py"
    file.write_text("import bench.errors\nx = 1\n")
    forget = provenance._facts_of_source.cache_clear
    forget()
    digest, imports = provenance._facts_of_source(file)
    assert digest == provenance.source_digest(file.read_text())
    assert imports == ["bench.errors"]
    forget()
    with monkeypatch.context() as patch:  # nothing is computed again
        patch.setattr(provenance, "source_digest", None)
        assert provenance._facts_of_source(file) == (digest, imports)
    forget()
    file.write_text("import bench.files\nx = 2\n")
    os.utime(file, ns=(1, 1))
    assert provenance._facts_of_source(file) == (provenance.source_digest(file.read_text()), ["bench.files"])
    memory = tmp_path / "cache/flem-bench/sources.json"
    for damage in ("{", "[]", '{"%s": [1]}' % file, ""):  # noqa: UP031
        forget()
        memory.write_text(damage)
        assert provenance._facts_of_source(file)[1] == ["bench.files"]
    forget()


def test_environment_names_versions() -> None:
    environment = provenance.environment("cpu")
    assert environment["libraries"]["torch"].startswith("2.")
    assert environment["python"].startswith("3.")
