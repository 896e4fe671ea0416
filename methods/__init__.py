"""The registry of methods: what exists, where it comes from, and how to make one.

Nothing here imports a method (or torch) before it is asked for: names, families, papers, default
hyper-parameters and grids are read from the literal arguments of ``@register(...)`` in the source.

A method is a file in this folder, or comes from an installed distribution through the entry-point group
``bench.methods`` (``NAME = "package.module"``). A plug-in may not take a built-in's name.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.methods.api import LinearMethod, Method, Problem

ENTRY_POINT_GROUP = "bench.methods"
_HERE = Path(__file__).parent


class UnknownMethodError(ValueError):
    """No method of that name; the message suggests the nearest one."""


class BrokenMethodError(ValueError):
    """A method's file cannot be read or imported, or does not register what it promises."""


@dataclass(frozen=True)
class Listing:
    """What the source says of one registered method, read without importing it."""

    name: str
    family: str
    paper: str
    defaults: dict[str, Any]
    grid: dict[str, list[Any]]
    gradient: bool
    """True for a LinearMethod (trained by the shared loop), False for a Method that fits itself."""
    module: str
    file: Path | None
    origin: str
    """"built-in", or the distribution a plug-in came with."""
    problems: tuple[str, ...] = field(default=())


def names() -> list[str]:
    """Names of all usable methods: the built-in ones in file order, then plug-ins by name."""
    return [name for name, listing in listings().items() if not listing.problems]


@lru_cache(maxsize=1)
def listings() -> dict[str, Listing]:
    """Every method that is found, usable or not (see ``Listing.problems``), by name."""
    found: dict[str, Listing] = {}
    for path in sorted(_HERE.glob("*.py")):
        for listing in _read(path, f"{__name__}.{path.stem}", "built-in"):
            if listing.name in found:
                raise BrokenMethodError(
                    f"the method name {listing.name!r} is registered twice: in {found[listing.name].file} and {path}"
                )
            found[listing.name] = listing
    plugins = sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)
    for entry in plugins:
        listing = _read_plugin(entry)
        if listing.name in found:
            taken = found[listing.name].origin
            listing = _with_problem(
                listing, f"the name {listing.name!r} is already taken ({taken}); rename the plug-in"
            )
            found[f"{listing.name} ({listing.origin})"] = listing
        else:
            found[listing.name] = listing
    return found


def listing(name: str) -> Listing:
    """The listing of one usable method.

    Raises
    ------
    UnknownMethodError
        With a suggestion where a name is near.
    BrokenMethodError
        When the method was found but cannot be used.
    """
    found = listings()
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
    entry = listing(name)
    from bench.methods import api

    try:
        importlib.import_module(entry.module)
    except Exception as error:
        where = entry.file or entry.module
        raise BrokenMethodError(f"the method {name!r} cannot be imported from {where}: {error}") from error
    if name not in api.REGISTERED:
        raise BrokenMethodError(f"{entry.module} was imported for the method {name!r} but registers no such name")
    return api.REGISTERED[name].method


def create(name: str, problem: Problem, **hyperparameters: Any) -> Method | LinearMethod:
    """Make one model of a method, its registered defaults overridden by ``hyperparameters``."""
    cls = method_class(name)
    from bench.methods import api

    return cls(problem, **options(name, api.REGISTERED[name].defaults, hyperparameters))


def options(name: str, defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """``given`` laid over ``defaults``; an unknown option is an error with a suggestion.

    An integer given for a real-valued option becomes real, so that ``gamma = 2`` means 2.0.
    """
    for option, value in given.items():
        if option not in defaults:
            near = difflib.get_close_matches(option, list(defaults), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(defaults)) or 'none'}."
            raise ValueError(f"the method {name!r} has no option {option!r}; {hint}")
        default = defaults[option]
        if default is not None and not _same_kind(default, value):
            raise ValueError(
                f"the option {option!r} of the method {name!r} must be like its default {default!r}, not {value!r}"
            )
    merged = {**defaults, **given}
    return {option: _real(defaults[option], value) for option, value in merged.items()}


def _real(default: Any, value: Any) -> Any:
    numeric = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if numeric and (default is None or isinstance(default, float)) else value


def _same_kind(default: Any, value: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


# --- reading @register(...) from source -----------------------------------------------------------------------------


def _read(path: Path, module: str, origin: str) -> list[Listing]:
    source = path.read_text(encoding="utf-8")
    if "register" not in source:
        return []
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        problem = f"{path.name} has a syntax error in line {error.lineno}: {error.msg}"
        return [Listing(path.stem, "?", "", {}, {}, True, module, path, origin, (problem,))]
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            gradient = not any(isinstance(base, ast.Name) and base.id == "Method" for base in node.bases)
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _called(decorator) == "register":
                    found.append(_listing_of(decorator, node, tree, gradient, module, path, origin))
    return found


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _listing_of(
    call: ast.Call, cls: ast.ClassDef, tree: ast.Module, gradient: bool, module: str, path: Path, origin: str
) -> Listing:
    try:
        name = ast.literal_eval(call.args[0])
        shared = _shared_defaults(cls, tree)
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    except (ValueError, IndexError):
        problem = f"{path.name}, line {call.lineno}: the arguments of @register must be literals, the name first"
        return Listing(path.stem, "?", "", {}, {}, gradient, module, path, origin, (problem,))
    family, paper, grid = given.pop("family", ""), given.pop("paper", ""), given.pop("grid", {})
    grid = {option: list(values) for option, values in grid.items()}
    return Listing(name, family, paper, {**shared, **given}, grid, gradient, module, path, origin)


def _shared_defaults(cls: ast.ClassDef, tree: ast.Module) -> dict[str, Any]:
    """The class's literal ``shared_defaults``, else that of its base class, in this file or in this package."""
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            target, value = node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target, value = node.targets[0].id, node.value
        else:
            continue
        if target == "shared_defaults":
            return dict(ast.literal_eval(value))
    for base in cls.bases:
        if isinstance(base, ast.Name) and (found := _class_named(base.id, tree)):
            return _shared_defaults(*found)
    return {}


def _class_named(name: str, tree: ast.Module) -> tuple[ast.ClassDef, ast.Module] | None:
    """The definition of a class that a file defines or imports from this package's shared modules."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, tree
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{__name__}."):
            path = _HERE.joinpath(*str(node.module).split(".")[2:]).with_suffix(".py")
            if any((alias.asname or alias.name) == name for alias in node.names) and path.is_file():
                return _class_named(name, ast.parse(path.read_text(encoding="utf-8")))
    return None


def _read_plugin(entry: metadata.EntryPoint) -> Listing:
    origin = entry.dist.name if entry.dist else "unknown distribution"
    path = _source_of(entry)
    if path is None:
        problem = f"its source ({entry.module}) was not found without importing it"
        return Listing(entry.name, "?", "", {}, {}, True, entry.module, None, origin, (problem,))
    read = _read(path, entry.module, origin)
    for listing in read:
        if listing.name == entry.name or listing.problems:
            return listing if listing.name == entry.name else _renamed(listing, entry.name)
    problem = f"its entry point promises {entry.name!r}, but {path.name} has no @register({entry.name!r}, ...)"
    return Listing(entry.name, "?", "", {}, {}, True, entry.module, path, origin, (problem,))


def _source_of(entry: metadata.EntryPoint) -> Path | None:
    """The plug-in's file; of a dotted module only the top-level package is looked up, so nothing is executed."""
    top, *rest = entry.module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or []:
        base = Path(folder).joinpath(*rest)
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _with_problem(listing: Listing, problem: str) -> Listing:
    return Listing(**{**vars(listing), "problems": (*listing.problems, problem)})


def _renamed(listing: Listing, name: str) -> Listing:
    return Listing(**{**vars(listing), "name": name})
