"""Worker processes end with the process that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from bench import methods
from bench.system import terminal

SECONDS_BETWEEN_LOOKS = 1.0


def begin(parent: int, method_folders: Iterable[Path]) -> None:
    """Work for ``parent`` alone: look for methods where it does, leave Ctrl-C to it, and end when it is gone."""
    terminal.settle()
    methods.add_folders(method_folders)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    if not any(thread.name == "watch parent" for thread in threading.enumerate()):
        threading.Thread(target=watch, name="watch parent", daemon=True).start()


def side_by_side(
    work: Callable[[int], Any],
    count: int,
    processes: int,
    *,
    forked: bool,
    lost: Callable[[int], Any] | None = None,
) -> list[Any]:
    """[work(0), ..., work(count - 1)], at most ``processes`` of them at a time, each in a process of its own.

    A forked process starts at once and sees all that this one holds; the other kind starts Python anew and is sent
    ``work``. Fork where the children use one thread only: OpenMP's threads do not survive it. What a killed process
    was to do is done here, or is what ``lost`` says. An exception in one ends all.
    """
    context = multiprocessing.get_context("fork" if forked and sys.platform == "linux" else "spawn")
    results: dict[int, Any] = {}
    waiting = list(range(count))
    running: dict[Any, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                number = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(  # type: ignore[attr-defined]
                    target=_child, args=(work, number, sender, os.getpid(), methods.folders()), daemon=True
                )
                process.start()
                sender.close()  # so that the child's death is the end of the pipe
                running[receiver] = number, process
            for ready in wait(list(running)):
                number, process = running.pop(ready)
                try:
                    outcome = pickle.loads(ready.recv_bytes())  # type: ignore[union-attr]
                except EOFError:
                    outcome = (lost or work)(number)
                process.join()
                if isinstance(outcome, _Raised):
                    raise outcome.error
                results[number] = outcome
    finally:
        for _, process in running.values():
            process.kill()
            process.join()
    return [results[number] for number in range(count)]


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _child(work: Callable[[int], Any], number: int, sender: Connection, *parent: Any) -> None:
    begin(*parent)
    try:
        outcome = work(number)
    except BaseException as error:
        error.add_note(traceback.format_exc())
        outcome = _Raised(error)
    sender.send_bytes(pickle.dumps(outcome))  # plain pickle: torch's own way needs room in /dev/shm
