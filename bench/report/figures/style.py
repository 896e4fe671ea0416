"""Style of all figures: vector output, black on white, read without colour."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from textwrap import wrap
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same widths on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "svg.hashsalt": "bench",  # the same records give the same bytes
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # names are users': a $ is a dollar
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h")
GREY = "0.55"
PALE = "0.85"
ON_DARK, ON_PALE = "#fefefe", "#010101"
"""Text on a shade, which a page leaves as it is."""
PAGE_COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--ground)",
    "#d9d9d9": "var(--line)",  # PALE
}
TEXT_WIDTH = 7.2
"""Inches: two columns of a conference paper."""
LINE_HEIGHT = 0.14
"""Inches."""


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings of all figures."""
    with matplotlib.rc_context(SETTINGS):
        yield


def encoded(figure: Figure, form: str) -> bytes:
    """Figure as a file's bytes, without a date."""
    stream = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
    with styled():
        figure.savefig(stream, format=form, metadata=metadata, dpi=200)
    return stream.getvalue()


def inline(figure: Figure, text: str) -> str:
    """Figure as an SVG element of a page: texts are texts, black and white are the page's own ink and ground.

    Parameters
    ----------
    text: description, for those who do not see it.
    """
    with styled(), matplotlib.rc_context({"svg.fonttype": "none"}):
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    svg = stream.getvalue().replace("\n", " ")
    width, height = (round(72 * inches) for inches in figure.get_size_inches())
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(text, quote=True)}">'
    body = svg[svg.index("</style>") + len("</style>") :].lstrip().removeprefix("</defs>")
    return head + re.sub(r">\s+<", "><", re.sub(r"<[^>]+>", lambda tag: _of_the_page(tag[0]), body))


def _of_the_page(tag: str) -> str:
    """A tag of matplotlib's in the page's colours and font, and in fewer words. Greys are read on white and black."""
    for ours, the_page in PAGE_COLOURS.items():
        tag = tag.replace(ours, the_page)
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"| ?font-family: [^;"]*;?', "", tag)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as labels of height ``gap`` can have without overlapping, within the range as
    far as they fit; in the given order of the wanted."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # Blocks of labels that touch, each centred on the mean of what its labels want (isotonic regression).
    blocks: list[tuple[float, int]] = []
    for index in order:
        centre, count = wanted[index], 1
        while blocks and centre - gap * count / 2 < blocks[-1][0] + gap * blocks[-1][1] / 2:
            other, size = blocks.pop()
            centre, count = (centre * count + other * size) / (count + size), count + size
        blocks.append((centre, count))
    ordered = [centre + gap * (place - (count - 1) / 2) for centre, count in blocks for place in range(count)]
    for position in range(len(ordered)):  # from below into the range, then from above
        least = low if position == 0 else ordered[position - 1] + gap
        ordered[position] = max(ordered[position], least)
    for position in reversed(range(len(ordered))):
        most = high if position == len(ordered) - 1 else ordered[position + 1] - gap
        ordered[position] = min(ordered[position], most)
    places = [0.0] * len(wanted)
    for place, index in zip(ordered, order, strict=True):
        places[index] = place
    return places


@dataclass(frozen=True)
class Margins:
    """Inches around and between panels. Fixed: matplotlib's own layouts cost more than the drawing."""

    left: float = 0.45
    right: float = 0.1
    top: float = 0.45
    bottom: float = 0.4
    across: float = 0.35
    down: float = 0.4


def panels(
    widths: Sequence[float], heights: Sequence[float], margins: Margins, count: int | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels of the given sizes in inches, row by row; those beyond ``count`` are left out."""
    width = margins.left + sum(widths) + margins.across * (len(widths) - 1) + margins.right
    height = margins.top + sum(heights) + margins.down * (len(heights) - 1) + margins.bottom
    figure = Figure(figsize=(width, height))
    axes: list[Axes] = []
    y = height - margins.top
    for line in heights:
        x = margins.left
        for column in widths:
            if count is None or len(axes) < count:
                axes.append(figure.add_axes((x / width, (y - line) / height, column / width, line / height)))
            x += column + margins.across
        y -= line + margins.down
    return figure, axes


def equal_panels(
    count: int, across: int, width: float, height: float, margins: Margins, least: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """``count`` panels of one size, up to ``across`` in a row, on a figure at least ``least`` inches wide."""
    across = min(across, count)
    taken = margins.left + width * across + margins.across * (across - 1)
    margins = replace(margins, right=max(margins.right, least - taken))
    return panels([width] * across, [height] * -(-count // across), margins, count)


def outer_ticks_only(axes: Sequence[Axes], across: int, beside: bool = True) -> None:
    """Tick labels under the lowest panel of each column and, where all share it, beside the first of each row."""
    for place, panel in enumerate(axes):
        below = place + across < len(axes)
        panel.tick_params(labelbottom=not below, labelleft=not beside or place % across == 0)


def length_of(names: Sequence[str], size: float = 7) -> float:
    """Inches that the longest name takes, at most."""
    return max((len(name) for name in names), default=0) * size * 0.68 / 72


def captions(figure: Figure, title: str, below: str = "", beside: str = "") -> None:
    """A figure's title, in as many lines as it needs, and what its horizontal and vertical axes share."""
    width, height = figure.get_size_inches()
    lines = wrap(title, width=int(width / length_of(["x"], 8) * 1.15))
    extra = LINE_HEIGHT * (len(lines) - 1)
    if extra:  # a taller figure, with everything where it was
        figure.set_size_inches(width, height + extra)
        for axes in figure.axes:
            x, y, w, h = axes.get_position().bounds
            axes.set_position((x, y * height / (height + extra), w, h * height / (height + extra)))
    height += extra
    figure.text(0.5, 1 - 0.06 / height, "\n".join(lines), ha="center", va="top")
    if below:
        figure.text(0.5, 0.04 / height, below, ha="center", va="bottom")
    if beside:
        figure.text(0.02 / width, 0.5, beside, ha="left", va="center", rotation="vertical")


def grey_cells(
    panel: Axes, shade: np.ndarray, texts: Sequence[Sequence[str]], lines: Sequence[str], columns: Sequence[str]
) -> None:
    """A panel of cells from black (0) to white (1) with a text in each; where ``shade`` is NaN the text alone."""
    panel.imshow(np.ma.masked_invalid(shade), cmap="gray", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(shade.shape):
        panel.text(
            j, i, texts[i][j], ha="center", va="center", fontsize=7, color=ON_DARK if shade[i, j] < 0.5 else ON_PALE
        )
    panel.set_yticks(range(len(lines)), lines)
    panel.set_xticks(range(len(columns)), columns)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
