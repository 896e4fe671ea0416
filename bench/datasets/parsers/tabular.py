"""A user's own set from one CSV: photographs, texts or numbers with their labels.

The columns ``file`` (a photograph, relative to the CSV) or ``text``, or neither: then every further column is a
feature; ``labels``, names joined by ``;``; optionally ``split`` with train, val or test in every row. Without it:
60/20/20 by ``default_rng(0)``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, feature, label_matrix, without_row_numbers
from bench.datasets.validation import repeated
from bench.errors import UsageError
from bench.system import reading


def parse(path: Path) -> RawSet:
    """The set of one CSV; labels in alphabetical order.

    Raises
    ------
    UsageError: for missing columns, an unknown split, or a set without labels; it names the line.
    """
    columns, rows, lines = _table(path)
    kinds = [name for name in ("file", "text") if name in columns]
    features = [name for name in columns if name not in ("file", "text", "labels", "split")]
    if len(kinds) > 1 or "labels" not in columns or not (kinds or features):
        shown = ", ".join(columns[:8]) + (", ..." if len(columns) > 8 else "")
        raise UsageError(
            f"{path} needs the column labels (names joined by ;), and the column file or text or columns of numbers, "
            f"separated by commas; it has {shown or 'no column at all'}. Where each label has a column of 0 and 1, "
            "save features and labels as the arrays X and Y of an .npz file instead (numpy.savez)."
        )
    labels = [[name.strip() for name in row["labels"].split(";") if name.strip()] for row in rows]
    names = sorted({name for row in labels for name in row})
    if len(names) < 2:
        raise UsageError(f"{path} names {len(names)} labels; multi-label learning needs at least two (joined by ;).")
    y, notes = label_matrix(labels, names, str(path)), _suspicious(names)
    index, rule = _splits(path, rows, lines) if "split" in columns else split_rows(len(rows), None)
    if not kinds:
        x, features, numbering = without_row_numbers(_numbers(path, rows, lines, features), features)
        splits = {split: RawSplit([str(row) for row in part], x[part], y[part]) for split, part in index.items()}
        return RawSet(path.stem, "vector", names, splits, rule, path.name, notes + numbering, tuple(features))
    photographs = kinds == ["file"]
    items = [path.parent / row["file"] for row in rows] if photographs else [row["text"] for row in rows]
    ids = [row["file"] for row in rows] if photographs else [str(number) for number in range(len(rows))]
    splits = {
        split: RawSplit([ids[row] for row in part], [items[row] for row in part], y[part])
        for split, part in index.items()
    }
    return RawSet(path.stem, "image" if photographs else "text", names, splits, rule, path.name, notes)


def _suspicious(names: list[str]) -> tuple[str, ...]:
    with_commas = [name for name in names if "," in name]
    if not with_commas:
        return ()
    return (f"{len(with_commas)} label names hold a comma, such as {with_commas[0]!r}: labels are joined by ; here.",)


def _table(path: Path) -> tuple[list[str], list[dict[str, str]], list[int]]:
    """(columns, {column: field} of each row, its line); blank lines are left out."""
    records = ((line, fields) for line, fields in reading.csv_rows(reading.text(path), path) if fields)
    _, columns = next(records, (0, []))
    if (twice := repeated(columns)) is not None:
        raise UsageError(f"{path} has two columns of the name {twice!r}; rename or remove one.")
    rows, lines = [], []
    for line, fields in records:
        if len(fields) != len(columns):
            raise UsageError(
                f"{path}, line {line}: {len(fields)} fields under {len(columns)} columns; text with commas stands in "
                "quotation marks."
            )
        row = dict(zip(columns, fields, strict=True))
        for name in ("file", "text"):
            if name in row and not row[name].strip():
                raise UsageError(f"{path}, line {line}: the column {name} is empty.")
        rows.append(row)
        lines.append(line)
    return columns, rows, lines


def _numbers(path: Path, rows: list[dict[str, str]], lines: list[int], features: list[str]) -> np.ndarray:
    x = np.empty((len(rows), len(features)), dtype=np.float32)
    for number, row in enumerate(rows):
        for column, name in enumerate(features):
            value = feature(row[name])
            if value is None:
                raise UsageError(
                    f"{path} has no column file or text, so its columns are features; in line {lines[number]} "
                    f"{name} is {row[name][:60]!r}, not a finite number."
                )
            x[number, column] = value
    return x


def _splits(path: Path, rows: list[dict[str, str]], lines: list[int]) -> tuple[dict[str, np.ndarray], str]:
    for number, row in zip(lines, rows, strict=True):
        if row["split"] not in SPLITS:
            raise UsageError(f"{path}, line {number}: the split {row['split']!r} is not train, val or test.")
    return {
        split: np.array([number for number, row in enumerate(rows) if row["split"] == split], dtype=np.int64)
        for split in SPLITS
    }, "the file's own column split"


PARSERS = (FormatParser("a .csv", lambda raw: raw.suffix == ".csv", parse),)
