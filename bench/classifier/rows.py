"""The row of a table that a classifier stands for: a registered method or a row of bench.toml, with options over it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from bench import config, methods
from bench.config import Variant
from bench.errors import did_you_mean
from bench.protocol import TRAINING_SETTINGS, Protocol


def settings() -> config.Config:
    """The configuration, the methods of its folders being known."""
    found = config.load()
    methods.add_folders(found.method_folders)
    return found


def protocol_named(name: str) -> Protocol:
    """One of bench.toml's protocols, which selects by its first metric alone.

    Raises
    ------
    ValueError: for one that is not there.
    """
    protocols = settings().protocols
    if name not in protocols:
        raise ValueError(f"there is no protocol {name!r}; bench.toml has {', '.join(protocols)}")
    return replace(protocols[name], also_select=())


def row_named(name: str) -> Variant:
    """The row of bench.toml of that name, or the registered method.

    Raises
    ------
    UnknownMethodError: with a suggestion.
    """
    rows = settings().variants
    return rows[name] if name in rows else Variant(name=name, base=methods.info(name).name)


def options_of(row: Variant) -> tuple[str, ...]:
    """The names that a row's options may have: its method's options, and the settings of training where it has one."""
    info = methods.info(row.base)
    return (*info.defaults, *(name for name in TRAINING_SETTINGS if info.gradient and name not in info.defaults))


def with_options(
    row: Variant, options: Mapping[str, Any], classifier: str | None, classifier_options: Mapping[str, Any] | None
) -> Variant:
    """The row with options and a network over its own; what is given is neither searched nor fixed by the row.

    An option of None is not given. NumPy's numbers, of which grids are made, become Python's.
    """
    given = {name: _plain(value) for name, value in options.items() if value is not None}
    defaults = methods.info(row.base).defaults

    def of_training(table: Mapping[str, Any]) -> dict[str, Any]:
        # A name that the method's options have too is here the training's, which no option replaces.
        return {name: value for name, value in table.items() if name in defaults or name not in given}

    fixed = {name: None for name in ("clip", "minimum_steps") if name in given and name not in defaults}
    network: dict[str, Any] = {}
    if classifier is not None:
        network = {"classifier": classifier, "classifier_options": {}}
    if classifier_options is not None:
        network["classifier_options"] = {name: _plain(value) for name, value in classifier_options.items()}
    return replace(
        row,
        options={**row.options, **given},
        grid=None if row.grid is None else {name: values for name, values in row.grid.items() if name not in given},
        training=of_training(row.training),
        training_grid=of_training(row.training_grid),
        **fixed,
        **network,
    )


def check_option(row: Variant, name: str) -> None:
    """Refuse a name that is no option of the row.

    Raises
    ------
    ValueError: with a suggestion.
    """
    if name not in (known := options_of(row)):
        raise ValueError(f"{row.name!r} has no parameter or option {name!r}; {did_you_mean(name, known)}")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
