"""The verbs that run jobs: run, recover. Nothing heavy before it is used."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from bench.cli.options import (
    INTERRUPTED,
    DataFolder,
    Names,
    Numbers,
    checked_cluster,
    checked_epochs,
    checked_seeds,
    checked_shard,
    checked_timeout,
    checked_together,
    job_count,
    kept,
    known,
)
from bench.records.store import DEFAULT_RESULTS

if TYPE_CHECKING:
    from bench.config import Config
    from bench.records.store import Store
DEFAULT_RECOVERY = "results/recovery"


def run(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Numbers = None,
    device: str = "auto",
    epochs: int | None = None,
    jobs: str = "1",
    results: str = DEFAULT_RESULTS,
    data: DataFolder = None,
    keep: Annotated[
        list[Literal["scores", "model", "distributions", "none"]] | None,
        Parameter(consume_multiple=True, negative=()),
    ] = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
    retry: Literal["failed"] | None = None,
    together: int = 1,
    timeout: float | None = None,
    shard: str | None = None,
    backend: Literal["local", "dask", "ray"] = "local",
    address: str | None = None,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run data sets x methods x seeds; what is done already is not done again.

    Parameters
    ----------
    datasets
        Names, NAME@extractor, paths of .npz files, or "all" for every registered set. Default: bench.toml's.
    methods
        Methods or rows of bench.toml, or "all". Default: all but those that bench.toml's run.only_when_named
        keeps for when they are named.
    seeds
        One run each. Default: bench.toml's.
    device
        auto, cpu, cuda or cuda:N.
    epochs
        Train for exactly this many epochs instead of the protocol's.
    jobs
        Processes to spread the jobs over, longest jobs first: a number, or auto for as many as the cores hold or the
        GPUs' memory allows. With --backend 1 and auto both mean every worker of the cluster.
    results
        The folder of the records.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    keep
        What to store beside each record: scores (test scores), model, distributions (the label distribution that
        a label-enhancement method recovers for the training rows), or none. Default: scores.
    fresh
        Run everything again; old records are set aside.
    retry
        "failed" runs what has failed and nothing else.
    together
        How many gradient-trained jobs on the same data a process trains in turns, a step each. On a GPU their steps
        then run side by side and the data are there once; without one nothing is gained. Memory is needed for all.
    timeout
        Seconds a job may take; it is stopped then, and recorded as failed.
    shard
        K/N runs the K-th of N equal parts of the jobs, for machines that share nothing but the command.
    backend
        local: processes of this machine. dask, ray: the workers of a cluster, which must see the same results
        folder, data and code.
    address
        Of the Dask scheduler, such as tcp://host:8786, or of the Ray cluster; Ray's default is the one that runs here.
    dry_run
        Say what would run and how long it would take, and stop.
    """
    from bench import config as configuration
    from bench.datasets.catalog import data_folders
    from bench.methods import infos
    from bench.plan.tracks import make_plan
    from bench.plan.variants import chosen_variants
    from bench.records.store import Store
    from bench.run.options import RunOptions
    from bench.run.runner import run as run_plan
    from bench.run.runner import show_plan

    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.run.seeds if seeds is None else seeds)
    rows = chosen_variants(config, methods)
    if methods is None:
        for broken in (found for found in infos().values() if found.problems):
            print(f"left out: {broken.problems[0]}.", flush=True)
    plan = make_plan(config, folders, datasets or config.run.datasets, rows, chosen_seeds, checked_epochs(epochs))
    store = Store(Path(results))
    options = RunOptions(
        device,
        job_count(jobs),
        kept(keep),
        keep is not None,
        fresh,
        epochs,
        checked_timeout(timeout),
        retry == "failed",
        checked_shard(shard),
        checked_cluster(backend, address, jobs, timeout),
        checked_together(together, backend, timeout),
    )
    if dry_run:
        return show_plan(plan, config, store, options)
    return run_plan(plan, config, store, options)


def recover(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Numbers = None,
    device: str = "auto",
    epochs: int | None = None,
    jobs: str = "1",
    results: str = DEFAULT_RECOVERY,
    data: DataFolder = None,
    keep: Annotated[
        list[Literal["distributions", "none"]] | None, Parameter(consume_multiple=True, negative=())
    ] = None,
    form: Annotated[str, Parameter(name="--format")] = "terminal",
    fresh: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Label enhancement where the true label distribution is known: run what is not done, print the six measures.

    Parameters
    ----------
    datasets
        Sets with label distributions, by name or path. Default: every one in the data folders.
    methods
        Label-enhancement methods, rows of bench.toml based on one, "uniform", "logical labels". Default: all.
    seeds
        One run each. Default: bench.toml's recovery.seeds.
    device
        auto, cpu, cuda or cuda:N.
    epochs
        Train for exactly this many epochs instead of the protocol's.
    jobs
        Processes to spread the jobs over: a number, or auto for as many as the cores hold.
    results
        The folder of the records; not the one of `bench run`.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    keep
        distributions stores the recovered ones beside the records. Default: none.
    form
        terminal, markdown, latex, html, csv or json; progress then goes to standard error.
    fresh
        Run everything again; old records are set aside.
    dry_run
        Say what would run, and stop.
    """
    from bench import config as configuration
    from bench.datasets.catalog import data_folders
    from bench.plan.tracks import make_recovery_plan
    from bench.records.store import Store
    from bench.run.options import RunOptions
    from bench.run.runner import run as run_plan
    from bench.run.runner import show_plan
    from bench.tables.render import FORMATS

    known(form, FORMATS, "format")
    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.recovery.seeds if seeds is None else seeds)
    plan = make_recovery_plan(config, folders, datasets, methods, chosen_seeds, checked_epochs(epochs))
    store = Store(Path(results))
    options = RunOptions(device, job_count(jobs), kept(keep or ["none"]), keep is not None, fresh, epochs)
    if dry_run:
        return show_plan(plan, config, store, options)
    with contextlib.redirect_stdout(sys.stderr):
        code = run_plan(plan, config, store, options)
    return code if code == INTERRUPTED else max(code, _recovery_tables(store, config, folders, form))


def _recovery_tables(store: Store, config: Config, folders: list[Path], form: str) -> int:
    from bench.analysis.recovery import against_trivial_baselines
    from bench.metrics.catalogue import RECOVERY_METRICS
    from bench.plan.states import collect
    from bench.plan.tracks import recovery_variants
    from bench.tables.comparison import comparison
    from bench.tables.render import render_all

    entries = collect(store, config, folders)
    manifest = store.manifest()
    order = list(recovery_variants(config))
    tables = [comparison(entries, metric, config, manifest, order) for metric in RECOVERY_METRICS]
    print(render_all(tables, form), end="")
    if form in ("terminal", "markdown"):
        print("\n" + against_trivial_baselines(tables, "pipe" if form == "markdown" else "simple"), end="")
    return 1 if any(entry.state == "corrupt" for entry in entries) else 0
