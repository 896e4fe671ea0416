"""A user's own set from one table (CSV with commas, semicolons, tabs or bars, or Parquet): photographs, texts or
numbers with their labels.

The columns ``file`` (a photograph, relative to the table) or ``text``, or neither: then every further column is a
feature. Labels are the column ``labels``, names joined by ``;``, or a column of 0 and 1 for each label: those that are
named, else found (:func:`found_labels`), which a note says. Optionally ``split`` with train, val or test in every row.
Without it: 60/20/20 by ``default_rng(0)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, feature, label_matrix, without_row_numbers
from bench.datasets.validation import repeated
from bench.errors import UsageError, did_you_mean
from bench.system import reading

SUFFIXES = (".csv", ".tsv", ".parquet")
DELIMITERS = ",;\t|"
NO_FEATURE = ("", "id", "index", "idx", "fold", "unnamed: 0")
"""Names, in either case, of columns that number or group rows."""
FALSE, TRUE = ("0", "0.0", "false"), ("1", "1.0", "true")


@dataclass(frozen=True)
class Rows:
    """The rows of a table as text, blank lines left out."""

    path: Path
    columns: list[str]
    cells: list[list[str]]
    lines: list[int]
    """The line of each row in the file."""

    def column(self, name: str) -> list[str]:
        place = self.columns.index(name)
        return [row[place] for row in self.cells]


def parse(path: Path, label_columns: Sequence[str] = ()) -> RawSet:
    """The set of one table; the names of a column ``labels`` in alphabetical order, label columns in the table's.

    Raises
    ------
    UsageError: for missing columns, an unknown split, or a set without labels; it names the line.
    """
    rows = _rows(path)
    kinds = [name for name in ("file", "text") if name in rows.columns]
    others = [name for name in rows.columns if name not in ("file", "text", "labels", "split")]
    notes: tuple[str, ...] = ()
    if len(kinds) > 1 or not rows.columns:
        raise _lacking(rows)
    if "labels" in rows.columns and not label_columns:
        names, y, notes = _joined(rows)
        features = others
    else:
        names, notes = (list(label_columns), ()) if label_columns else found_labels(rows, others, bool(kinds))
        y = _zeros_and_ones(rows, names)
        features = [name for name in others if name not in names]
    if len(names) < 2 or not (kinds or features):
        raise _lacking(rows)
    index, rule = _splits(rows) if "split" in rows.columns else split_rows(len(rows.cells), None)
    if not kinds:
        features, left_out = _features(features)
        x, features, numbering = without_row_numbers(_numbers(rows, features), features)
        splits = {split: RawSplit([str(row) for row in part], x[part], y[part]) for split, part in index.items()}
        notes += left_out + numbering
        return RawSet(path.stem, "vector", names, splits, rule, path.name, notes, tuple(features))
    ids = rows.column("file") if kinds == ["file"] else [str(number) for number in range(len(rows.cells))]
    items: Sequence = [path.parent / name for name in ids] if kinds == ["file"] else rows.column("text")
    splits = {
        split: RawSplit([ids[row] for row in part], [items[row] for row in part], y[part])
        for split, part in index.items()
    }
    return RawSet(path.stem, "image" if kinds == ["file"] else "text", names, splits, rule, path.name, notes)


def _lacking(rows: Rows) -> UsageError:
    shown = ", ".join(rows.columns[:8]) + (", ..." if len(rows.columns) > 8 else "")
    return UsageError(
        f"{rows.path} needs two labels at least, a column of 0 and 1 for each or the column labels (names joined by "
        f";), and the column file or text, or columns of numbers; it has {shown or 'no column at all'}."
    )


# --- labels ---------------------------------------------------------------------------------------------------------


def _joined(rows: Rows) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    labels = [[name.strip() for name in cell.split(";") if name.strip()] for cell in rows.column("labels")]
    names = sorted({name for row in labels for name in row})
    if len(names) < 2:
        raise UsageError(
            f"{rows.path} names {len(names)} labels; multi-label learning needs at least two (joined by ;)."
        )
    with_commas = [name for name in names if "," in name]
    note = f"{len(with_commas)} label names hold a comma, such as {{}}: labels are joined by ; here."
    notes = (note.format(repr(with_commas[0])),) if with_commas else ()
    return names, label_matrix(labels, names, str(rows.path)), notes


def found_labels(rows: Rows, columns: Sequence[str], every: bool) -> tuple[list[str], tuple[str, ...]]:
    """(label columns, a note that names them): of texts and photographs all further columns; of numbers the columns of
    0 and 1 at the table's end, else those at its beginning.

    Raises
    ------
    UsageError: where fewer than two are found, or every column is one.
    """
    if every:
        return [name for name in columns if name.lower() not in NO_FEATURE], ()
    binary = [all(map(_is_binary, set(rows.column(name)))) for name in columns]
    for place, order in (
        ("last", list(zip(columns, binary, strict=True))[::-1]),
        ("first", zip(columns, binary, strict=True)),
    ):
        run = [name for name, _ in takewhile(lambda one: one[1], order)]
        if 1 < len(run) < len(columns):
            names = run[::-1] if place == "last" else run
            shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            note = f"labels are the {place} {len(names)} columns, which hold 0 and 1 alone: {shown}"
            return names, (f"{note}; `bench data prepare --label-columns` names others",)
    raise UsageError(
        f"{rows.path} has no column labels, and no two columns of 0 and 1 at its end or its beginning that could be "
        f"labels: {_no_labels(rows, columns, binary)}; `bench data prepare NAME --raw FILE --label-columns A B ...` "
        "names them."
    )


def _no_labels(rows: Rows, columns: Sequence[str], binary: Sequence[bool]) -> str:
    """Reason why the columns at the ends of a table are no labels."""
    if len(columns) < 2:
        return f"its first line is one column, {', '.join(columns)[:60]!r}, without a comma, semicolon, tab or bar"
    if not rows.lines:
        return "it has no row under its first line"
    if all(binary):
        return "every column is of 0 and 1"
    said = []
    for name in dict.fromkeys((columns[-1], columns[0])):
        other = next(
            ((line, cell) for line, cell in zip(rows.lines, rows.column(name), strict=True) if not _is_binary(cell)),
            None,
        )
        said.append(f"{name!r} is {other[1][:40]!r} in line {other[0]}" if other else f"{name!r} is one label alone")
    return " and ".join(said)


def _zeros_and_ones(rows: Rows, names: Sequence[str]) -> np.ndarray:
    y = np.empty((len(rows.cells), len(names)), dtype=np.int8)
    for place, name in enumerate(names):
        if name not in rows.columns:
            raise UsageError(f"{rows.path} has no column {name!r}; {did_you_mean(name, rows.columns)}")
        for number, cell in enumerate(rows.column(name)):
            if not _is_binary(cell):
                raise UsageError(
                    f"{rows.path}, line {rows.lines[number]}: the label {name!r} is {cell[:60]!r}; a label is 0 or 1."
                )
            y[number, place] = cell.strip().lower() in TRUE
    return y


def _is_binary(cell: str) -> bool:
    return cell.strip().lower() in (*FALSE, *TRUE)


# --- features and splits ---------------------------------------------------------------------------------------------


def _features(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """(columns of features, a note on those that are none by their names)."""
    left = [name for name in names if name.strip().lower() in NO_FEATURE]
    said = ", ".join(repr(name) for name in left)
    notes = (f"no feature by its name, and left out: {said}; rename what is one",) if left else ()
    return [name for name in names if name not in left], notes


def _numbers(rows: Rows, features: Sequence[str]) -> np.ndarray:
    x = np.empty((len(rows.cells), len(features)), dtype=np.float32)
    for place, name in enumerate(features):
        for number, cell in enumerate(rows.column(name)):
            value = feature(cell)
            if value is None:
                comma = feature(cell.replace(",", ".")) is not None
                advice = "write decimals with a point" if comma else "remove the column, or code it in numbers"
                raise UsageError(
                    f"{rows.path} has no column file or text, so its columns are features; in line "
                    f"{rows.lines[number]} {name} is {cell[:60]!r}, not a finite number; {advice}."
                )
            x[number, place] = value
    return x


def _splits(rows: Rows) -> tuple[dict[str, np.ndarray], str]:
    words = rows.column("split")
    for line, word in zip(rows.lines, words, strict=True):
        if word not in SPLITS:
            raise UsageError(f"{rows.path}, line {line}: the split {word!r} is not train, val or test.")
    return {
        split: np.array([number for number, word in enumerate(words) if word == split], dtype=np.int64)
        for split in SPLITS
    }, "the file's own column split"


# --- rows -----------------------------------------------------------------------------------------------------------


def _rows(path: Path) -> Rows:
    rows = _of_frame(path) if path.suffix == ".parquet" else _of_text(path)
    if (twice := repeated(rows.columns)) is not None:
        raise UsageError(f"{path} has two columns of the name {twice!r}; rename or remove one.")
    for name in ("file", "text"):
        if name in rows.columns:
            for line, cell in zip(rows.lines, rows.column(name), strict=True):
                if not cell.strip():
                    raise UsageError(f"{path}, line {line}: the column {name} is empty.")
    return rows


def _of_frame(path: Path) -> Rows:
    """Rows of a Parquet file, whose lines are counted from 1; what is missing is empty, true and false are 1 and 0."""
    frame = reading.parquet(path)
    truths = frame.select_dtypes("bool").columns
    frame = frame.astype(dict.fromkeys(truths, "int8"))
    columns = [frame[name].astype("string").fillna("").tolist() for name in frame.columns]
    cells = [list(row) for row in zip(*columns, strict=True)]
    return Rows(path, [str(name) for name in frame.columns], cells, list(range(1, len(cells) + 1)))


def _of_text(path: Path) -> Rows:
    text = reading.text(path)
    delimiter = _delimiter(text)
    records = ((line, fields) for line, fields in reading.csv_rows(text, path, delimiter) if fields)
    _, columns = next(records, (0, []))
    cells, lines = [], []
    for line, fields in records:
        if len(fields) != len(columns):
            raise UsageError(
                f"{path}, line {line}: {len(fields)} fields under {len(columns)} columns; text with commas stands in "
                "quotation marks."
            )
        cells.append(fields)
        lines.append(line)
    return Rows(path, columns, cells, lines)


def _delimiter(text: str) -> str:
    """The commonest of the delimiters in the first line."""
    first = text.lstrip().partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _accepts(raw: Path) -> bool:
    return raw.suffix in SUFFIXES and raw.is_file()


PARSERS = (FormatParser("a table (.csv, .tsv, .parquet)", _accepts, parse, ("label_columns",)),)
