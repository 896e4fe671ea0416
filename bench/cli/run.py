"""Verbs that run jobs: run, recover."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from msgspec.structs import replace

from bench import config as configuration
from bench.cli.options import (
    INTERRUPTED,
    MOST_SHARDS,
    DataFolder,
    Device,
    Epochs,
    Folds,
    Format,
    Names,
    Patience,
    Real,
    Repeats,
    Results,
    Seeds,
    Switch,
    checked_seeds,
    job_count,
    known,
    whole_in,
)
from bench.config import Config
from bench.datasets.catalog import data_folders, notes_of_files
from bench.datasets.transforming import in_folds
from bench.errors import UsageError
from bench.methods import infos
from bench.metrics.catalogue import RECOVERY_METRICS, check_criteria
from bench.plan import digests
from bench.plan.states import collect
from bench.plan.tracks import make_plan, make_recovery_plan, recovery_variants
from bench.plan.variants import chosen_variants
from bench.records.store import DEFAULT_RESULTS, Store
from bench.running.cluster import Cluster
from bench.running.options import RunOptions
from bench.running.runner import run as run_plan
from bench.running.runner import show_plan
from bench.system import terminal
from bench.text import shown

DEFAULT_RECOVERY = "results/recovery"


def _timeout(kind: Any, seconds: float | None) -> None:
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--timeout must be a number of seconds above 0, not {seconds:g}.")


Timeout = Annotated[Real | None, Parameter(validator=_timeout)]


def run(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Seeds = None,
    device: Device = "auto",
    epochs: Epochs = None,
    selection: str | None = None,
    also_select: Names = None,
    patience: Patience = None,
    select_every: Epochs = None,
    jobs: str = "1",
    results: Results = DEFAULT_RESULTS,
    data: DataFolder = None,
    keep: Annotated[
        list[Literal["scores", "model", "distributions", "none"]] | None,
        Parameter(consume_multiple=True, negative=()),
    ] = None,
    fresh: Switch = False,
    retry: Literal["failed"] | None = None,
    timeout: Timeout = None,
    shard: str | None = None,
    backend: Literal["local", "dask", "ray"] = "local",
    address: str | None = None,
    dry_run: Switch = False,
    verify: Switch = False,
    folds: Folds = None,
    repeats: Repeats = None,
    stratified: Switch = False,
) -> int:
    """Run data sets x methods x seeds; what is done already is not done again.

    Parameters
    ----------
    datasets
        Names, NAME@extractor, patterns ('rcv1_*'), paths of files (.npz, .csv, .tsv, .parquet, .arff, .mat, .svm), or
        "all" for every set, registered or in the data folders; each with transforms, such as 'yeast[noise=10%]' (see
        `list transforms`). Default: bench.toml's.
    methods
        Methods or rows of bench.toml, or "all". Default: all but those that bench.toml's run.only_when_named
        keeps for when they are named.
    seeds
        One run each. Default: bench.toml's.
    epochs
        Train for exactly this many epochs instead of the protocol's; those of a variant's own stay.
    selection
        The metric on validation data that epochs and grid points are chosen by, of `list metrics`, instead of the
        protocol's (hamming).
    also_select
        Further metrics: one training keeps the best epoch and grid point by each, for `table --selected-by`.
    patience
        Stop a model after so many epochs without a better value of the selecting metric. 0: never.
    select_every
        Compute metrics to select by, other than hamming, every so many epochs and in the last. Default: 1.
    jobs
        Processes to spread the jobs over, longest jobs first: a number, or auto for as many as the cores hold or the
        GPUs' memory allows. With --backend 1 and auto both mean every worker of the cluster.
    keep
        What to store beside each record: scores (test scores), model, distributions (the label distribution that
        a label-enhancement method recovers for the training rows), or none. Default: scores.
    fresh
        Run everything again; old records are set aside.
    retry
        "failed" runs what has failed and nothing else.
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
    verify
        Compute the digests of all files anew; else one of the same size and modification time is taken for the same.
    folds
        Cross-validate: instead of each data set its folds, NAME[fold=1/N] to NAME[fold=N/N].
    repeats
        Partitions into folds, with --folds. Default: 1.
    stratified
        Spread each label's positives over the folds; needs the package iterative-stratification.
    """
    if verify:
        digests.verify()
    given = {"selection": selection, "also_select": also_select and tuple(also_select)}
    config = _with_protocols(configuration.load(), {**given, "patience": patience, "select_every": select_every})
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.run.seeds if seeds is None else seeds)
    rows = chosen_variants(config, methods)
    if methods is None:
        for broken in (found for found in infos().values() if found.problems):
            print(shown(f"left out: {broken.problems[0]}."), flush=True)
    names = _in_folds(datasets or config.run.datasets, folds, repeats, stratified)
    plan = make_plan(config, folders, names, rows, chosen_seeds, epochs)
    for note in notes_of_files(names, config):
        print(shown(note), flush=True)
    store = Store(Path(results))
    options = RunOptions(
        device=device,
        jobs=job_count(jobs),
        keep=_kept(keep),
        keep_required=keep is not None,
        fresh=fresh,
        epochs=epochs,
        timeout=timeout,
        only_failed=retry == "failed",
        shard=_shard(shard),
        cluster=_cluster(backend, address, jobs, timeout),
    )
    if dry_run:
        return show_plan(plan, config, store, options)
    return run_plan(plan, config, store, options)


def recover(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Seeds = None,
    device: Device = "auto",
    epochs: Epochs = None,
    jobs: str = "1",
    results: str = DEFAULT_RECOVERY,
    data: DataFolder = None,
    keep: Annotated[
        list[Literal["distributions", "none"]] | None, Parameter(consume_multiple=True, negative=())
    ] = None,
    form: Format = "terminal",
    fresh: Switch = False,
    dry_run: Switch = False,
) -> int:
    """Label enhancement where the true label distribution is known: run what is not done, print the six measures.

    Parameters
    ----------
    datasets
        Sets with label distributions, by name or path. Default: every one in the data folders.
    methods
        Label-enhancement methods, variants of bench.toml based on one, trivial baselines ("uniform", "logical labels",
        "softmax of the logical labels"). Default: all.
    seeds
        One run each. Default: bench.toml's recovery.seeds.
    epochs
        Train for exactly this many epochs instead of the protocol's; those of a variant's own stay.
    jobs
        Processes to spread the jobs over: a number, or auto for as many as the cores hold.
    results
        The folder of the records; not the one of `bench run`.
    keep
        distributions stores the recovered ones beside the records. Default: none.
    form
        terminal, markdown, latex, html, csv or json; progress then goes to standard error.
    fresh
        Run everything again; old records are set aside.
    dry_run
        Say what would run, and stop.
    """
    from bench.tables.render import FORMATS  # here, as in _recovery_tables

    known(form, FORMATS, "format")
    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.recovery.seeds if seeds is None else seeds)
    plan = make_recovery_plan(config, folders, datasets, methods, chosen_seeds, epochs)
    store = Store(Path(results))
    options = RunOptions(device, job_count(jobs), _kept(keep or ["none"]), keep is not None, fresh, epochs)
    if dry_run:
        return show_plan(plan, config, store, options)
    with contextlib.redirect_stdout(sys.stderr):
        code = run_plan(plan, config, store, options)
    return code if code == INTERRUPTED else max(code, _recovery_tables(store, config, folders, form))


def _recovery_tables(store: Store, config: Config, folders: list[Path], form: str) -> int:
    # Here, because they bring pandas along, which `run` of the same module does without.
    from bench.analysis.recovery import against_trivial_baselines
    from bench.tables.comparison import comparison
    from bench.tables.render import Look, render_all

    states = collect(store, config, folders)
    manifest = store.manifest()
    order = list(recovery_variants(config))
    tables = [comparison(states, metric, config, manifest, order) for metric in RECOVERY_METRICS]
    print(render_all(tables, form, Look(width=terminal.width())), end="")
    if form in ("terminal", "markdown"):
        print("\n" + against_trivial_baselines(tables, "pipe" if form == "markdown" else "simple"), end="")
    return 1 if any(state.state == "corrupt" for state in states) else 0


def _in_folds(names: list[str], folds: int | None, repeats: int | None, stratified: bool) -> list[str]:
    if folds is not None:
        return in_folds(names, folds, repeats or 1, stratified)
    if repeats is not None or stratified:
        raise UsageError(f"{'--stratified' if stratified else '--repeats'} goes with --folds N.")
    return names


def _with_protocols(config: Config, given: dict[str, Any]) -> Config:
    """The configuration with these settings in every protocol; None: the protocol's own."""
    changes = {name: value for name, value in given.items() if value is not None}
    protocols = {name: replace(protocol, **changes) for name, protocol in config.protocols.items()}
    if "selection" in changes and "also_select" not in changes:  # what selects does not select besides
        protocols = {
            name: replace(one, also_select=tuple(other for other in one.also_select if other != one.selection))
            for name, one in protocols.items()
        }
    if changes:
        for protocol in protocols.values():
            check_criteria(protocol.criteria, "--selection and --also-select")
    return replace(config, protocols=protocols)


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    which, slash, parts = text.partition("/")
    if not slash:
        raise UsageError(f"--shard takes K/N with K from 1 to N, such as 3/8, not {text!r}.")
    number = whole_in(parts, "N of --shard K/N", 1, MOST_SHARDS)
    return whole_in(which, "K of --shard K/N", 1, number), number


def _cluster(backend: str, address: str | None, jobs: str, timeout: float | None) -> Cluster | None:
    if backend == "local":
        if address is not None:
            raise UsageError("--address goes with --backend dask or ray.")
        return None
    if timeout is not None:
        raise UsageError("--timeout stops processes of this machine; it does not go with --backend.")
    return Cluster("dask" if backend == "dask" else "ray", address, 0 if jobs == "1" else job_count(jobs))


def _kept(keep: list | None) -> list[str]:
    if keep is None:
        return ["scores"]
    if "none" in keep and len(keep) > 1:
        raise UsageError("--keep none cannot be combined with anything else.")
    return [kind for kind in keep if kind != "none"]
