"""``bench list``: methods, datasets, metrics. Nothing heavy before it is used."""

from __future__ import annotations

import textwrap
from typing import Annotated, Literal

from cyclopts import Parameter

from bench.cli.options import DataFolder


def show_methods(check: bool) -> int:
    """Names, families, options and origins, read without importing; with ``check`` every method is tried."""
    from bench import config as configuration
    from bench import methods

    config = configuration.load()
    broken = 0
    by_family = sorted(methods.infos().items(), key=lambda found: (found[1].family, found[0].casefold()))
    for name, info in by_family:
        problem = info.problems[0] if info.problems else ""
        if check and not problem:
            from bench.job.method_check import fault

            problem = fault(name) or ""
        origin = "" if info.origin == "built-in" else f" [{info.origin}]"
        state = f"  cannot be used: {problem}" if problem else "  ok" if check else ""
        broken += bool(problem)
        print(f"{name:<9} {info.family:<18} {info.paper}{origin}{state}")
        points = 1
        for values in info.grid.values():
            points *= len(values)
        options = ", ".join(f"{option}={value}" for option, value in info.defaults.items())
        grid = f"; grid of {points} over {', '.join(info.grid)}" if info.grid else ""
        if options:
            print(textwrap.indent(textwrap.fill(f"{options}{grid}", 108), " " * 10))
    for name, row in config.variants.items():
        print(f"{name:<9} row of bench.toml  {row.base} with {row.options or 'its own options'}")
    return 1 if check and broken else 0


def show_metrics() -> int:
    from bench.metrics.catalogue import METRICS

    for metric in METRICS:
        where = f"Table {metric.paper_table}" if metric.paper_table else "not in the paper"
        print(f"{metric.option:<28} {metric.arrow} {metric.title:<32} {where}")
    return 0


def show_datasets(data: str | None) -> int:
    from bench import config as configuration
    from bench.datasets.catalog import Missing, available, data_folders
    from bench.tables.paper import printed_size

    config = configuration.load()
    folders = data_folders(config, data)
    for found in available(config, folders):
        if isinstance(found, Missing):
            size = printed_size(found.name)
            print(f"{found.name:<28} missing   {f'{size}; ' if size else ''}{found.get}")
        else:
            print(f"{found.full_name:<28} protocol {found.protocol:<6} {found.files[0].parent}")
    return 0


def list_(
    what: Literal["methods", "datasets", "metrics"],
    *,
    check: Annotated[bool, Parameter(negative=())] = False,
    data: DataFolder = None,
) -> int:
    """Show what there is: methods, datasets or metrics.

    Parameters
    ----------
    check
        Import every method and say what fails.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    if what == "methods":
        return show_methods(check)
    if what == "metrics":
        return show_metrics()
    return show_datasets(data)
