"""Per-job lock files (flock), held by the process that computes the job. Imports neither torch nor methods.

The lock is the operating system's (``flock``) and goes with its process, however that ends; the file's content says who
holds it and how far it is, for ``bench status``. Two runs on one folder never compute one job twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.records.record import JobName
from bench.records.store import Store

SECONDS_BETWEEN_NOTES = 1.0


class Claim:
    """A job that this process holds."""

    def __init__(self, descriptor: int, job: JobName) -> None:
        self.descriptor = descriptor
        self.about = {"job": str(job), "host": platform.node(), "pid": os.getpid(), "started": time.time()}
        self.noted = 0.0
        self.note("", 0, 0)
        self.noted = 0.0  # the first epoch is worth a note at once

    def note(self, what: str, done: int, total: int) -> None:
        """Say how far the job is; at most once a second, so that it costs nothing."""
        now = time.monotonic()
        if done and now - self.noted < SECONDS_BETWEEN_NOTES:
            return
        self.noted = now
        text = json.dumps({**self.about, "what": what, "done": done, "total": total}).encode()
        os.pwrite(self.descriptor, text.ljust(512), 0)


@contextmanager
def claimed(store: Store, job: JobName) -> Iterator[Claim | None]:
    """Hold a job while computing it; None where another process holds it."""
    path = lock_path(store, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path)
    if descriptor is None:
        yield None
        return
    try:
        yield Claim(descriptor, job)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def abandoned(store: Store, job: JobName) -> bool:
    """True where a process died while it held the job: its lock file is there, and nobody holds it."""
    path = lock_path(store, job)
    return path.exists() and _held(path) is None


def tidy(store: Store, job: JobName) -> None:
    """Remove what a process that was killed between its record and its end left of a job that is done."""
    if lock_path(store, job).exists() or store.checkpoints(job).exists():
        with claimed(store, job) as claim:
            if claim:
                store.clear_unfinished(job)


def lock_path(store: Store, job: JobName) -> Path:
    path = store.path(job)
    return path.with_name(f".{path.stem}.lock")


def _locked(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        try:  # its former holder may have removed the file between our opening and our locking it
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)


@dataclass(frozen=True)
class Running:
    """A job that some process holds now."""

    job: str
    host: str
    pid: int
    started: float
    what: str
    done: int
    total: int


def running(store: Store) -> list[Running]:
    """The jobs that are held; lock files that a killed process left behind are not counted."""
    notes = (_held(path) for path in sorted(store.folder.glob("*@*/*/.seed-*.lock")))
    return [Running(**note) for note in notes if note is not None]


def _held(path: Path) -> dict[str, Any] | None:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody holds it
    except OSError:
        try:
            return json.loads(os.pread(descriptor, 512, 0))
        except ValueError:  # being written
            return None
    finally:
        os.close(descriptor)
