"""Downloading what a source offers: progress, resume, checksums. Nothing that exists is touched by a bad download."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.datasets.parsers import File
from bench.errors import UsageError
from bench.system import reading, writing

BLOCK = 1 << 16
"""Bytes that a connection which breaks loses at most."""
LARGEST = 32 * 2**30
"""Bytes that a download may have."""
SECONDS_WITHOUT_DATA = 60.0
CHECKSUM = re.compile(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})")
BY_HAND = "its owner may ask for a login or a form. Download it with a browser and give it by --raw."

Report = Callable[[int, int | None], None]
"""(bytes there, bytes in all or None)."""


def fetch(file: File, folder: Path, report: Report | None = None, timeout: float = SECONDS_WITHOUT_DATA) -> Path:
    """Download a file into ``folder`` unless it is there with the right checksum, and return its path.

    A connection that breaks leaves ``<name>.part``. Where the checksum is known the next call goes on from there, and
    begins anew if what it gets in the end is not the file. Where it is not known the server must say how long the file
    is, nothing is resumed, and the checksum is written beside the file and holds from then on.

    Raises
    ------
    UsageError: when the server cannot be reached, stalls, answers with an error, with a web page or an empty file, or
        sends something whose checksum is not the expected one; one sentence with what to do.
    """
    path, memory = folder / file.name, folder / f"{file.name}.sha256"
    known = file.checksum or (_remembered(memory) if memory.is_file() else None)
    if known is not None and not CHECKSUM.fullmatch(known):
        raise UsageError(f"the checksum {known[:80]!r} of {file.url} is none; it must be md5:... or sha256:....")
    if known is not None and path.is_file() and _digest(path, known) == known:
        return path
    writing.check_writable(path)
    partial = folder / f"{file.name}.part"
    kept = partial.stat().st_size if known is not None and partial.is_file() else 0
    with reading.reading(file.url, "a download", "is the address right?"):
        if not kept or _digest(partial, known) != known:  # it may have been whole when the program was killed
            resumed = _receive(file.url, partial, kept, known is not None, report, timeout)
            if resumed and _digest(partial, known) != known:  # what was kept is not of this file
                _receive(file.url, partial, 0, True, report, timeout)
    digest = _digest(partial, known)
    if known is not None and digest != known:
        partial.unlink()
        raise UsageError(
            f"{file.url} sent a file whose checksum is not {known}; nothing was installed. The file may have been "
            "replaced by its owner, or the address may be wrong."
        )
    writing.move(partial, path)
    if known is None:
        writing.write(memory, f"{digest.removeprefix('sha256:')}  {file.name}\n".encode())
    return path


def _remembered(memory: Path) -> str:
    words = reading.text(memory).split()
    if not words or not CHECKSUM.fullmatch(f"sha256:{words[0]}"):
        raise UsageError(f"{memory} holds no checksum; remove it, and the next download's is recorded.")
    return f"sha256:{words[0]}"


def _digest(path: Path, known: str | None) -> str:
    """``md5:...`` or ``sha256:...`` of a file, as the known one is; SHA-256 where none is known."""
    name = (known or "sha256:").partition(":")[0]
    state = hashlib.new(name, usedforsecurity=False)
    with reading.opened(path) as stream:
        while block := stream.read(reading.BLOCK):
            state.update(block)
    return f"{name}:{state.hexdigest()}"


class _BrokenError(Exception):
    """A connection that broke while a file arrived."""


def _receive(url: str, partial: Path, kept: int, checked: bool, report: Report | None, timeout: float) -> bool:
    """Write what the server sends behind the first ``kept`` bytes of ``partial``; True if it went on from there.

    Parameters
    ----------
    checked: whether a checksum will tell if the whole is right.
    """
    import requests

    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={kept}-"} if kept else {})
    try:
        with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
            goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {kept}-")
            if kept and not goes_on and answer.status_code in (206, 416):
                return _receive(url, partial, 0, checked, report, timeout)
            received = kept if kept and goes_on else 0
            size = _checked_size(url, answer, 206 if received else 200, checked)
            whole = None if size is None else received + size
            with writing.continuing(partial, received) as stream:
                for block in _blocks(answer):
                    received += len(block)
                    if received > LARGEST:
                        raise UsageError(f"{url} is refused: it would be over {LARGEST / 1e9:.0f} GB.")
                    stream.write(block)
                    if report:
                        report(received, whole)
            if whole is not None and received < whole:
                raise _BrokenError
    except (requests.RequestException, _BrokenError) as error:
        still = isinstance(error.__cause__ or error, requests.Timeout)
        reason = "sent nothing for a while" if still else "broke off or was not there"
        there = partial.stat().st_size if checked and partial.is_file() else 0
        goes_on_later = f"{there} bytes are kept, and the same command goes on from there" if checked else "try again"
        raise UsageError(f"the connection to {url} {reason}; {goes_on_later}.") from error
    if not received or _looks_like_html(partial):
        partial.unlink()
        sent = "a web page instead of the file" if received else "an empty file"
        raise UsageError(f"{url} sent {sent}; {BY_HAND}")
    return bool(kept and goes_on)


def _blocks(answer: Any) -> Iterator[bytes]:
    import requests

    try:
        yield from answer.iter_content(BLOCK)
    except requests.RequestException as error:  # one of the system's errors, and no fault of the disk
        raise _BrokenError from error


def _checked_size(url: str, answer: Any, status: int, checked: bool) -> int | None:
    """Bytes that the answer will bring, where it says so."""
    if answer.status_code != status:
        raise UsageError(f"{url} answered {answer.status_code} {answer.reason}.")
    if "text/html" in answer.headers.get("Content-Type", ""):
        raise UsageError(f"{url} answered with a web page instead of the file; {BY_HAND}")
    packed = answer.headers.get("Content-Encoding", "identity") != "identity"
    size = None if packed else reading.whole_number(answer.headers.get("Content-Length", ""))
    if size is None and not checked:
        raise UsageError(
            f"{url} does not say how long the file is, and no checksum is known: nothing tells if it is whole."
        )
    if size is not None and size > LARGEST:
        raise UsageError(f"{url} is refused: it would be {size / 1e9:.0f} GB.")
    return size


def _looks_like_html(path: Path) -> bool:
    with reading.opened(path) as stream:
        start = stream.read(256).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))
