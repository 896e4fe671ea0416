"""Part of the training rows, for learning curves: a random share of them.

``[train=10%]`` keeps 10 % of the training rows, rounded, in their order; those of a smaller share are among those of a
larger one. With ``:val`` the same share of the validation rows too.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.transforming import Value

OPTIONS = ("val", "rN")
EXAMPLES = ("50%", "60%,val,r2")
UNCHANGED = "100%"


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    share = value.share(0, 1)

    def part(arrays: SplitArrays) -> SplitArrays:
        rows = len(arrays.y)
        return arrays.rows(np.sort(random.permutation(rows)[: round(share * rows)]))

    return dataset.changed(part, value.splits)
