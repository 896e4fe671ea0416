"""Checks of arrays and names from outside: kinds and shapes first, then values, each refused with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.dataset_name import dataset_name
from bench.errors import UsageError
from bench.system import reading
from bench.text import LONGEST_NAME, UNPRINTABLE, name_fault, shown

CSR = ("X_data", "X_indices", "X_indptr", "X_shape")
ROWS_AT_ONCE = 4096
LARGEST = float(np.finfo(np.float32).max)
REAL, WHOLE = "biuf", "iu"
"""NumPy's letters of kinds: real numbers (with truth values), and whole numbers."""

# --- arrays ---------------------------------------------------------------------------------------------------------


def checked_array(array: np.ndarray, where: str, dimensions: int, kinds: str, meaning: str) -> np.ndarray:
    """``array``, if it has the number of dimensions and one of the kinds; ``meaning`` says them in words."""
    if array.ndim != dimensions or array.dtype.kind not in kinds:
        raise UsageError(f"{where} must be {meaning}; it holds {array.dtype} values in the shape {array.shape}.")
    return array


def checked_features(x: np.ndarray, where: str, noun: str = "feature", ids: Sequence[str] = ()) -> np.ndarray:
    """``x`` [N, D] as float32: real numbers that float32 holds, and the width of each column too, for scaling.

    A memory-mapped float32 array stays on the disk.

    Raises
    ------
    UsageError: with row and column of the first value that cannot be used, counted from 0, or the row's id.
    """
    checked_array(x, where, 2, REAL, f"a matrix [rows, {noun}s]; {noun}s are real numbers")
    if not len(x):
        raise UsageError(f"{where} has no rows.")
    lows, highs = [], []
    for start in range(0, len(x), ROWS_AT_ONCE):
        block = x[start : start + ROWS_AT_ONCE]
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = block.min(0).astype(np.float64), block.max(0).astype(np.float64)
        if not ((low >= -LARGEST) & (high <= LARGEST)).all():  # written so that NaN is refused
            with np.errstate(invalid="ignore"):
                row, column = np.argwhere(~(np.abs(block.astype(np.longdouble)) <= LARGEST))[0]
            value = block[row, column]
            fault = "too large for float32" if np.isfinite(value) else "not finite"
            place = ids[start + row] if ids else start + row
            raise UsageError(f"{where}: the {noun} in row {place}, column {column} is {value}, {fault}.")
        lows.append(low)
        highs.append(high)
    low, high = np.min(lows, 0), np.max(highs, 0)
    if (wide := np.flatnonzero(high - low > LARGEST)).size:
        raise UsageError(
            f"{where}: the {noun}s in column {wide[0]} range from {low[wide[0]]:g} to {high[wide[0]]:g}, "
            "too wide for float32; scale them."
        )
    return x.astype(np.float32, copy=False)


def checked_csr(parts: Sequence[np.ndarray], what: str) -> Any:
    """A SciPy CSR matrix of (data, indices, indptr, shape): every index in its shape, no cell twice, not too large.

    SciPy itself reads out of bounds, and sums what is given twice.
    """
    from scipy import sparse

    data, indices, indptr, shape = (np.asarray(part) for part in parts)
    checked_array(data, f"{what}: data", 1, REAL, "a vector of real numbers")
    for name, part in (("indices", indices), ("indptr", indptr), ("shape", shape)):
        checked_array(part, f"{what}: {name}", 1, WHOLE, "a vector of whole numbers")
    if len(shape) != 2 or (shape < 0).any():
        raise UsageError(f"{what}: shape must be the numbers of rows and columns; it is {shape.tolist()}.")
    rows, columns = (int(size) for size in shape)
    with reading.reading(what, "a CSR matrix", "rows and columns count from 0"):
        matrix = sparse.csr_matrix((data, indices, indptr), shape=(rows, columns))
        matrix.check_format(full_check=True)
    if (size := rows * columns * data.itemsize) > (free := reading.free_memory()):
        raise UsageError(f"{what}: the shape {shape.tolist()} takes {size / 1e9:.1f} GB; {free / 1e9:.1f} GB are free.")
    cells = np.sort(np.repeat(np.arange(rows), np.diff(indptr)) * columns + indices, kind="stable")
    if (twice := np.flatnonzero(cells[1:] == cells[:-1])).size:
        row, column = divmod(int(cells[twice[0]]), columns)
        raise UsageError(f"{what}: the cell in row {row}, column {column} is given twice; which value counts?")
    return matrix


# --- names ----------------------------------------------------------------------------------------------------------

SEPARATORS = "/\\@"
"""Characters that end a name in a path, or in ``name@extractor``."""


def checked_names(names: Sequence[str], where: str, forbidden: str = "") -> list[str]:
    """The one rule for names of labels, sets and rows from outside: not blank, printable, not too long.

    Raises
    ------
    UsageError: with the name's number, from 0, and the name itself, escaped.
    """
    for number, name in enumerate(names):
        odd = UNPRINTABLE.search(name) or next((found for found in name if found in forbidden), None)
        if not name.strip():
            fault = "is blank"
        elif odd:
            fault = f"holds the character {(odd if isinstance(odd, str) else odd[0])!r}"
        elif len(name) > LONGEST_NAME:
            fault = f"has {len(name)} characters, more than {LONGEST_NAME}"
        else:
            continue
        place = f"name {number}, " if len(names) > 1 else ""
        raise UsageError(f"{where}: {place}{name[:40]!r} {fault}; rename it.")
    return list(names)


def checked_set_name(name: str, path: Path) -> str:
    """The name of a set, by its file's, if it can be part of a file's name and of ``name@extractor``."""
    if name.startswith("."):
        raise UsageError(
            f"{shown(str(path))}: a name that begins with a dot is an editor's or a system's, and no set's."
        )
    if dataset_name(name).transforms:
        raise UsageError(f"{shown(str(path))}: a name that ends like {shown(name)!r} is one of a transform; rename it.")
    checked_names([name], f"the file {shown(str(path))}", SEPARATORS)
    if fault := name_fault(name):
        raise UsageError(f"{shown(str(path))}: {name!r} cannot name the folder of its records: {fault}; rename it.")
    return name


def repeated(names: Sequence[str]) -> str | None:
    """The first name that occurs twice."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
