"""Standard output and standard error, which may be closed, broken, full or of few letters: no command ends by that."""

from __future__ import annotations

import io
import os
import select
import shutil
import sys
from typing import Any

NARROWEST, WIDEST = 20, 1000
"""Columns in which help can be laid out."""


class _Stream(io.RawIOBase):
    """A descriptor that is written to as long as it takes anything; then everything is dropped, ``fault`` says why."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.fault: OSError | None = None

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        while True:
            try:
                return os.write(self.descriptor, content)
            except BlockingIOError:
                select.select([], [self.descriptor], [])
            except OSError as error:
                self.fault = error
                # Also for libraries that print, and for processes that are started from here on.
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.descriptor)
                os.close(nowhere)


def settle() -> None:
    """Make the standard streams ones that never fail: what cannot be shown is escaped, what cannot be written dropped.

    Streams that somebody else has put in their place (a test, a notebook) are left alone.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed by the shell: the next file opened would take its number, and be printed into
            os.open(os.devnull, os.O_RDWR)
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        given: Any = getattr(sys, name)
        if given is not getattr(sys, f"__{name}__"):
            continue
        stream = _Stream(descriptor)
        settled = io.TextIOWrapper(
            io.BufferedWriter(stream),
            encoding=given.encoding if given else "utf-8",
            errors="backslashreplace",
            line_buffering=given is None or given.line_buffering or stream.isatty(),
            write_through=given is not None and given.write_through,
        )
        setattr(sys, name, settled)
    _settle_width()


def _settle_width() -> None:
    """Correct a COLUMNS that is no width; on a narrower terminal lines are folded, not laid out for ever."""
    given = os.environ.get("COLUMNS", "")
    if not (given.isascii() and given.isdecimal() and NARROWEST <= int(given[:9]) <= WIDEST):
        os.environ.pop("COLUMNS", None)
        if shutil.get_terminal_size().columns < NARROWEST:
            os.environ["COLUMNS"] = str(NARROWEST)


def width() -> int | None:
    """Columns of the terminal that standard output goes to; None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def output_fault() -> str:
    """The system's reason why standard output was not written whole; empty where it was, or its reader had enough."""
    sys.stdout.flush()
    stream = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    fault = stream.fault if isinstance(stream, _Stream) else None
    return "" if fault is None or isinstance(fault, BrokenPipeError) else fault.strerror or str(fault)
