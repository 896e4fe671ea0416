"""Label noise: each training label is turned round with a probability, independently (symmetric noise).

``[noise=10%]`` makes of each entry its opposite with probability .1; what 10 % turn round, 20 % do too. With ``:val``
the validation labels likewise. Entries that are not known stay as they are.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.dataset import Dataset, SplitArrays
from bench.datasets.transforming import Value

OPTIONS = ("val", "rN")
EXAMPLES = ("10%", "40%,val,r2")
UNCHANGED = "0%"


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    share = value.share(0, 0.5)

    def noisy(arrays: SplitArrays) -> SplitArrays:
        turned = random.random(arrays.y.shape) < share
        if arrays.observed is not None:
            turned &= arrays.observed
        return SplitArrays(arrays.x, arrays.y ^ turned, arrays.observed)

    return dataset.changed(noisy, value.splits)
