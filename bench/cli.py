"""``python -m bench``: verbs and options only; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from bench import __version__
from bench.cli_comparing import compare, plot, report, stats
from bench.cli_data import DataFolder, data_app
from bench.cli_models import fit, predict
from bench.cli_reading import DEFAULT_RESULTS, Names, Numbers, checked_seeds, export, known, show, status, table
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.cluster import Cluster
    from bench.config import Config
    from bench.records import Store

USAGE = 2
INTERRUPTED = 130
DEFAULT_RECOVERY = "results/recovery"

app = App(
    name="bench",
    help="Reproduce every comparison table of FLEM (IJCAI-22), and compare your own method with it.",
    version=__version__,
    version_flags=["--version"],
)
app.command(data_app)
for verb in (status, show, table, compare, stats, plot, report, export, fit, predict):
    app.command(verb)


@app.meta.default
def launch(
    *command: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    methods_dir: Annotated[list[str] | None, Parameter(negative=())] = None,
) -> int:
    """Run a command with the options that all have.

    Parameters
    ----------
    methods_dir
        A folder of plain method files, beside those that bench.toml names; may be given several times.
    """
    from bench import config as configuration

    if folders := [*configuration.load().method_folders, *(methods_dir or [])]:
        from bench.methods import add_folders

        add_folders(folders)
    return app(command, exit_on_error=False, print_error=False, result_action="return_value")


@app.command
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
    from bench.datasets import data_folders
    from bench.methods import listings
    from bench.plan import chosen_rows, make_plan
    from bench.records import Store
    from bench.runner import RunOptions, show_plan
    from bench.runner import run as run_plan

    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.run.seeds if seeds is None else seeds)
    rows = chosen_rows(config, methods)
    if methods is None:
        for broken in (found for found in listings().values() if found.problems):
            print(f"left out: {broken.problems[0]}.", flush=True)
    plan = make_plan(config, folders, datasets or config.run.datasets, rows, chosen_seeds, _checked_epochs(epochs))
    store = Store(Path(results))
    options = RunOptions(
        device,
        _job_count(jobs),
        _kept(keep),
        keep is not None,
        fresh,
        epochs,
        _checked_timeout(timeout),
        retry == "failed",
        _checked_shard(shard),
        _checked_cluster(backend, address, jobs, timeout),
        _checked_together(together, backend, timeout),
    )
    if dry_run:
        return show_plan(plan, config, folders, store, options)
    return run_plan(plan, config, folders, store, options)


@app.command
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
    from bench import recovery_plan
    from bench.datasets import data_folders
    from bench.records import Store
    from bench.render import FORMATS
    from bench.runner import RunOptions, show_plan
    from bench.runner import run as run_plan

    known(form, FORMATS, "format")
    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.recovery.seeds if seeds is None else seeds)
    plan = recovery_plan.make_plan(config, folders, datasets, methods, chosen_seeds, _checked_epochs(epochs))
    store = Store(Path(results))
    options = RunOptions(device, _job_count(jobs), _kept(keep or ["none"]), keep is not None, fresh, epochs)
    if dry_run:
        return show_plan(plan, config, folders, store, options)
    with contextlib.redirect_stdout(sys.stderr):
        code = run_plan(plan, config, folders, store, options)
    return code if code == INTERRUPTED else max(code, _recovery_tables(store, config, folders, form))


def _recovery_tables(store: Store, config: Config, folders: list[Path], form: str) -> int:
    from bench.collect import collect
    from bench.metric_catalogue import RECOVERY_METRICS
    from bench.recovery_plan import rows_of
    from bench.recovery_summary import against_floors
    from bench.render import render_all
    from bench.tables import comparison

    entries = collect(store, config, folders)
    manifest = store.manifest()
    order = list(rows_of(config))
    tables = [comparison(entries, metric, config, manifest, order) for metric in RECOVERY_METRICS]
    print(render_all(tables, form), end="")
    if form in ("terminal", "markdown"):
        print("\n" + against_floors(tables, "pipe" if form == "markdown" else "simple"), end="")
    return 1 if any(entry.state == "corrupt" for entry in entries) else 0


@app.command(name="list")
def list_(
    what: Literal["methods", "datasets", "metrics"],
    *,
    check: Annotated[bool, Parameter(negative=())] = False,
    data: DataFolder = None,
) -> int:
    """Show what there is: methods, datasets or metrics.

    Parameters
    ----------
    check
        Import every method and say what fails.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    from bench import listing

    if what == "methods":
        return listing.show_methods(check)
    if what == "metrics":
        return listing.show_metrics()
    return listing.show_datasets(data)


@app.command
def doctor(
    *,
    datasets: Names = None,
    methods: Names = None,
    seeds: Numbers = None,
    device: str = "auto",
    jobs: str = "1",
    results: str = DEFAULT_RESULTS,
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
    device
        auto, cpu, cuda or cuda:N.
    jobs
        Processes that the jobs will be spread over: a number, or auto.
    results
        The folder of the records.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    from bench import config as configuration
    from bench import doctor as examination
    from bench.datasets import data_folders
    from bench.forecast import forecasts
    from bench.plan import chosen_rows, make_plan
    from bench.records import Store
    from bench.runner import all_records, on_gpu, wanted_workers

    config = configuration.load()
    folders = data_folders(config, data)
    chosen_seeds = checked_seeds(config.run.seeds if seeds is None else seeds)
    plan = make_plan(config, folders, datasets or config.run.datasets, chosen_rows(config, methods), chosen_seeds)
    store = Store(Path(results))
    expected = forecasts(plan.jobs, all_records(store, []), on_gpu(device), config, folders)
    workers = wanted_workers(_job_count(jobs), plan.jobs) if plan.jobs else 1
    return examination.show(examination.examine(plan, expected, config, folders, store, device, workers))


def _checked_epochs(epochs: int | None) -> int | None:
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, not {epochs}.")
    return epochs


def _checked_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--timeout must be a number of seconds above 0, not {seconds:g}.")
    return seconds


def _checked_shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    which, slash, parts = text.partition("/")
    if not (slash and which.isdigit() and parts.isdigit() and 1 <= int(which) <= int(parts)):
        raise UsageError(f"--shard takes K/N with K from 1 to N, such as 3/8, not {text!r}.")
    return int(which), int(parts)


def _checked_cluster(backend: str, address: str | None, jobs: str, timeout: float | None) -> Cluster | None:
    if backend == "local":
        if address is not None:
            raise UsageError("--address goes with --backend dask or ray.")
        return None
    if timeout is not None:
        raise UsageError("--timeout stops processes of this machine; it does not go with --backend.")
    from bench.cluster import Cluster

    return Cluster("dask" if backend == "dask" else "ray", address, 0 if jobs == "1" else _job_count(jobs))


def _checked_together(together: int, backend: str, timeout: float | None) -> int:
    if together < 1:
        raise UsageError(f"--together must be a number from 1, not {together}.")
    if together > 1 and backend != "local":
        raise UsageError("--together is for the processes of this machine; it does not go with --backend.")
    if together > 1 and timeout is not None:
        raise UsageError("--timeout stops a job with its process, and so does not go with --together.")
    return together


def _job_count(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--jobs must be a number from 1, or auto, not {text!r}.")
    return int(text)


def _kept(keep: list | None) -> list[str]:
    if keep is None:
        return ["scores"]
    if "none" in keep and len(keep) > 1:
        raise UsageError("--keep none cannot be combined with anything else.")
    return [kind for kind in keep if kind != "none"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one sentence on standard error and exit code 2."""
    # Must be set before CUDA starts: without it products may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Must be set before OpenMP starts: waiting threads that spin make a shared machine 5 to 10 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = app.meta(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return int(code or 0)
    except CycloptsError as error:
        message = " ".join(str(error).split())
    except UsageError as error:
        message = str(error)
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from bench.methods import BrokenMethodError, UnknownMethodError

        if not isinstance(error, BrokenMethodError | UnknownMethodError):
            raise
        message = str(error)
    print(f"error: {message}", file=sys.stderr)
    return USAGE
