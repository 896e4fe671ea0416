"""From names to ordered jobs, each with its content key. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench.config import Config, Variant, effective_protocol, with_epochs
from bench.datasets.catalog import Missing, Source, present, resolve
from bench.errors import UsageError
from bench.job.recipe import Recipe, recipe
from bench.plan import digests
from bench.plan.keys import job_key
from bench.plan.variants import variant_folder
from bench.protocol import Protocol
from bench.records.probe_request import ProbeRequest, probe_request
from bench.records.record import JobName, Track

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Job:
    """One (data set, variant, seed) with everything its worker needs; picklable."""

    name: JobName
    base: str
    protocol: Protocol
    points: tuple[dict[str, Any], ...]
    """The grid's points: full sets of options; one where there is no grid."""
    grid_names: tuple[str, ...]
    gradient: bool
    source: Source
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
    variants: list[str]
    track: Track = "classification"


def make_plan(
    config: Config,
    folders: list[Path],
    datasets: Iterable[str],
    rows: list[Variant],
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
            protocol = effective_protocol(with_epochs(config.protocols[source.protocol], epochs), row)
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
        return digests.data_digest(source.files, source.reader, lambda: source.load().digest())
    except UsageError:
        return UNREADABLE


def _job(source: Source, row: Variant, made: Recipe, protocol: Protocol, seed: int, key: dict[str, Any]) -> Job:
    name = JobName(source.name, source.extractor, variant_folder(row), seed)
    return Job(
        name=name,
        base=row.base,
        protocol=protocol,
        points=tuple(made.points),
        grid_names=tuple(made.grid),
        gradient=made.info.gradient,
        source=source,
        key=key,
    )


def folder_protocols(config: Config, jobs: Iterable[Job], epochs: int | None) -> dict[str, dict[str, Any]]:
    """The protocols of the jobs as all rows share them, for the results folder's manifest."""
    names = sorted({job.source.protocol for job in jobs})
    return {name: msgspec.to_builtins(with_epochs(config.protocols[name], epochs)) for name in names}
