"""A results folder's manifest, kept to one protocol over several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bench.config import Config
from bench.datasets.readers import ldl, npz
from bench.datasets.source import Source
from bench.errors import UsageError
from bench.plan.costs import Forecast
from bench.plan.jobs import Plan, folder_protocols
from bench.plan.keys import stored_form
from bench.protocol import Protocol
from bench.records.locks import manifest_locked
from bench.records.record import JobName, Manifest
from bench.records.store import Store
from bench.run.options import RunOptions


def settle_manifest(
    plan: Plan,
    config: Config,
    store: Store,
    options: RunOptions,
    expected: Mapping[JobName, Forecast | None],
) -> None:
    """Note what was asked for, in a folder of one protocol; of runs that start together, one after the other."""
    with manifest_locked(store):
        _settle(plan, config, store, options, expected)


def _settle(
    plan: Plan, config: Config, store: Store, options: RunOptions, expected: Mapping[JobName, Forecast | None]
) -> None:
    before, protocols = refuse_other_protocols(plan, config, store, options)
    sources = {job.name.full_dataset: job.source for job in plan.jobs}.values()
    store.write_manifest(
        Manifest(
            protocols={**before.protocols, **protocols},
            datasets=_union(before.datasets, plan.datasets),
            variants=_union(before.variants, plan.variants),
            seeds=sorted({*before.seeds, *(job.name.seed for job in plan.jobs)}),
            missing={
                name: how
                for name, how in {**before.missing, **{one.name: one.get for one in plan.missing}}.items()
                if not any(dataset.partition("@")[0] == name for dataset in plan.datasets)
            },
            track=plan.track,
            expected_seconds={
                **before.expected_seconds,
                **{str(job): round(forecast.seconds, 1) for job, forecast in expected.items() if forecast},
            },
            files={**before.files, **{source.full_name: file for source in sources if (file := _file(source))}},
        )
    )


def _file(source: Source) -> str:
    """The file that is a data set by itself and can be named by its path; empty for others."""
    return str(source.files[0].absolute()) if source.reader in (npz.__name__, ldl.__name__) else ""


def refuse_other_protocols(
    plan: Plan, config: Config, store: Store, options: RunOptions
) -> tuple[Manifest, dict[str, Any]]:
    """(the folder's manifest, the plan's protocols), where the two can share a folder."""
    before = store.manifest()
    if before.protocols and before.track != plan.track:
        raise UsageError(
            f"{store.folder} holds records of the {before.track} track; use --results FOLDER for another one."
        )
    protocols = folder_protocols(config, plan.jobs, options.epochs)
    for name, settings in protocols.items():
        known = before.protocols.get(name)
        if known is not None and (old := _whole(known)) != (new := _whole(settings)) and not options.fresh:
            changed = ", ".join(f"{key} {old[key]} -> {value}" for key, value in new.items() if old[key] != value)
            raise UsageError(
                f"the records in {store.folder} were made under another protocol {name!r} ({changed}); "
                "use --results FOLDER for a new one, or --fresh to run them again."
            )
    return before, protocols


def _whole(settings: dict[str, Any]) -> dict[str, Any]:
    """A protocol with the settings that it leaves out."""
    return stored_form(**msgspec.to_builtins(msgspec.convert(settings, Protocol)))


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))
