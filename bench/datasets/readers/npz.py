"""One ``.npz`` file with X, Y and optional splits.

``X`` [N, D], or CSR as ``X_data``, ``X_indices``, ``X_indptr``, ``X_shape``; ``Y`` [N, c]; optional ``label_names``,
``train_idx``, ``val_idx``, ``test_idx`` and ``has_official_split``.
"""

from __future__ import annotations

import zipfile
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
from bench.datasets.source import Source
from bench.datasets.validation import checked_archive
from bench.errors import UsageError

EXTRACTOR = "npz"


def find(folder: Path) -> list[Source]:
    """The sets of one folder, each of one file and named by it."""
    paths = sorted(folder.glob("*.npz"))
    return [source(path) for path in paths if not path.stem.endswith("_labels") and _is_multilabel(path)]


def source(path: Path) -> Source:
    """The set in an archive."""
    return Source(path.stem, EXTRACTOR, "small", (path.resolve(),), __name__)


def _is_multilabel(path: Path) -> bool:
    """Judged by the archive's table of contents alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return True  # let loading say what is wrong with it
    return "Y.npy" in members and ("X.npy" in members or "X_data.npy" in members)


def read(name: str, files: tuple[Path, ...]) -> Dataset:
    """The set in the one file."""
    return load(name, checked_archive(files[0]))


def load(name: str, path: Path) -> Dataset:
    """Load and split a set; the split depends on the file alone, never on a job's seed."""
    x, y, names, given, features = _read(path)
    numbering = identifier_columns(x)
    left_out = tuple(
        f"the feature {features[column] if column < len(features) else f'in column {column}'} numbers the rows; "
        "it is left out."
        for column in numbering
    )
    x = np.delete(x, numbering, axis=1) if numbering else x
    index, rule = split_rows(len(y), given)
    splits = {split: SplitArrays(x[rows], y[rows]) for split, rows in index.items()}
    return finished(name, EXTRACTOR, splits, names, rule, f"the file {path}", (path,), left_out)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, list[str] | None, dict[str, np.ndarray] | None, list[str]]:
    if not path.is_file():
        raise UsageError(f"the data file {path} is missing.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files if key != "feature_names"}
            features = _names(archive)
    except Exception as error:  # a damaged archive fails in many ways; object arrays are refused, never unpickled
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "pickle" in first:
            first = "it is no archive of arrays"
        raise UsageError(
            f"the data file {path} cannot be read ({first}); it may be truncated or hold objects."
        ) from error
    if "Y" not in arrays:
        raise UsageError(f"the data file {path} has no array Y (labels); it has {', '.join(sorted(arrays))}.")
    y = checked_labels(arrays["Y"], f"{path}, Y")
    x = _features(arrays, path)
    if len(x) != len(y):
        raise UsageError(f"{path}: {len(x)} rows of features but {len(y)} rows of labels.")
    names = [str(label) for label in arrays["label_names"]] if "label_names" in arrays else None
    return x, y, names, _given_split(arrays, len(y), path), features


def _names(archive: np.lib.npyio.NpzFile) -> list[str]:
    """The features' names; none where they are not there or stored as objects, for nothing depends on them."""
    try:
        return [str(name) for name in archive["feature_names"]]
    except (KeyError, ValueError):
        return []


def _features(arrays: dict[str, np.ndarray], path: Path) -> np.ndarray:
    if "X" in arrays:
        x = arrays["X"]
    elif "X_data" in arrays:
        from scipy import sparse

        try:
            x = sparse.csr_matrix(
                (arrays["X_data"], arrays["X_indices"], arrays["X_indptr"]), shape=tuple(arrays["X_shape"])
            ).toarray()
        except (KeyError, ValueError) as error:
            raise UsageError(f"{path}: the CSR arrays of X do not fit together: {error}.") from error
    else:
        raise UsageError(
            f"the data file {path} has neither X nor X_data (features); it has {', '.join(sorted(arrays))}."
        )
    if not np.issubdtype(x.dtype, np.number):
        raise UsageError(f"{path}: X holds {x.dtype} values; features are real numbers.")
    return x.astype(np.float32, copy=False)


def _given_split(arrays: dict[str, np.ndarray], rows: int, path: Path) -> dict[str, np.ndarray] | None:
    """The file's own split, or None where it has none (no indices, no test rows, or marked as not official)."""
    given = {split: arrays[f"{split}_idx"] for split in SPLITS if f"{split}_idx" in arrays}
    official = bool(arrays.get("has_official_split", np.True_))
    if not official or "train" not in given or "test" not in given or len(given["test"]) == 0:
        return None
    for split, index in given.items():
        if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
            raise UsageError(f"{path}: {split}_idx must be a vector of row numbers.")
        if len(index) and (index.min() < 0 or index.max() >= rows):
            raise UsageError(f"{path}: {split}_idx names a row outside 0 to {rows - 1}.")
    all_rows = np.concatenate(list(given.values()))
    values, counts = np.unique(all_rows, return_counts=True)
    if (counts > 1).any():
        raise UsageError(f"{path}: row {values[counts > 1][0]} is in two splits, or twice in one.")
    return given
