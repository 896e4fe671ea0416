"""Fitted candidates of a grid, and the selection among them on validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from bench.config import LINEAR, Backbone


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
    backbone: Backbone = LINEAR

    @property
    def usable(self) -> bool:
        """True where there is a model to score with: a diverged one may have been kept before."""
        return self.diverged is None or bool(self.epoch)


@dataclass(frozen=True)
class Fitted:
    candidates: list[Candidate]
    """One for each point, in their order."""
    threshold: float
    epochs: int | None
    stacks: list[int]
    """Sizes of the stacks that were trained."""


def select(validation: Sequence[Mapping[str, Any]], usable: list[bool]) -> int:
    """The grid point with the lowest validation Hamming loss; ties: lower validation ranking loss, then the first."""
    order = [
        (values["hamming"], values["ranking"], position)
        for position, (values, use) in enumerate(zip(validation, usable, strict=True))
        if use
    ]
    return min(order)[2]
