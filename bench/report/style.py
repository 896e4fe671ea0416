"""What all figures share: vector output, black on white, read without colour."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
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
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h")
GREY = "0.55"
PALE = "0.85"
TEXT_WIDTH = 7.2
"""Inches: two columns of a conference paper."""
FORMATS = ("svg", "pdf", "png")


@contextmanager
def styled() -> Iterator[None]:
    with matplotlib.rc_context(SETTINGS):
        yield


def encoded(figure: Figure, form: str) -> bytes:
    """The figure as a file's bytes, without a date."""
    stream = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[form]
    with styled():
        figure.savefig(stream, format=form, metadata=metadata, bbox_inches="tight", pad_inches=0.03, dpi=200)
    return stream.getvalue()


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


def panels(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels, row by row; those beyond ``count`` are left out."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def cell_text_colour(shade: float) -> str:
    """Of text on a grey cell: 0 is black, 1 white."""
    return "white" if shade < 0.5 else "black"
