"""Recipe of a variant: its method, options and grid, whatever the data. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from bench import methods
from bench.backbones import options_of
from bench.config import LINEAR, Backbone, Normalisation, Variant
from bench.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """A variant's method, options and grid, whatever the data."""

    info: methods.MethodInfo
    options: dict[str, Any]
    grid: dict[str, list[Any]]
    points: list[dict[str, Any]]
    normalisation: Normalisation = "sum"
    backbone: Backbone = LINEAR


def recipe(variant: Variant) -> Recipe:
    """A variant's method with its options and grid checked.

    Raises
    ------
    UsageError
        For a method, a backbone or an option that does not exist.
    """
    try:
        info = methods.info(variant.base)
        options = methods.options(variant.base, info.defaults, variant.options)
        grid = info.grid if variant.grid is None else variant.grid
        # An option that the variant fixes is not searched.
        grid = {
            name: values for name, values in grid.items() if variant.grid is not None or name not in variant.options
        }
        points = _points(variant.base, info.defaults, options, grid)
        return Recipe(info, options, grid, points, variant.normalisation or "sum", _backbone(variant, info))
    except ValueError as error:
        raise UsageError(f"variant {variant.name!r}: {error}") from error


def _backbone(variant: Variant, info: methods.MethodInfo) -> Backbone:
    if variant.classifier == LINEAR.name and not variant.classifier_options:
        return LINEAR
    if not info.gradient:
        raise ValueError(f"{info.name} is not trained by gradients and has no classifier to exchange; leave it out.")
    try:
        return Backbone(variant.classifier, options_of(variant.classifier, variant.classifier_options))
    except UsageError as error:
        raise ValueError(str(error)) from error


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
