"""Sparse text: a row a line, ``labels feature:value feature:value ...``, as LIBSVM's multi-label sets (``.svm``,
``.libsvm``) and the Extreme Classification Repository's (a first line ``rows features labels``) have it.

Labels are numbers between commas, none of a row that begins with a space. Features count from 0 under a first line of
sizes, else from 1, unless one is 0. A folder holds ``train`` and ``test`` files (``train.txt`` and ``test.txt``, say).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.dataset import split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, feature
from bench.errors import UsageError
from bench.system import reading

SUFFIXES = (".svm", ".libsvm", ".txt")
MOST_BYTES = 8 * 2**30
"""Of the dense float32 matrix that the features become."""


@dataclass(frozen=True)
class Lines:
    """Rows of one file: labels and {feature: value} as they are numbered there."""

    labels: list[list[int]]
    features: list[dict[int, float]]
    sizes: tuple[int, int] | None
    """(features, labels) of the first line; None without one."""


def parse(path: Path) -> RawSet:
    """The set of one file, 60/20/20 by ``default_rng(0)``, or of a folder with train and test.

    Raises
    ------
    UsageError: with the line, for what is no label, no ``feature:value``, or outside the sizes of the first line.
    """
    parts = [_part(path, name) for name in ("train", "test")] if path.is_dir() else [path]
    read = [_lines(part) for part in parts if part is not None]
    sizes = [one.sizes for one in read]
    if len(set(sizes)) > 1:
        raise UsageError(f"{path}: the first lines of train and test say different sizes.")
    labels = [row for one in read for row in one.labels]
    rows = [row for one in read for row in one.features]
    names = list(range(sizes[0][1])) if sizes[0] else sorted({label for row in labels for label in row})
    first = 0 if sizes[0] or any(0 in row for row in rows) else 1
    width = sizes[0][0] if sizes[0] else 1 - first + max((max(row) for row in rows if row), default=0)
    if len(rows) * width * 4 > MOST_BYTES:
        raise UsageError(
            f"{path}: {len(rows)} rows of {width} features are {len(rows) * width * 4 / 2**30:.0f} GiB as the matrix "
            f"that they become here; at most {MOST_BYTES / 2**30:.0f} GiB are taken. Choose features first."
        )
    x, y = np.zeros((len(rows), width), dtype=np.float32), np.zeros((len(rows), len(names)), dtype=np.int8)
    place = {label: column for column, label in enumerate(names)}
    for number, (of_row, values) in enumerate(zip(labels, rows, strict=True)):
        y[number, [place[label] for label in of_row]] = 1
        x[number, [column - first for column in values]] = list(values.values())
    given = None
    if len(read) == 2:
        count = len(read[0].labels)
        given = {"train": np.arange(count), "test": np.arange(count, len(rows))}
    index, rule = split_rows(len(rows), given)
    splits = {split: RawSplit([str(row) for row in part], x[part], y[part]) for split, part in index.items()}
    return RawSet(path.stem, "vector", [f"label {name}" for name in names], splits, rule, path.name)


def _lines(path: Path) -> Lines:
    labels, features, sizes = [], [], None
    for number, line in enumerate(reading.text(path).splitlines(), start=1):
        words = line.split(" ") if line.startswith(" ") else line.split()
        if number == 1 and len(words) == 3 and ":" not in line:
            counts = [reading.whole_number(word) for word in words]
            if None not in counts:
                sizes = (int(words[1]), int(words[2]))
                continue
        if not line.strip():
            continue
        has_labels = not line.startswith(" ") and ":" not in words[0]
        row = _labels(path, number, words[0]) if has_labels else []
        values = _features(path, number, words[1 if has_labels else 0 :])
        if sizes and (any(label >= sizes[1] for label in row) or any(column >= sizes[0] for column in values)):
            raise UsageError(f"{path}, line {number}: a number is not below the sizes {sizes} of the first line.")
        labels.append(row)
        features.append(values)
    if not labels:
        raise UsageError(f"{path} has no rows.")
    return Lines(labels, features, sizes)


def _labels(path: Path, number: int, word: str) -> list[int]:
    found = [reading.whole_number(part.removesuffix(".0")) for part in word.split(",")]
    if None in found:
        raise UsageError(f"{path}, line {number}: {word[:60]!r} are no labels, which are whole numbers between commas.")
    return [label for label in found if label is not None]


def _features(path: Path, number: int, words: list[str]) -> dict[int, float]:
    values: dict[int, float] = {}
    for word in filter(None, words):
        name, _, text = word.partition(":")
        column, value = reading.whole_number(name), feature(text)
        if column is None or value is None:
            raise UsageError(f"{path}, line {number}: {word[:60]!r} is no feature:value of finite numbers.")
        if column in values:
            raise UsageError(f"{path}, line {number}: the feature {column} is given twice.")
        values[column] = value
    return values


def _part(folder: Path, name: str) -> Path | None:
    """The folder's file of a part, by its name or an ending of it."""
    found = [one for one in sorted(folder.iterdir()) if one.suffix in SUFFIXES and one.stem.endswith(name)]
    return found[0] if len(found) == 1 else None


def _accepts(raw: Path) -> bool:
    if raw.is_dir():
        return _part(raw, "train") is not None and _part(raw, "test") is not None
    return raw.suffix in (".svm", ".libsvm") and raw.is_file()


PARSERS = (FormatParser("sparse text (.svm, .libsvm, or a folder with train and test)", _accepts, parse),)
