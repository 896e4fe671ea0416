"""What fitting a job gives, whatever the method: candidates of a grid, the selection among them, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.datasets.base import Dataset
from bench.methods.api import Problem, Split


@dataclass(frozen=True)
class Prepared:
    """A data set as its job sees it: scaled, on the device."""

    problem: Problem
    splits: Mapping[str, Split]


@dataclass(frozen=True)
class Candidate:
    """One trained point of a grid."""

    scores: Callable[[Tensor], Tensor]
    """[N, D] features -> [N, c] scores."""
    distribution: Callable[[], Tensor | None] = lambda: None
    """[N, c] degrees recovered for the training rows; None where the method recovers none."""
    parameters: dict[str, Tensor] = field(default_factory=dict)
    epoch: int | None = None
    diverged: int | None = None
    losses: list[float] = field(default_factory=list)
    hamming: list[float] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether there is a model to score with: a diverged one may have been kept before."""
        return self.diverged is None or bool(self.epoch)


@dataclass(frozen=True)
class Fitted:
    candidates: list[Candidate]
    """One for each point, in their order."""
    cut: float
    epochs: int | None
    stacks: list[int]
    """Sizes of the stacks that were trained."""


Loaded = tuple[Dataset, Prepared]


def prepare(dataset: Dataset, scaling: str, fidelity: str, device: torch.device, dtype: torch.dtype) -> Prepared:
    """Scale the features, put everything on the device, and describe the problem. Features are copied only if they
    change: a memory-mapped file on the CPU stays one."""
    arrays = {split: dataset.splits[split].x for split in dataset.splits}
    if scaling == "minmax":
        arrays = minmax_scaled(arrays)
    splits = {
        split: Split(
            torch.from_numpy(x).to(device=device, dtype=dtype), torch.from_numpy(dataset.splits[split].y).to(device)
        )
        for split, x in arrays.items()
    }
    return Prepared(problem_of(dataset.name, splits["train"], fidelity), splits)


def problem_of(dataset: str, train: Split, fidelity: str) -> Problem:
    """What a method may know of a training split beforehand."""
    return Problem(
        dataset=dataset,
        rows=train.x.shape[0],
        features=train.x.shape[1],
        labels=train.y.shape[1],
        positives=train.y.sum(0, dtype=torch.float64).cpu(),
        fidelity="official" if fidelity == "official" else "paper",
    )


def minmax_scaled(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each feature to [0, 1] by its range in ``train``, where a constant one becomes 0; other splits are clipped, so
    that of a feature constant in ``train`` a larger value becomes up to 1 and meets a weight that was never trained."""
    low, high = arrays["train"].min(0), arrays["train"].max(0)
    spread = np.where(high > low, high - low, 1).astype(np.float32)
    return {split: np.clip((x - low) / spread, 0, 1).astype(np.float32, copy=False) for split, x in arrays.items()}


def select(validation: list[dict[str, float]], usable: list[bool]) -> int:
    """The grid point with the lowest validation Hamming loss; ties: lower validation ranking loss, then the first."""
    order = [
        (values["hamming"], values["ranking"], position)
        for position, (values, use) in enumerate(zip(validation, usable, strict=True))
        if use
    ]
    return min(order)[2]
