"""Lock files (flock): per job, held by the process that computes it, and of the folder's manifest. Imports neither
torch nor methods.

The lock is the operating system's (``flock``) and goes with its process, however that ends; the file's content says who
holds it and how far it is, for ``bench status``. Two runs on one folder never compute one job twice.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from bench.errors import UsageError
from bench.records.record import JobName, job_of
from bench.records.store import Store
from bench.system import reading
from bench.system.writing import lock_descriptor

SECONDS_BETWEEN_NOTES = 1.0
SECONDS_OF_A_LOOK = 0.02
LONGEST_NOTE = 4096
"""Bytes; a job's name has up to three file names."""
HELD = (errno.EWOULDBLOCK, errno.EAGAIN)
"""Error numbers of flock where another process holds the lock; any other means that there are no locks."""


class Running(msgspec.Struct, frozen=True):
    """A job that some process holds now, as that notes it in its lock file."""

    job: str = ""
    host: str = "an unknown host"
    pid: int = 0
    started: float = 0.0
    what: str = ""
    done: int = 0
    total: int = 0


class Claim:
    """A job that this process holds."""

    def __init__(self, descriptor: int, job: JobName) -> None:
        self.descriptor = descriptor
        self.about = Running(str(job), platform.node(), os.getpid(), time.time())
        self.noted = 0.0
        self.note("", 0, 0)
        self.noted = 0.0  # the first epoch is worth a note at once

    def note(self, what: str, done: int, total: int) -> None:
        """Say how far the job is; at most once a second, so that it costs nothing."""
        now = time.monotonic()
        if done and now - self.noted < SECONDS_BETWEEN_NOTES:
            return
        self.noted = now
        text = msgspec.json.encode(msgspec.structs.replace(self.about, what=what, done=done, total=total))
        with suppress(OSError):  # a full disk: the job goes on without a note
            os.pwrite(self.descriptor, text.ljust(LONGEST_NOTE), 0)


@contextmanager
def claimed(store: Store, job: JobName) -> Iterator[Claim | None]:
    """Hold a job while computing it; None where another process holds it.

    Raises
    ------
    UsageError: where the file system has no locks, or the lock file cannot be made.
    """
    with _locked(lock_path(store, job), waits=False) as descriptor:
        yield None if descriptor is None else Claim(descriptor, job)


@contextmanager
def manifest_locked(store: Store) -> Iterator[None]:
    """Hold the folder's manifest while reading and writing it, when nobody else does.

    Raises
    ------
    UsageError: as :func:`claimed`.
    """
    with _locked(store.folder / ".run.lock", waits=True):
        yield


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


@contextmanager
def _locked(path: Path, waits: bool) -> Iterator[int | None]:
    """Descriptor of the lock file, which is removed in the end; None where another process holds it."""
    descriptor: int | None = None
    while descriptor is None:
        descriptor = lock_descriptor(path)
        if not _locks(descriptor, path, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB):
            os.close(descriptor)
            yield None
            return
        # Its former holder may have removed the file between our opening and our locking it.
        if not _same_file(path, descriptor):
            os.close(descriptor)
            descriptor = None
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locks(descriptor: int, path: Path, how: int, tries: int = 3) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except OSError as error:
        if error.errno in HELD and tries > 1:  # `bench status` holds it for as long as a look takes
            time.sleep(SECONDS_OF_A_LOOK)
            return _locks(descriptor, path, how, tries - 1)
        if error.errno in HELD:
            return False
        os.close(descriptor)
        raise UsageError(
            f"{path} cannot be locked: {error.strerror}. Locks keep two runs from computing one job twice; "
            "use --results FOLDER on a file system that has them."
        ) from error
    return True


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def running(store: Store) -> list[Running]:
    """The jobs that are held; lock files that a killed process left behind are not counted."""
    notes = (_held(path) for path in sorted(store.folder.glob("*@*/*/.seed-*.lock")))
    return [note for note in notes if note is not None]


def progress_of(store: Store, job: JobName) -> Running | None:
    """Progress of the process that holds a job; None where nobody does."""
    return _held(lock_path(store, job))


def _held(path: Path) -> Running | None:
    """The note of a lock file that is held, which may be of another version; None where nobody holds it."""
    try:
        stream = reading.opened(path)
    except UsageError:
        return None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None  # nobody holds it
        except OSError as error:
            if error.errno not in HELD:
                return None
        try:
            note: Running = reading.decoded_json(stream.read(LONGEST_NOTE), path, Running)
        except UsageError:  # being written, or of another version
            note = Running()
    named = str(job_of(path.with_name(path.stem.removeprefix(".") + ".json")))
    return note if note.job else msgspec.structs.replace(note, job=named, started=time.time())
