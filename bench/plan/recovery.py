"""The recovery track's rows, jobs and keys. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import methods
from bench.config import Config, Row, in_force, with_epochs
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.recipe import Recipe
from bench.metrics.recovery_floors import FLOORS
from bench.plan import digests
from bench.plan.jobs import UNREADABLE, Job, Plan
from bench.plan.keys import method_digest, stored_form
from bench.plan.rows import named_rows, row_folder
from bench.protocol import Protocol
from bench.records.record import JobName

FAMILY = "label enhancement"


def rows_of(config: Config) -> dict[str, Row]:
    """Every label-enhancement method in bench.toml's order, its further rows, then the floors."""
    listings = methods.listings()
    able = [name for name in methods.names() if listings[name].family == FAMILY]
    rows: dict[str, Row] = {}
    for name in [*config.recovery.ranked, *config.rows, *able]:
        if name in config.rows and config.rows[name].base in able:
            rows[name] = config.rows[name]
        elif name in able:
            rows[name] = Row(name=name, base=name)
    return {**rows, **{name: Row(name=name, base=name) for name in FLOORS}}


def recipe(row: Row, config: Config) -> Recipe:
    """A row's method with its fixed options; this track has no grid.

    Raises
    ------
    UsageError
        For an option that does not exist.
    """
    if row.base in FLOORS:
        floor = methods.Listing(row.base, "floor", "", {}, {}, True, "bench.metrics.recovery_floors", None, "built-in")
        return Recipe(floor, {}, {}, [{}])
    try:
        listing = methods.listing(row.base)
        fixed = {**config.recovery.options.get(row.base, {}), **row.options}
        options = methods.options(row.base, listing.defaults, fixed)
    except ValueError as error:
        raise UsageError(f"row {row.name!r}: {error}") from error
    return Recipe(listing, options, {}, [options])


def job_key(made: Recipe, protocol: Protocol, seed: int, data: str) -> dict[str, Any]:
    """Everything a record's result depends on, in named parts."""
    return stored_form(
        method=method_digest(made.listing),
        loop=digests.code_digest("bench.job.recovery"),
        metrics=digests.code_digest("bench.metrics.distribution"),
        versions=digests.results_versions("bench.job.recovery", made.listing.file),
        protocol=protocol,
        hyperparameters={"method": made.listing.name, "options": made.options, "grid": made.grid},
        seed=seed,
        data=data,
    )


def data_part(path: Path) -> str:
    """The digest of a set's arrays; a set that cannot be read has none, and its jobs say why."""
    try:
        return digests.data_digest((path,), ldl.__name__, lambda: ldl.load(path).digest())
    except UsageError:
        return UNREADABLE


def make_plan(
    config: Config,
    folders: list[Path],
    datasets: list[str] | None,
    names: Iterable[str] | None,
    seeds: list[int],
    epochs: int | None,
) -> Plan:
    """The jobs of the track, by data set, row and seed; without names every set in the data folders.

    Raises
    ------
    UsageError
        For an unknown set, row or option, or where there is no set at all.
    """
    able = rows_of(config)
    unable = [name for name in names or [] if name != "all" and name in methods.names() and name not in able]
    if unable:
        raise UsageError(f"{unable[0]} recovers no label distribution; those that do: {', '.join(able)}.")
    rows = named_rows(able, names)
    if datasets is None or datasets == ["all"]:
        found = ldl.find(folders)
        order = {name: place for place, name in enumerate(config.recovery.datasets)}
        paths = [found[name] for name in sorted(found, key=lambda name: order.get(name, len(order)))]
        if not paths:
            raise UsageError(
                "no set with label distributions is in the data folders: "
                f"{', '.join(map(str, folders)) or 'none'}; one is an .npz file with X and D, or a .mat file with "
                "features and labelDistribution; name the folder with --data."
            )
    else:
        paths = [ldl.resolve(spec, folders) for spec in datasets]
    protocol = with_epochs(config.protocols[config.recovery.protocol], epochs)
    jobs = [
        _job(path, row, recipe(row, config), in_force(protocol, row), config.recovery.protocol, seed)
        for path in paths
        for row in rows
        for seed in seeds
    ]
    full_names = list(dict.fromkeys(job.name.full_dataset for job in jobs))
    return Plan(jobs, [], full_names, [row.name for row in rows], track="recovery")


def _job(path: Path, row: Row, made: Recipe, protocol: Protocol, protocol_name: str, seed: int) -> Job:
    name = JobName(ldl.name_of(path), ldl.extractor(path), row_folder(row), seed)
    return Job(
        name=name,
        base=row.base,
        protocol_name=protocol_name,
        protocol=protocol,
        points=tuple(made.points),
        grid_names=(),
        gradient=True,
        files=(path,),
        reader=ldl.__name__,
        key=job_key(made, protocol, seed, data_part(path)),
        track="recovery",
    )
