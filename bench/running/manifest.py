"""A results folder's manifest: what its runs asked for, and by which protocols."""

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
from bench.running.options import RunOptions


def settle_manifest(
    plan: Plan,
    config: Config,
    store: Store,
    options: RunOptions,
    expected: Mapping[JobName, Forecast | None],
) -> None:
    """Note what was asked for; of runs that start together, one after the other."""
    with manifest_locked(store):
        _settle(plan, config, store, options, expected)


def _settle(
    plan: Plan, config: Config, store: Store, options: RunOptions, expected: Mapping[JobName, Forecast | None]
) -> None:
    before = refuse_other_track(plan, store)
    protocols = folder_protocols(config, plan.jobs, options.epochs)
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
            earlier_protocols=_earlier(before, protocols),
        )
    )


def _file(source: Source) -> str:
    """The file that is a data set by itself and can be named by its path; empty for others."""
    return str(source.files[0].absolute()) if source.reader in (npz.__name__, ldl.__name__) else ""


def refuse_other_track(plan: Plan, store: Store) -> Manifest:
    """The folder's manifest, where the plan's records can be beside those that are there."""
    before = store.manifest()
    if before.protocols and before.track != plan.track:
        raise UsageError(
            f"{store.folder} holds records of the {before.track} track; use --results FOLDER for another one."
        )
    return before


def _earlier(before: Manifest, protocols: Mapping[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The protocols of runs before this one that are not its own, by name; the latest first."""
    earlier = dict(before.earlier_protocols)
    for name, settings in protocols.items():
        now = msgspec.convert(settings, Protocol)
        others = [one for one in before.protocols_named(name) if one != now]
        earlier[name] = [stored_form(**msgspec.to_builtins(one)) for one in others]
    return {name: others for name, others in earlier.items() if others}


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))
