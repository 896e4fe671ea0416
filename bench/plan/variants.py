"""Variants by name: registered methods, and those of bench.toml. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench import methods
from bench.config import Config, Variant
from bench.errors import UsageError, did_you_mean

VARIANT_NAME = re.compile(r"[^/\\:*?\"<>|.][^/\\:*?\"<>|]*")


def variants_of(config: Config) -> dict[str, Variant]:
    """Every row: the paper's order, the extra rows, those of bench.toml, then further registered methods by name."""
    registered = methods.names()
    order = [*config.tables.ranked, *config.tables.extra, *config.variants, *sorted(registered)]
    rows: dict[str, Variant] = {}
    for name in order:
        if name in config.variants:
            rows[name] = config.variants[name]
            if name in registered and rows[name].base != name:
                raise UsageError(
                    f"{config.path}: methods.{name} is a registered method's name, and cannot have the base "
                    f"{rows[name].base!r}; give the row another name."
                )
        elif name in registered:
            rows[name] = Variant(name=name, base=name)
    return rows


def chosen_variants(config: Config, names: Iterable[str] | None) -> list[Variant]:
    """The rows that are named; without names all but those that bench.toml keeps for when they are named."""
    rows = variants_of(config)
    if names is None:
        return [row for row in rows.values() if row.name not in config.run.only_when_named]
    return named_variants(rows, names)


def named_variants(rows: dict[str, Variant], names: Iterable[str] | None) -> list[Variant]:
    if names is None or list(names) == ["all"]:
        return list(rows.values())
    chosen = {}
    for name in names:
        match = name if name in rows else next((row for row in rows if row.casefold() == name.casefold()), None)
        if match is None:
            faults = [found.problems[0] for found in methods.infos().values() if found.problems]
            unreadable = f" What cannot be used: {'; '.join(faults)}." if faults else ""
            raise UsageError(f"there is no method or row {name!r}; {did_you_mean(name, rows)}{unreadable}")
        chosen[match] = rows[match]
    return list(chosen.values())


def variant_folder(row: Variant) -> str:
    """The row's name, which is also a folder's."""
    if not VARIANT_NAME.fullmatch(row.name):
        raise UsageError(
            f"the row name {row.name!r} cannot be a folder's name; leave out / \\ : * ? \" < > | and a leading dot."
        )
    return row.name
