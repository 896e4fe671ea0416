"""The recovery track's rows, jobs and keys. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import methods
from bench.config import Config, Variant, effective_protocol, with_epochs
from bench.datasets.catalog import Source
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.recipe import Recipe
from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.plan import digests
from bench.plan.jobs import Job, Plan, data_part
from bench.plan.keys import method_digest, stored_form
from bench.plan.variants import named_variants, variant_folder
from bench.protocol import Protocol
from bench.records.record import JobName

FAMILY = "label enhancement"


def variants_of(config: Config) -> dict[str, Variant]:
    """Every label-enhancement method in bench.toml's order, its further rows, then the floors."""
    infos = methods.infos()
    able = [name for name in methods.names() if infos[name].family == FAMILY]
    rows: dict[str, Variant] = {}
    for name in [*config.recovery.ranked, *config.variants, *able]:
        if name in config.variants and config.variants[name].base in able:
            rows[name] = config.variants[name]
        elif name in able:
            rows[name] = Variant(name=name, base=name)
    return {**rows, **{name: Variant(name=name, base=name) for name in TRIVIAL_BASELINES}}


def recipe(row: Variant, config: Config) -> Recipe:
    """A row's method with its fixed options; this track has no grid.

    Raises
    ------
    UsageError
        For an option that does not exist.
    """
    if row.base in TRIVIAL_BASELINES:
        floor = methods.MethodInfo(
            row.base, "floor", "", {}, {}, True, "bench.metrics.trivial_baselines", None, "built-in"
        )
        return Recipe(floor, {}, {}, [{}])
    try:
        info = methods.info(row.base)
        fixed = {**config.recovery.options.get(row.base, {}), **row.options}
        options = methods.options(row.base, info.defaults, fixed)
    except ValueError as error:
        raise UsageError(f"row {row.name!r}: {error}") from error
    return Recipe(info, options, {}, [options])


def job_key(made: Recipe, protocol: Protocol, seed: int, data: str) -> dict[str, Any]:
    """Everything a record's result depends on, in named parts."""
    return stored_form(
        method=method_digest(made.info),
        loop=digests.code_digest("bench.job.recovery"),
        metrics=digests.code_digest("bench.metrics.distribution"),
        versions=digests.results_versions("bench.job.recovery", made.info.file),
        protocol=protocol,
        hyperparameters={"method": made.info.name, "options": made.options, "grid": made.grid},
        seed=seed,
        data=data,
    )


def source_of(path: Path, config: Config) -> Source:
    """A set with label distributions as a source."""
    return Source(ldl.name_of(path), ldl.extractor(path), config.recovery.protocol, (path.resolve(),), ldl.__name__)


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
    able = variants_of(config)
    unable = [name for name in names or [] if name != "all" and name in methods.names() and name not in able]
    if unable:
        raise UsageError(f"{unable[0]} recovers no label distribution; those that do: {', '.join(able)}.")
    rows = named_variants(able, names)
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
        _job(source_of(path, config), row, recipe(row, config), effective_protocol(protocol, row), seed)
        for path in paths
        for row in rows
        for seed in seeds
    ]
    full_names = list(dict.fromkeys(job.name.full_dataset for job in jobs))
    return Plan(jobs, [], full_names, [row.name for row in rows], track="recovery")


def _job(source: Source, variant: Variant, made: Recipe, protocol: Protocol, seed: int) -> Job:
    return Job(
        name=JobName(source.name, source.extractor, variant_folder(variant), seed),
        base=variant.base,
        protocol=protocol,
        points=tuple(made.points),
        grid_names=(),
        gradient=True,
        source=source,
        key=job_key(made, protocol, seed, data_part(source)),
        track="recovery",
    )
