"""Components that are one file each: metrics, decision rules, transforms of data sets, backbones.

A component is a module. Its name is the file's, its summary the docstring's first line, its settings the literal
constants in capitals; all three are read without importing it. The built-in ones are the modules of a package. A user's
are files in the kind's sub-folder (``metrics``, ``decisions``, ``transforms``, ``backbones``) of a folder of methods
(``--methods-dir``, ``method_folders``), so that worker processes find them as they find methods.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.errors import UsageError, did_you_mean
from bench.system import reading
from bench.text import name_fault


@dataclass(frozen=True)
class Component:
    """One component as its source declares it."""

    name: str
    """As on the command line: ``micro-f1`` of ``micro_f1.py``."""
    summary: str
    settings: dict[str, Any]
    """{NAME: value} of the module's literal constants."""
    path: Path
    module: str
    """Its import name; the path itself for a user's file."""

    @property
    def built_in(self) -> bool:
        return self.module != str(self.path)


class Registry:
    """The components of one kind.

    Parameters
    ----------
    kind: in the singular, for sentences: "metric".
    package: the import name of the package whose modules are the built-in ones.
    folder: the sub-folder of users' files.
    """

    def __init__(self, kind: str, package: str, folder: str) -> None:
        self.kind, self.package, self.folder = kind, package, folder

    def components(self) -> dict[str, Component]:
        """Every component by name: the built-in ones by their ``ORDER`` and name, then users' by folder and name.

        Raises
        ------
        UsageError: for a file that cannot be read, or a name that is taken.
        """
        from bench import methods  # here, because what shows records does without

        return _components(self.kind, self.package, self.folder, methods.folders())

    def built_in(self) -> dict[str, Component]:
        """The built-in ones alone, by name."""
        return _components(self.kind, self.package, self.folder, ())

    def component(self, name: str) -> Component:
        """The component of that name.

        Raises
        ------
        UsageError: for an unknown one, with a suggestion or the known ones.
        """
        found = self.components()
        if name not in found:
            raise UsageError(f"there is no {self.kind} {name!r}; {did_you_mean(name, list(found))}")
        return found[name]

    def module(self, name: str, *needed: str) -> ModuleType:
        """The component's module, imported.

        Raises
        ------
        UsageError: for one that cannot be imported, or that lacks something ``needed``.
        """
        component = self.component(name)
        module = _imported(component, self.kind)
        for attribute in needed:
            if not hasattr(module, attribute):
                raise UsageError(f"the {self.kind} {name!r} ({component.path}) defines no {attribute}.")
        return module


@lru_cache(maxsize=32)
def _components(kind: str, package: str, subfolder: str, folders: tuple[Path, ...]) -> dict[str, Component]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    home = Path(next(iter(spec.submodule_search_locations)))
    built_in = [_read(path, f"{package}.{path.stem}", kind) for path in sorted(home.glob("[!_.]*.py"))]
    found = {one.name: one for one in sorted(built_in, key=lambda one: (one.settings.get("ORDER", 1000), one.name))}
    for path in [path for folder in folders for path in sorted((folder / subfolder).glob("[!_.]*.py"))]:
        component = _read(path, str(path), kind)
        if component.name in found:
            raise UsageError(f"{path}: there is a {kind} {component.name!r} already ({found[component.name].path}).")
        found[component.name] = component
    return found


def _read(path: Path, module: str, kind: str) -> Component:
    name = path.stem.replace("_", "-")
    if fault := name_fault(name):
        raise UsageError(f"{path}: {name!r} cannot be the name of a {kind}: {fault}.")
    source = reading.text(path)
    with reading.reading(path, "Python", "mend it where it says"):
        tree = ast.parse(source, filename=str(path))
    summary = (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ")
    return Component(name, summary, dict(_literals(tree)), path, module)


def _literals(tree: ast.Module) -> list[tuple[str, Any]]:
    found = []
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name.isupper():
                try:
                    found.append((name, ast.literal_eval(value)))
                except ValueError:
                    continue
    return found


def _imported(component: Component, kind: str) -> ModuleType:
    try:
        if component.built_in:
            return importlib.import_module(component.module)
        from bench.methods import declarations  # here, as above

        declarations.import_file(component.module)
        return sys.modules[component.module]
    except (Exception, SystemExit) as error:
        why = reading.in_short(error) if isinstance(error, Exception) else repr(error)
        raise UsageError(f"the {kind} {component.name!r} cannot be imported from {component.path}: {why}.") from error
