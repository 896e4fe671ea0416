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


def list_(
    what: Literal["methods", "datasets", "metrics", "decisions", "transforms", "backbones"],
    *,
    check: Switch = False,
    data: DataFolder = None,
) -> int:
    """Show what there is: methods, datasets, metrics, decision rules, transforms of data sets or backbones.

    Parameters
    ----------
    check
        Import every method and say what fails.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    if what == "methods":
        return _methods(check)
    if what == "metrics":
        return _metrics()
    if what == "transforms":
        return _transforms()
    if what == "decisions":
        return _decisions()
    if what == "backbones":
        return _backbones()
    return _datasets(data)


def _methods(check: bool) -> int:
    """Print names, families, options and origins, read without importing; with ``check`` every method is tried."""
    config = configuration.load()
    broken = 0
    by_family = sorted(methods.infos().items(), key=lambda found: (found[1].family, found[0].casefold()))
    for name, info in by_family:
        problem = info.problems[0] if info.problems else ""
        if check and not problem:
            from bench.job.method_check import fault  # here, because it imports torch

            problem = fault(name) or ""
        origin = "" if info.origin == "built-in" else f" [{info.origin}]"
        state = f"  cannot be used: {problem}" if problem else "  ok" if check else ""
        broken += bool(problem)
        print(shown(f"{name:<9} {info.family:<18} {info.paper}{origin}{state}"))
        points = math.prod(len(values) for values in info.grid.values())
        options = ", ".join(f"{option}={value}" for option, value in info.defaults.items())
        grid = f"; grid of {points} over {', '.join(info.grid)}" if info.grid else ""
        if options:
            print(textwrap.indent(textwrap.fill(f"{options}{grid}", 108), " " * 10))
    for name, row in config.variants.items():
        print(f"{name:<9} row of bench.toml  {row.base} with {', '.join(departures(row)) or 'its own options'}")
    return 1 if check and broken else 0


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
