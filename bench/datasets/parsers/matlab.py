"""Multi-label sets as MATLAB files: a matrix of features and one of targets in {0, 1} or {-1, 1}.

The names in use differ: ``data``, ``features``, ``X`` or ``train_data``/``test_data`` for the one, ``target``,
``targets``, ``labels``, ``Y`` or ``train_target``/``test_target`` for the other. Targets often lie as
[labels, rows]; all parts of a file lie one way.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, without_row_numbers
from bench.datasets.validation import REAL, checked_features
from bench.errors import UsageError
from bench.system import reading

FEATURES = ("data", "features", "X", "x")
TARGETS = ("target", "targets", "labels", "Y", "y")


def parse(path: Path) -> RawSet:
    """A set of one file; without a split of its own 60/20/20, with train and test 20 % of train held out.

    Raises
    ------
    UsageError: for a file that cannot be read (MATLAB 7.3's HDF5 among them), without both matrices, or whose targets
        may lie either way.
    """
    content = reading.matlab(path)
    prefixes = ["train_", "test_"]
    if not all(_found(content, prefix, names) for prefix in prefixes for names in (FEATURES, TARGETS)):
        prefixes = [""]
    names = [(_found(content, prefix, FEATURES), _found(content, prefix, TARGETS)) for prefix in prefixes]
    if None in names[0]:
        raise UsageError(
            f"{path} has no features ({', '.join(FEATURES)}) with targets ({', '.join(TARGETS)}); "
            f"it has {', '.join(content) or 'nothing'}."
        )
    features, targets = ([_matrix(content, str(pair[i]), path) for pair in names] for i in (0, 1))
    if len({part.shape[1] for part in features}) > 1:
        raise UsageError(f"{path}: train and test have different numbers of features.")
    x = np.concatenate(
        [checked_features(part, f"{path}, {pair[0]}") for part, pair in zip(features, names, strict=True)]
    )
    y = _labels(targets, [len(part) for part in features], path)
    x, _, notes = without_row_numbers(x)
    first = len(features[0])
    given = {"train": np.arange(first), "test": np.arange(first, len(x))} if len(features) == 2 else None
    index, rule = split_rows(len(x), given)
    splits = {split: RawSplit([str(row) for row in rows], x[rows], y[rows]) for split, rows in index.items()}
    labels = [f"label {j}" for j in range(y.shape[1])]
    return RawSet(path.stem, "vector", labels, splits, rule, path.name, notes)


def _found(content: dict[str, np.ndarray], prefix: str, names: tuple[str, ...]) -> str | None:
    return next((prefix + name for name in names if prefix + name in content), None)


def _matrix(content: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    value = content[name]
    if value.ndim != 2 or value.dtype.kind not in REAL:
        raise UsageError(f"{path}: {name} must be a matrix of real numbers; it is {value.dtype} {value.shape}.")
    if hasattr(value, "toarray"):
        reading.check_fits(f"{path}: {name}", 8 * value.shape[0] * value.shape[1])
        return np.asarray(value.toarray())
    return value


def _labels(parts: list[np.ndarray], rows: list[int], path: Path) -> np.ndarray:
    """[N, c] labels of all parts, which lie one way: [rows, labels], or all [labels, rows]."""
    ways = [way for way in (parts, [part.T for part in parts]) if [len(part) for part in way] == rows]
    ways = [way for way in ways if len({part.shape[1] for part in way}) == 1]
    shapes = " and ".join(str(part.shape) for part in parts)
    if not ways:
        counts = " and ".join(str(count) for count in rows)
        raise UsageError(f"{path}: {counts} rows of features, targets of the shape {shapes}.")
    y = np.concatenate(ways[0])
    if len(ways) == 2 and not np.array_equal(y, np.concatenate(ways[1])):
        raise UsageError(
            f"{path}: targets of the shape {shapes} may lie as [rows, labels] or [labels, rows]; add a row."
        )
    if (y == -1).any():
        if (y == 0).any():
            raise UsageError(f"{path}: targets hold -1, 0 and 1; they must be 0 and 1, or -1 and 1.")
        y = np.where(y == -1, 0, y)
    return checked_labels(y, str(path))


PARSERS = (FormatParser("a .mat", lambda raw: raw.suffix == ".mat", parse),)
