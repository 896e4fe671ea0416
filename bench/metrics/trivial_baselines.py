"""Trivial baselines of label enhancement: label distributions that are written down without learning anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def uniform(y: Tensor) -> Tensor:
    """Every label alike."""
    return y.new_ones(y.shape).double()


def logical_labels(y: Tensor) -> Tensor:
    """y itself: the positive labels alike, nothing for the others (normalised to sum 1 as every method's degrees)."""
    return y.double()


def softmax_of_logical_labels(y: Tensor) -> Tensor:
    """Softmax of y: e for a positive label, 1 for the others, normalised; no row is surer than e to 1."""
    return y.double().softmax(1)


TRIVIAL_BASELINES: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": uniform,
    "logical labels": logical_labels,
    "softmax of the logical labels": softmax_of_logical_labels,
}
