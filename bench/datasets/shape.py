"""The size of a data set before it is loaded, for ordering jobs and for forecasts. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.dataset import SPLITS, Dataset
from bench.system import reading

SMALL_FILES = 30 * 2**20
"""Bytes; files of this size are simply read."""


@dataclass(frozen=True)
class Shape:
    """Numbers of rows, features and labels."""

    train: int
    evaluated: int
    """Rows of val and test."""
    features: int
    labels: int


def shape_of(files: tuple[Path, ...], load: Callable[[], Dataset]) -> Shape | None:
    """From the headers of a set in the canonical layout, from the set itself where it is small, else None.

    Raises
    ------
    UsageError: for a file that cannot be read.
    """
    features = [path for path in files if path.suffix == ".npy"]
    if len(features) == len(SPLITS):
        shapes = [reading.array_header(path).shape for path in features]
        labels = reading.arrays(next(path for path in files if path.suffix == ".npz"), ["shape"]).get("shape")
        if all(len(shape) == 2 for shape in shapes) and labels is not None and labels.shape == (2,):
            return Shape(shapes[0][0], shapes[1][0] + shapes[2][0], shapes[0][1], int(labels[1]))
    if sum(path.stat().st_size for path in files) > SMALL_FILES:
        return None
    splits = load().splits
    train, *others = (splits[split] for split in SPLITS)
    return Shape(len(train.y), sum(len(part.y) for part in others), train.x.shape[1], train.y.shape[1])
