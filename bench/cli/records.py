"""Verbs on results folders, and ahead of a run: status, show, doctor, merge, check-records. Imports no torch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated

from cyclopts import Parameter

from bench import config as configuration
from bench.board.merge import merged, write_folder, write_packed
from bench.board.sources import ENDING
from bench.board.submission import verdicts
from bench.cli.options import (
    FAILED,
    Count,
    DataFolder,
    Device,
    Names,
    RecordsData,
    Results,
    Seed,
    Seeds,
    Switch,
    checked_seeds,
    job_count,
)
from bench.config import Config
from bench.datasets.catalog import data_folders, unreadable
from bench.errors import UsageError
from bench.plan import digests
from bench.plan.forecast import forecasts
from bench.plan.states import collect
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.records.locks import Running, running
from bench.records.record import JobName, Record
from bench.records.store import DEFAULT_RESULTS, Store
from bench.report.instance import show_instance
from bench.running.examination import Finding, examine
from bench.running.runner import all_records, on_gpu, wanted_workers
from bench.text import counted, duration, shown


def status(*, results: Results = DEFAULT_RESULTS, verify: Switch = False) -> int:
    """Show a results folder's jobs, from any terminal: done, failed, running (by whom), missing.

    Parameters
    ----------
    verify
        Compute the digests of all files anew; else one of the same size and modification time is taken for the same.
    """
    if verify:
        digests.verify()
    config = configuration.load()
    return show_status(Store(Path(results)), config, data_folders(config, None))


def show(
    dataset: str,
    method: str,
    *,
    instance: Count,
    seed: Seed | None = None,
    top: Count = 12,
    results: Results = DEFAULT_RESULTS,
) -> int:
    """Draw the label distribution that a method recovered for one training instance.

    Parameters
    ----------
    dataset
        A data set of the records.
    method
        A label-enhancement row; its job must have run with --keep distributions.
    instance
        The number of a training row, from 0.
    seed
        Default: the smallest there is.
    top
        How many labels to show beside the positive ones.
    """
    show_instance(Store(Path(results)), dataset, method, instance, seed, top)
    return 0


def doctor(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Seeds = None,
    device: Device = "auto",
    jobs: str = "1",
    results: Results = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Say whether a run with these options can work here: versions, devices, data, folders, disk, memory, time.

    Parameters
    ----------
    datasets
        As for `bench run`; every value of them is read and checked.
    methods
        As for `bench run`.
    seeds
        As for `bench run`.
    jobs
        Processes that the jobs will be spread over: a number, or auto.
    """
    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.run.seeds if seeds is None else seeds)
    plan = make_plan(config, folders, datasets or config.run.datasets, chosen_variants(config, methods), chosen_seeds)
    store = Store(Path(results))
    expected = forecasts(plan.jobs, all_records(store, []), on_gpu(device))
    workers = wanted_workers(job_count(jobs), plan.jobs) if plan.jobs else 1
    count: Counter[str] = Counter()
    odd = [Finding("warning", "data", f"left out: {found.fault}") for found in unreadable(folders)]
    for finding in [*odd, *examine(plan, expected, store, device, workers)]:
        count[finding.state] += 1
        print(shown(f"{finding.state:8} {finding.about:10} {finding.text}"), flush=True)
    print(f"{counted(count['problem'], 'problem')}, {counted(count['warning'], 'warning')}.")
    return 1 if count["problem"] else 0


def merge(
    *sources: Annotated[str, Parameter(name="FOLDER")],
    to: str,
    data: RecordsData = None,
) -> int:
    """Join the records of several people or machines in one folder, or pack them into one file.

    Exit code: 0 all records are joined, 1 some were refused, 2 none could be used.

    Parameters
    ----------
    sources
        Results folders, or packed files (.jsonl.xz); the first one's record of a job goes before the others'.
    to
        The folder, which may be one of them and may hold records, or a file (NAME.jsonl.xz) of all records.
    """
    if not sources:
        raise UsageError("there is nothing to merge; name results folders before --to.")
    config, target = configuration.load(), Path(to)
    found = merged([Path(source) for source in sources], target, config, data_folders(config, data))
    for sentence in found.refused:
        print(shown(f"refused  {sentence}"))
    for sentence in found.notes:
        print(shown(f"note     {sentence}"))
    if not found.taken:
        raise UsageError(f"none of {counted(len(found.refused), 'record')} can be used; nothing was written.")
    if to.endswith(ENDING):
        write_packed(found, target)
    else:
        for sentence in write_folder(found, target):
            print(shown(f"note     {sentence}"))
    print(
        f"{target}: {counted(len(found.taken), 'record')} of {counted(len(found.sources), 'source')}; "
        f"{found.equal} equal to another, {len(found.refused)} refused."
    )
    return FAILED if found.refused else 0


def check_records(
    *files: Annotated[str, Parameter(name="FILE")],
    data: DataFolder = None,
) -> int:
    """Check submitted records, a line each: whole, of this version's code, and at odds with no committed one.

    Exit code: 0 all are accepted, 1 some are refused, 2 there is no record.

    Parameters
    ----------
    files
        Packed files (.jsonl.xz of `bench merge`), records' files, or results folders.
    """
    if not files:
        raise UsageError("there is nothing to check; name a file of records.")
    count: Counter[bool] = Counter()
    for verdict in verdicts([Path(file) for file in files], data):
        count[verdict.accepted] += 1
        print(shown(f"{'accepted' if verdict.accepted else 'refused '} {verdict.text}"))
    print(f"{counted(count[True], 'record')} accepted, {count[False]} refused.")
    return FAILED if count[False] else 0


def show_status(store: Store, config: Config, folders: list[Path]) -> int:
    """Print the counts, the running jobs with their epochs, what failed or is stale, and how long the rest may take.

    Raises
    ------
    UsageError: when there is no such folder.
    """
    if not store.folder.is_dir():
        raise UsageError(f"there are no records in {store.folder}; run `python -m bench run` first.")
    states = collect(store, config, folders)
    records = {state.job: state.record for state in states if state.record is not None}
    corrupt = [state.note for state in states if state.state == "corrupt"]
    stale = [state for state in states if state.state == "stale"]
    manifest = store.manifest()
    wanted = {
        JobName(*dataset.partition("@")[::2], variant, seed)
        for dataset, variant, seed in product(manifest.datasets, manifest.variants, manifest.seeds)
    }
    now = running(store)
    at_work = {lock.job for lock in now}
    done = [state.record for state in states if state.state == "done" and state.record is not None]
    failed = [state.record for state in states if state.state == "failed" and state.record is not None]
    missing = [job for job in wanted if job not in records and str(job) not in at_work]
    last = [manifest.protocols_named(name)[0] for name in manifest.protocols]
    other = [state for state in states if state.state == "done" and state.protocol not in (None, *last)]
    earlier = f" ({len(other)} by the protocol of an earlier run)" if other else ""
    print(
        f"{store.folder}: {len(done)} done{earlier}, {len(now)} running, {len(failed)} failed, {len(missing)} missing"
        + (f", {len(stale)} stale" if stale else "")
        + (f", {len(corrupt)} corrupt" if corrupt else "")
    )
    for lock in now:
        print(shown(f"running  {describe(lock)}"))
    for record in sorted(failed, key=lambda record: record.job):
        print(shown(f"failed   {record.job}: {record.problem}"))
    for state in sorted(stale, key=lambda state: state.job):
        print(shown(f"stale    {state.job}: {state.note}"))
    for sentence in corrupt:
        print(shown(f"corrupt  {sentence}"))
    seconds = time_left(done, missing, now, manifest.expected_seconds)
    if seconds is not None:
        print(f"time left about {duration(seconds)}")
    return 0


def describe(one: Running) -> str:
    place = f"{one.what} {one.done} of {one.total}, " if one.total else ""
    return f"{one.job}: {place}{duration(max(0, time.time() - one.started))} on {one.host}, process {one.pid}"


def time_left(
    done: list[Record], missing: list[JobName], now: list[Running], expected: Mapping[str, float]
) -> float | None:
    """Remaining time in seconds; None where nothing is left or forecast.

    What the missing and the rest of the running jobs were forecast to take, corrected by how forecasts of done ones
    turned out, divided among as many processes as there are running jobs.
    """
    turned_out = [
        record.cost.seconds / expected[str(record.job)] for record in done if expected.get(str(record.job), 0) > 0
    ]
    rest = [expected[str(job)] for job in missing if str(job) in expected]
    rest += [expected[one.job] * (1 - one.done / max(1, one.total)) for one in now if one.job in expected]
    if not rest:
        return None
    return sum(rest) * (median(turned_out) if turned_out else 1.0) / max(1, len(now))
