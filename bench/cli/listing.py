"""Verb that lists: methods, datasets, metrics, decision rules, transforms, backbones."""

from __future__ import annotations

import math
import textwrap
from typing import Literal

from bench import config as configuration
from bench import methods
from bench.backbones import BACKBONES
from bench.cli.options import DataFolder, Switch
from bench.metrics.catalogue import METRIC_FILES, metrics
from bench.plan.variants import departures
from bench.tables.paper import printed_size
from bench.text import shown

NAME_WIDTH = 14


def list_(
    what: Literal["methods", "datasets", "metrics", "decisions", "transforms", "backbones"],
    *,
    check: Switch = False,
    options: Switch = False,
    data: DataFolder = None,
) -> int:
    """Show what there is: methods, datasets, metrics, decision rules, transforms of data sets or backbones.

    Parameters
    ----------
    check
        Import every method and say what fails.
    options
        Show every method's options with their defaults, and its grid.
    """
    if what == "methods":
        return _methods(check, options)
    if what == "metrics":
        return _metrics()
    if what == "transforms":
        return _transforms()
    if what == "decisions":
        return _decisions()
    if what == "backbones":
        return _backbones()
    return _datasets(data)


def _methods(check: bool, options: bool) -> int:
    """Print names, years and publications by family, read without importing; with ``check`` every method is tried."""
    config = configuration.load()
    broken = 0
    infos = methods.infos()
    for family in sorted({info.family for info in infos.values()}, key=_place_of_family):
        words = methods.FAMILIES.get(family, "")
        print(shown(f"{methods.family_word(family)}{f'  {words}' if words else ''}"))
        for name in sorted((name for name, info in infos.items() if info.family == family), key=str.casefold):
            info = infos[name]
            problem = info.problems[0] if info.problems else ""
            if check and not problem:
                from bench.job.method_check import fault  # here, because it imports torch

                problem = fault(name) or ""
            origin = "" if info.origin == "built-in" else f" [{info.origin}]"
            state = f"  cannot be used: {problem}" if problem else "  ok" if check else ""
            broken += bool(problem)
            also = f" (also called {', '.join(info.aliases)})" if info.aliases else ""
            print(shown(f"  {name:<{NAME_WIDTH}} {info.year:<4}  {info.paper}{also}{origin}{state}"))
            if options and info.defaults:
                print(textwrap.indent(textwrap.fill(_options(info), 100), " " * (NAME_WIDTH + 9)))
    if config.variants:
        print(f"rows of {config.path}")
    for name, row in config.variants.items():
        print(f"  {name:<{NAME_WIDTH}}       {row.base} with {', '.join(departures(row)) or 'its own options'}")
    return 1 if check and broken else 0


def _place_of_family(family: str) -> tuple[int, str]:
    known = list(methods.FAMILIES)
    return (known.index(family) if family in known else len(known)), family


def _options(info: methods.MethodInfo) -> str:
    points = math.prod(len(values) for values in info.grid.values())
    grid = f"; grid of {points} over {', '.join(info.grid)}" if info.grid else ""
    return ", ".join(f"{option}={value}" for option, value in info.defaults.items()) + grid


def _metrics() -> int:
    for metric in metrics():
        component = METRIC_FILES.component(metric.option)
        own = "not in the paper" if component.built_in else f"[{component.path}]"
        where = f"Table {metric.paper_table}" if metric.paper_table else own
        print(f"{metric.option:<28} {metric.arrow} {metric.title:<32} {where}")
    return 0


def _transforms() -> int:
    """Print names, options and summaries, read without importing."""
    from bench.datasets.transforming import TRANSFORMS  # here, because it imports numpy, as in _datasets

    for name, component in TRANSFORMS.components().items():
        given = ", ".join(f"[{name}={example}]" for example in component.settings.get("EXAMPLES", ()))
        origin = "" if component.built_in else f" [{component.path}]"
        print(shown(f"{name:<9} {component.summary}{origin}"))
        print(textwrap.indent(shown(f"such as {given}"), " " * 10))
    return 0


def _decisions() -> int:
    from bench.decisions.rule import RULES  # here, because it imports numpy, which the list of methods does without

    for rule in RULES.components().values():
        origin = "" if rule.built_in else f" [{rule.path}]"
        print(shown(f"{rule.name:<12} {rule.summary}{origin}"))
    return 0


def _backbones() -> int:
    for name, found in BACKBONES.components().items():
        options = ", ".join(f"{option}={value}" for option, value in found.settings.get("OPTIONS", {}).items())
        origin = "" if found.built_in else f" [{found.path}]"
        print(shown(f"{name:<12} {found.summary}{f' Options: {options}.' if options else ''}{origin}"))
    return 0


def _datasets(data: str | None) -> int:
    # Here, because it imports numpy, which the list of methods does without: a third of its time.
    from bench.datasets.catalog import Missing, available, data_folders
    from bench.datasets.source import Unreadable

    config = configuration.load()
    folders = data_folders(config, data)
    for found in available(config, folders):
        if isinstance(found, Missing):
            size = printed_size(found.name)
            print(shown(f"{found.name:<28} missing   {f'{size}; ' if size else ''}{found.get}"))
        elif isinstance(found, Unreadable):
            print(f"{found.name:<28} left out  {found.fault}")
        else:
            print(shown(f"{found.full_name:<28} protocol {found.protocol:<6} {found.files[0].parent}"))
    return 0
