"""Frequent labels: those with at least so many positive training rows, in every split.

``[labels=min:10]`` leaves out the labels of fewer than 10 positive training rows. Rows that carry no other label stay,
without labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets.dataset import Dataset
from bench.datasets.transforming import TransformError, Value

OPTIONS = ()
EXAMPLES = ("min15",)


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    least = value.whole(before="min")
    counts = dataset.splits["train"].y.sum(0, dtype=np.int64)
    kept = np.flatnonzero(counts >= least)
    if len(kept) < 2:
        raise TransformError(
            f"{dataset.name}[labels={value}] leaves {len(kept)} of {len(counts)} labels, and at least two are needed; "
            f"the second most frequent one has {np.sort(counts)[-2]} positive training rows."
        )
    names = [dataset.label_names[label] for label in kept]
    return replace(dataset.changed(lambda arrays: arrays.labels(kept)), label_names=names)
