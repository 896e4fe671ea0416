"""How large a data set is, before it is loaded: for ordering jobs and for forecasts. Imports no torch."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import SPLITS, Dataset

SMALL_FILES = 30 * 2**20
"""Bytes; files of this size are simply read."""


@dataclass(frozen=True)
class Shape:
    train: int
    evaluated: int
    """Rows of val and test."""
    features: int
    labels: int


def shape_of(files: tuple[Path, ...], load: Callable[[], Dataset]) -> Shape | None:
    """From the headers of a set in the canonical layout, from the set itself where it is small, else None."""
    features = [path for path in files if path.suffix == ".npy"]
    if len(features) == len(SPLITS):
        rows, columns = zip(*(_npy_shape(path) for path in features), strict=True)
        labels = next(path for path in files if path.suffix == ".npz")
        return Shape(rows[0], rows[1] + rows[2], columns[0], _csr_columns(labels))
    if sum(path.stat().st_size for path in files) > SMALL_FILES:
        return None
    splits = load().splits
    train = splits["train"]
    rows_elsewhere = sum(len(part.y) for split, part in splits.items() if split != "train")
    return Shape(len(train.y), rows_elsewhere, train.x.shape[1], train.y.shape[1])


def recorded_shape(result: dict[str, Any]) -> Shape:
    """The shape that a record's result tells."""
    rows = result["rows"]
    if isinstance(rows, int):  # the recovery track has training rows only
        return Shape(rows, 0, result["features"], result["labels"])
    return Shape(rows["train"], sum(rows.values()) - rows["train"], result["features"], result["labels"])


def _npy_shape(path: Path) -> tuple[int, int]:
    rows, columns = np.load(path, mmap_mode="r", allow_pickle=False).shape
    return rows, columns


def _csr_columns(path: Path) -> int:
    with zipfile.ZipFile(path) as archive, archive.open("shape.npy") as member:
        return int(np.lib.format.read_array(member, allow_pickle=False)[1])
