"""Mulan's Yeast set (Elisseeff and Weston 2002) as shipped inside the package ``river``: the default, no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays, checked_labels, finished
from bench.datasets.source import Source
from bench.datasets.validation import checked_features
from bench.errors import UsageError
from bench.system import reading

EXTRACTOR = "mulan"
ROWS, FEATURES, LABELS = 2417, 103, 14
SIZES = {"train": 1200, "val": 300, "test": 917}


def find() -> Source:
    """The set inside the installed package; river itself is not imported (that takes 1.7 s).

    Raises
    ------
    UsageError: where the package or its file is missing.
    """
    spec = importlib.util.find_spec("river")
    if spec is None or spec.origin is None:
        raise UsageError("yeast comes with the package river, which is not installed; pip install river.")
    path = Path(spec.origin).parent / "datasets" / "yeast.csv.gz"
    if not path.is_file():
        raise UsageError(f"this version of river has no file {path}; pip install 'river>=0.26'.")
    return Source("yeast", EXTRACTOR, "small", (path,), __name__)


def load(name: str) -> Dataset:
    """The installed package's set."""
    return read(name, find().files)


def read(name: str, files: tuple[Path, ...]) -> Dataset:
    """2417 x 103, 14 labels, split by ``default_rng(0).permutation(2417)`` into 1200/300/917.

    Raises
    ------
    UsageError: for a file that is missing, damaged or another set's.
    """
    (path,) = files
    with reading.reading(path, "the Yeast set", "install river again"):
        header, *rows = [fields for _, fields in reading.csv_rows(reading.decoded(reading.unpacked(path), path), path)]
    features = [i for i, column in enumerate(header) if column.startswith("Att")]
    labels = [i for i, column in enumerate(header) if column.startswith("Class")]
    if (len(rows), len(features), len(labels)) != (ROWS, FEATURES, LABELS):
        raise UsageError(
            f"{path} is not the Yeast set: {len(rows)} rows, {len(features)} features, {len(labels)} labels."
        )
    with reading.reading(path, "the Yeast set", "install river again"):
        table = np.array(rows, dtype=np.float64)
    x = checked_features(table[:, features], str(path))
    y = checked_labels(table[:, labels], str(path))
    order = np.random.default_rng(0).permutation(ROWS)
    splits, start = {}, 0
    for split, size in SIZES.items():
        index = order[start : start + size]
        splits[split] = SplitArrays(x[index], y[index])
        start += size
    return finished(
        name,
        EXTRACTOR,
        splits,
        [header[i] for i in labels],
        "default_rng(0).permutation(2417): 1200/300/917",
        f"Mulan Yeast as in the package river ({path.name})",
        (path,),
    )
