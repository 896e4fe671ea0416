"""A results folder's manifest: what its runs asked for, and by which protocols."""

from __future__ import annotations

from collections.abc import Mapping

from bench.config import Config
from bench.datasets.readers import ldl, npz
from bench.datasets.source import Source
from bench.errors import UsageError
from bench.plan.costs import Forecast
from bench.plan.jobs import Plan, folder_protocols
from bench.records.locks import manifest_locked
from bench.records.manifests import joined
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
    sources = {job.name.full_dataset: job.source for job in plan.jobs}.values()
    asked = Manifest(
        protocols=folder_protocols(config, plan.jobs, options.epochs),
        datasets=plan.datasets,
        variants=plan.variants,
        seeds=[job.name.seed for job in plan.jobs],
        missing={one.name: one.get for one in plan.missing},
        track=plan.track,
        expected_seconds={str(job): round(forecast.seconds, 1) for job, forecast in expected.items() if forecast},
        files={source.full_name: file for source in sources if (file := _file(source))},
    )
    store.write_manifest(joined(before, asked))


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
