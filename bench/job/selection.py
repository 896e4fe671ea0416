"""Fitted candidates of a grid, and the selection among them on validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from bench.config import LINEAR, Backbone
from bench.metrics.catalogue import as_loss, metric_named


@dataclass(frozen=True)
class Candidate:
    """One trained point of a grid."""

    scores: Callable[[Tensor], Tensor]
    """[N, D] features -> [N, c] scores."""
    threshold: float
    """A label is predicted where its score exceeds this: the method's own, or the one fitted for this model."""
    distribution: Callable[[], Tensor | None] = lambda: None
    """[N, c] degrees recovered for the training rows; None where the method recovers none."""
    parameters: dict[str, Tensor] = field(default_factory=dict)
    epoch: int | None = None
    epochs: int | None = None
    """Epochs that its training may last."""
    diverged: int | None = None
    stopped: int | None = None
    """The epoch in which it ran out of patience."""
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
    epochs: int | None
    """Of the longest training."""
    stacks: list[int]
    """Sizes of the stacks that were trained."""
    selection: str = "hamming"
    """The metric, by its name in `list metrics`, that the candidates were kept by and one of them is chosen by."""
    also: Mapping[str, list[Candidate]] = field(default_factory=dict)
    """{metric: the candidates kept by it}, of further metrics."""

    @property
    def criteria(self) -> tuple[str, ...]:
        return self.selection, *self.also


def select(validation: Sequence[Mapping[str, Any]], usable: list[bool], selection: str = "hamming") -> int:
    """The grid point that is best on validation data by a metric; ties: lower ranking loss there, then the first.

    Raises
    ------
    UsageError: for a metric that is not defined on the validation rows.
    """
    metric = metric_named(selection)
    order = [
        (as_loss(metric, values[metric.key]), values["ranking"], position)
        for position, (values, use) in enumerate(zip(validation, usable, strict=True))
        if use
    ]
    return min(order)[2]
