"""Paragraphs, small grids and numbers as text, for the terminal, Markdown and the HTML page. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabulate import tabulate


@dataclass(frozen=True)
class Grid:
    """A table of words and numbers; the first column names the line."""

    headers: Sequence[str]
    body: Sequence[Sequence[str]]
    numbers: bool = True
    """True where the other columns are numbers, which are flush right."""


Block = str | Grid


def as_text(blocks: Iterable[Block], style: str = "simple") -> str:
    """Blocks with an empty line between them; ``style`` is tabulate's ("simple" for terminals, "pipe" for Markdown)."""
    return "\n\n".join(block if isinstance(block, str) else _grid(block, style) for block in blocks) + "\n"


def _grid(grid: Grid, style: str) -> str:
    align = ("left", *["right" if grid.numbers else "left"] * (len(grid.headers) - 1))
    return tabulate(grid.body, grid.headers, tablefmt=style, colalign=align, disable_numparse=True)


def counted(number: int, noun: str = "job") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
