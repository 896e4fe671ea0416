"""One ``.npz`` file with X, Y and optional splits.

``X`` [N, D], or CSR as ``X_data``, ``X_indices``, ``X_indptr``, ``X_shape``; ``Y`` [N, c]; optional ``label_names``,
``feature_names``, ``train_idx``, ``val_idx``, ``test_idx`` and ``has_official_split``. Other arrays are not looked at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.dataset import (
    SPLITS,
    Dataset,
    SplitArrays,
    checked_labels,
    finished,
    identifier_columns,
    split_rows,
)
from bench.datasets.source import Source, Unreadable
from bench.datasets.validation import (
    CSR,
    REAL,
    WHOLE,
    checked_array,
    checked_csr,
    checked_features,
    checked_set_name,
)
from bench.errors import UsageError
from bench.system import reading
from bench.text import shown

EXTRACTOR = "npz"
INDICES = {split: f"{split}_idx" for split in SPLITS}
ARRAYS = ("X", *CSR, "Y", "label_names", *INDICES.values(), "has_official_split")


def find(folder: Path) -> list[Source | Unreadable]:
    """The sets of one folder, each of one file and named by it."""
    found: list[Source | Unreadable] = []
    for path in sorted(folder.glob("*.npz")):
        if path.stem.endswith("_labels"):
            continue
        try:
            known = source(path)
            if {"X", "X_data"} & (names := reading.array_names(path)) and "Y" in names:
                found.append(known)
        except UsageError as error:
            found.append(Unreadable.because(path.stem, error))
    return found


def source(path: Path) -> Source:
    """The set in an archive.

    Raises
    ------
    UsageError: where its name cannot be a set's.
    """
    return Source(checked_set_name(path.stem, path), EXTRACTOR, "small", (path.resolve(),), __name__)


def read(name: str, files: tuple[Path, ...]) -> Dataset:
    """The set in the one file."""
    return load(name, files[0])


def load(name: str, path: Path) -> Dataset:
    """Load and split a set; the split depends on the file alone, never on a job's seed.

    Raises
    ------
    UsageError: one sentence for the first fault, with the array and its place in the file.
    """
    headers = reading.array_headers(path)
    wanted = {name for name in ARRAYS if name in headers}
    there = ", ".join(sorted(map(shown, headers))) or "no array"
    if "Y" not in wanted:
        folder = "; a matrix of scipy.sparse.save_npz goes with its partner, by their folder" * ("format" in headers)
        raise UsageError(f"the data file {path} has no array Y (labels); it has {there}{folder}.")
    if len({"X", "X_data"} & wanted) != 1:
        raise UsageError(f"the data file {path} needs either X or X_data (features), not both; it has {there}.")
    arrays = reading.arrays(path, wanted)
    y = checked_labels(arrays["Y"], f"{path}, Y")
    x = _features(arrays, path)
    if len(x) != len(y):
        advice = "; is Y transposed?" if y.shape[1] == len(x) else "."
        raise UsageError(f"{path}: {len(x)} rows of features but {len(y)} rows of labels{advice}")
    names = _texts(arrays, "label_names", path)
    features = [shown(feature) for feature in feature_names(path)]
    numbering = identifier_columns(x)
    notes = [
        f"the feature {features[column] if column < len(features) else f'in column {column}'} numbers the rows; "
        "it is left out."
        for column in numbering
    ]
    x = np.delete(x, numbering, axis=1) if numbering else x
    index, rule = split_rows(len(y), _given_split(arrays, len(y), path))
    if unused := len(y) - sum(map(len, index.values())):
        notes.append(f"{unused} of {len(y)} rows are in no split.")
    splits = {split: SplitArrays(x[rows], y[rows]) for split, rows in index.items()}
    return finished(name, EXTRACTOR, splits, names, rule, f"the file {path}", (path,), tuple(notes))


def feature_names(path: Path) -> list[str]:
    """The features' names; none where they are not there or stored as objects, for nothing depends on them."""
    header = reading.array_headers(path).get("feature_names")
    if header is None or header.dtype.hasobject:
        return []
    return _texts(reading.arrays(path, ["feature_names"]), "feature_names", path) or []


def _features(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    if "X" in arrays:
        return checked_features(arrays["X"], f"{path}, X")
    if missing := [name for name in CSR if name not in arrays]:
        raise UsageError(f"{path} has X_data but no {missing[0]}; CSR features are {', '.join(CSR)}.")
    matrix = checked_csr([arrays[name] for name in CSR], f"{path}: the CSR arrays of X")
    return checked_features(matrix.toarray(), f"{path}, X")


def _texts(arrays: dict[str, np.ndarray], name: str, path: Path) -> list[str] | None:
    """Names as text; None where the array is not there."""
    if name not in arrays:
        return None
    found = checked_array(arrays[name], f"{path}, {name}", 1, f"US{WHOLE}", "a vector of names")
    if found.dtype.kind == "S":
        return [reading.decoded(text, f"{path}, {name}") for text in found.tolist()]
    return [str(text) for text in found]


def _given_split(arrays: dict[str, np.ndarray], rows: int, path: Path) -> dict[str, np.ndarray] | None:
    """The file's own split, or None where it has none: no indices, marked as not official, or no test rows.

    A part of a split alone would count for nothing. Files without an official one may list all rows as train.
    """
    official = arrays.get("has_official_split", np.True_)
    if official.size != 1 or official.dtype.kind not in REAL or official.item() not in (0, 1):
        raise UsageError(f"{path}: has_official_split must be True or False; it is {official.tolist()!r}.")
    if not official.item():
        return None
    given = {}
    for split, name in INDICES.items():
        if name in arrays and arrays[name].shape != (0,):
            advice = "a vector of row numbers, as numpy.flatnonzero makes them of a mask"
            given[split] = checked_array(arrays[name], f"{path}: {name}", 1, WHOLE, advice)
    if not given or ("train" in given and "test" not in given and INDICES["test"] in arrays):
        return None
    if lacking := " and ".join(INDICES[split] for split in ("train", "test") if split not in given):
        there = " and ".join(INDICES[split] for split in given)
        raise UsageError(f"{path} has {there} but no {lacking}; give both train_idx and test_idx, or none.")
    for split, index in given.items():
        if index.min() < 0 or index.max() >= rows:
            raise UsageError(f"{path}: {INDICES[split]} names a row outside 0 to {rows - 1}.")
    values, counts = np.unique(np.concatenate(list(given.values())), return_counts=True)
    if (counts > 1).any():
        raise UsageError(f"{path}: row {values[counts > 1][0]} is in two splits, or twice in one.")
    return {split: index.astype(np.int64) for split, index in given.items()}
