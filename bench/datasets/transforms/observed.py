"""Partly known labels: k positive labels of each training row, or each label with a probability.

``[observed=1]`` is single-positive learning (Cole et al. 2021): of each row one positive label, drawn at random, is
known and nothing else; ``[observed=2]`` two of them. Rows without positives stay as they are, wholly known.
``[observed=30%]``: each entry is known with probability .3, independently, positive or not. An unknown entry is 0 among
the labels, and ``batch.observed`` tells it from a negative one. With ``:val`` the validation labels likewise.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.transforming import Value

OPTIONS = ("val", "rN")
EXAMPLES = ("1", "2,val", "50%,r2")
UNCHANGED = "100%"


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    share = value.share(0, 1) if value.word.endswith("%") else None
    positives = value.whole() if share is None else 0

    def partly(arrays: SplitArrays) -> SplitArrays:
        draws = random.random(arrays.y.shape)
        if share is not None:
            known = draws < share
        else:
            place = np.where(arrays.y == 1, draws, -1).argsort(1).argsort(1)
            known = (arrays.y == 1) & (place >= arrays.y.shape[1] - positives)
            known[~arrays.y.any(1)] = True
        if arrays.observed is not None:
            known &= arrays.observed
        return SplitArrays(arrays.x, arrays.y * known, known)

    return dataset.changed(partly, value.splits)
