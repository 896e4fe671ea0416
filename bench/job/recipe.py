"""Recipe of a variant: its method, options and grid, whatever the data. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from bench import methods
from bench.config import Variant
from bench.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """A variant's method, options and grid, whatever the data."""

    info: methods.MethodInfo
    options: dict[str, Any]
    grid: dict[str, list[Any]]
    points: list[dict[str, Any]]


def recipe(row: Variant) -> Recipe:
    """A row's method with its options and grid checked.

    Raises
    ------
    UsageError
        For a method or an option that does not exist.
    """
    try:
        info = methods.info(row.base)
        options = methods.options(row.base, info.defaults, row.options)
        grid = info.grid if row.grid is None else row.grid
        # An option that the row fixes is not searched.
        grid = {name: values for name, values in grid.items() if row.grid is not None or name not in row.options}
        return Recipe(info, options, grid, _points(row.base, info.defaults, options, grid))
    except ValueError as error:
        raise UsageError(f"row {row.name!r}: {error}") from error


def _points(
    base: str, defaults: dict[str, Any], options: dict[str, Any], grid: dict[str, list[Any]]
) -> list[dict[str, Any]]:
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"the grid of {name!r} must be a list of values, not {values!r}")
    combinations = product(*grid.values())
    return [
        methods.options(base, defaults, {**options, **dict(zip(grid, values, strict=True))}) for values in combinations
    ]
