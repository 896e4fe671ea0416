"""Labels in the forms that scikit-learn takes, as a matrix of 0 and 1, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target

from bench.model_file import check_label_names


@dataclass(frozen=True)
class Labels:
    """The labels of a training set: the two values they have, their names, and whether they were a vector."""

    values: np.ndarray
    """The value for "lacks the label" and the one for "has it", in ascending order."""
    names: list[str]
    vector: bool
    """One label, given as a vector [N]; a matrix of one column is no vector."""

    @classmethod
    def of(cls, y: Any, names: Sequence[str] | None = None) -> Self:
        """The labels of ``y``, [N] or [N, c].

        Raises
        ------
        ValueError: where there are more than two values or dimensions, or not one name of its own for every label.
        """
        if y.ndim > 2:
            raise ValueError(f"Unknown label type: y must be a matrix [rows, labels]; its shape is {y.shape}")
        count = y.shape[1] if y.ndim == 2 else 1
        names = [f"label {j}" for j in range(count)] if names is None else list(names)
        check_label_names(names, count)
        return cls(_two_values(y), names, y.ndim == 1)

    def encoded(self, y: Any, rows: int) -> np.ndarray:
        """[N, c] int8: 1 where a label is had.

        Raises
        ------
        ValueError: for another shape, other names of columns, or values other than the training labels'.
        """
        if (given := column_names(y)) is not None and given != self.names:
            raise ValueError(f"the columns of the labels are {given}; those of the training labels {self.names}")
        y = y if issparse(y) else np.asarray(y).reshape(len(y), -1)
        if y.shape != (rows, len(self.names)):
            raise ValueError(f"the labels have the shape {y.shape}; {(rows, len(self.names))} is needed")
        if not np.isin(_values_in(y), self.values).all():
            raise ValueError(f"the labels hold values other than the training labels' {self.values.tolist()}")
        having = y == self.values[1]
        return np.asarray(having.toarray() if issparse(having) else having).astype(np.int8)

    def as_given(self, columns: np.ndarray) -> np.ndarray:
        """[N] of one label that was given as a vector, else the columns [N, c] as they are."""
        return columns[:, 0] if self.vector else columns


def column_names(y: Any) -> list[str] | None:
    """The columns' names of a data frame."""
    return [str(column) for column in y.columns] if hasattr(y, "columns") else None


def _values_in(y: Any) -> np.ndarray:
    """The values that occur, in ascending order; the cells that a sparse matrix does not store are 0."""
    if not issparse(y):
        return np.unique(y)
    return np.unique(np.append(y.data, y.dtype.type(0)) if y.nnz < y.shape[0] * y.shape[1] else y.data)


def _two_values(y: Any) -> np.ndarray:
    values = _values_in(y)
    if len(values) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y, raise_unknown=True)}: {len(values)} values where each label is had or not"
        )
    if len(values) == 2:
        return values
    only = values[0]  # no label anywhere, or all of them
    return np.array([only, only + 1] if only <= 0 else [only - 1, only])
