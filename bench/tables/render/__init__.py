"""Rendering of tables: terminal and Markdown (tabulate), LaTeX (booktabs), HTML, CSV, JSON.

Imports neither torch nor methods.
"""

from __future__ import annotations

import html
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tabulate import SEPARATING_LINE

from bench.system import reading
from bench.tables.render.latex import Fit, latex, latex_escaped
from bench.tables.render.layout import Layout, Row, groups, layout
from bench.tables.table import MetricTable, Table
from bench.text import csv_of, shown, text_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "PLAIN", "Fit", "Look", "common_notes", "latex_escaped", "render", "render_all"]

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")
DATA = ("csv", "json")
"""Formats that programs read: all cells, whatever the look."""


@dataclass(frozen=True)
class Look:
    """Shape of a rendered table."""

    fit: Fit = "column"
    """Of LaTeX."""
    width: int | None = None
    """Columns of the terminal; None: as wide as the table."""
    transpose: bool = False
    """True: a row a data set and a column a variant."""


PLAIN = Look()


def render(table: Table, form: str, look: Look = PLAIN) -> str:
    """Table as text; ``form`` is one of FORMATS."""
    if form in DATA:
        return render_all([table], form)
    if form == "latex":
        return latex(table, look.fit, transpose=look.transpose)
    if form == "terminal":
        return _terminal(table, look)
    return _markdown(table, look) if form == "markdown" else _html(table, look)


def render_all(tables: Sequence[Table], form: str, look: Look = PLAIN) -> str:
    """Tables below each other, a note that all of them have once, under the last; CSV and JSON are one document."""
    if form == "csv":
        import pandas as pd  # here, because the other forms do without

        return csv_of(pd.concat([_frame(table).drop(columns="printed") for table in tables]))
    if form == "json":
        return _json(tables)
    if len(tables) < 2:
        return "\n".join(render(table, form, look) for table in tables)
    common = common_notes(tables)
    parts = []
    for table in tables:
        own = [note for note in table.notes if note not in common]
        parts.append(render(replace(table, notes=[*own, *common] if table is tables[-1] else own), form, look))
    return "\n".join(parts)


def common_notes(tables: Sequence[Table]) -> list[str]:
    """Notes that all of the tables have."""
    return [note for note in tables[0].notes if all(note in table.notes for table in tables)]


def _alignment(made: Layout) -> tuple[str, ...]:
    return ("left", *["right"] * (len(made.headers) - 1))


def _terminal(table: Table, look: Look) -> str:
    made, notes = layout(table, transpose=look.transpose), [*table.notes]
    parts = [made]
    if look.width is not None and not made.fits(look.width):
        short = layout(table, transpose=look.transpose, deviations=False)
        parts = groups(short, look.width)
        left_out = "deviations over seeds are left out" if short.widths != made.widths else ""
        grouped = f"columns stand in {len(parts)} groups" if len(parts) > 1 else ""
        said = " and ".join(part for part in (left_out, grouped) if part)
        notes.append(f"The terminal is {look.width} columns wide: {said}; a file or a pipe gets the whole table.")
    bodies = [body for part in parts for body in (_grid(part), "")]
    texts = [shown(note) if look.width is None else textwrap.fill(shown(note), look.width) for note in notes]
    return "\n".join([shown(table.title), "", *bodies[:-1], *(["", *texts] if texts else [])]) + "\n"


def _grid(made: Layout) -> str:
    lines: list[Any] = [_texts(row, "") for row in made.ranked]
    if made.ranked and made.extra:
        lines.append(SEPARATING_LINE)
    lines += [_texts(row, "") for row in made.extra]
    return text_table(made.headers, lines, "simple", _alignment(made))


def _texts(row: Row, bold: str) -> list[str]:
    name, entries = row
    return [name, *(f"{bold}{entry.text}{bold}" if entry.best else entry.text for entry in entries)]


def _markdown(table: Table, look: Look) -> str:
    made = layout(table, transpose=look.transpose)
    lines = [_texts(row, "**") for row in made.ranked]
    if made.ranked and made.extra:
        lines.append(["*unranked*", *[""] * (len(made.headers) - 1)])
    lines += [_texts(row, "**") for row in made.extra]
    body = text_table(made.headers, lines, "pipe", _alignment(made))
    notes = ["", *(f"- {shown(note)}" for note in table.notes)] if table.notes else []
    return "\n".join([f"**{shown(table.title)}**", "", body, *notes]) + "\n"


def _escaped(text: str) -> str:
    return html.escape(shown(text))


def _html(table: Table, look: Look) -> str:
    made = layout(table, transpose=look.transpose)

    def line(row: Row) -> str:
        name, entries = row
        cells = []
        for entry in entries:
            text = _escaped(entry.text)
            if entry.best:
                text = f"<strong>{text}</strong>"
            elif entry.second:
                text = f"<u>{text}</u>"
            cells.append(f"<td>{text}</td>")
        return f'<tr><th scope="row">{_escaped(name)}</th>{"".join(cells)}</tr>'

    head = "".join(f'<th scope="col">{_escaped(header)}</th>' for header in made.headers)
    notes = "".join(f"<li>{_escaped(note)}</li>" for note in table.notes)
    bodies = [
        f"<tbody>\n{chr(10).join(line(row) for row in rows)}\n</tbody>" for rows in (made.ranked, made.extra) if rows
    ]
    return "\n".join(
        [
            "<table>",
            f"<caption>{_escaped(table.title)}</caption>",
            f"<thead><tr>{head}</tr></thead>",
            *bodies,
            "</table>",
            *([f"<ul>{notes}</ul>"] if notes else []),
            "",
        ]
    )


def _frame(table: Table) -> pd.DataFrame:
    return table.frame.astype({"rank": "Int64"})


def _json(tables: Sequence[Table]) -> str:
    """A list of tables, of one too."""
    return json.dumps([_described(table) for table in tables], indent=1, ensure_ascii=False) + "\n"


def _described(table: Table) -> dict[str, Any]:
    metric = table.metric if isinstance(table, MetricTable) else None
    return {
        "title": table.title,
        "metric": metric.key if metric else None,
        "lower_is_better": metric.lower_is_better if metric else None,
        "columns": table.columns,
        "ranked": table.ranked,
        "extra": table.extra,
        "average_rank": table.averages,
        "notes": table.notes,
        "cells": reading.decoded_json(_frame(table).to_json(orient="records", double_precision=15), "the table"),
    }
