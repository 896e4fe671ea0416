"""Door out: every file is written here, whole or not at all, and where that fails one sentence says so."""

from __future__ import annotations

import io
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from bench.errors import UsageError

LONGEST_NAME = 255
"""Bytes of a file's name, on the file systems in use."""


class WriteError(UsageError):
    """A file that cannot be written: the disk is full, the folder is read-only, the name is taken by a folder."""


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: it is wholly there, or what was there before is.

    Raises
    ------
    WriteError: one sentence with the file and the system's reason.
    """
    with replacing(path) as stream:
        stream.write(content)


def packed(arrays: Mapping[str, Any]) -> bytes:
    """The content of a compressed ``.npz`` file of these arrays."""
    import numpy as np  # here, because records and configuration are written without

    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream to a temporary file (its ``name``), which takes the place of ``path`` when the block ends well.

    The folder is made. The temporary file, ``.<name>.<random>.tmp``, is opened exclusively and no link is followed; a
    process that is killed leaves it. A link to a file stays a link; what is no regular file is refused.

    Raises
    ------
    WriteError: one sentence with the file and the system's reason.
    """
    with _sentence(path):
        target = _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(target)
        try:
            with open(temporary, "xb") as stream:  # "x": it must not exist, not even as a link
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)


@contextmanager
def continuing(path: Path, kept: int) -> Iterator[BinaryIO]:
    """A stream behind the first ``kept`` bytes of a file, the rest of which is cut off; made where it is missing.

    For work that may be killed and goes on: what was written stays where the block fails. No link is followed.

    Raises
    ------
    WriteError: one sentence with the file and the system's reason.
    """
    with _sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WriteError(f"{path} is a pipe or a device, not a file.")
            stream.truncate(kept)
            stream.seek(kept)
            yield stream
            stream.flush()
            os.fsync(descriptor)


def move(made: Path, path: Path) -> None:
    """Put a file that was made beside it in the place of ``path``.

    Raises
    ------
    WriteError: one sentence with the file and the system's reason.
    """
    with _sentence(path):
        made.replace(_target(path))


def check_writable(path: Path) -> None:
    """Fail before the work whose result is to be written, not after.

    Raises
    ------
    WriteError: where the file, or its folder, cannot be made.
    """
    with _sentence(path):
        target = _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        probe = _temporary(target)
        with open(probe, "xb"):
            pass
        probe.unlink()


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and see that files can be made in it.

    Raises
    ------
    WriteError: where that is not so.
    """
    with _sentence(path):
        path.mkdir(parents=True, exist_ok=True)
        probe = _temporary(path / "probe")
        with open(probe, "xb"):
            pass
        probe.unlink()


def write_quietly(path: Path, content: bytes) -> None:
    """Write what only saves time later; where it cannot be written, nothing is lost."""
    with suppress(WriteError):
        write(path, content)


def rename(path: Path, target: Path) -> None:
    """Give a file, or whatever else is there, another name in its folder.

    Raises
    ------
    WriteError: where that cannot be done; where ``path`` is gone, there is nothing to do.
    """
    with _sentence(target), suppress(FileNotFoundError):
        path.replace(target)


def lock_descriptor(path: Path) -> int:
    """Descriptor of a lock file, open for reading and writing; it is made where there is none, and no link is followed.

    Raises
    ------
    WriteError: where it cannot be made.
    """
    with _sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def compressed(content: bytes) -> bytes:
    """Content of an ``.xz`` file, as small as can be."""
    import lzma

    return lzma.compress(content, preset=9)


@contextmanager
def _sentence(path: Path) -> Iterator[None]:
    """Inside, an error of the system becomes one sentence about ``path``."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:  # a NUL in the name
        raise WriteError(f"{str(path)!r} cannot be written: {error}.") from error


def _target(path: Path) -> Path:
    """The file itself, where ``path`` is a link to it."""
    if not path.name or str(path) in ("", "."):
        raise WriteError(f"the name {str(path)!r} is no file's; is a shell variable unset?")
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise WriteError(f"{str(path)[:60]}... cannot be written: a file's name has at most {LONGEST_NAME} bytes.")
    target = path.resolve()
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise WriteError(f"{path} is a folder, a pipe or a device, not a file.")
    return target


def _temporary(target: Path) -> Path:
    name = os.fsdecode(os.fsencode(target.name)[: LONGEST_NAME - 24])
    return target.with_name(f".{name}.{secrets.token_hex(8)}.tmp")


def _sync(folder: Path) -> None:
    """Put the folder's new entry on the disk, where the system can; the file itself is safe."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
