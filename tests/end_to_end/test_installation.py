"""Contents of an installation, and what it leaves to the folder that one works in."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.test_program import NEW_METHOD, ROOT, bench

pytestmark = pytest.mark.slow


def output(python: str, *arguments: str, cwd: Path) -> str:
    """Output of a program where nothing but the environment and its own folder is on the path."""
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, *arguments], cwd=cwd, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def site_packages(python: str) -> Path:
    return Path(output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=Path("/")))


def needs(*packages: str) -> None:
    """Skip the test where a Python package that builds or installs is missing."""
    for package in packages:
        pytest.importorskip(package, reason=f"needs the Python package {package}")


def build(source: Path, target: Path, *what: str) -> None:
    needs("build", "hatchling")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), *what, str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr


def install(python: str, *what: object) -> None:
    needs("pip", "hatchling")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    done = subprocess.run([*command, *map(str, what)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(folder: Path) -> str:
    """The interpreter of a new environment, which has the libraries of the running one and nothing of the harness."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin/python")
    (site_packages(python) / "libraries.pth").write_text(str(site_packages(sys.executable)) + "\n")
    return python


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel that is made of it."""
    folder = tmp_path_factory.mktemp("built")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    python = environment(tmp_path_factory.mktemp("installed") / "env")
    install(python, *built.glob("*.whl"))
    return python


@pytest.fixture(scope="module")
def editable(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As make installs it."""
    python = environment(tmp_path_factory.mktemp("editable") / "env")
    install(python, "--no-build-isolation", "-e", ROOT)
    return python


@pytest.fixture(params=["installed", "editable"])
def python(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


WITH_A_FOLDER = pytest.mark.parametrize(
    ("python", "initialised"), [("installed", True), ("editable", False)], indirect=["python"]
)
"""Folders methods/ in the working folder, with and without an ``__init__.py``: each beside one kind of installation."""


def test_the_wheel_runs_anywhere(installed: str, tmp_path: Path) -> None:
    where = output(installed, "-c", "import bench; print(bench.__file__)", cwd=tmp_path)
    assert where.startswith(str(site_packages(installed)))
    assert bench("table", "--from", "paper", cwd=tmp_path, python=installed, path=tmp_path).returncode == 0
    done = bench("run", "--methods", "BCE", "--epochs", "1", cwd=tmp_path, python=installed, path=tmp_path)
    assert done.returncode == 0, done.stderr
    done = bench("report", "--methods", "BCE", cwd=tmp_path, python=installed, path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "<h1>" in (tmp_path / "results/report.html").read_text(encoding="utf-8")


def test_a_wheel_is_the_same_from_a_checkout_and_from_the_source_distribution(built: Path, tmp_path: Path) -> None:
    build(ROOT, tmp_path, "--wheel")
    first, second = ({*zipfile.ZipFile(*folder.glob("*.whl")).namelist()} for folder in (built, tmp_path))
    assert first == second
    methods = {f"bench/methods/{path.relative_to(ROOT / 'methods')}" for path in (ROOT / "methods").rglob("*.py")}
    assert methods | {"bench/bench.toml", "bench/py.typed"} <= first


def test_an_installation_exposes_bench_and_nothing_else(python: str) -> None:
    """Read as an editor reads it, from folders and plain lines of .pth files, without running anything."""
    brought = [path for path in site_packages(python).iterdir() if path.name not in ("libraries.pth", "__pycache__")]
    folders = [Path(line) for path in brought if path.suffix == ".pth" for line in path.read_text().splitlines()]
    packages = [path for path in brought if path.is_dir() and path.suffix != ".dist-info"]
    packages += [path for folder in folders for path in folder.iterdir()]
    assert [path.name for path in packages] == ["bench"]
    for file in ("methods/api.py", "methods/losses.py", "methods/enhancement/two_stage.py", "py.typed"):
        assert (packages[0] / file).is_file()


@WITH_A_FOLDER
def test_the_authors_program_runs_beside_it(python: str, tmp_path: Path, initialised: bool) -> None:
    """A folder methods/ of the program's own, as in the released code of FLEM."""
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods/flem.py").write_text("class FLEM:\n    where = __file__\n")
    if initialised:
        (tmp_path / "methods/__init__.py").touch()
    (tmp_path / "main.py").write_text(
        "from methods.flem import FLEM\nfrom bench.methods import flem\nprint(FLEM.where, flem.__name__)\n"
    )
    assert output(python, "main.py", cwd=tmp_path).split() == [str(tmp_path / "methods/flem.py"), "bench.methods.flem"]


@WITH_A_FOLDER
def test_a_working_folder_may_have_methods_of_its_own(python: str, tmp_path: Path, initialised: bool) -> None:
    (tmp_path / "methods").mkdir()
    for name in ("flem", "api", *(["__init__"] if initialised else [])):
        (tmp_path / f"methods/{name}.py").write_text("raise RuntimeError\n")
    (tmp_path / "methods/hinge.py").write_text(NEW_METHOD)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    listed = bench("list", "methods", cwd=tmp_path, python=python, path=nothing)
    assert listed.returncode == 0, listed.stderr
    assert "FLEM-D" in listed.stdout
    assert "Hinge" not in listed.stdout
    run = ["run", "--methods", "FLEM-II", "Hinge", "--epochs", "1", "--methods-dir", "methods", "--jobs", "2"]
    done = bench(*run, cwd=tmp_path, python=python, path=nothing)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 jobs done, 0 failed" in done.stdout


def test_a_plugin_is_found_through_its_entry_point(installed: str, tmp_path: Path) -> None:
    project = tmp_path / "plugin"
    (project / "hinge_plugin").mkdir(parents=True)
    (project / "hinge_plugin/__init__.py").write_text("")
    (project / "hinge_plugin/hinge.py").write_text(NEW_METHOD)
    (project / "hinge_plugin/shadow.py").write_text(NEW_METHOD.replace('"Hinge"', '"BCE"'))
    (project / "pyproject.toml").write_text(
        textwrap.dedent(
            """
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [project]
            name = "hinge-plugin"
            version = "1"
            [project.entry-points."bench.methods"]
            Hinge = "hinge_plugin.hinge"
            BCE = "hinge_plugin.shadow"
            """
        )
    )
    build(project, tmp_path / "wheels", "--wheel")
    install(installed, *(tmp_path / "wheels").glob("*.whl"))
    work, empty = tmp_path / "work", tmp_path / "empty"
    work.mkdir()
    empty.mkdir()
    listed = bench("list", "methods", cwd=work, python=installed, path=empty)
    assert "[hinge-plugin]" in listed.stdout
    assert "'BCE' is already taken (built-in)" in listed.stdout
    done = bench("run", "--methods", "Hinge", "BCE", "--epochs", "2", cwd=work, python=installed, path=empty)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hinge" in bench("table", "--metric", "hamming", cwd=work, python=installed, path=empty).stdout
