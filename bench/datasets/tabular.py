"""A user's own set from one CSV: photographs or texts with their labels.

The columns ``file`` (a photograph, relative to the CSV) or ``text``; ``labels``, names joined by ``;``; optionally
``split`` with train, val or test in every row. Without it: 60/20/20 by ``default_rng(0)``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bench.datasets.base import SPLITS
from bench.datasets.npz import split_rows
from bench.datasets.raw import RawSet, RawSplit, label_matrix
from bench.errors import UsageError


def parse(path: Path) -> RawSet:
    """The set of one CSV; labels in alphabetical order.

    Raises
    ------
    UsageError: for missing columns, an unknown split, or a set without labels; it names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as CSV ({error}).") from error
    kinds = [name for name in ("file", "text") if name in columns]
    if len(kinds) != 1 or "labels" not in columns:
        raise UsageError(f"{path} needs the columns file or text, and labels; it has {', '.join(columns) or 'none'}.")
    labels = [[name.strip() for name in (row["labels"] or "").split(";") if name.strip()] for row in rows]
    names = sorted({name for row in labels for name in row})
    if len(names) < 2:
        raise UsageError(f"{path} names {len(names)} labels; multi-label learning needs at least two (joined by ;).")
    y = label_matrix(labels, names, str(path))
    index, rule = _splits(path, rows) if "split" in columns else split_rows(len(rows), None)
    items = [path.parent / row["file"] for row in rows] if kinds == ["file"] else [row["text"] or "" for row in rows]
    ids = [row[kinds[0]] if kinds == ["file"] else str(number) for number, row in enumerate(rows)]
    splits = {
        split: RawSplit([ids[row] for row in part], [items[row] for row in part], y[part])
        for split, part in index.items()
    }
    return RawSet(path.stem, "image" if kinds == ["file"] else "text", names, splits, rule, path.name)


def _splits(path: Path, rows: list[dict[str, str]]) -> tuple[dict[str, np.ndarray], str]:
    for number, row in enumerate(rows, start=2):
        if row["split"] not in SPLITS:
            raise UsageError(f"{path}, line {number}: the split {row['split']!r} is not train, val or test.")
    return {
        split: np.array([number for number, row in enumerate(rows) if row["split"] == split], dtype=np.int64)
        for split in SPLITS
    }, "the file's own column split"
