"""Registrations of methods as their source declares them, read without importing.

Names, families, papers, default hyper-parameters and grids are the literal arguments of ``@register(...)``; whether a
class is a LinearMethod, and its ``shared_defaults``, are followed through its bases. Where the source does not tell,
the module is imported.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError
from bench.system import reading
from bench.text import name_fault

if TYPE_CHECKING:
    from bench.methods.api import Registration


class BrokenMethodError(UsageError, ValueError):
    """A method's file cannot be read or imported, or does not register what it promises."""


@dataclass(frozen=True)
class MethodInfo:
    """One registered method as its source declares it, read without importing."""

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
    """"built-in", the distribution a plug-in came with, or a plain file's path."""
    problems: tuple[str, ...] = field(default=())
    aliases: tuple[str, ...] = field(default=())
    """Other names of the same formula."""

    @property
    def year(self) -> str:
        """Year of the first publication that ``paper`` names; empty where it names none."""
        found = re.search(r"\b(?:19|20)\d\d\b", self.paper)
        return found[0] if found else ""


@dataclass(frozen=True, eq=False)
class _Source:
    path: Path
    module: str
    body: list[ast.stmt]


@lru_cache(maxsize=256)
def _parsed(path: Path, module: str) -> _Source:
    return _Source(path, module, ast.parse(reading.text(path), filename=str(path)).body)


def _broken(name: str, module: str, path: Path | None, origin: str, problem: str) -> MethodInfo:
    return MethodInfo(name, "?", "", {}, {}, True, module, path, origin, (problem,))


def read(path: Path, module: str, origin: str) -> list[MethodInfo]:
    """The methods that a file registers; of a file that cannot be read one listing, under its name, that says why."""
    try:
        source = _parsed(path, module)
    except SyntaxError as error:
        problem = f"{path.name} has a syntax error in line {error.lineno or 1}: {error.msg}"
        return [_broken(path.name, module, path, origin, problem)]
    except UsageError as error:
        return [_broken(path.name, module, path, origin, str(error).rstrip("."))]
    except (ValueError, RecursionError, MemoryError) as error:
        return [_broken(path.name, module, path, origin, f"{path.name} cannot be read: {reading.in_short(error)}")]
    return [
        _info_of(decorator, node, source, origin)
        for node in source.body
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and _called(decorator) == "register"
    ]


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _info_of(call: ast.Call, node: ast.ClassDef, source: _Source, origin: str) -> MethodInfo:
    place = source.module, source.path, origin
    try:
        name = ast.literal_eval(call.args[0])
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        family, paper, grid = given.pop("family", ""), given.pop("paper", ""), given.pop("grid", None) or {}
        aliases = tuple(given.pop("aliases", ()))
        grid = {option: list(values) for option, values in grid.items()}
        texts = (name, family, paper, *aliases, *grid, *given)
        if not all(isinstance(text, str) for text in texts) or not all(grid.values()):
            raise TypeError
    except (ValueError, IndexError, TypeError, AttributeError, RecursionError):
        problem = (
            f"{source.path.name}, line {call.lineno}: the arguments of @register must be literals, the name first: "
            "texts for name, family, paper and aliases, a list of values for each option of the grid"
        )
        return _broken(source.path.name, *place, problem)
    if fault := name_fault(name):
        problem = f"{source.path.name}: the name {name[:80]!r} cannot be a folder's name: {fault}"
        return _broken(source.path.name, *place, problem)
    info = MethodInfo(name, family, paper, given, grid, True, *place, aliases=aliases)
    try:
        gradient, shared = _nature(info, node, source)
    except BrokenMethodError as error:
        return with_problem(info, str(error))
    return replace(info, gradient=gradient, defaults={**shared, **given})


def _nature(info: MethodInfo, node: ast.ClassDef, source: _Source) -> tuple[bool, dict[str, Any]]:
    """(True for a LinearMethod, ``shared_defaults``) of a class, which is imported where the source does not tell."""
    try:
        stand_in = _stand_in(node, source)
        if not issubclass(stand_in, (_LINEAR, _METHOD)):
            raise LookupError(node.name)
        return issubclass(stand_in, _LINEAR), dict(getattr(stand_in, _SHARED))
    except Exception:  # whatever it is that cannot be followed, a metaclass or a recursion
        from bench.methods import api

        cls = imported(info).method
        if not isinstance(cls.shared_defaults, dict):
            raise BrokenMethodError(f"{info.module}: shared_defaults of {node.name} is no {{option: value}}") from None
        return issubclass(cls, api.LinearMethod), dict(cls.shared_defaults)


def read_file(path: Path) -> list[MethodInfo]:
    """The methods of a plain file, whose module is named by its path."""
    module = origin = str(path)
    problem = f"{path.name} registers no method: it has no class with @register(...)"
    return read(path, module, origin) or [_broken(path.name, module, path, origin, problem)]


def read_plugin(entry: metadata.EntryPoint) -> MethodInfo:
    origin = entry.dist.name if entry.dist else "unknown distribution"
    path = _file_of(entry.module)
    if path is None:
        problem = f"its source ({entry.module}) was not found without importing it"
        return _broken(entry.name, entry.module, None, origin, problem)
    for info in read(path, entry.module, origin):
        if info.name in (entry.name, path.name):
            return replace(info, name=entry.name)
    problem = f"its entry point promises {entry.name!r}, but {path.name} has no @register({entry.name!r}, ...)"
    return _broken(entry.name, entry.module, path, origin, problem)


def with_problem(info: MethodInfo, problem: str) -> MethodInfo:
    return replace(info, problems=(*info.problems, problem))


# --- what a class's bases are, without importing them -----------------------------------------------------------------

_SHARED = "shared_defaults"
_LINEAR, _METHOD = (type(name, (), {_SHARED: {}}) for name in ("LinearMethod", "Method"))


@lru_cache(maxsize=256)
def _stand_in(node: ast.ClassDef, source: _Source) -> type:
    """A class of the bases and the literal ``shared_defaults`` of a definition, which is not run.

    Raises
    ------
    Exception
        Of any kind, where that is more than a base's name or a literal.
    """
    if source.module == "bench.methods.api" and node.name in ("LinearMethod", "Method"):
        return _LINEAR if node.name == "LinearMethod" else _METHOD
    if node.keywords:
        raise LookupError("a metaclass")
    bases: list[Any] = [_meant(base, source, source.body.index(node)) for base in node.bases]
    own = {}
    for statement in node.body:
        match statement:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) if _binds(statement, _SHARED):
                own[_SHARED] = ast.literal_eval(value)
            case _ if _binds(statement, _SHARED):
                raise LookupError(_SHARED)
    return type(node.name, tuple(bases), own)


def _meant(expression: ast.expr, source: _Source, end: int) -> type | str:
    """The stand-in of the class, or the name of the module, that an expression is before a file's statement ``end``."""
    match expression:
        case ast.Name(name):
            if found := _bound(name, source, end):
                return found
        case ast.Attribute(value, name):
            if isinstance(module := _meant(value, source, end), str):
                return _member(module, name)
    raise LookupError(ast.unparse(expression))


def _member(module: str, name: str) -> type | str:
    """Value of ``from module import name``."""
    if path := _file_of(module):
        source = _parsed(path, module)
        if found := _bound(name, source, len(source.body)):
            return found
    if _file_of(f"{module}.{name}"):
        return f"{module}.{name}"
    raise LookupError(f"{module}.{name}")


def _bound(name: str, source: _Source, end: int) -> type | str | None:
    """Value of a name before a file's statement ``end``; None where nothing at the top level binds it."""
    for place, statement in reversed(list(enumerate(source.body[:end]))):
        if not _binds(statement, name):
            continue
        match statement:
            case ast.ClassDef():
                return _stand_in(statement, source)
            case ast.Assign([ast.Name(target)], value) if target == name:
                return _meant(value, source, place)
            case ast.Import(names):
                return {alias.asname: alias.name for alias in names}.get(name, name)
            case ast.ImportFrom(module, names, level):
                package = source.module if source.path.stem == "__init__" else source.module.rpartition(".")[0]
                origin = importlib.util.resolve_name("." * level + (module or ""), package)
                return _member(origin, {alias.asname or alias.name: alias.name for alias in names}[name])
        raise LookupError(name)
    return None


def _binds(statement: ast.stmt, name: str) -> bool:
    """True where a statement defines, imports or assigns a name, or may do so."""
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return statement.name == name
    for part in ast.walk(statement):
        match part:
            case ast.Name(bound, ast.Store()) | ast.ClassDef(bound) if bound == name:
                return True
            case ast.alias(imported, asname) if (asname or imported.partition(".")[0]) in (name, "*"):
                return True
    return False


@lru_cache(maxsize=256)
def _file_of(module: str) -> Path | None:
    """A module's file; of a dotted one only the top-level package is looked up, so nothing is executed."""
    top, *rest = module.split(".")
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
        for candidate in (base / "__init__.py", base.with_suffix(".py")):
            if candidate.is_file():
                return candidate
    return None


# --- importing --------------------------------------------------------------------------------------------------------


def imported(info: MethodInfo) -> Registration:
    """Registration of a method, whose module is imported for it.

    Raises
    ------
    BrokenMethodError
        When it cannot be imported, or registers something else.
    """
    from bench.methods import api

    try:
        if info.module == str(info.file):
            import_file(info.module)
        else:
            importlib.import_module(info.module)
    except (Exception, SystemExit) as error:
        where = info.file or info.module
        why = reading.in_short(error) if isinstance(error, Exception) else repr(error)
        raise BrokenMethodError(f"the method {info.name!r} cannot be imported from {where}: {why}") from error
    if (info.module, info.name) not in api.REGISTERED:
        raise BrokenMethodError(f"{info.module} was imported for the method {info.name!r} but registers no such name")
    return api.REGISTERED[info.module, info.name]


def import_file(path: str) -> None:
    """Import a plain file as the module of the name ``path``, which is no other module's."""
    if path in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(path, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[path] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[path])
    except BaseException:
        del sys.modules[path]
        raise
