"""A user's own set from one CSV: photographs, texts or numbers with their labels.

The columns ``file`` (a photograph, relative to the CSV) or ``text``, or neither: then every further column is a
feature; ``labels``, names joined by ``;``; optionally ``split`` with train, val or test in every row. Without it:
60/20/20 by ``default_rng(0)``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, label_matrix
from bench.datasets.validation import repeated
from bench.errors import UsageError


def parse(path: Path) -> RawSet:
    """The set of one CSV; labels in alphabetical order.

    Raises
    ------
    UsageError: for missing columns, an unknown split, or a set without labels; it names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            columns = reader.fieldnames or []
            rows, lines = [], []
            for row in reader:
                _complete(path, reader.line_num, row, len(columns))
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 ({error}); save it as UTF-8.") from error
    except (OSError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV ({error}); is a quotation mark missing?") from error
    if (twice := repeated(columns)) is not None:
        raise UsageError(f"{path} has two columns of the name {twice!r}; rename or remove one.")
    kinds = [name for name in ("file", "text") if name in columns]
    features = [name for name in columns if name not in ("file", "text", "labels", "split")]
    if len(kinds) > 1 or "labels" not in columns or not (kinds or features):
        shown = ", ".join(columns[:8]) + (", ..." if len(columns) > 8 else "")
        raise UsageError(
            f"{path} needs the column labels (names joined by ;), and the column file or text or columns of numbers, "
            f"separated by commas; it has {shown or 'no column at all'}. Where each label has a column of 0 and 1, "
            "save features and labels as the arrays X and Y of an .npz file instead (numpy.savez)."
        )
    labels = [[name.strip() for name in (row["labels"] or "").split(";") if name.strip()] for row in rows]
    names = sorted({name for row in labels for name in row})
    if len(names) < 2:
        raise UsageError(f"{path} names {len(names)} labels; multi-label learning needs at least two (joined by ;).")
    y, notes = label_matrix(labels, names, str(path)), _suspicious(names)
    index, rule = _splits(path, rows, lines) if "split" in columns else split_rows(len(rows), None)
    if not kinds:
        x = _numbers(path, rows, lines, features)
        return RawSet(
            path.stem,
            "vector",
            names,
            {split: RawSplit([str(row) for row in part], x[part], y[part]) for split, part in index.items()},
            rule,
            path.name,
            notes,
            tuple(features),
        )
    photographs = kinds == ["file"]
    items = [path.parent / (row["file"] or "") for row in rows] if photographs else [row["text"] or "" for row in rows]
    ids = [row["file"] or "" for row in rows] if photographs else [str(number) for number in range(len(rows))]
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


def _complete(path: Path, line: int, row: dict, columns: int) -> None:
    """Refuse a row with more or fewer fields than the header, and an empty text or file name."""
    if None in row or None in row.values():
        given = columns + len(row[None]) if None in row else sum(value is not None for value in row.values())
        raise UsageError(
            f"{path}, line {line}: {given} fields under {columns} columns; text with commas stands in quotation marks."
        )
    for name in ("file", "text"):
        if name in row and not row[name].strip():
            raise UsageError(f"{path}, line {line}: the column {name} is empty.")


def _numbers(path: Path, rows: list[dict[str, str]], lines: list[int], features: list[str]) -> np.ndarray:
    x = np.empty((len(rows), len(features)), dtype=np.float32)
    for number, row in enumerate(rows):
        for column, name in enumerate(features):
            try:
                x[number, column] = float(row[name])
            except (TypeError, ValueError):
                x[number, column] = np.nan
            if not np.isfinite(x[number, column]):
                raise UsageError(
                    f"{path} has no column file or text, so its columns are features; in line {lines[number]} "
                    f"{name} is {row[name]!r}, not a finite number."
                )
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
