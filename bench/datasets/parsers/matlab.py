"""Multi-label sets as MATLAB files: a matrix of features and one of targets in {0, 1} or {-1, 1}.

The names in use differ: ``data``, ``features``, ``X`` or ``train_data``/``test_data`` for the one, ``target``,
``targets``, ``labels``, ``Y`` or ``train_target``/``test_target`` for the other. Targets often lie as [labels, rows].
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit
from bench.errors import UsageError

FEATURES = ("data", "features", "X", "x")
TARGETS = ("target", "targets", "labels", "Y", "y")


def parse(path: Path) -> RawSet:
    """A set of one file; without a split of its own 60/20/20, with train and test 20 % of train held out.

    Raises
    ------
    UsageError: for a file that cannot be read (MATLAB 7.3's HDF5 among them), or without both matrices.
    """
    from scipy.io import loadmat

    try:
        content = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    except Exception as error:  # torn files, HDF5, no MATLAB file at all
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path} cannot be read as a MATLAB file before version 7.3 ({first}).") from error
    parts = [_pair(content, f"{part}_", path) for part in ("train", "test")]
    if all(parts):
        pairs = [pair for pair in parts if pair]
    else:
        pair = _pair(content, "", path)
        if pair is None:
            raise UsageError(
                f"{path} has no features ({', '.join(FEATURES)}) with targets ({', '.join(TARGETS)}); "
                f"it has {', '.join(content) or 'nothing'}."
            )
        pairs = [pair]
    x, y = (np.concatenate([part[i] for part in pairs]) for i in (0, 1))
    given = {"train": np.arange(len(pairs[0][0])), "test": np.arange(len(pairs[0][0]), len(x))} if all(parts) else None
    index, rule = split_rows(len(x), given)
    splits = {split: RawSplit([str(row) for row in rows], x[rows], y[rows]) for split, rows in index.items()}
    return RawSet(path.stem, "vector", [f"label {j}" for j in range(y.shape[1])], splits, rule, path.name)


def _pair(content: dict[str, np.ndarray], prefix: str, path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    x = next((content[prefix + name] for name in FEATURES if prefix + name in content), None)
    y = next((content[prefix + name] for name in TARGETS if prefix + name in content), None)
    if x is None or y is None:
        return None
    x, y = _dense(x), _dense(y)
    if x.ndim != 2 or y.ndim != 2 or not np.issubdtype(x.dtype, np.number):
        raise UsageError(f"{path}: features {x.dtype} {x.shape} and targets {y.shape} must be matrices of numbers.")
    if len(y) != len(x) and y.shape[1] == len(x):
        y = y.T
    if len(y) != len(x):
        raise UsageError(f"{path}: {len(x)} rows of features, targets of the shape {y.shape}.")
    return x.astype(np.float32), checked_labels(np.where(y == -1, 0, y), str(path))


def _dense(value: np.ndarray) -> np.ndarray:
    return value.toarray() if hasattr(value, "toarray") else value


PARSERS = (FormatParser("a .mat", lambda raw: raw.suffix == ".mat", parse),)
