"""Methods as plain files in a folder that is named to the program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import methods
from tests.end_to_end.test_program import NEW_METHOD, ROOT, bench

ODD = {
    "flem.py": (b"class FLEM: ...", "flem.py registers no method: it has no class with @register(...)"),
    "half.py": (b"register = (", "half.py has a syntax error in line 1"),
    "latin.py": ("# é register".encode("latin-1"), "latin.py, line 1 is not UTF-8"),
    "nul.py": (b"register = 1\x00", "nul.py"),
    "deep.py": (b"register = " + b"(" * 5000 + b")" * 5000, "deep.py"),
    "minus.py": (b"register = " + b"-" * 100_000 + b"1", "minus.py cannot be read"),
    "pathlike.py": (NEW_METHOD.replace('"Hinge"', '"../x"').encode(), "'../x' cannot be a folder's name"),
    "control.py": (NEW_METHOD.replace('"Hinge"', '"a\\x1b[31m"').encode(), "a line break, or a control or format"),
    "long.py": (NEW_METHOD.replace('"Hinge"', f'"{201 * "m"}"').encode(), "it has more than 200 bytes"),
    "family.py": (re.sub('family="[^"]*"', "family=5", NEW_METHOD).encode(), "the arguments of @register must be"),
    "empty.py": (NEW_METHOD.replace("[0.5, 1.0, 2.0]", "[]").encode(), "the arguments of @register must be literals"),
    "list.py": (re.sub(r"grid=\{[^}]*\}", "grid=[1]", NEW_METHOD).encode(), "the arguments of @register must be"),
    "itself.py": (
        b'from bench.methods.api import register\n@register("It", family="t", paper="n")\nclass It(It): pass\n',
        "cannot be imported from",
    ),
    "shared.py": (
        NEW_METHOD.replace('"Hinge"', '"Shared"')
        .replace("LinearMethod):", "LinearMethod):\n    shared_defaults = 5\n")
        .encode(),
        "shared.py",
    ),
    "leaves.py": (
        b"import sys\nfrom bench.methods.api import register\nsys.exit(0)\n"
        b'@register("Leaves", family="t", paper="n")\nclass Leaves(what()): pass\n',
        "cannot be imported from",
    ),
    "taken.py": (NEW_METHOD.replace('"Hinge"', '"BCE"').encode(), "taken.py: the name 'BCE' is already taken"),
    "named.py": (NEW_METHOD.replace('"Hinge"', '["a"]').encode(), "the arguments of @register must be literals"),
    "grid.py": (NEW_METHOD.replace("[0.5, 1.0, 2.0]", "3").encode(), "the arguments of @register must be literals"),
    "absent.py": (
        NEW_METHOD.replace("LinearMethod)", "missing.Base)").replace('"Hinge"', '"Absent"').encode(),
        "cannot be imported from",
    ),
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder with a method and much else in its folder of methods."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/hinge.py").write_text(NEW_METHOD)
    (tmp_path / "own/__init__.py").write_text("raise RuntimeError")
    (tmp_path / "own/folder.py").mkdir()
    os.mkfifo(tmp_path / "own/pipe.py")
    (tmp_path / "own/.#hinge.py").symlink_to("somebody@host.1234")  # Emacs, while the file is open there
    (tmp_path / "own/._hinge.py").write_bytes(b"\x00\x05\x16\x07register")
    for name, (content, _) in ODD.items():
        (tmp_path / "own" / name).write_bytes(content)
    return tmp_path


def test_odd_files_are_named_and_stop_no_other(work: Path) -> None:
    listed = bench("list", "methods", "--check", "--methods-dir", "own", cwd=work)
    assert listed.returncode == 1
    lines = listed.stdout.splitlines()
    for name, (_, problem) in ODD.items():
        (line,) = (line for line in lines if problem in line and name in line)
        assert "cannot be used" in line
    assert any("folder.py is a folder, a pipe or a device" in line for line in lines)
    assert any("pipe.py is a folder, a pipe or a device" in line for line in lines)
    assert not any("\x1b" in line or "Traceback" in line for line in lines)
    assert not any("__init__" in line for line in lines)
    (hinge,) = (line for line in lines if line.startswith("  Hinge "))
    assert hinge.endswith(f"[{work / 'own/hinge.py'}]  ok")
    built_in = sum(info.origin == "built-in" for info in methods.infos().values())
    assert sum(line.endswith("  ok") for line in lines) == built_in + 1
    planned = bench("run", "--dry-run", "--methods-dir", "own", cwd=work)
    assert planned.returncode == 0, planned.stderr
    assert "left out: taken.py: the name 'BCE' is already taken (built-in)" in planned.stdout
    assert "yeast@mulan Hinge seed 0" in planned.stdout
    examined = bench("doctor", "--methods", "Hinge", "--methods-dir", "own", cwd=work)
    assert examined.returncode == 0, examined.stdout
    assert "warning  methods    left out: half.py has a syntax error in line 1" in examined.stdout


def test_a_run_takes_them_from_the_option_or_from_bench_toml(work: Path) -> None:
    """In one process, in workers, and wherever the results are read; the file's digest is part of the key."""
    run = ("run", "--methods", "Hinge", "--epochs", "1")
    option = ("--methods-dir", "own")
    results = []
    for folder, more in (("one", ()), ("two", ("--seeds", "0", "1", "--jobs", "2"))):
        done = bench(*run, *option, *more, "--results", folder, cwd=work)
        assert done.returncode == 0, done.stdout + done.stderr
        results.append(json.loads((work / folder / "yeast@mulan/Hinge/seed-0.json").read_text())["result"])
    assert results[0] == results[1]
    unknown = bench("table", "--metric", "hamming", "--results", "one", cwd=work)
    assert "a method of your own needs --methods-dir FOLDER" in unknown.stdout
    value = f"{results[0]['test']['hamming']:.4f}"
    assert value in bench("table", "--metric", "hamming", "--results", "one", *option, cwd=work).stdout
    (work / "bench.toml").write_text('method_folders = ["own"]')
    assert value in bench("table", "--metric", "hamming", "--results", "one", cwd=work).stdout
    fitted = bench("fit", "yeast", "Hinge", "--model", "m.safetensors", cwd=work)
    assert fitted.returncode == 0, fitted.stderr
    again = (*run, "--results", "one", "--dry-run")
    assert "1 job: 1 done." in bench(*again, cwd=work).stdout
    (work / "own/hinge.py").write_text(NEW_METHOD.replace("clamp(min=0)", "clamp(min=0.5)"))
    assert "stale (method)" in bench(*again, cwd=work).stdout


def test_they_are_listed_without_importing_torch(work: Path) -> None:
    for name in ("absent", "itself", "leaves", "shared"):  # their nature is found by importing alone
        (work / f"own/{name}.py").unlink()
    program = (
        "import sys\nfrom bench.cli.main import main\n"
        "assert main(['list', 'methods', '--methods-dir', 'own']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=work, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Hinge" in done.stdout
