"""Records stay current while code is tidied, and are stale, with the part named, once it computes something else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from bench.records.record import Record
from bench.records.store import Store
from tests import forked
from tests.bench.plan.test_probes import ROOT, copied

ROWS = ("FL", "BCE", "FLEM-D", "ML-KNN")


def bench(folder: Path, *arguments: str, within: str = ".") -> str:
    place = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    place["BENCH_DATA"] = str(folder)
    done = forked.python("-m", "bench", *arguments, cwd=folder / within, environment=place)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with records of four rows on a small set."""
    folder = copied(tmp_path_factory.mktemp("project"))
    random = np.random.default_rng(5)
    x = random.random((90, 6)).astype(np.float32)
    y = (x @ random.standard_normal((6, 4)) > 0).astype(np.int8)
    np.savez(folder / "small.npz", X=x, Y=y)
    bench(folder, "run", "--datasets", "small.npz", "--methods", *ROWS, "--epochs", "2")
    return folder


@pytest.fixture
def changed(project: Path, tmp_path: Path) -> Path:
    shutil.copytree(project, tmp_path / "changed", symlinks=True)
    return tmp_path / "changed"


def replaced(folder: Path, file: str, before: str, after: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert before in text
    (folder / file).write_text(text.replace(before, after), encoding="utf-8")


def stale(folder: Path) -> dict[str, str]:
    """{row: parts that changed} of the stale records."""
    lines = [line.split() for line in bench(folder, "status").splitlines() if line.startswith("stale")]
    return {words[2]: " ".join(words[5:]) for words in lines}


def test_nothing_is_stale_and_nothing_computed_where_nothing_changed(project: Path) -> None:
    before = (project / "cache/flem-bench/probes.json").read_text()
    assert "4 done, 0 running, 0 failed, 0 missing\n" in bench(project, "status")
    assert (project / "cache/flem-bench/probes.json").read_text() == before
    assert "changed since" not in bench(project, "table", "--metric", "hamming")


GRADIENT = ("FL", "BCE", "FLEM-D")


@pytest.mark.parametrize(
    ("file", "before", "after", "rows", "parts"),
    [
        ("methods/focal.py", ").mean()", ").mean() * 1.001", ["FL"], "method"),
        ("bench/training/optimiser.py", "eps=self.eps", "eps=10 * self.eps", GRADIENT, "loop"),
        ("bench/job/selection.py", 'values["ranking"], position', "0.0, position", ["FLEM-D"], "loop"),
        ("bench/datasets/readers/npz.py", "x[rows], y[rows]", "2 * x[rows], y[rows]", ROWS, "data"),
        ("methods/bce.py", "import torch", "RESULTS_VERSION = 2\nimport torch", ["BCE"], "method, versions"),
        ("bench/training/loop.py", "import math", "RESULTS_VERSION = 2\nimport math", GRADIENT, "loop, versions"),
    ],
)
def test_another_meaning_is_seen_and_named(
    changed: Path, file: str, before: str, after: str, rows: Sequence[str], parts: str
) -> None:
    replaced(changed, file, before, after)
    assert stale(changed) == dict.fromkeys(rows, f"{parts} changed since")


def test_another_metric_is_seen_where_it_may_select_epochs_and_where_it_evaluates(changed: Path) -> None:
    replaced(changed, "bench/metrics/passes.py", "right=True)\n        counts", "right=False)\n        counts")
    parts = {row: "loop, metrics" if row in GRADIENT else "metrics" for row in ROWS}
    assert stale(changed) == {row: f"{changes} changed since" for row, changes in parts.items()}


def test_tidying_leaves_records_current_and_is_said_once(changed: Path) -> None:
    for file in ("losses", "focal", "distribution_balanced", "rebalanced_focal"):
        replaced(changed, f"methods/{file}.py", "focal_modulation", "modulation_by_focus")
    replaced(changed, "bench/datasets/readers/npz.py", "numbering", "row_numbers")
    replaced(changed, "bench/metrics/passes.py", "import torch", "import json\nimport torch")
    replaced(changed, "bench/training/optimiser.py", "import torch", "import json\nimport torch")
    (changed / "bench/training/clipping.py").rename(changed / "bench/norm_queue.py")
    replaced(changed, "bench/training/step.py", "bench.training.clipping", "bench.norm_queue")
    table = bench(changed, "table", "--metric", "hamming")
    assert "stale" not in table
    assert (
        table.count("The code has changed since 1 record; today's computes the same numbers on a small problem.") == 1
    )  # FL's: a name


def test_a_record_without_a_probe_is_stale_once_its_code_changed(changed: Path) -> None:
    store = Store(changed / "results/runs")
    for path, record in list(store.records()):
        assert isinstance(record, Record)
        if path.parts[-2] in ("FL", "BCE"):
            store.write(replace(record, probe_json=UNSET))
    for file in ("losses", "focal", "distribution_balanced", "rebalanced_focal"):
        replaced(changed, f"methods/{file}.py", "focal_modulation", "modulation_by_focus")
    assert stale(changed) == {"FL": "method changed since"}


@pytest.mark.slow
def test_the_committed_records_survive_moving_the_furniture(tmp_path: Path) -> None:
    """A function renamed, a module moved and an import added in every package: no cell of the reference is stale."""
    folder = copied(tmp_path)
    shutil.copytree(ROOT / "results/reference", folder / "results/reference")
    for package in sorted(path.parent for path in folder.glob("bench/*/__init__.py") if path.parent.name != "methods"):
        module = next(path for path in sorted(package.glob("*.py")) if path.name != "__init__.py")
        text = module.read_text(encoding="utf-8")
        future = "from __future__ import annotations\n"
        assert future in text
        module.write_text(text.replace(future, f"{future}\nimport json\n"), encoding="utf-8")
    for path in (folder / "methods").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("class_balanced_weight", "weight_by_class"), encoding="utf-8")
    (folder / "bench/training/clipping.py").rename(folder / "bench/training/norm_queue.py")
    replaced(folder, "bench/training/step.py", "bench.training.clipping", "bench.training.norm_queue")
    reference = folder / "results/reference"
    table = bench(folder, "table", "--from", "reference")
    assert "stale" not in table
    assert "the same numbers on a small problem" in table
    for one in {path.parent for path in reference.rglob("run.json")} - {reference}:
        settings = one if (one / "bench.toml").exists() else reference
        assert "stale" not in bench(folder, "table", "--results", str(one), within=str(settings))
