"""Recipe of a variant: its method, options, settings of training and grid, whatever the data. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from bench import methods
from bench.backbones import options_of
from bench.config import LINEAR, Backbone, Normalisation, Variant, with_settings
from bench.errors import UsageError, did_you_mean
from bench.protocol import TRAINING_SETTINGS, Protocol

Settings = dict[str, Any]
"""Settings of the protocol's training, in place of the protocol's own."""


@dataclass(frozen=True)
class Recipe:
    """A variant's method, options, settings of training and grid, whatever the data."""

    info: methods.MethodInfo
    options: dict[str, Any]
    grid: dict[str, list[Any]]
    """The options that are searched."""
    points: list[dict[str, Any]]
    """The method's options at each point."""
    normalisation: Normalisation = "sum"
    settings: Settings = field(default_factory=dict)
    """Of all points."""
    settings_grid: dict[str, list[Any]] = field(default_factory=dict)
    """The settings of training that are searched, each with every point of ``grid``."""
    backbone: Backbone = LINEAR

    @property
    def training(self) -> tuple[Settings, ...]:
        """The searched settings of each point; empty where none is searched."""
        combinations = _combinations(self.settings_grid) if self.settings_grid else []
        return tuple(own for own in combinations for _ in range(len(self.points) // len(combinations)))

    @property
    def grid_names(self) -> tuple[str, ...]:
        """Searched settings, as ``described`` names them."""
        return (*self.grid, *(setting_name(name, self.options) for name in self.settings_grid))


def described(points: tuple[dict[str, Any], ...], training: tuple[Settings, ...]) -> list[dict[str, Any]]:
    """Each point's options and settings of training together."""
    if not training:
        return list(points)
    return [
        {**point, **{setting_name(name, point): value for name, value in own.items()}}
        for point, own in zip(points, training, strict=True)
    ]


def setting_name(name: str, options: Mapping[str, Any]) -> str:
    """The name of a setting of training beside a method's options."""
    return f"training.{name}" if name in options else name


def recipe(variant: Variant) -> Recipe:
    """A variant's method with its options, settings and grid checked.

    Raises
    ------
    UsageError
        For a method, a backbone, an option or a setting that does not exist, or a value that it cannot have.
    """
    try:
        info = methods.info(variant.base)
        own, settings = _divided(info, variant.options, variant.training)
        options = methods.options(variant.base, info.defaults, own)
        given, searched = _divided(info, variant.grid or {}, variant.training_grid)
        # An option that the variant fixes is not searched.
        grid = given if variant.grid is not None else {n: values for n, values in info.grid.items() if n not in own}
        fixed = {"clip": variant.clip, "minimum_steps": variant.minimum_steps}
        _refuse_twice(settings, searched, [name for name, value in fixed.items() if value is not None])
        if "epochs" in {**settings, **searched} and "minimum_steps" not in {**settings, **searched}:
            # Exactly so many, as by --epochs: a minimum of the protocol's would make others of them without a word.
            settings |= {"minimum_steps": 0} if variant.minimum_steps is None else {}
        checked = with_settings(Protocol(), settings)
        points = _points(variant.base, info.defaults, options, grid)
        settings_grid = {name: [_setting(name, value) for value in _list(name, searched[name])] for name in searched}
        return Recipe(
            info,
            options,
            grid,
            points * len(_combinations(settings_grid)),
            variant.normalisation or "sum",
            {name: getattr(checked, name) for name in settings},
            settings_grid,
            _backbone(variant, info),
        )
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


def _divided(
    info: methods.MethodInfo, options: Mapping[str, Any], training: Mapping[str, Any]
) -> tuple[dict[str, Any], Settings]:
    """The options of the method, and the settings of training, that a variant gives: a name that both have is the
    method's option, unless it is given in the variant's table ``training``."""
    known = TRAINING_SETTINGS if info.gradient else ()
    settings = {name: value for name, value in options.items() if name not in info.defaults}
    if twice := [name for name in settings if name in training]:
        raise ValueError(f"{twice[0]!r} is given twice: as an option, and as a setting of training")
    for name in settings:
        if name not in known:
            raise ValueError(_unknown(name, f"the method {info.name!r} has no option {name!r}", info, known))
    for name in training:
        if name not in known:
            raise ValueError(_unknown(name, f"there is no setting of training {name!r}", info, known))
    return {name: value for name, value in options.items() if name in info.defaults}, {**settings, **training}


def _unknown(name: str, fault: str, info: methods.MethodInfo, known: tuple[str, ...]) -> str:
    """The sentence about a name that is no setting of training, nor an option where it might be one."""
    lists = f"options of {info.name}: {', '.join(sorted(info.defaults)) or 'none'}; "
    lists += f"settings of training: {', '.join(known) or 'none, as it is not trained by gradients'}."
    if name in Protocol.SHARED.intersection(Protocol.__struct_fields__):
        return f"{name!r} is one for all variants, a setting of the protocol; {lists}"
    hint = did_you_mean(name, [*info.defaults, *known])
    near = f"{hint} " if hint.startswith("did you mean") and name not in info.defaults else ""
    return f"{fault}; {near}{lists}"


def _refuse_twice(settings: Settings, searched: Mapping[str, Any], fixed: list[str]) -> None:
    for name in (*settings, *searched):
        if name in fixed or (name in settings and name in searched):
            raise ValueError(f"{name!r} is given twice; a variant either fixes a setting or searches it")


def _setting(name: str, value: Any) -> Any:
    return getattr(with_settings(Protocol(), {name: value}), name)


def _list(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise ValueError(f"the grid of {name!r} must be a list of values, not {values!r}")
    return values


def _combinations(grid: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _points(
    base: str, defaults: dict[str, Any], options: dict[str, Any], grid: dict[str, list[Any]]
) -> list[dict[str, Any]]:
    for name, values in grid.items():
        _list(name, values)
    return [methods.options(base, defaults, {**options, **own}) for own in _combinations(grid)]
