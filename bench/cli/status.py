"""``bench status``: done, failed, running, missing and stale jobs of a results folder. Imports no torch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.records.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from bench.config import Config
    from bench.records.locks import Running
    from bench.records.record import JobName, Record
    from bench.records.store import Store


def show_status(store: Store, config: Config, folders: list[Path]) -> int:
    """Print the counts, the running jobs with their epochs, what failed or is stale, and how long the rest may take.

    Raises
    ------
    UsageError: when there is no such folder.
    """
    from bench.plan.states import collect
    from bench.records.locks import running
    from bench.records.record import JobName
    from bench.text import duration

    if not store.folder.is_dir():
        raise UsageError(f"there are no records in {store.folder}; run `python -m bench run` first.")
    entries = collect(store, config, folders)
    records = {entry.job: entry.record for entry in entries if entry.record is not None}
    corrupt = [entry.note for entry in entries if entry.state == "corrupt"]
    stale = [entry for entry in entries if entry.state == "stale"]
    manifest = store.manifest()
    wanted = {
        JobName(*dataset.partition("@")[::2], row, seed)
        for dataset, row, seed in product(manifest.datasets, manifest.variants, manifest.seeds)
    }
    now = running(store)
    at_work = {one.job for one in now}
    done = [entry.record for entry in entries if entry.state == "done" and entry.record is not None]
    failed = [entry.record for entry in entries if entry.state == "failed" and entry.record is not None]
    missing = [job for job in wanted if job not in records and str(job) not in at_work]
    print(
        f"{store.folder}: {len(done)} done, {len(now)} running, {len(failed)} failed, {len(missing)} missing"
        + (f", {len(stale)} stale" if stale else "")
        + (f", {len(corrupt)} corrupt" if corrupt else "")
    )
    for one in now:
        print(f"running  {describe(one)}")
    for record in sorted(failed, key=lambda record: record.job):
        print(f"failed   {record.job}: {record.problem}")
    for entry in sorted(stale, key=lambda entry: entry.job):
        print(f"stale    {entry.job}: {entry.note}")
    for sentence in corrupt:
        print(f"corrupt  {sentence}")
    seconds = time_left(done, missing, now, manifest.expected_seconds)
    if seconds is not None:
        print(f"time left about {duration(seconds)}")
    return 0


def describe(one: Running) -> str:
    from bench.text import duration

    place = f"{one.what} {one.done} of {one.total}, " if one.total else ""
    return f"{one.job}: {place}{duration(time.time() - one.started)} on {one.host}, process {one.pid}"


def time_left(
    done: list[Record], missing: list[JobName], now: list[Running], expected: Mapping[str, float]
) -> float | None:
    """Seconds: what the missing and the rest of the running jobs were forecast to take, corrected by how forecasts of
    done ones turned out, divided among as many processes as run now; None where nothing is left or forecast."""
    turned_out = [record.cost.seconds / expected[str(record.job)] for record in done if expected.get(str(record.job))]
    rest = [expected[str(job)] for job in missing if str(job) in expected]
    rest += [expected[one.job] * (1 - one.done / max(1, one.total)) for one in now if one.job in expected]
    if not rest:
        return None
    processes = {(one.host, one.pid) for one in now}
    return sum(rest) * (median(turned_out) if turned_out else 1.0) / max(1, len(processes))


def status(*, results: str = DEFAULT_RESULTS) -> int:
    """What a results folder holds and who is computing what, from any terminal: done, failed, running, missing.

    Parameters
    ----------
    results
        The folder of the records.
    """
    from bench import config as configuration
    from bench.datasets.catalog import data_folders
    from bench.records.store import Store

    config = configuration.load()
    return show_status(Store(Path(results)), config, data_folders(config, None))
