"""A folder with a matrix of features and one of labels, a file each, as ``scipy.sparse.save_npz`` or ``numpy.save``
write them: ``X.npz`` and ``Y.npz``, or these for each part, as ``X_train.npz``, ``Y_train.npz``, ``X_test.npz``, ...

A file's name is words between ``_``, ``-`` and ``.``: ``x`` or ``y``, the part (train, val, test), and what all of the
folder's files share, the set's name.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, checked_labels, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, without_row_numbers
from bench.datasets.validation import checked_csr, checked_features
from bench.errors import UsageError
from bench.system import reading

ROLES = ("x", "y")
SUFFIXES = (".npz", ".npy")
FORMATS = ("csr", "csc", "coo")


def parse(folder: Path) -> RawSet:
    """The set of a folder: one pair is split 60/20/20, of train and test pairs 20 % of train are held out for
    validation, both by ``default_rng(0)``; with a val pair too, all is as given.

    Raises
    ------
    UsageError: with the file that is missing, is no such matrix, or has another number of rows or columns.
    """
    files = _files(folder)
    for (role, part), path in files.items():
        other = "y" if role == "x" else "x"
        if (other, part) not in files:
            partner = re.sub(r"(?<![^\W_])[xy](?![^\W_])", other.upper(), path.name, count=1, flags=re.I)
            raise UsageError(f"{path} has no partner {partner} in its folder.")
    parts = [part for part in ("", *SPLITS) if ("x", part) in files]
    if parts != [""] and not {"train", "test"} <= set(parts):
        there = ", ".join(path.name for path in files.values()) or "neither"
        raise UsageError(f"{folder} needs one pair of X and Y, or a pair of train and one of test; it has {there}.")
    x = [checked_features(_matrix(files["x", part]), str(files["x", part])) for part in parts]
    y = [checked_labels(_matrix(files["y", part]), str(files["y", part])) for part in parts]
    for part, features, labels in zip(parts, x, y, strict=True):
        if len(features) != len(labels):
            pair = f"{files['x', part].name} has {len(features)} rows, {files['y', part].name} {len(labels)}"
            raise UsageError(f"{folder}: {pair}; is one of them transposed?")
    for role, matrices in (("x", x), ("y", y)):
        if len(widths := {matrix.shape[1] for matrix in matrices}) > 1:
            those = ", ".join(files[role, part].name for part in parts)
            raise UsageError(f"{folder}: {those} have {' and '.join(map(str, sorted(widths)))} columns.")
    x_all, _, notes = without_row_numbers(np.concatenate(x))
    y_all = np.concatenate(y)
    ends = np.cumsum([0, *map(len, x)])
    given = {part: np.arange(*ends[place : place + 2]) for place, part in enumerate(parts)} if len(parts) > 1 else None
    index, rule = split_rows(len(y_all), given)
    splits = {split: RawSplit([str(row) for row in rows], x_all[rows], y_all[rows]) for split, rows in index.items()}
    names = [f"label {column}" for column in range(y_all.shape[1])]
    return RawSet(folder.stem, "vector", names, splits, rule, f"matrices in {folder.name}", notes)


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """{(role, part): file}, the part empty where there is none; {} of a folder with several such sets, or none."""
    found: dict[tuple[str, str], Path] = {}
    rests = set()
    for path in sorted(folder.iterdir()):
        words = re.split(r"[_\-.]", path.stem.lower())
        roles, parts = ([word for word in words if word in kind] for kind in (ROLES, SPLITS))
        if path.suffix not in SUFFIXES or len(roles) != 1 or len(parts) > 1:
            continue
        place = roles[0], parts[0] if parts else ""
        if place in found:
            return {}
        found[place] = path
        rests.add(tuple(word for word in words if word not in (*ROLES, *SPLITS)))
    return found if len(rests) == 1 else {}


def _matrix(path: Path) -> np.ndarray:
    """A file's matrix, dense."""
    if path.suffix == ".npy":
        return reading.array(path)
    parts = reading.arrays(path)
    form = str(np.asarray(parts.get("format", b"")).astype(str))
    if form not in FORMATS or "data" not in parts or "shape" not in parts:
        raise UsageError(f"{path} is no matrix that scipy.sparse.save_npz wrote as {' or '.join(FORMATS)}.")
    if form == "coo" and {"row", "col"} <= parts.keys():
        with reading.reading(path, "a COO matrix", "rows and columns count from 0"):
            order = np.argsort(parts["row"], kind="stable")
            counts = np.bincount(parts["row"], minlength=int(parts["shape"][0]))
            parts["data"], parts["indices"] = parts["data"][order], parts["col"][order]
            parts["indptr"] = np.concatenate([[0], np.cumsum(counts)])
    shape = parts["shape"][::-1] if form == "csc" else parts["shape"]
    for name in ("indices", "indptr"):
        if name not in parts:
            raise UsageError(f"{path} has no array {name}, which a {form} matrix has.")
    dense = checked_csr([parts["data"], parts["indices"], parts["indptr"], shape], str(path)).toarray()
    return np.asarray(dense.T if form == "csc" else dense)


PARSERS = (
    FormatParser(
        "a folder with X and Y of scipy.sparse.save_npz or numpy.save",
        lambda raw: raw.is_dir() and {role for role, _ in _files(raw)} == set(ROLES),
        parse,
    ),
)
