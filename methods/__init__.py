"""The registry of methods: what exists, where it comes from, and how to make one.

Nothing here imports a method (or torch) before it is asked for: :mod:`bench.methods.declarations` reads the source.

A method is a file in this folder, comes from an installed distribution through the entry-point group
``bench.methods`` (``NAME = "package.module"``), or is a plain file in a folder named to ``add_folders``. Neither of the
latter may take a name that there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError
from bench.methods.declarations import (
    BrokenMethodError,
    MethodInfo,
    imported,
    read,
    read_file,
    read_plugin,
    with_problem,
)

if TYPE_CHECKING:
    from bench.methods.api import LinearMethod, Method, Problem

__all__ = ["BrokenMethodError", "MethodInfo", "UnknownMethodError"]

ENTRY_POINT_GROUP = "bench.methods"
FAMILIES = {
    "losses": "losses on wholly known labels",
    "partial labels": "losses for labels of which some are not known",
    "transformation": "problem transformation: binary relevance, chains, label sets",
    "trees": "forests and boosted trees",
    "neighbours": "nearest neighbours and prototypes",
    "label enhancement": "recovery of label distributions, then a classifier trained on them",
    "ablation": "parts of FLEM",
}
"""{family: in words}, in the order of listings. Methods of other places may have others."""
_HERE = Path(__file__).parent
_folders: list[Path] = []


class UnknownMethodError(UsageError, ValueError):
    """No method of that name; the message suggests the nearest one."""


def names() -> list[str]:
    """Names of all usable methods: the built-in ones in file order, plug-ins by name, plain files by folder."""
    return [name for name, info in infos().items() if not info.problems]


def family_word(family: str) -> str:
    """``@label-enhancement``: a family as it is named beside methods."""
    return "@" + family.replace(" ", "-")


def called(name: str) -> str:
    """The name that a method is registered under, given it or an alias of it in any case; another name as it is."""
    found, folded = infos(), name.casefold()
    if name in found:
        return name
    same = (info.name for info in found.values() if folded in (alias.casefold() for alias in info.aliases))
    return next(same, name)


def folders() -> tuple[Path, ...]:
    """The folders of plain method files that this process looks into."""
    return tuple(_folders)


def add_folders(more: Iterable[str | Path]) -> None:
    """Look for plain method files in further folders, too.

    Raises
    ------
    BrokenMethodError
        For one that does not exist.
    """
    for given in more:
        folder = Path(given).resolve()
        if not folder.is_dir():
            by = "--methods-dir, or bench.toml's method_folders"
            raise BrokenMethodError(f"the folder of methods {given} ({by}) does not exist.")
        if folder not in (*_folders, _HERE.resolve()):
            _folders.append(folder)
            infos.cache_clear()


@lru_cache(maxsize=1)
def infos() -> dict[str, MethodInfo]:
    """Every method that is found, usable or not (see ``MethodInfo.problems``), by name."""
    found: dict[str, MethodInfo] = {}
    for path in _files_in(_HERE):
        for info in read(path, f"{__name__}.{path.stem}", "built-in"):
            if info.name in found:  # neither is taken for the other: the name alone cannot be used
                problem = f"the method name {info.name!r} is registered twice: in {found[info.name].file} and {path}"
                info = with_problem(found[info.name], problem)
            found[info.name] = info
    entries = sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)
    files = [path for folder in _folders for path in _files_in(folder)]
    for info in [*map(read_plugin, entries), *(info for path in files for info in read_file(path))]:
        name = info.name
        if name in found:
            where = info.file.name if info.file else info.module
            problem = f"{where}: the name {name!r} is already taken ({found[name].origin}); give the method another one"
            info, name = with_problem(info, problem), f"{name} ({info.origin})"
        found[name] = info
    return found


def _files_in(folder: Path) -> list[Path]:
    """Files of methods; those that systems and editors hide (``.#x.py``, ``._x.py``) are none."""
    return sorted(folder.glob("[!_.]*.py"))


def info(name: str) -> MethodInfo:
    """The listing of one usable method.

    Raises
    ------
    UnknownMethodError
        With a suggestion where a name is near.
    BrokenMethodError
        When the method was found but cannot be used.
    """
    found, name = infos(), called(name)
    if name not in found:
        near = difflib.get_close_matches(name.casefold(), [n.casefold() for n in names()], n=1, cutoff=0.5)
        meant = next((n for n in names() if near and n.casefold() == near[0]), None)
        hint = f"did you mean {meant!r}?" if meant else "`python -m bench list methods` shows all."
        raise UnknownMethodError(f"there is no method {name!r}; {hint}")
    if found[name].problems:
        raise BrokenMethodError(f"the method {name!r} cannot be used: {found[name].problems[0]}")
    return found[name]


def method_class(name: str) -> type[Method] | type[LinearMethod]:
    """Import and return the class registered under ``name``."""
    return imported(info(name)).method


def create(name: str, problem: Problem, **hyperparameters: Any) -> Method | LinearMethod:
    """Make one model of a method, its registered defaults overridden by ``hyperparameters``."""
    found = imported(info(name))
    return found.method(problem, **options(name, found.defaults, hyperparameters))


def options(name: str, defaults: dict[str, Any], given: dict[str, Any], kind: str = "method") -> dict[str, Any]:
    """``given`` laid over ``defaults``; an unknown option is an error with a suggestion.

    An integer given for a real-valued option becomes real, so that ``gamma = 2`` means 2.0.
    """
    for option, value in given.items():
        if option not in defaults:
            near = difflib.get_close_matches(option, list(defaults), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(defaults)) or 'none'}."
            raise ValueError(f"the {kind} {name!r} has no option {option!r}; {hint}")
        default = defaults[option]
        if default is not None and not _same_kind(default, value):
            raise ValueError(
                f"the option {option!r} of the {kind} {name!r} must be like its default {default!r}, not {value!r}"
            )
    merged = {**defaults, **given}
    return {option: _real(defaults[option], value) for option, value in merged.items()}


def _real(default: Any, value: Any) -> Any:
    numeric = isinstance(value, int) and not isinstance(value, bool)
    try:
        return float(value) if numeric and (default is None or isinstance(default, float)) else value
    except OverflowError as error:
        raise ValueError("a whole number is too large for an option") from error


def _same_kind(default: Any, value: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
