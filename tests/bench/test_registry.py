"""Components that are one file each are found, read without being imported, and refused in a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench import methods
from bench.errors import UsageError
from bench.registry import Registry
from tests import forked

METRICS = Registry("metric", "bench.metrics.each", "metrics")
FILE = '''
"""A metric of one's own; its summary
has two lines.

And more."""

TITLE = "Own"
LIMITS: tuple[int, ...] = (1, 2)
COMPUTED = len("abc")


def metric(evaluation):
    return 0.5
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sub-folder of metrics in a folder of methods that this test alone knows."""
    monkeypatch.setattr(methods, "_folders", [tmp_path])
    (tmp_path / "metrics").mkdir()
    return tmp_path / "metrics"


def test_a_users_file_is_read_without_being_imported(folder: Path) -> None:
    path = folder / "own_one.py"
    path.write_text(FILE)
    (folder / "_hidden.py").write_text("not Python")
    own = METRICS.components()["own-one"]
    assert list(METRICS.components())[-1] == "own-one"
    assert own.summary == "A metric of one's own; its summary has two lines."
    assert own.settings == {"TITLE": "Own", "LIMITS": (1, 2)}
    assert not own.built_in
    assert METRICS.component("hamming").built_in
    assert str(path) not in sys.modules
    assert METRICS.module("own-one", "metric").metric(None) == 0.5
    assert sys.modules.pop(str(path))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("coverage.py", FILE, "there is a metric 'coverage' already"),
        ("broken.py", "def metric(", "broken.py"),
        ("a:b.py", FILE, "cannot be the name of a metric"),
    ],
)
def test_files_that_cannot_be_components_are_refused(folder: Path, name: str, content: str, sentence: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(UsageError, match=sentence) as refused:
        METRICS.components()
    assert "\n" not in str(refused.value)


def test_modules_that_fail_or_lack_something_are_refused(folder: Path) -> None:
    (folder / "fails.py").write_text("raise RuntimeError('at import')")
    (folder / "exits.py").write_text("import sys\nsys.exit(3)")
    (folder / "empty.py").write_text('"""Nothing."""')
    with pytest.raises(UsageError, match=r"the metric 'fails' cannot be imported from .*fails.py: .*at import"):
        METRICS.module("fails", "metric")
    with pytest.raises(UsageError, match=r"'exits' cannot be imported .*SystemExit"):
        METRICS.module("exits", "metric")
    with pytest.raises(UsageError, match=r"the metric 'empty' \(.*\) defines no metric"):
        METRICS.module("empty", "metric")
    with pytest.raises(UsageError, match="there is no metric 'hammning'; did you mean 'hamming'"):
        METRICS.module("hammning")


def test_contracts_are_collected_for_ones_own_components(tmp_path: Path) -> None:
    """As docs/decision-rules.md, transforms.md and backbones.md say."""
    for kind in ("decisions", "transforms", "backbones"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"own_{kind[:-1]}.py").write_text(
            '"""Own."""\n\nTITLE = "Own"\nLOWER_IS_BETTER = True\nEXAMPLES = ("1",)\n'
        )
    places = ["decisions", "datasets/transforms", "backbones"]
    command = ["-m", "pytest", "--collect-only", "-q", *(f"tests/bench/{place}" for place in places)]
    place = {**os.environ, "PYTHONPATH": str(forked.ROOT), "BENCH_METHOD_FOLDERS": str(tmp_path)}
    found = forked.python(*command, cwd=forked.ROOT, environment=place)
    assert found.returncode == 0, found.stdout[-2000:]
    for name in ("own-decision", "own-transform", "own-backbone"):
        assert name in found.stdout, name
