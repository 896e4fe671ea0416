"""Cross-validation of what is selected: training and validation rows together, one of n parts of which validates.

``[val=2/4]`` is part 2 of 4 parts of equal size (one row more or less) of a random order; the test split stays as it
is. A grid point may then be chosen by its mean over the parts, which one small validation split decides by chance.
``:r2`` is the second repeat, of another partition. Rows stay in the order train, val of the set.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.transforming import TransformError, Value

OPTIONS = ("rN",)
SPLITS_ANEW = True
EXAMPLES = ("2of4", "1of3,r2")
LEARNT = ("train", "val")


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    """The splits with one part as the validation split."""
    number, count = value.part("part")
    x, y = (np.concatenate([getattr(dataset.splits[split], name) for split in LEARNT]) for name in ("x", "y"))
    if count > len(y):
        raise TransformError(f"{dataset.name}: {count} parts of {len(y)} rows; there can be no more parts than rows.")
    held_out = np.zeros(len(y), bool)
    held_out[np.array_split(random.permutation(len(y)), count)[number - 1]] = True
    splits = {split: SplitArrays(x[rows], y[rows]) for split, rows in (("train", ~held_out), ("val", held_out))}
    return replace(
        dataset,
        splits={**dataset.splits, **splits},
        split_rule=f"{dataset.split_rule}; val is part {number} of {count} of the {len(y)} rows of train and val"
        f"{f', repeat {value.draw}' if value.draw > 1 else ''}",
    )
