"""Names from outside in tables of every format, on the page and in exported files."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import UsageError
from bench.report import page
from bench.system.writing import WriteError
from bench.tables.export import check_target, export
from bench.tables.render import FORMATS, latex_escaped, render
from bench.tables.table import Cell, Table

ODD = "[a|b]<i>\x1b[31m\u2028α☃"
COLUMN = "=1+1|\n_x_"


def table() -> Table:
    cell = Cell(variant=ODD, dataset=COLUMN, mean=0.5, seeds=1, rank=1, state="value", printed="0.5000", metric="m")
    return Table(
        title="title\x1b",
        columns=[COLUMN],
        ranked=[ODD],
        extra=["-x"],
        cells={(ODD, COLUMN): cell},
        notes=["note\x1b[0m\nof two lines"],
    )


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("csv", "json")])
def test_no_name_moves_the_cursor_or_breaks_a_line(form: str) -> None:
    text = render(table(), form)
    assert "\x1b" not in text
    assert "\u2028" not in text
    assert r"of two lines" in text


def test_markdown_headers_and_cells_have_as_many_columns_as_the_table() -> None:
    lines = [line for line in render(table(), "markdown").splitlines() if line.startswith("|")]
    assert len(lines) == 5
    for line in lines:
        assert line.replace(r"\|", "").count("|") == 4
    assert r"=1+1\|\n_x_" in lines[0]
    assert "<i>" not in "".join(lines)


def test_a_name_is_no_option_and_no_unknown_letter_of_latex() -> None:
    text = render(table(), "latex")
    assert text.isascii()
    (line,) = (line for line in text.splitlines() if "0.5000" in line)
    assert line.startswith(r"{[}a|b{]}$<$i$>$\textbackslash{}x1b{[}31m\textbackslash{}u2028$\alpha$U+2603 & ")
    assert latex_escaped("έ ό ϋ Ή") == r"$\acute{\epsilon}$ \'{o} $\ddot{\upsilon}$ \'{H}"
    assert latex_escaped("é Ö ñ č ő ß Ω Α µ") == r"\'{e} \"{O} \~{n} \v{c} \H{o} \ss{} $\Omega$ A $\mu$"


def test_a_formula_is_text_in_csv() -> None:
    (line,) = csv.DictReader(io.StringIO(render(table(), "csv")))
    assert line["dataset"] == f"'{COLUMN}"
    assert line["variant"] == ODD
    assert line["mean"] == "0.5"


def test_the_page_escapes_what_the_template_is_given() -> None:
    template = page.environment().from_string("<b title='{{ text }}'>{{ text }}</b>{{ code(text) }}")
    text = template.render(text="<i>\x1b\u2028\udcff\na", code=page._code)
    assert text.count("&lt;i&gt;\\x1b\\u2028\\udcff\na") == 3


FRAMES = {
    "jobs": pd.DataFrame({"dataset": ["=1+1", "a"], "variant": ["-x", "\udcff"], "seconds": [-1.5, 2.0]}),
    "metrics": pd.DataFrame({"dataset": ["a"], "value": [float("nan")]}),
}


def test_exported_formulas_are_text_and_numbers_stay(tmp_path: Path) -> None:
    paths = export(FRAMES, tmp_path / "flat", "csv")
    assert [path.name for path in paths] == ["jobs.csv", "metrics.csv"]
    assert paths[0].read_text() == "dataset,variant,seconds\n'=1+1,'-x,-1.5\na,\\udcff,2.0\n"


def test_a_database_is_written_whole_and_beside_nothing(tmp_path: Path) -> None:
    for _ in range(2):  # the second takes the place of the first
        (path,) = export({"metrics": FRAMES["metrics"]}, tmp_path / "new/all.sqlite", "sqlite")
    assert [one.name for one in path.parent.iterdir()] == ["all.sqlite"]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select * from metrics").fetchall() == [("a", None)]


@pytest.mark.parametrize(
    ("target", "form", "sentence"),
    [
        ("file/all.sqlite", "sqlite", "cannot be written"),
        ("folder", "sqlite", "is a folder, a pipe or a device, not a file"),
        ("y" * 300, "sqlite", "at most 255 bytes"),
        ("file", "csv", "is a file; csv takes a folder"),
        ("file/flat", "csv", "cannot be written"),
        ("y" * 300, "csv", "cannot be written: File name too long"),
    ],
)
def test_a_target_is_refused_before_the_records_are_read(tmp_path: Path, target: str, form: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=sentence) as error:
        check_target(tmp_path / target, form)
    assert isinstance(error.value, WriteError) is (sentence != "is a file; csv takes a folder")
