"""A job's inputs: the data set as its method sees it, scaled, on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bench.dataset_name import dataset_name
from bench.datasets.dataset import Dataset
from bench.methods.api import Problem, Split


@dataclass(frozen=True)
class Prepared:
    """A data set as its job sees it: scaled, on the device."""

    problem: Problem
    splits: Mapping[str, Split]

    def writes(self) -> list[int]:
        """Torch's counts of writes to each tensor: equal lists where no method has changed what it was given."""
        arrays = [array for split in self.splits.values() for array in (split.x, split.y, split.observed)]
        return [array._version for array in (*arrays, self.problem.positives) if array is not None]


def prepare(dataset: Dataset, scaling: str, fidelity: str, device: torch.device, dtype: torch.dtype) -> Prepared:
    """Scale the features, put everything on the device, and describe the problem. Features are copied only if they
    change: a memory-mapped file on the CPU stays one."""
    arrays = {split: dataset.splits[split].x for split in dataset.splits}
    if scaling == "minmax":
        arrays = minmax_scaled(arrays)
    splits = {
        split: Split(
            torch.from_numpy(x).to(device=device, dtype=dtype),
            torch.from_numpy(dataset.splits[split].y).to(device),
            None if (known := dataset.splits[split].observed) is None else torch.from_numpy(known).to(device),
        )
        for split, x in arrays.items()
    }
    return Prepared(problem_of(dataset_name(dataset.name).base, splits, fidelity), splits)


def problem_of(dataset: str, splits: Mapping[str, Split], fidelity: str) -> Problem:
    """The problem as a method may know it: its training rows' sizes, and how many labels a validation row has."""
    train = splits["train"]
    return Problem(
        dataset=dataset,
        n_samples=train.x.shape[0],
        n_features=train.x.shape[1],
        n_labels=train.y.shape[1],
        positives=train.y.sum(0, dtype=torch.float64).cpu(),
        fidelity="official" if fidelity == "official" else "paper",
        labels_per_row=_labels_per_row(splits["val"]) if "val" in splits else None,
    )


def _labels_per_row(split: Split) -> float | None:
    """Mean number of labels of the rows that are wholly known."""
    y = split.y if split.observed is None else split.y[split.observed.all(1)]
    return float(y.sum(1).double().mean()) if len(y) else None


def minmax_scaled(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each feature to [0, 1] by its range in ``train``, where a constant one becomes 0; other splits are clipped, so
    that of a feature constant in ``train`` a larger value becomes up to 1 and meets a weight that was never trained."""
    low, high = arrays["train"].min(0), arrays["train"].max(0)
    spread = np.where(high > low, high - low, 1).astype(np.float32)
    return {split: np.clip((x - low) / spread, 0, 1).astype(np.float32, copy=False) for split, x in arrays.items()}
