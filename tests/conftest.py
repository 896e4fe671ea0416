"""Fixtures. Real data that are not part of the project are found by BENCH_SHARED_DATA (default ../shared/data)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import config, methods
from bench.methods.api import Problem, Split
from bench.plan import probes
from bench.plan.states import expected_now
from bench.records.record import Record
from bench.records.store import REFERENCE, Store
from tests import forked

if "BENCH_METHOD_FOLDERS" in os.environ:  # the contracts then hold for one's own components, too
    methods.add_folders(os.environ["BENCH_METHOD_FOLDERS"].split(os.pathsep))
ROOT = Path(__file__).parent.parent


FIRST = (
    "tests/end_to_end/",
    "tests/bench/plan/",
    "tests/bench/training/",
    "tests/methods/",
    "tests/bench/classifier/",
    "tests/bench/backbones/",
    "tests/study/",
    "tests/test_architecture.py",
    "tests/bench/report/",
)
"""The dearest tests, which begin: so no worker is left with a long file at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((place for place, name in enumerate(FIRST) if name in item.nodeid), len(FIRST)))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache of the tests' own: what is remembered of their many copies and methods would be read ever after."""
    fonts = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "matplotlib"
    os.environ.setdefault("MPLCONFIGDIR", str(fonts))
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers share
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")


@pytest.fixture(scope="session")
def reference_probes(_own_cache: None) -> None:
    """Probes of the committed records are remembered as what those records hold, which would take minutes to compute.

    Whether today's code still computes these numbers is a slow test's (tests/end_to_end/test_staleness.py).
    """
    held: dict[str, dict[str, float | None]] = {}
    asked = []
    for folder in {path.parent for path in REFERENCE.rglob("run.json")}:
        settings = config.load(folder if (folder / config.FILE_NAME).exists() else REFERENCE)
        for one in expected_now(Store(folder), settings, []):
            if isinstance(one.record, Record) and one.record.probe and one.request and one.key:
                held[probes._identity(one.request, one.key)] = one.record.probe
                asked.append((one.request, one.key))
    probes.current_probes(asked, lambda requests: {identity: (held[identity], True) for identity in requests})


@pytest.fixture(autouse=True, scope="session")
def _quick_workers() -> None:
    forked.fork_workers()


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Outputs of the authors' own code on fixed inputs (tests/golden/README.md)."""
    return json.loads((ROOT / "tests/golden/golden.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def golden_2026() -> dict[str, Any]:
    """As ``golden``, of the methods that the paper does not compare."""
    return json.loads((ROOT / "tests/golden/golden-2026.json").read_text(encoding="utf-8"))


class SharedData(type(Path())):  # type: ignore[misc]
    """The folder of real data sets; a test that asks for one which is not there is skipped."""

    def __truediv__(self, name: str) -> Path:
        path = Path(self) / name
        if not path.exists():
            pytest.skip(f"needs the real data {name}, which are not in {self}")
        return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    folder = Path(os.environ.get("BENCH_SHARED_DATA", ROOT / "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not in {folder}; set BENCH_SHARED_DATA to their folder")
    return SharedData(folder)


def program(*names: str, package: str) -> str:
    """Path of the first of the programs that is there; a test for which none is there is skipped."""
    if (path := next(filter(None, map(shutil.which, names)), None)) is None:
        pytest.skip(f"needs the program {' or '.join(names)} (Debian: {package})")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    with playwright.sync_playwright() as session:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        started = session.chromium.launch(
            executable_path=program("chromium", "chromium-browser", package="chromium"), args=options
        )
        yield started
        started.close()


def tex_files(*names: str, package: str) -> None:
    """Skip the test where the TeX that is installed lacks one of the files."""
    search = program("kpsewhich", package="texlive-binaries")
    for name in names:
        if subprocess.run([search, name], capture_output=True, check=False).returncode:
            pytest.skip(f"needs the LaTeX file {name} (Debian: {package})")


MakeSplit = Callable[..., Split]


def random_split(rows: int, features: int, labels: int, seed: int, dtype: torch.dtype = torch.float64) -> Split:
    """Rows whose labels depend linearly on their features, with one empty and one full row."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(rows, features, generator=generator, dtype=torch.float64)
    direction = torch.randn(features, labels, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    score = (x - 0.5) @ direction + 0.1 * torch.randn(rows, labels, generator=generator, dtype=torch.float64)
    y = (score > 0.3).to(torch.int8)
    y[0], y[1] = 0, 1
    return Split(x.to(dtype), y)


def problem_of(split: Split, dataset: str = "synthetic", fidelity: str = "official") -> Problem:
    return Problem(
        dataset=dataset,
        n_samples=split.x.shape[0],
        n_features=split.x.shape[1],
        n_labels=split.y.shape[1],
        positives=split.y.sum(0, dtype=torch.float64),
        fidelity=fidelity,  # type: ignore[arg-type]
        labels_per_row=float(split.y.sum(1).double().mean()),
    )
