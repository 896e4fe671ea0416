"""Features without labels, from .npz, .npy or .csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.datasets.readers.npz import feature_names
from bench.datasets.validation import CSR, checked_csr, repeated
from bench.errors import UsageError
from bench.system import reading

LARGEST = float(np.finfo(np.float32).max)
MISSING = ("", "na", "n/a", "null", "none")
"""Words for a value that is not there, which are no column's name."""


def read_features(path: Path, names: Sequence[str] = ()) -> tuple[np.ndarray, list[str]]:
    """([N, D] float32, the columns' names, if the file has them) of a .npz with X (dense or CSR), a .npy, or a .csv.

    Where ``names`` are given and the file names its columns (a header, ``feature_names``), they are found by these
    names; all others are taken by their place.

    Raises
    ------
    UsageError: one sentence with the file, and the row and column where a value is no finite number.
    """
    readers = {".npz": _from_npz, ".npy": _from_npy, ".csv": _from_csv}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UsageError(f"{path} is not one of {', '.join(readers)}.")
    with reading.reading(path, "features"):
        x, columns = readers[suffix](path, names)
    if x.dtype.kind not in "biuf":
        raise UsageError(f"{path} holds {x.dtype} values; features are real numbers.")
    if x.ndim != 2 or not x.size:
        raise UsageError(f"{path}: features are a matrix [rows, features]; the shape is {x.shape}.")
    with np.errstate(over="ignore"):
        single = x.astype(np.float32, copy=False)
    if not np.isfinite(single).all():
        row, column = np.argwhere(~np.isfinite(single))[0]
        value = x[row, column]
        raise UsageError(f"{path}: the feature in row {row}, column {column} is {value}, no finite float32 number.")
    return single, columns


def _from_npy(path: Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    return reading.array(path), []


def _from_npz(path: Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    found = reading.arrays(path, ("X", *CSR))
    if "X" in found:
        x = found["X"]
    elif missing := [name for name in CSR if name not in found]:
        raise UsageError(f"{path} has no array X (features), nor {missing[0]} of a sparse one.")
    else:
        x = checked_csr([found[name] for name in CSR], f"{path}: the CSR arrays of X").toarray()
    columns = feature_names(path)
    if columns and (x.ndim != 2 or len(columns) != x.shape[1]):
        raise UsageError(f"{path} has {len(columns)} feature_names for an X of the shape {x.shape}.")
    return (x[:, _places(path, columns, names)] if columns and names else x), columns


def _from_csv(path: Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    rows = list(reading.csv_rows(reading.text(path), path))
    while rows and not rows[-1][1]:  # empty lines at the end
        rows.pop()
    if not rows:
        raise UsageError(f"{path} is empty.")
    first = rows[0][1]
    header = first if _is_header(first, names, path) else []
    columns = _places(path, header, names or header) if header else list(range(len(first)))
    table = np.empty((len(rows) - bool(header), len(columns)))
    for values, (line, row) in zip(table, rows[bool(header) :], strict=True):
        if len(row) != len(first):
            raise UsageError(f"{path}, line {line} has {len(row)} columns, the first has {len(first)}.")
        for place, column in enumerate(columns):
            value = reading.number(row[column])
            if value is None or not abs(value) <= LARGEST:
                name, word = header[column] if header else column, row[column][:40]
                raise UsageError(f"{path}, line {line}, column {name} is {word!r}, no finite float32 number.")
            values[place] = value
    return table, header


def _is_header(first: Sequence[str], names: Sequence[str], path: Path) -> bool:
    """True of a first row of names: those given, numbers or not, else one without any number.

    Raises
    ------
    UsageError: for a row that is neither names nor numbers, or may be both.
    """
    numbers = [cell for cell in first if _like_number(cell)]
    if names and set(names) <= set(first):
        if len(numbers) == len(first) == len(names) and list(first) != list(names):
            raise UsageError(
                f"{path}: its first line has the model's feature names, which are numbers, in another order; "
                "put its columns in the model's order."
            )
        return True
    if not names and 0 < len(numbers) < len(first):
        both = [next(cell for cell in first if cell not in numbers), numbers[0]]
        raise UsageError(
            f"{path}: its first line is neither a header nor a row of numbers: "
            f"it holds {' and '.join(repr(cell[:40]) for cell in both)}."
        )
    return len(numbers) < len(first)


def _like_number(cell: str) -> bool:
    """True of a number in any notation, of infinity, and of a word for a value that is not there."""
    try:
        float(cell)
    except ValueError:
        return cell.strip().casefold() in MISSING
    return True


def _places(path: Path, columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Positions of the columns of these names."""
    place = {column: number for number, column in enumerate(columns)}
    if missing := [name for name in names if name not in place]:
        raise UsageError(f"{path} has no column {missing[0]!r}, which the model was trained on.")
    if (twice := repeated(columns)) is not None:
        raise UsageError(f"{path} has two columns of the name {twice!r}.")
    return [place[name] for name in names]
