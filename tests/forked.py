"""Python processes that start with their libraries imported: forked from one that has imported them once.

:func:`start` stands for ``subprocess.Popen`` of an interpreter, :func:`python` for ``subprocess.run``. Whatever else
belongs to a process is its own: working folder, environment, path, streams, session, exit; it is a child of the one
that asked. The workers that a run starts come likewise from what it was before its first line. Where there is no Linux,
these are interpreters as ever. Run as a program, this file is the process that others fork from.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from multiprocessing import util
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
LIBRARIES = ("cyclopts", "jinja2", "matplotlib.pyplot", "msgspec", "pandas", "rich.console", "scipy.stats")
TORCH = ("joblib.externals.loky", "sklearn.linear_model", "torch.fx.experimental.symbolic_shapes")
TABLES = ("bench.cli.figures", "bench.cli.records", "bench.cli.statistics", "bench.cli.tables")
"""Verbs of this checkout that import no torch."""
RUNS = ("bench.cli.data", "bench.cli.listing", "bench.cli.models", "bench.cli.run", "bench.running.worker")
STARTERS = {"run", "recover", "status", "table"}
"""Verbs that start workers: of jobs, and of probes after a change of code."""
LONGEST_REQUEST = 2**18
FREE_DESCRIPTORS = 500
"""From here on, no process has open files of its own."""
PR_SET_CHILD_SUBREAPER = 36


def python(
    *words: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 600,
    torch: bool = True,
    stdout: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE ARGUMENT ...`` or ``python -c PROGRAM ARGUMENT ...`` to its end, as :func:`start` does.

    Raises
    ------
    subprocess.TimeoutExpired: after ``timeout`` seconds.
    """
    with start(*words, cwd=cwd, environment=environment, torch=torch, stdout=stdout) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def start(
    *words: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    torch: bool = True,
    stdout: int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start ``python -m MODULE ARGUMENT ...`` or ``python -c PROGRAM ARGUMENT ...`` in a session of its own.

    Standard input is empty, standard error a pipe.

    Parameters
    ----------
    words: what follows the interpreter's name.
    cwd: by default that of the tests.
    environment: the process's, by default that of the tests with this checkout as PYTHONPATH, which alone counts of
        Python's own variables. Where it is this checkout, its program is imported too.
    torch: False where torch must not have been imported.
    stdout: as ``subprocess.Popen`` takes it.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} if environment is None else dict(environment)
    imported = [LIBRARIES, *[TORCH] * torch]
    if environment.get("PYTHONPATH") == str(ROOT):
        imported.append(TABLES + RUNS * torch)
    kind: Callable[..., subprocess.Popen[str]] = subprocess.Popen
    if sys.platform == "linux":
        kind = partial(_Forked, _origin(*imported))
    return kind(
        [sys.executable, *words],
        cwd=cwd or Path.cwd(),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


class Origin:
    """Where processes are forked from: the other end of a connection to a process in :func:`_serve`."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.one_at_a_time = threading.Lock()

    def fork(self, words: Sequence[str], files: Mapping[int, int], **request: Any) -> int:
        """The process's number.

        Parameters
        ----------
        words: the interpreter's arguments.
        files: {its descriptor: the descriptor here}; it has no others.
        request: what :func:`_become` takes besides.
        """
        request |= {"words": words, "numbers": list(files)}
        prctl = ctypes.CDLL(None).prctl
        with self.one_at_a_time:
            prctl(PR_SET_CHILD_SUBREAPER, 1)  # for as long as the process needs to become a child of this one
            socket.send_fds(self.connection, [json.dumps(request).encode()], list(files.values()))
            number = int(self.connection.recv(100))
            prctl(PR_SET_CHILD_SUBREAPER, 0)
        return number


class _Forked(subprocess.Popen[str]):
    """A Popen whose process is forked."""

    def __init__(self, origin: Origin, *given: Any, **how: Any) -> None:
        self.origin = origin
        super().__init__(*given, **how)

    def _execute_child(self, args: Any, *given: Any) -> None:
        _, _, _, _, cwd, env, _, _, _, *pipes = given[:15]
        here = dict(enumerate((pipes[0], pipes[3], pipes[5])))
        self.pid = self.origin.fork(
            args[1:], here, cwd=str(cwd), environment=env, session=True, sigint=int(signal.SIG_DFL)
        )
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


@cache
def _origin(*imported: tuple[str, ...]) -> Origin:
    """A process that has imported these modules, the last of them after it was forked from one with the others."""
    *before, last = imported
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if before:
        request = json.dumps({"modules": last}).encode()
        socket.send_fds(_origin(*before).connection, [request], [there.fileno()])
    else:
        subprocess.Popen(
            [sys.executable, __file__, str(there.fileno()), *last],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            # OMP_WAIT_POLICY is what the program sets before torch is imported
            env={**os.environ, "PYTHONPATH": "", "OMP_WAIT_POLICY": "PASSIVE"},
            pass_fds=[there.fileno()],
            start_new_session=True,
        )
    there.close()
    atexit.register(here.close)  # with which it ends
    return Origin(here)


def _load(modules: Iterable[str]) -> None:
    sys.path.insert(0, str(ROOT))
    for name in modules:
        importlib.import_module(name)
    sys.path.remove(str(ROOT))
    gc.freeze()


def _serve(connection: socket.socket) -> NoReturn:
    """Fork a process for each request; its number is the answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        content, descriptors, *_ = socket.recv_fds(connection, LONGEST_REQUEST, FREE_DESCRIPTORS)
        if not content:
            os._exit(0)
        request = json.loads(content)
        if not (forked := os.fork()):
            if "modules" in request:
                connection.close()
                _load(request["modules"])
                _serve(socket.socket(fileno=descriptors[0]))
            middle = os.getpid()
            if os.fork():
                os._exit(0)  # so that its child gets another parent, the one that asked
            while os.getppid() == middle:
                time.sleep(0.0005)
            connection.send(b"%d" % os.getpid())
            connection.close()
            _become(descriptors, **request)
        if "modules" not in request:
            os.waitpid(forked, 0)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(
    descriptors: Iterable[int],
    words: list[str],
    numbers: list[int],
    cwd: str,
    environment: dict[str, str],
    session: bool,
    sigint: int,
) -> NoReturn:
    """Be the interpreter that was asked for, to the end."""
    if session:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler if sigint == signal.SIG_DFL else signal.Handlers(sigint))
    for moved, number in [
        (fcntl.fcntl(one, fcntl.F_DUPFD, FREE_DESCRIPTORS), n) for one, n in zip(descriptors, numbers, strict=True)
    ]:
        os.dup2(moved, number)
    os.closerange(max(numbers) + 1, FREE_DESCRIPTORS)
    os.closerange(FREE_DESCRIPTORS, 2 * FREE_DESCRIPTORS)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = [cwd, *folders]
    sys.path_importer_cache.clear()
    if any(Path(folder, "sitecustomize.py").exists() for folder in folders):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")
    if STARTERS.intersection(words):
        fork_workers(_child())
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
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


def _child() -> Origin:
    """A copy of this process as it is now, which ends with it."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        here.close()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        _serve(there)
    there.close()
    return Origin(here)


def fork_workers(origin: Origin | None = None) -> None:
    """Let the worker processes of this one be forked, too: those of loky and of multiprocessing's spawn.

    Parameters
    ----------
    origin: by default a process that has imported this checkout's program.
    """
    if sys.platform != "linux":
        return
    from joblib.externals.loky.backend import fork_exec

    def forked(command: Sequence[str], files: Iterable[int], env: Mapping[str, str] | None = None) -> int:
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # which a process hands on
        return (origin or _origin(LIBRARIES, TORCH, TABLES + RUNS)).fork(
            command[next(i for i, word in enumerate(command) if word in ("-c", "-m")) :],
            {int(number): int(number) for number in {0, 1, 2, *files}},
            cwd=os.getcwd(),
            environment={**os.environ, **(env or {})},
            session=False,
            sigint=int(signal.SIG_IGN if ignored else signal.SIG_DFL),
        )

    fork_exec.fork_exec = forked
    util.spawnv_passfds = lambda _, command, files: forked(command, files)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # whose folder bench holds tests
    _load(sys.argv[2:])
    _serve(socket.socket(fileno=int(sys.argv[1])))
