"""Few-shot training data: rows drawn until k of them carry each label, as far as there are as many.

``[shots=5]``: from the label with the fewest training positives to that with the most, rows that carry it are drawn at
random until 5 of the rows drawn so far carry it, or all that do are drawn. Frequent labels get more than 5 by rows of
other labels. With ``:val`` the validation rows are drawn likewise.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.transforming import Value

OPTIONS = ("val", "rN")
EXAMPLES = ("5", "3,val,r2")


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    shots = value.whole()

    def few(arrays: SplitArrays) -> SplitArrays:
        chosen = np.zeros(len(arrays.y), dtype=bool)
        for label in arrays.y.sum(0, dtype=np.int64).argsort(kind="stable"):
            carrying = arrays.y[:, label] == 1
            lacking = max(0, shots - int((carrying & chosen).sum()))
            chosen[random.permutation(np.flatnonzero(carrying & ~chosen))[:lacking]] = True
        return arrays.rows(np.flatnonzero(chosen))

    return dataset.changed(few, value.splits)
