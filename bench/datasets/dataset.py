"""A loaded data set, and the checks that every source's data must pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.datasets.validation import REAL, ROWS_AT_ONCE, checked_array, checked_names, repeated
from bench.errors import UsageError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitArrays:
    """Features and labels of one split."""

    x: np.ndarray
    """[N, D] float32, possibly memory-mapped."""
    y: np.ndarray
    """[N, c] int8 in {0, 1}."""
    observed: np.ndarray | None = None
    """[N, c] bool: whether the label is known; an unknown one is 0 in ``y``. None where all are known."""

    def rows(self, index: np.ndarray) -> SplitArrays:
        """The rows of the numbers ``index``, in its order."""
        return SplitArrays(self.x[index], self.y[index], None if self.observed is None else self.observed[index])

    def labels(self, index: np.ndarray) -> SplitArrays:
        """All rows with the labels of the numbers ``index`` alone."""
        return SplitArrays(self.x, self.y[:, index], None if self.observed is None else self.observed[:, index])


@dataclass(frozen=True)
class Dataset:
    """A data set whose arrays were checked by :func:`finished`."""

    name: str
    extractor: str
    splits: Mapping[str, SplitArrays]
    label_names: list[str]
    split_rule: str
    """The origin of train, val and test in words, for the card."""
    provenance: str
    files: tuple[Path, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.extractor}"

    def digest(self) -> str:
        """SHA-256 of what a job computes from: each split's features and labels, and the label names."""
        arrays = {
            f"{split} {part}": array
            for split in SPLITS
            for part in ("x", "y", "observed")
            if (array := getattr(self.splits[split], part)) is not None
        }
        return digest_of_arrays(arrays, self.label_names)

    def changed(self, change: Callable[[SplitArrays], SplitArrays], splits: Collection[str] = SPLITS) -> Dataset:
        """The data set with ``change`` made to each of the named splits, in the order train, val, test."""
        return replace(
            self, splits={split: change(part) if split in splits else part for split, part in self.splits.items()}
        )


def digest_of_arrays(arrays: Mapping[str, np.ndarray], names: Sequence[str] = ()) -> str:
    """SHA-256 of named arrays, their types and shapes, and of a list of names; in blocks of rows."""
    state = hashlib.sha256(repr(list(names)).encode())
    for name, array in arrays.items():
        state.update(repr((name, array.dtype.str, array.shape)).encode())
        for start in range(0, len(array), ROWS_AT_ONCE):
            state.update(np.ascontiguousarray(array[start : start + ROWS_AT_ONCE]).data)
    return state.hexdigest()


def finished(
    name: str,
    extractor: str,
    splits: Mapping[str, SplitArrays],
    label_names: list[str] | None,
    split_rule: str,
    provenance: str,
    files: tuple[Path, ...],
    warnings: tuple[str, ...] = (),
) -> Dataset:
    """A checked :class:`Dataset`.

    Raises
    ------
    UsageError
        One sentence for the first fault: shapes that do not agree, a single label, names of labels that are no names,
        no positives, no negatives. Values were checked by the reader, which knows their place in the file.
    """
    full_name = f"{name}@{extractor}"
    for split in SPLITS:
        _check_split(full_name, split, splits[split])
    features = {split: splits[split].x.shape[1] for split in SPLITS}
    if len(set(features.values())) != 1:
        raise UsageError(f"{full_name}: the splits have different numbers of features: {_each(features)}.")
    labels = {split: splits[split].y.shape[1] for split in SPLITS}
    if len(set(labels.values())) != 1:
        raise UsageError(f"{full_name}: the splits have different numbers of labels: {_each(labels)}.")
    count = labels["train"]
    if count < 2:
        raise UsageError(f"{full_name}: it has {count} label; multi-label learning needs at least two.")
    if label_names is None:
        label_names = [f"label {j}" for j in range(count)]
    if len(label_names) != count:
        raise UsageError(f"{full_name}: {len(label_names)} label names for {count} labels; there must be one each.")
    checked_names(label_names, f"{full_name}, names of labels")
    if (twice := repeated(label_names)) is not None:
        raise UsageError(f"{full_name}: the label name {twice!r} occurs twice.")
    positives = splits["train"].y.sum(0, dtype=np.int64)
    if not positives.any():
        raise UsageError(f"{full_name}: the training split has no positive label at all.")
    if (positives == splits["train"].y.shape[0]).all():
        raise UsageError(f"{full_name}: the training split has no negative label at all; there is nothing to learn.")
    return Dataset(
        name,
        extractor,
        dict(splits),
        label_names,
        split_rule,
        provenance,
        files,
        (*warnings, *rare_label_warnings(splits, label_names)),
    )


def _check_split(full_name: str, split: str, arrays: SplitArrays) -> None:
    x, y = arrays.x, arrays.y
    where = f"{full_name}, split {split}"
    if x.shape[0] != y.shape[0]:
        raise UsageError(f"{where}: {x.shape[0]} rows of features but {y.shape[0]} rows of labels.")
    if x.shape[0] < 2 or x.shape[1] < 1:
        raise UsageError(
            f"{where}: the features have the shape {x.shape}; at least two rows and one column are needed."
        )


def checked_labels(y: np.ndarray, where: str) -> np.ndarray:
    """``y`` [N, c] as int8, refused where a value is neither 0 nor 1, with its row and column."""
    checked_array(y, where, 2, REAL, "a matrix [rows, labels] of 0 and 1")
    bad = (y != 0) & (y != 1)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        advice = "; of -1 and 1, Y > 0 makes them" if np.isin(y, (-1, 1)).all() else ""
        raise UsageError(
            f"{where}: the label in row {row}, column {column} is {y[row, column]}; labels are 0 or 1{advice}."
        )
    return y.astype(np.int8)


def identifier_columns(x: np.ndarray) -> list[int]:
    """Columns that number the rows: whole numbers over a range of about N, of which 99 % occur once.

    Such a column is a name and no feature (the proteins of Mulan's genbase).
    """
    rows = len(x)
    if rows < 100:
        return []
    spread = x.max(0) - x.min(0)
    return [
        int(column)
        for column in np.flatnonzero((spread >= 0.9 * (rows - 1)) & (spread <= 1.1 * rows))
        if (x[:, column] == np.round(x[:, column])).all() and len(np.unique(x[:, column])) >= 0.99 * rows
    ]


def rare_label_warnings(splits: Mapping[str, SplitArrays], label_names: list[str]) -> tuple[str, ...]:
    """A sentence where labels have no positives in the training or the test split."""
    warnings = []
    for split, consequence in (
        ("train", "nothing can be learnt of them"),
        ("test", "macro average precision leaves them out"),
    ):
        missing = np.flatnonzero(splits[split].y.sum(0, dtype=np.int64) == 0)
        if len(missing):
            shown = ", ".join(label_names[j] for j in missing[:5]) + (", ..." if len(missing) > 5 else "")
            warnings.append(
                f"{len(missing)} of {len(label_names)} labels have no {split} positives ({shown}): {consequence}."
            )
    return tuple(warnings)


def _each(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count}" for split, count in counts.items())


def split_rows(rows: int, given: dict[str, np.ndarray] | None) -> tuple[dict[str, np.ndarray], str]:
    """{split: row numbers} and the rule in words.

    Official train and test without val: 20 % of train, drawn by ``default_rng(0)``, become val. No official split:
    60 % train, 20 % val, 20 % test of one ``default_rng(0)`` permutation.
    """
    random = np.random.default_rng(0)
    if given is None:
        order = random.permutation(rows)
        first, second = round(0.6 * rows), round(0.8 * rows)
        index = {"train": order[:first], "val": order[first:second], "test": order[second:]}
        return index, "no official split: 60/20/20 of default_rng(0).permutation"
    if "val" in given and len(given["val"]):
        return dict(given), "official train, val and test"
    order = given["train"][random.permutation(len(given["train"]))]
    held_out = round(0.2 * len(order))
    index = {"train": order[held_out:], "val": order[:held_out], "test": given["test"]}
    return index, "official train and test; val is 20 % of train by default_rng(0).permutation"
