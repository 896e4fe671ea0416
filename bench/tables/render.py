"""Rendering a table: terminal and Markdown (tabulate), LaTeX (booktabs), HTML, CSV, JSON.

Imports neither torch nor methods.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from tabulate import SEPARATING_LINE

from bench.system import reading
from bench.tables.table import AVERAGE, GAP, MetricTable, Table
from bench.text import csv_of, shown, text_table

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")


Fit = Literal["column", "page"]
"""Of a LaTeX table: as wide as it is, or across the page and never wider."""


def render(table: Table, form: str, fit: Fit = "column") -> str:
    """Table as text; ``form`` is one of FORMATS, ``fit`` concerns LaTeX alone."""
    if form == "latex":
        return _latex(table, fit)
    return {
        "terminal": _terminal,
        "markdown": _markdown,
        "html": _html,
        "csv": _csv,
        "json": _json,
    }[form](table)


def render_all(tables: Sequence[Table], form: str, fit: Fit = "column") -> str:
    """Tables below each other; in prose formats a note that all of them have stands once, under the last."""
    if form not in ("terminal", "markdown", "html") or len(tables) < 2:
        return "\n".join(render(table, form, fit) for table in tables)
    common = common_notes(tables)
    parts = []
    for table in tables:
        own = [note for note in table.notes if note not in common]
        parts.append(render(replace(table, notes=[*own, *common] if table is tables[-1] else own), form))
    return "\n".join(parts)


def common_notes(tables: Sequence[Table]) -> list[str]:
    """Notes that all of the tables have."""
    return [note for note in tables[0].notes if all(note in table.notes for table in tables)]


def _headers(table: Table) -> list[str]:
    return ["Algorithm", *table.columns, *([AVERAGE] if table.show_ranks else [])]


def _average(table: Table, variant: str) -> list[str]:
    return [table.averages.get(variant, GAP if variant in table.ranked else "")] if table.show_ranks else []


def _lines(table: Table, variants: list[str], bold: str) -> list[list[str]]:
    lines = []
    for variant in variants:
        texts = [(table.text(variant, column), table.is_best(variant, column)) for column in table.columns]
        cells = [f"{bold}{text}{bold}" if best else text for text, best in texts]
        lines.append([variant, *cells, *_average(table, variant)])
    return lines


def _alignment(table: Table) -> tuple[str, ...]:
    return ("left", *["right"] * (len(_headers(table)) - 1))


def _terminal(table: Table) -> str:
    lines: list = _lines(table, table.ranked, "")
    if table.ranked and table.extra:
        lines.append(SEPARATING_LINE)
    lines += _lines(table, table.extra, "")
    body = text_table(_headers(table), lines, "simple", _alignment(table))
    return "\n".join([shown(table.title), "", body, *(["", *map(shown, table.notes)] if table.notes else [])]) + "\n"


def _markdown(table: Table) -> str:
    lines = _lines(table, table.ranked, "**")
    if table.ranked and table.extra:
        lines.append(["*unranked*", *[""] * (len(_headers(table)) - 1)])
    lines += _lines(table, table.extra, "**")
    body = text_table(_headers(table), lines, "pipe", _alignment(table))
    notes = ["", *(f"- {shown(note)}" for note in table.notes)] if table.notes else []
    return "\n".join([f"**{shown(table.title)}**", "", body, *notes]) + "\n"


LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # after the end of a line it would begin an option
    "]": "{]}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "µ": r"$\mu$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "…": r"\dots{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    ">": r"$>$",
    "<": r"$<$",
}


GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma varsigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
for greek, command in zip("αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΥΦΨΩ", GREEK.split(), strict=True):
    LATEX_SPECIAL[greek] = rf"$\{command}$"
LATEX_SPECIAL |= dict(zip("οΑΒΕΖΗΙΚΜΝΟΡΤΧ", "oABEZHIKMNOPTX", strict=True))
"""Greek letters that look like Latin ones have no command."""
LATEX_ACCENTS = {
    "GRAVE ACCENT": "`",
    "ACUTE ACCENT": "'",
    "CIRCUMFLEX ACCENT": "^",
    "TILDE": "~",
    "DIAERESIS": '"',
    "MACRON": "=",
    "BREVE": "u",
    "CARON": "v",
    "CEDILLA": "c",
    "DOT ABOVE": ".",
    "RING ABOVE": "r",
    "DOUBLE ACUTE ACCENT": "H",
}
"""{Unicode's name of a combining accent: LaTeX's command}."""


def latex_escaped(text: str) -> str:
    """Text that LaTeX with any engine and no further package prints: special characters as commands, accents and Greek
    letters, too; a letter that it does not know as its number."""
    return "".join(_latex_character(character) for character in shown(text))


def _latex_character(character: str) -> str:
    if character in LATEX_SPECIAL or character.isascii():
        return LATEX_SPECIAL.get(character, character)
    letter, *accents = list(unicodedata.normalize("NFD", character))
    command = LATEX_ACCENTS.get(unicodedata.name(accents[0], "").removeprefix("COMBINING ")) if accents else None
    if letter.isascii() and len(accents) == 1 and command:
        return rf"\{command}{{{letter}}}"
    return f"U+{ord(character):04X}"


def _latex(table: Table, fit: Fit) -> str:
    def cell(variant: str, column: str) -> str:
        text = latex_escaped(table.text(variant, column))
        if table.is_best(variant, column):
            return rf"\textbf{{{text}}}"
        return rf"\underline{{{text}}}" if table.is_second(variant, column) else text

    def line(variant: str) -> str:
        cells = [cell(variant, column) for column in table.columns]
        average = [latex_escaped(text) for text in _average(table, variant)]
        return " & ".join([latex_escaped(variant), *cells, *average]) + r" \\"

    rule = [r"\midrule"] if table.ranked and table.extra else []
    page = fit == "page"
    environment = "table*" if page else "table"
    return "\n".join(
        [
            "% needs \\usepackage{booktabs,graphicx}" if page else "% needs \\usepackage{booktabs}",
            rf"\begin{{{environment}}}",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{latex_escaped(table.title)}}}",
            *([r"\setbox0=\hbox{%"] if page else []),
            rf"\begin{{tabular}}{{l{'r' * (len(_headers(table)) - 1)}}}",
            r"\toprule",
            " & ".join(latex_escaped(header) for header in _headers(table)) + r" \\",
            r"\midrule",
            *(line(variant) for variant in table.ranked),
            *rule,
            *(line(variant) for variant in table.extra),
            r"\bottomrule",
            r"\end{tabular}",
            *([r"}\leavevmode\ifdim\wd0>\textwidth\resizebox{\textwidth}{!}{\box0}\else\box0\fi"] if page else []),
            "",
            r"\smallskip",
            r"\begin{minipage}{\linewidth}\scriptsize",
            *(latex_escaped(note) + r"\par" for note in table.notes),
            r"\end{minipage}",
            rf"\end{{{environment}}}",
            "",
        ]
    )


def _escaped(text: str) -> str:
    return html.escape(shown(text))


def _html(table: Table) -> str:
    def line(variant: str) -> str:
        cells = []
        for column in table.columns:
            text = _escaped(table.text(variant, column))
            if table.is_best(variant, column):
                text = f"<strong>{text}</strong>"
            elif table.is_second(variant, column):
                text = f"<u>{text}</u>"
            cells.append(f"<td>{text}</td>")
        average = "".join(f"<td>{_escaped(text)}</td>" for text in _average(table, variant))
        return f'<tr><th scope="row">{_escaped(variant)}</th>{"".join(cells)}{average}</tr>'

    head = "".join(f'<th scope="col">{_escaped(header)}</th>' for header in _headers(table))
    notes = "".join(f"<li>{_escaped(note)}</li>" for note in table.notes)
    bodies = [
        f"<tbody>\n{chr(10).join(line(variant) for variant in variants)}\n</tbody>"
        for variants in (table.ranked, table.extra)
        if variants
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


def _csv(table: Table) -> str:
    frame = table.frame.astype({"rank": "Int64"}).drop(columns="printed")
    return csv_of(frame)


def _json(table: Table) -> str:
    frame = table.frame.astype({"rank": "Int64"})
    metric = table.metric if isinstance(table, MetricTable) else None
    body = {
        "title": table.title,
        "metric": metric.key if metric else None,
        "lower_is_better": metric.lower_is_better if metric else None,
        "columns": table.columns,
        "ranked": table.ranked,
        "extra": table.extra,
        "average_rank": table.averages,
        "notes": table.notes,
        "cells": reading.decoded_json(frame.to_json(orient="records", double_precision=15), "the table"),
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"
