"""From names to ordered jobs, each with its content key. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from bench import methods, provenance
from bench.config import Config, Row
from bench.datasets import Missing, Source, present, resolve
from bench.errors import UsageError, did_you_mean
from bench.probes import ProbeRequest, probe_request
from bench.protocol import Protocol
from bench.records import JobName, Track

ROW_NAME = re.compile(r"[^/\\:*?\"<>|.][^/\\:*?\"<>|]*")
UNREADABLE = "unreadable"
LOOP_MODULES = {True: "bench.fit_linear", False: "bench.fit_method"}


@dataclass(frozen=True)
class Job:
    """One (data set, row, seed) with everything its worker needs, as plain data."""

    name: JobName
    base: str
    protocol_name: str
    protocol: Protocol
    points: tuple[dict[str, Any], ...]
    """The grid's points: full sets of options; one where there is no grid."""
    grid_names: tuple[str, ...]
    gradient: bool
    files: tuple[Path, ...]
    reader: str
    key: dict[str, Any] = field(compare=False)
    track: Track = "classification"

    @property
    def probe_request(self) -> ProbeRequest:
        """The probe that says whether changed code still computes the job's numbers."""
        return probe_request(self.track, self.base, self.gradient, self.points, self.protocol, self.name.dataset)


@dataclass(frozen=True)
class Plan:
    jobs: list[Job]
    missing: list[Missing]
    datasets: list[str]
    rows: list[str]
    track: Track = "classification"


def rows_of(config: Config) -> dict[str, Row]:
    """Every row: the paper's order, the extra rows, those of bench.toml, then further registered methods by name."""
    registered = methods.names()
    order = [*config.tables.ranked, *config.tables.extra, *config.rows, *sorted(registered)]
    rows: dict[str, Row] = {}
    for name in order:
        if name in config.rows:
            rows[name] = config.rows[name]
            if name in registered and rows[name].base != name:
                raise UsageError(
                    f"{config.path}: methods.{name} is a registered method's name, and cannot have the base "
                    f"{rows[name].base!r}; give the row another name."
                )
        elif name in registered:
            rows[name] = Row(name=name, base=name)
    return rows


def chosen_rows(config: Config, names: Iterable[str] | None) -> list[Row]:
    """The rows that are named; without names all but those that bench.toml keeps for when they are named."""
    rows = rows_of(config)
    if names is None:
        return [row for row in rows.values() if row.name not in config.run.only_when_named]
    return named_rows(rows, names)


def named_rows(rows: dict[str, Row], names: Iterable[str] | None) -> list[Row]:
    if names is None or list(names) == ["all"]:
        return list(rows.values())
    chosen = {}
    for name in names:
        match = name if name in rows else next((row for row in rows if row.casefold() == name.casefold()), None)
        if match is None:
            faults = [found.problems[0] for found in methods.listings().values() if found.problems]
            unreadable = f" What cannot be used: {'; '.join(faults)}." if faults else ""
            raise UsageError(f"there is no method or row {name!r}; {did_you_mean(name, rows)}{unreadable}")
        chosen[match] = rows[match]
    return list(chosen.values())


def make_plan(
    config: Config,
    folders: list[Path],
    datasets: Iterable[str],
    rows: list[Row],
    seeds: list[int],
    epochs: int | None = None,
) -> Plan:
    """The jobs of a run, by data set, row and seed; "all" stands for every registered data set.

    Raises
    ------
    UsageError
        For an unknown name, an option that a method does not have, or a named data set that is not there.
    """
    sources, missing = _sources(config, folders, list(datasets))
    recipes = [recipe(row) for row in rows]
    jobs = []
    for source in sources:
        data = data_part(source)
        for row, made in zip(rows, recipes, strict=True):
            protocol = in_force(with_epochs(config.protocols[source.protocol], epochs), row)
            shared_key = job_key(made, protocol, 0, data)
            jobs += [_job(source, row, made, protocol, seed, {**shared_key, "seed": seed}) for seed in seeds]
    names = [source.full_name for source in sources]
    return Plan(jobs, missing, names, [row.name for row in rows])


def _sources(config: Config, folders: list[Path], specs: list[str]) -> tuple[list[Source], list[Missing]]:
    sources: dict[str, Source] = {}
    missing: dict[str, Missing] = {}
    for spec in specs:
        for name in config.datasets if spec == "all" else [spec]:
            found = resolve(name, config, folders) if spec == "all" else present(name, config, folders)
            if isinstance(found, Source):
                known = sources.setdefault(found.full_name, found)
                if known.files != found.files:
                    raise UsageError(
                        f"two data sets would be recorded as {found.full_name}: {known.files[0]} and {found.files[0]}; "
                        "rename one of the files or run them into two results folders."
                    )
            else:
                missing[found.name] = found
    return list(sources.values()), list(missing.values())


def data_part(source: Source) -> str:
    """The digest of a data set's arrays; data that cannot be read have none, and their jobs say why."""
    try:
        return provenance.data_digest(source.files, source.module, lambda: source.load().digest())
    except UsageError:
        return UNREADABLE


@dataclass(frozen=True)
class Recipe:
    """What a row does, whatever the data: its method, its options and its grid."""

    listing: methods.Listing
    options: dict[str, Any]
    grid: dict[str, list[Any]]
    points: list[dict[str, Any]]


def recipe(row: Row) -> Recipe:
    """A row's method with its options and grid checked.

    Raises
    ------
    UsageError
        For a method or an option that does not exist.
    """
    try:
        listing = methods.listing(row.base)
        options = methods.options(row.base, listing.defaults, row.options)
        grid = listing.grid if row.grid is None else row.grid
        # An option that the row fixes is not searched.
        grid = {name: values for name, values in grid.items() if row.grid is not None or name not in row.options}
        return Recipe(listing, options, grid, _points(row.base, listing.defaults, options, grid))
    except ValueError as error:
        raise UsageError(f"row {row.name!r}: {error}") from error


def job_key(made: Recipe, protocol: Protocol, seed: int, data: str) -> dict[str, Any]:
    """Everything a record's result depends on, in named parts, as a record's file gives it back."""
    return stored_form(
        method=method_digest(made.listing),
        loop=provenance.code_digest(LOOP_MODULES[made.listing.gradient]),
        metrics=provenance.code_digest("bench.metrics"),
        versions=provenance.results_versions(LOOP_MODULES[made.listing.gradient], made.listing.file),
        protocol=protocol,
        hyperparameters={"method": made.listing.name, "options": made.options, "grid": made.grid},
        seed=seed,
        data=data,
    )


def stored_form(**parts: Any) -> dict[str, Any]:
    """As JSON gives it back: structs as dicts, tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(parts))


def _job(source: Source, row: Row, made: Recipe, protocol: Protocol, seed: int, key: dict[str, Any]) -> Job:
    name = JobName(source.name, source.extractor, row_folder(row), seed)
    return Job(
        name=name,
        base=row.base,
        protocol_name=source.protocol,
        protocol=protocol,
        points=tuple(made.points),
        grid_names=tuple(made.grid),
        gradient=made.listing.gradient,
        files=source.files,
        reader=source.module,
        key=key,
    )


def source_of(job: Job, config: Config, folders: list[Path]) -> Source:
    """The job's data set, found by its files; its name stays the one it was planned under."""
    return present(str(job.files[0]) if job.reader.endswith(".npz") else job.name.full_dataset, config, folders)


def row_folder(row: Row) -> str:
    """The row's name, which is also a folder's."""
    if not ROW_NAME.fullmatch(row.name):
        raise UsageError(
            f"the row name {row.name!r} cannot be a folder's name; leave out / \\ : * ? \" < > | and a leading dot."
        )
    return row.name


def _points(
    base: str, defaults: dict[str, Any], options: dict[str, Any], grid: dict[str, list[Any]]
) -> list[dict[str, Any]]:
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"the grid of {name!r} must be a list of values, not {values!r}")
    combinations = product(*grid.values())
    return [
        methods.options(base, defaults, {**options, **dict(zip(grid, values, strict=True))}) for values in combinations
    ]


def in_force(protocol: Protocol, row: Row) -> Protocol:
    """The protocol with a row's own fidelity and clip."""
    if row.fidelity is not None:
        protocol = msgspec.structs.replace(protocol, fidelity=row.fidelity)
    if row.clip is not None:
        protocol = msgspec.structs.replace(protocol, clip=row.clip)
    return msgspec.structs.replace(protocol, clip=protocol.clip_in_force)


def with_epochs(protocol: Protocol, epochs: int | None) -> Protocol:
    """``--epochs N`` means N, without the floor of steps."""
    return protocol if epochs is None else msgspec.structs.replace(protocol, epochs=epochs, minimum_steps=0)


def folder_protocols(config: Config, jobs: Iterable[Job], epochs: int | None) -> dict[str, dict[str, Any]]:
    """The protocols of the jobs as all rows share them, for the results folder's manifest."""
    names = sorted({job.protocol_name for job in jobs})
    return {name: msgspec.to_builtins(with_epochs(config.protocols[name], epochs)) for name in names}


def method_digest(listing: methods.Listing) -> str:
    digest = provenance.code_digest(listing.module, listing.file)
    # scikit-multilearn computes RAKEL's scores: its version is part of the method.
    if listing.file and "skmultilearn" in listing.file.read_text(encoding="utf-8"):
        digest += f" scikit-multilearn-ng {provenance.version('scikit-multilearn-ng')}"
    return digest
