"""Files: atomic writes, digests, searches of folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file, flush it to the disk, rename it into place.

    A process that is killed meanwhile leaves the temporary file, ``.<name>.<process>.tmp``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # not possible on every system; the file itself is safe
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


SEARCH_DEPTH = 4


def walk(top: Path) -> Iterator[Path]:
    for root, folders, _ in os.walk(top):
        folders.sort()
        if len(Path(root).relative_to(top).parts) >= SEARCH_DEPTH:
            folders.clear()
        yield Path(root)


def sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            state.update(block)
    return state.hexdigest()
