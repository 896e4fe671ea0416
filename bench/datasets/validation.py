"""Checks of files before their readers see them, for faults that would be read as something else, without a word.

Apart from the readers because it changes nothing of what is read: a reader's source is part of its data's fingerprint.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.dataset import SPLITS
from bench.errors import UsageError

CSR = ("X_data", "X_indices", "X_indptr", "X_shape")
INDICES = tuple(f"{split}_idx" for split in SPLITS)
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


def checked_features(x: np.ndarray, where: str, noun: str = "feature") -> np.ndarray:
    """``x`` [N, D] as float32: real numbers that float32 holds, and the width of each column too, for scaling.

    A memory-mapped float32 array stays on the disk.

    Raises
    ------
    UsageError: with row and column of the first value that cannot be used, counted from 0.
    """
    checked_array(x, where, 2, REAL, f"a matrix [rows, {noun}s]; {noun}s are real numbers")
    if not len(x):
        raise UsageError(f"{where} has no rows.")
    lows, highs = [], []
    for start in range(0, len(x), ROWS_AT_ONCE):
        block = x[start : start + ROWS_AT_ONCE]
        with np.errstate(over="ignore"):
            low, high = block.min(0).astype(np.float64), block.max(0).astype(np.float64)
        if not ((low >= -LARGEST) & (high <= LARGEST)).all():  # written so that NaN is refused
            row, column = np.argwhere(~(np.abs(block.astype(np.longdouble)) <= LARGEST))[0]
            value = block[row, column]
            fault = "too large for float32" if np.isfinite(value) else "not finite"
            raise UsageError(f"{where}: the {noun} in row {start + row}, column {column} is {value}, {fault}.")
        lows.append(low)
        highs.append(high)
    low, high = np.min(lows, 0), np.max(highs, 0)
    if (wide := np.flatnonzero(high - low > LARGEST)).size:
        raise UsageError(
            f"{where}: the {noun}s in column {wide[0]} range from {low[wide[0]]:g} to {high[wide[0]]:g}, "
            "too wide for float32; scale them."
        )
    return x.astype(np.float32, copy=False)


def checked_archive(path: Path) -> Path:
    """The path of a ``.npz`` set with X and Y, if its CSR indices fit, X is real and has rows, and its split is whole.

    Raises
    ------
    UsageError: one sentence with the file and the fault. Whatever else is wrong is left to the reader.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            small = {key: archive[key] for key in archive.files if key in (*CSR, *INDICES, "has_official_split")}
            shape, kind = _header(path, "X.npy") if "X" in archive.files else (None, None)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return path
    if shape is None and all(name in small for name in CSR) and len(small["X_shape"]) == 2:
        shape, kind = tuple(small["X_shape"]), small["X_data"].dtype
        checked_csr([small[name] for name in CSR], f"{path}: the CSR arrays of X")
    if shape and shape[0] == 0:
        raise UsageError(f"{path} has no rows.")
    if kind is not None and np.issubdtype(kind, np.complexfloating):
        raise UsageError(f"{path}: X holds {kind} values; features are real numbers.")
    _check_split(small, path)
    return path


def checked_csr(parts: Sequence[np.ndarray], what: str) -> Any:
    """A SciPy CSR matrix of (data, indices, indptr, shape), if every index lies within its shape; SciPy itself reads
    others out of bounds."""
    from scipy import sparse

    data, indices, indptr, (rows, columns) = parts
    try:
        matrix = sparse.csr_matrix((data, indices, indptr), shape=(int(rows), int(columns)))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{what} do not fit together ({error}); rows and columns count from 0.") from error
    return matrix


def check_labels_file(path: Path) -> None:
    """Refuse a SciPy sparse file of labels with an index beyond its shape; other faults are left to the reader."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            parts = [archive[name] for name in ("data", "indices", "indptr", "shape")]
            form = archive["format"].item()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return
    if form in (b"csr", "csr"):
        checked_csr(parts, f"the arrays of the label file {path}")


# --- names ----------------------------------------------------------------------------------------------------------

LONGEST_NAME = 200
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters (NUL, line breaks, escape sequences), marks that turn a line round, bytes that were no UTF-8."""
SEPARATORS = "/\\@"
"""What ends a name in a path, or in ``name@extractor``."""


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
        raise UsageError(f"{where}: the name {number}, {name[:40]!r}, {fault}; rename it.")
    return list(names)


def repeated(names: Sequence[str]) -> str | None:
    """The first name that occurs twice."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _check_split(arrays: dict[str, np.ndarray], path: Path) -> None:
    """A part of a split alone would count for nothing. Files without an official one may list all rows as train."""
    if not bool(arrays.get("has_official_split", np.True_)):
        return
    given = [name for name in INDICES if name in arrays and len(arrays[name])]
    if not given or {"train_idx", "test_idx"}.issubset(given) or ("test_idx" in arrays and "train_idx" in given):
        return
    lacking = " and ".join(name for name in ("train_idx", "test_idx") if name not in given)
    raise UsageError(f"{path} has {' and '.join(given)} but no {lacking}; give both train_idx and test_idx, or none.")


def _header(path: Path, member: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and kind of an array in the archive, without reading it."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(stream)
    return shape, kind
