"""Paragraphs, small grids, names and numbers as text, for the terminal, Markdown and the HTML page. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Grid:
    """A table of words and numbers; the first column names the line."""

    headers: Sequence[str]
    body: Sequence[Sequence[str]]
    numbers: bool = True
    """True where the other columns are numbers, which are flush right."""


Block = str | Grid


UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters (NUL, line breaks, escape sequences), marks that turn a line round, bytes that were no UTF-8."""


def shown(text: str, keep: str = "") -> str:
    """Text from outside (names, messages, paths) as one line that moves no cursor and changes no colour.

    Control and format characters, line breaks and bytes that were no UTF-8 are escaped as Python does.

    Parameters
    ----------
    keep: characters that stay as they are.
    """
    return UNPRINTABLE.sub(lambda one: one[0] if one[0] in keep else one[0].encode("unicode_escape").decode(), text)


LONGEST_NAME = 200
"""Bytes of a name that becomes a folder's or a part of a file's: 255 are allowed, and endings need room."""
FORBIDDEN = '/\\:*?"<>|'


def name_fault(name: str) -> str:
    """Reason why a name cannot be a folder's on every system; empty where it can."""
    if not name or name.startswith("."):
        return "it is empty or begins with a dot"
    if any(one in FORBIDDEN for one in name):
        return f"leave out {' '.join(FORBIDDEN)}"
    if shown(name) != name:
        return "it holds a line break, or a control or format character"
    if len(name.encode()) > LONGEST_NAME:
        return f"it has more than {LONGEST_NAME} bytes"
    return ""


def csv_safe(cell: str) -> str:
    """Text for a CSV file: spreadsheets take what begins like a formula for one, so an apostrophe goes before it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def csv_of(frame: pd.DataFrame) -> str:
    """A data frame as CSV, texts and headers by :func:`csv_safe`."""
    safe = frame.apply(lambda column: column.map(lambda one: csv_safe(one) if isinstance(one, str) else one))
    return safe.rename(columns=csv_safe).to_csv(index=False)


def as_text(blocks: Iterable[Block], style: str = "simple") -> str:
    """Blocks with an empty line between them; ``style`` is tabulate's ("simple" for terminals, "pipe" for Markdown)."""
    parts = [shown(block, keep="\n") if isinstance(block, str) else _grid(block, style) for block in blocks]
    return "\n\n".join(parts) + "\n"


def _grid(grid: Grid, style: str) -> str:
    align = ["left", *["right" if grid.numbers else "left"] * (len(grid.headers) - 1)]
    return text_table(grid.headers, grid.body, style, align)


def text_table(headers: Sequence[str], body: Sequence[Sequence[str] | str], style: str, align: Sequence[str]) -> str:
    """Table by tabulate; a line that is one string (tabulate's rule between lines) stays as it is."""
    from tabulate import tabulate  # here, because names are checked without it

    def cells(line: Sequence[str]) -> list[str]:
        escaped = [shown(cell) for cell in line]
        return [cell.replace("|", "\\|").replace("<", "&lt;") for cell in escaped] if style == "pipe" else escaped

    lines = [line if isinstance(line, str) else cells(line) for line in body]
    return tabulate(lines, cells(headers), tablefmt=style, colalign=tuple(align), disable_numparse=True)


def counted(number: int, noun: str = "job") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def named(names: Sequence[str], most: int = 6) -> str:
    """Names as a sentence lists them, "A, B and C"; beyond ``most`` the rest is counted."""
    shown_names = list(names[:most]) if len(names) > most + 1 else list(names)
    if len(shown_names) < len(names):
        return f"{', '.join(shown_names)} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(shown_names[:-1]), *shown_names[-1:])))


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
