"""Import directions, and what may not be imported before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "system", "registry", "backbones", "metrics", "decisions", "records", "training", "datasets", "job", "model_file",
    "classifier", "plan", "board", "scored", "running", "tables", "analysis", "python_api", "report", "cli",
)  # fmt: skip
"""Packages of bench, and two modules of it: each imports only from those before it."""
SHARED = ("config", "protocol", "errors", "text", "dataset_name")
"""Modules of bench that all may import; they themselves import from the package ``system`` alone."""
READING = ("tables", "analysis", "report")
MODULES_A_FOLDER = 10
COMPONENT_FOLDERS = ("bench/metrics/each", "bench/datasets/parsers")
"""Folders of components that are one file each: as many as there are."""
METHODS = "bench.methods"
"""The import name of the folder ``methods``."""
SHARED_BY_METHODS = tuple(f"{METHODS}.{name}" for name in ("api", "losses", "per_label", "enhancement"))
"""Modules that methods' files import."""
HEAVY = ("torch", "numpy", "pandas", "scipy", "sklearn", "skmultilearn", "river", "joblib", "matplotlib")


def files(*folders: str) -> list[Path]:
    """Python files under the folders, but not those that a link leads to."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if path.relative_to(ROOT).parts[:2] != ("bench", "methods")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in files("bench", "perf", "study")}
METHOD_FILES = files("methods")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported_names(path: Path) -> set[str]:
    """Dotted names of all imports, those inside functions and for annotations too."""
    names: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_of(name: str) -> str | None:
    """The module of bench, perf or study that a dotted name is, or is defined in."""
    if name in MODULES:
        return name
    if name.startswith(METHODS):
        return None
    return name.rpartition(".")[0] if name.rpartition(".")[0] in MODULES else None


@cache
def graph() -> dict[str, set[str]]:
    """{module: the modules that it imports}."""
    return {
        name: {module for one in imported_names(path) if (module := module_of(one)) is not None}
        for name, path in MODULES.items()
    }


def part_of(module: str) -> str:
    """The package of bench that a module is in, or the module itself where it is in none."""
    parts = module.split(".")
    return {"bench": "python_api", "bench.__main__": "cli"}.get(module) or parts[1]


OF_BENCH = [name for name in MODULES if name.split(".")[0] == "bench"]


@pytest.mark.parametrize("name", OF_BENCH)
def test_packages_import_from_those_before_them(name: str) -> None:
    mine = part_of(name)
    assert mine in (*ORDER, *SHARED), f"{name} has no place in the order"
    for other in graph()[name]:
        theirs = part_of(other)
        if theirs in SHARED or theirs == mine:
            continue
        if mine in SHARED and theirs == "system":
            continue
        assert mine in ORDER, f"{name}, which all may import, imports {other}"
        assert ORDER.index(theirs) < ORDER.index(mine), f"{name} imports {other}"
        assert not (mine in READING and theirs == "running"), f"{name} imports {other}"


def test_no_module_imports_itself_in_a_circle() -> None:
    list(TopologicalSorter(graph()).static_order())


def test_what_measures_and_what_studies_are_apart() -> None:
    for name, others in graph().items():
        top = name.split(".")[0]
        for other in others:
            assert other.split(".")[0] in ("bench", top), f"{name} imports {other}"


def test_folders_stay_small() -> None:
    for folder in {path.parent for path in MODULES.values()} - {ROOT / name for name in COMPONENT_FOLDERS}:
        modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MODULES_A_FOLDER, f"{folder} has {len(modules)} modules"


@pytest.mark.parametrize("path", [*MODULES.values(), *METHOD_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= 480, f"{path} has {length} lines; a module is about one noun"


@pytest.mark.parametrize(
    "path",
    [path for path in METHOD_FILES if path.name not in ("__init__.py", "declarations.py")],
    ids=lambda path: path.name,
)
def test_methods_import_nothing_else_of_bench(path: Path) -> None:
    own = [name for name in imported_names(path) if name.split(".")[0] in ("bench", "methods")]
    assert all(name.startswith(SHARED_BY_METHODS) for name in own), own


DOORS = ("bench/system/reading.py", "bench/system/writing.py", "bench/system/archive.py")
"""The modules that read and write files; everything else asks them."""
SYSTEM_FILES = (
    "bench/system/hardware.py", "bench/system/processes.py",
    "methods/enhancement/neighbours.py", "perf/cases/memory.py",
)  # fmt: skip
"""Modules that look into /proc, and the one whose processes send each other pickles."""
FILE_CALLS = re.compile(
    r"open|(?!os\b|.*Image\b|webbrowser\b|archive\b).*\.open|.*\.(read|write)_(text|bytes)|json\.(load|loads|dump)"
    r"|np\.(load|save|savez.*|fromfile|loadtxt|memmap)|csv\.(reader|DictReader)|pd\.read_\w+|.*loadmat|.*safe_open"
)
FILE_MODULES = ("tomllib", "zipfile", "tarfile", "gzip", "lzma", "bz2", "pickle", "defusedxml", "xml")


@pytest.mark.parametrize("path", [*MODULES.values(), *METHOD_FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_read_and_written_by_the_doors_alone(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in (*DOORS, *SYSTEM_FILES):
        return
    calls = {ast.unparse(node.func): node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}
    assert not {call: line for call, line in calls.items() if FILE_CALLS.fullmatch(call)}
    assert not {name for name in imported_names(path) if name.split(".")[0] in FILE_MODULES}


def runs(program: str) -> None:
    """Run a program in an interpreter of its own, from the checkout's root; a failed assertion of it is this one's."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_folder_at_the_top_has_one_import_name() -> None:
    assert (ROOT / "bench/methods").is_symlink()
    assert (ROOT / "bench/methods").resolve() == ROOT / "methods"
    for path in [*MODULES.values(), *METHOD_FILES, *files("tests")]:
        if re.search(r"\b(from|import)\s+methods\b|,\s*methods\b", path.read_text(encoding="utf-8")):
            assert not [name for name in imported_names(path) if name.split(".")[0] == "methods"], path


@pytest.mark.parametrize("name", [name for name in OF_BENCH if part_of(name) in ("records", "text", *READING)])
def test_reading_sides_import_neither_torch_nor_methods(name: str) -> None:
    assert not [one for one in imported_names(MODULES[name]) if one.startswith(("torch", METHODS))]


def test_reading_sides_bring_neither_torch_nor_methods_along() -> None:
    program = (
        "import sys\n"
        "import bench.records.artifacts, bench.records.store, bench.report.instance, bench.tables.comparison\n"
        "import bench.tables.notes, bench.tables.paper, bench.tables.ranking, bench.tables.render\n"
        f"assert not {{'torch', {METHODS!r}}} & set(sys.modules)\n"
    )
    runs(program)


@pytest.mark.parametrize(
    "module",
    ["bench.cli.main", "bench.config", "bench.records.locks", "bench.records.store", "bench.tables.paper"],
)
def test_light_modules_bring_nothing_heavy_along(module: str) -> None:
    program = f"import sys, {module}\nheavy = {set(HEAVY)!r} & set(sys.modules)\nassert not heavy, heavy\n"
    runs(program)


def test_answers_come_without_torch() -> None:
    lists = ("methods", "metrics", "datasets", "decisions", "transforms", "backbones")
    commands = [["--help"], *(["list", what] for what in lists), ["run", "--help"]]
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        f"for command in {commands!r}:\n"
        "    code = main(command)\n"
        "    heavy = [name for name in ('torch', 'pandas', 'sklearn', 'scipy', 'river') if name in sys.modules]\n"
        "    assert code == 0 and not heavy, (command, code, heavy)\n"
    )
    runs(program)


def test_help_imports_no_verb() -> None:
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "own = {name for name in sys.modules if name.startswith('bench.')}\n"
        "light = {'cli', 'cli.main', 'cli.options', 'errors', 'system', 'system.terminal', 'text'}\n"
        "assert own == {f'bench.{name}' for name in light}, own\n"
        "assert not {'msgspec', 'statistics'} & set(sys.modules)\n"
    )
    runs(program)


def test_a_job_trains_without_the_compiler() -> None:
    """Torch's compiler takes seconds to import, and some parts of torch import it when they are called."""
    program = (
        "import sys\nfrom bench import methods\nfrom bench.training.loop import train\n"
        "from bench.training.step import LoopOptions\nfrom tests.conftest import problem_of, random_split\n"
        "data = random_split(100, 6, 5, 0)\n"
        "train([methods.create('FLEM-D', problem_of(data)).double()], data, data, LoopOptions(epochs=6), 0)\n"
        "heavy = [name for name in ('torch._dynamo', 'torch._inductor', 'sympy') if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    runs(program)


def test_tables_come_without_torch() -> None:
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        "assert main(['table', '--from', 'paper', '--metric', 'hamming']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    runs(program)
