"""Variants by name: registered methods, and those of bench.toml. Imports no torch."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from bench import methods
from bench.config import LINEAR, Config, Variant
from bench.errors import UsageError, did_you_mean
from bench.job.recipe import Recipe, recipe
from bench.metrics.catalogue import check_criteria
from bench.protocol import setting_in_words, value_in_short
from bench.system import reading
from bench.text import name_fault


def variants_of(config: Config) -> dict[str, Variant]:
    """Every variant: the paper's, the extra ones, those of bench.toml, then further registered methods by name."""
    registered = methods.names()
    _refuse_unknown(config)
    for name, protocol in config.protocols.items():
        check_criteria(protocol.criteria, f"{config.path}: protocols.{name}")
    order = [*config.tables.ranked, *config.tables.extra, *config.variants, *sorted(registered)]
    variants: dict[str, Variant] = {}
    for name in order:
        if name in config.variants:
            variants[name] = config.variants[name]
            if name in registered and variants[name].base != name:
                raise UsageError(
                    f"{config.path}: methods.{name} is a registered method's name, and cannot have the base "
                    f"{variants[name].base!r}; give the variant another name."
                )
        elif name in registered:
            variants[name] = Variant(name=name, base=name)
    return variants


def _refuse_unknown(config: Config) -> None:
    """Refuse a method in bench.toml's lists that is neither a method, usable or not, nor a variant."""
    there = {*methods.infos(), *config.variants}
    lists = {
        "tables.ranked": config.tables.ranked,
        "tables.extra": config.tables.extra,
        "run.only_when_named": config.run.only_when_named,
        "recovery.ranked": config.recovery.ranked,
        "recovery.recipes": config.recovery.recipes,
    }
    for where, names in lists.items():
        if unknown := [name for name in spelled_out(config, names, there) if name not in there]:
            hint = did_you_mean(unknown[0], sorted(there))
            raise UsageError(f"{config.path}: {where} names {unknown[0]!r}, which is no method or variant; {hint}")


def chosen_variants(config: Config, names: Iterable[str] | None) -> list[Variant]:
    """The variants that are named; without names all but those that bench.toml keeps for when they are named."""
    variants = variants_of(config)
    if names is None:
        left_out = spelled_out(config, config.run.only_when_named, variants)
        return [variant for variant in variants.values() if variant.name not in left_out]
    return named_variants(config, variants, names)


PAPER = "@paper"
"""The rows of the paper's tables: bench.toml's ``tables.ranked`` and ``tables.extra``."""


def spelled_out(config: Config, names: Iterable[str], there: Collection[str]) -> list[str]:
    """Names of methods and variants, where ``@losses`` stands for those of the family that are ``there``, and an alias
    for its method.

    Raises
    ------
    UsageError
        For a family that there is not, or that none of those there belongs to.
    """
    families: dict[str, list[str]] = {PAPER: [*config.tables.ranked, *config.tables.extra]}
    for name, info in methods.infos().items():
        families.setdefault(methods.family_word(info.family), []).append(name)
    found: list[str] = []
    for name in names:
        members = families.get(name.casefold(), [])
        if not name.startswith("@"):
            found.append(one_meant(name, there))
        elif chosen := [member for member in members if member in there]:
            found += chosen
        elif members:
            raise UsageError(f"of {name} there is nothing here; it stands for {', '.join(members)}.")
        else:
            raise UsageError(f"there is no family of methods {name!r}; {did_you_mean(name, families)}")
    return list(dict.fromkeys(found))


def one_meant(name: str, there: Collection[str]) -> str:
    """The name among those ``there``, in whatever case it is given, else the method that it is an alias of."""
    if name in there:
        return name
    return next((one for one in there if one.casefold() == name.casefold()), None) or methods.called(name)


def named_variants(config: Config, variants: dict[str, Variant], names: Iterable[str] | None) -> list[Variant]:
    if names is None or list(names) == ["all"]:
        return list(variants.values())
    chosen = {}
    for name in spelled_out(config, names, variants):
        if name not in variants:
            faults = [found.problems[0] for found in methods.infos().values() if found.problems]
            unreadable = f" What cannot be used: {'; '.join(faults)}." if faults else ""
            raise UsageError(
                f"there is no method or variant {name!r}; {did_you_mean(name, variants)} A method of your own is found "
                f"by --methods-dir FOLDER.{unreadable}"
            )
        chosen[name] = variants[name]
    return list(chosen.values())


def family_of(method: str) -> str | None:
    """The family of a registered method; None where none is registered by that name here."""
    found = methods.infos().get(method)
    return found.family if found else None


def variant_folder(variant: Variant) -> str:
    """The variant's name, which is also a folder's."""
    if fault := name_fault(variant.name):
        raise UsageError(f"the variant name {variant.name!r} cannot be a folder's name: {fault}.")
    return variant.name


def listed(config: Config, name: str) -> tuple[Variant, methods.MethodInfo] | None:
    """A variant and its method's listing, read without importing; None where there is none of that name."""
    found = config.variants.get(name) or Variant(name=name, base=name)
    try:
        return found, methods.info(found.base)
    except UsageError:
        return None


def summary(info: methods.MethodInfo) -> str:
    """The first paragraph of the docstring of a method's class, its formula say, as one line; nothing is imported."""
    for node in ast.parse(reading.text(info.file)).body if info.file else ():
        calls = [one for one in getattr(node, "decorator_list", ()) if isinstance(one, ast.Call) and one.args]
        if isinstance(node, ast.ClassDef) and any(ast.unparse(one.args[0]) == repr(info.name) for one in calls):
            return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return ""


def departures(variant: Variant) -> list[str]:
    """A variant's departures from its method and from the protocol, in words."""
    own = {"clip": variant.clip, "fidelity": variant.fidelity}
    try:
        made = recipe(variant)
    except UsageError:  # whoever runs it is told
        return [f"{key} {value}" for key, value in {**variant.options, **own}.items() if value is not None]
    options = {name: value for name, value in variant.options.items() if name in made.info.defaults}
    parts = [f"{key} {value}" for key, value in {**options, **own}.items() if value is not None]
    if variant.minimum_steps is not None:
        parts.append(setting_in_words("minimum_steps", variant.minimum_steps))
    if made.backbone != LINEAR:
        parts.append(f"the classifier {made.backbone}")
    for name, value in made.settings.items():
        parts.append(_of_training(name, made) + setting_in_words(name, value))
    if variant.grid is not None and (made.grid or not made.settings_grid):
        points = [f"{option} {' or '.join(map(str, values))}" for option, values in made.grid.items()]
        parts.append(f"the grid {', '.join(points)}" if points else "no grid")
    for name, values in made.settings_grid.items():
        chosen = f"{name.replace('_', ' ')} chosen among {', '.join(map(value_in_short, values))}"
        parts.append(_of_training(name, made) + chosen)
    if made.settings_grid and variant.grid is not None and made.info.grid and not made.grid:
        parts.append(f"without the grid of {made.info.name}")
    return parts


def _of_training(name: str, made: Recipe) -> str:
    return "the classifier's " if name in made.info.defaults else ""
