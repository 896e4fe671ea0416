"""Python processes that start with their libraries imported: forked from one that has imported them once.

:func:`python` stands for ``subprocess.run`` of an interpreter. Whatever else belongs to a process is its own: working
folder, environment, path, standard output, exit. Run as a program, this file is the process that others fork from.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import subprocess
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NoReturn

ROOT = Path(__file__).parent.parent
LIBRARIES = ("cyclopts", "jinja2", "matplotlib.pyplot", "msgspec", "pandas", "rich.console", "scipy.stats")
TORCH = ("joblib", "sklearn.linear_model", "sympy", "torch")
TABLES = ("bench.cli.figures", "bench.cli.records", "bench.cli.statistics", "bench.cli.tables")
"""Verbs of this checkout that import no torch."""
RUNS = ("bench.cli.data", "bench.cli.listing", "bench.cli.models", "bench.cli.run", "bench.running.worker")


def python(
    *words: str,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    timeout: float = 600,
    torch: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE ARGUMENT ...`` or ``python -c PROGRAM ARGUMENT ...``; standard input is empty.

    Parameters
    ----------
    words: what follows the interpreter's name.
    cwd: by default that of the tests.
    environment: the process's, by default that of the tests with this checkout as PYTHONPATH, which alone counts of
        Python's own variables. Where it is this checkout, its program is imported too.
    timeout: seconds.
    torch: False where torch must not have been imported.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} if environment is None else environment
    modules = LIBRARIES + TORCH * torch
    if environment.get("PYTHONPATH") == str(ROOT):
        modules += TABLES + RUNS * torch
    server = _server(modules)
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        output = [str(Path(folder, name)) for name in ("out", "err")]
        request = {"words": words, "cwd": str(cwd or Path.cwd()), "environment": environment, "output": output}
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], timeout)[0]:
            os.killpg(server.pid, 9)
            _server.cache_clear()
            raise subprocess.TimeoutExpired(words, timeout)
        code = int(server.stdout.readline())
        out, err = (Path(path).read_text(encoding="utf-8") for path in output)
    return subprocess.CompletedProcess(words, code, out, err)


@cache
def _server(modules: tuple[str, ...]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [sys.executable, __file__, *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        # OMP_WAIT_POLICY is what the program sets before torch is imported
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"},
        start_new_session=True,
    )
    atexit.register(server.communicate)  # it ends with its input
    return server


def _serve(modules: list[str]) -> None:
    """Fork a process for each line of a request; the lines that come back are exit codes."""
    sys.path.remove(str(Path(__file__).parent))  # whose folder bench holds tests
    for name in modules:
        importlib.import_module(name)
    sys.path.remove(str(ROOT))
    gc.freeze()
    requests, codes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    for line in requests:
        request = json.loads(line)
        if not (pid := os.fork()):
            requests.close()
            codes.close()
            _become(**request)
        codes.write(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        codes.flush()


def _become(words: list[str], cwd: str, environment: dict[str, str], output: list[str]) -> NoReturn:
    """Be the interpreter that was asked for, to the end."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(output, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    sys.path[:0] = [cwd, *environment.get("PYTHONPATH", "").split(os.pathsep)]
    sys.path_importer_cache.clear()
    kind, program, *sys.argv[1:] = words
    code = 0
    try:
        if kind == "-m":
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            sys.modules["__main__"] = ModuleType("__main__")
            exec(program, sys.modules["__main__"].__dict__)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    # As Python ends, but for taking every object apart, which copies all memory that has been shared until now.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1:])
