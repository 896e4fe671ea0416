"""Features without labels, from .npz, .npy or .csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.validation import CSR, checked_csr, repeated
from bench.errors import UsageError


def read_features(path: Path, names: Sequence[str] = ()) -> np.ndarray:
    """[N, D] float32 of a .npz with X (dense or CSR), of a .npy, or of a .csv of numbers with or without a header.

    Columns of a .csv with a header are found by ``names`` where these are given, others are taken by their place.

    Raises
    ------
    UsageError: one sentence with the file, and the row and column where a value is no finite number.
    """
    if not path.is_file():
        raise UsageError(f"the file {path} is missing.")
    readers = {
        ".npz": _from_npz,
        ".npy": lambda file: np.load(file, allow_pickle=False),
        ".csv": lambda file: _from_csv(file, names),
    }
    if path.suffix not in readers:
        raise UsageError(f"{path} is not one of {', '.join(readers)}.")
    try:
        x = np.asarray(readers[path.suffix](path))
        if np.issubdtype(x.dtype, np.complexfloating):
            raise UsageError(f"{path} holds {x.dtype} values; features are real numbers.")
        x = x.astype(np.float32, copy=False)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as features ({str(error).splitlines()[0]}).") from error
    if x.ndim != 2 or not x.size:
        raise UsageError(f"{path}: features are a matrix [rows, features]; the shape is {x.shape}.")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise UsageError(f"{path}: the feature in row {row}, column {column} is {x[row, column]}, not finite.")
    return x


def _from_npz(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        if "X" in archive:
            return archive["X"]
        return checked_csr([archive[name] for name in CSR], f"{path}: the CSR arrays of X").toarray()


def _from_csv(path: Path, names: Sequence[str]) -> list[list[float]]:
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    if not rows:
        raise ValueError("it is empty")
    header = None if all(map(_is_number, rows[0])) else rows[0]
    columns = list(range(len(rows[0])))
    if header is not None and (twice := repeated(header)) is not None:
        raise ValueError(f"it has two columns of the name {twice!r}")
    if header is not None and names:
        missing = [name for name in names if name not in header]
        if missing:
            raise ValueError(f"it has no column {missing[0]!r}, which the model was trained on")
        columns = [header.index(name) for name in names]
    table = []
    for line, row in enumerate(rows[header is not None :], start=1 + (header is not None)):
        if len(row) != len(rows[0]):
            raise ValueError(f"line {line} has {len(row)} columns, the first has {len(rows[0])}")
        wrong = [column for column in columns if not _is_number(row[column])]
        if wrong:
            name = header[wrong[0]] if header else wrong[0]
            raise ValueError(f"line {line}, column {name} is {row[wrong[0]]!r}, no number")
        table.append([float(row[column]) for column in columns])
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
