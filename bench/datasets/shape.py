"""The size of a data set before it is loaded, for ordering jobs and for forecasts. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS, Dataset

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
        rows = [np.load(path, mmap_mode="r", allow_pickle=False).shape for path in features]
        with np.load(next(path for path in files if path.suffix == ".npz"), allow_pickle=False) as labels:
            return Shape(rows[0][0], rows[1][0] + rows[2][0], rows[0][1], int(labels["shape"][1]))
    if sum(path.stat().st_size for path in files) > SMALL_FILES:
        return None
    splits = load().splits
    train, *others = (splits[split] for split in SPLITS)
    return Shape(len(train.y), sum(len(part.y) for part in others), train.x.shape[1], train.y.shape[1])
