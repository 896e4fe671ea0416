"""Import directions, and what may not be imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "methods").rglob("*.py"))]
PROGRAMS = [*FILES, *sorted((ROOT / "benchmarks").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
HEAVY = ("torch", "pandas", "scipy", "sklearn", "skmultilearn", "river", "joblib", "matplotlib")


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "methods").rglob("*.py")), ids=lambda path: path.name)
def test_methods_import_nothing_else_of_bench(path: Path) -> None:
    own = [name for name in imports(path) if name.split(".")[0] == "bench"]
    allowed = ("bench.methods.api", "bench.methods.losses", "bench.methods.enhancement")
    if path == ROOT / "methods/__init__.py":  # the registry: from bench.methods import api
        own.remove("bench.methods")
    assert all(name.startswith(allowed) for name in own), own


def test_the_folder_at_the_top_has_one_import_name() -> None:
    assert (ROOT / "bench/methods").is_symlink()
    assert (ROOT / "bench/methods").resolve() == ROOT / "methods"
    assert not [path for path in PROGRAMS if any(name.split(".")[0] == "methods" for name in imports(path))]


@pytest.mark.parametrize(
    "name",
    [
        "ranking",
        "tables",
        "render",
        "notes",
        "recovery_summary",
        "kept",
        "show",
        "paper",
        "records",
        "compare",
        "statistics",
        "significance",
        "bootstrap",
        "resampling",
        "printed_claims",
        "prose",
        "report/style",
        "report/rank_figures",
        "report/training_figures",
        "report/score_figures",
        "report/pictures",
        "report/page",
    ],
)
def test_reading_sides_import_neither_torch_nor_methods(name: str) -> None:
    names = imports(ROOT / "bench" / f"{name}.py")
    assert not [one for one in names if one.startswith(("torch", "bench.methods"))]


def test_reading_sides_bring_neither_torch_nor_methods_along() -> None:
    program = (
        "import sys, bench.ranking, bench.tables, bench.render, bench.notes, bench.paper, bench.records, bench.show\n"
        "assert not {'torch', 'bench.methods'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


@pytest.mark.parametrize(
    "name",
    [
        "cli",
        "cli_comparing",
        "cli_data",
        "cli_reading",
        "claims",
        "status",
        "config",
        "errors",
        "paper",
        "ranking",
        "records",
        "plan",
    ],
)
def test_light_modules_import_nothing_heavy_at_the_top(name: str) -> None:
    names = imports(ROOT / "bench" / f"{name}.py", top_level_only=True)
    assert not [one for one in names if one.split(".")[0] in HEAVY]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list", "methods"], ["list", "metrics"], ["list", "datasets"], ["run", "--help"]]
)
def test_answers_come_without_torch(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom bench.cli import main\n"
        f"code = main({arguments!r})\n"
        "heavy = [name for name in ('torch', 'pandas', 'sklearn', 'scipy', 'river') if name in sys.modules]\n"
        "assert code == 0 and not heavy, (code, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tables_come_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom bench.cli import main\n"
        "assert main(['table', '--source', 'paper', '--metric', 'hamming']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_modules_stay_small() -> None:
    for path in FILES:
        length = len(path.read_text(encoding="utf-8").splitlines())
        assert length <= 480, f"{path} has {length} lines; a module is about one noun"
