"""``bench status``: done, failed, running and missing jobs of a results folder. Imports neither torch nor methods."""

from __future__ import annotations

import time
from itertools import product

from bench.claims import Running, running
from bench.errors import UsageError
from bench.records import CorruptRecordError, JobName, Record, Store


def show_status(store: Store) -> int:
    """Print the counts, the running jobs with their epochs, what failed, and how long the rest may take.

    Raises
    ------
    UsageError: when there is no such folder.
    """
    if not store.folder.is_dir():
        raise UsageError(f"there are no records in {store.folder}; run `python -m bench run` first.")
    records: dict[JobName, Record] = {}
    corrupt = []
    for _, found in store.records():
        if isinstance(found, CorruptRecordError):
            corrupt.append(str(found))
        else:
            records[found.job] = found
    manifest = store.manifest()
    wanted = {
        JobName(*dataset.partition("@")[::2], row, seed)
        for dataset, row, seed in product(manifest.datasets, manifest.rows, manifest.seeds)
    }
    now = running(store)
    at_work = {one.job for one in now}
    done = [record for record in records.values() if record.status == "done"]
    failed = [record for record in records.values() if record.status == "failed"]
    missing = [job for job in wanted if job not in records and str(job) not in at_work]
    print(
        f"{store.folder}: {len(done)} done, {len(now)} running, {len(failed)} failed, {len(missing)} missing"
        + (f", {len(corrupt)} corrupt" if corrupt else "")
    )
    for one in now:
        print(f"running  {describe(one)}")
    for record in sorted(failed, key=lambda record: record.job):
        print(f"failed   {record.job}: {(record.failure or {}).get('message', '')}")
    for sentence in corrupt:
        print(f"corrupt  {sentence}")
    seconds = time_left(done, missing, now)
    if seconds is not None:
        print(f"time left about {duration(seconds)}, by the time that records of the same rows took")
    return 0


def describe(one: Running) -> str:
    place = f"{one.what} {one.done} of {one.total}, " if one.total else ""
    return f"{one.job}: {place}{duration(time.time() - one.started)} on {one.host}, process {one.pid}"


def time_left(done: list[Record], missing: list[JobName], now: list[Running]) -> float | None:
    """Seconds: each missing job takes what done ones of its row took on the mean (else of all rows), divided among as
    many processes as run now; None where nothing is missing or nothing is known."""
    if not missing or not done:
        return None
    costs: dict[str, list[float]] = {}
    for record in done:
        costs.setdefault(record.job.row, []).append(float(record.cost.get("seconds", 0.0)))
    every = [cost for values in costs.values() for cost in values]
    total = sum(sum(values) / len(values) for values in (costs.get(job.row, every) for job in missing))
    return total / max(1, len(now))


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
