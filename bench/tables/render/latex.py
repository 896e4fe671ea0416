"""LaTeX of a table (booktabs), and of text."""

from __future__ import annotations

import unicodedata
from typing import Literal

from bench.tables.render.layout import Entry, Row, layout
from bench.tables.table import MetricTable, Table
from bench.text import shown

Fit = Literal["column", "page"]
"""Never wider than a column of text, or across the page and never wider than that."""

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
MATH_ACCENTS = {"'": "acute", '"': "ddot"}
"""{LaTeX's command of an accent that Greek has: that over a letter in mathematics}."""


def latex_escaped(text: str) -> str:
    """Text that LaTeX with any engine and no further package prints: special characters as commands, accents and Greek
    letters, too; a letter that it does not know as its number."""
    return "".join(_latex_character(character) for character in shown(text))


def _latex_character(character: str) -> str:
    if character in LATEX_SPECIAL or character.isascii():
        return LATEX_SPECIAL.get(character, character)
    letter, *accents = list(unicodedata.normalize("NFD", character))
    command = LATEX_ACCENTS.get(unicodedata.name(accents[0], "").removeprefix("COMBINING ")) if accents else None
    letter = LATEX_SPECIAL.get(letter, letter)
    if len(accents) == 1 and command:
        if letter.startswith("$\\") and command in MATH_ACCENTS:
            return rf"$\{MATH_ACCENTS[command]}{{{letter.strip('$')}}}$"
        if letter.isascii():
            return rf"\{command}{{{letter}}}"
    return f"U+{ord(character):04X}"


def latex(table: Table, fit: Fit, *, transpose: bool = False) -> str:
    """A floating table with caption and label, shrunk where it is wider than its place, and its notes."""
    made = layout(table, transpose=transpose)
    environment, width = ("table*", r"\textwidth") if fit == "page" else ("table", r"\columnwidth")
    label = table.metric.option if isinstance(table, MetricTable) else "ablation"
    rule = [r"\midrule"] if made.ranked and made.extra else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs,graphicx}",
            rf"\begin{{{environment}}}",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{latex_escaped(table.title)}}}",
            rf"\label{{tab:{label}}}",
            r"\setbox0=\hbox{%",
            rf"\begin{{tabular}}{{l{'r' * (len(made.headers) - 1)}}}",
            r"\toprule",
            " & ".join(latex_escaped(header) for header in made.headers) + r" \\",
            r"\midrule",
            *(_line(row) for row in made.ranked),
            *rule,
            *(_line(row) for row in made.extra),
            r"\bottomrule",
            r"\end{tabular}",
            rf"}}\leavevmode\ifdim\wd0>{width}\resizebox{{{width}}}{{!}}{{\box0}}\else\box0\fi",
            *_notes(table),
            rf"\end{{{environment}}}",
            "",
        ]
    )


def _line(row: Row) -> str:
    name, entries = row
    return " & ".join([latex_escaped(name), *(_cell(entry) for entry in entries)]) + r" \\"


def _cell(entry: Entry) -> str:
    text = latex_escaped(entry.text)
    if entry.best:
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if entry.second else text


def _notes(table: Table) -> list[str]:
    if not table.notes:
        return []
    notes = [latex_escaped(note) + r"\par" for note in table.notes]
    return ["", r"\smallskip", r"\begin{minipage}{\linewidth}\scriptsize", *notes, r"\end{minipage}"]
