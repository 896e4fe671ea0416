"""Cluster back ends: jobs over a Dask or Ray that is there already, through joblib.

The workers write their records into the shared results folder themselves. Progress is read from there, and so is what
a lost worker was at: its job's lock file stays behind. A batch that broke goes on with what has no record.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from bench import methods
from bench.errors import UsageError
from bench.plan.jobs import Job
from bench.records.locks import abandoned
from bench.records.store import Store
from bench.running.pool import Lost
from bench.system.writing import write

Backend = Literal["dask", "ray"]
SECONDS_BETWEEN_LOOKS = 0.5
TRIES = 2


@dataclass(frozen=True)
class Cluster:
    backend: Backend
    address: str | None
    workers: int
    """0: all that the cluster has."""


def over_cluster(
    jobs: Sequence[Job],
    call: Callable[..., Any],
    cluster: Cluster,
    store: Store,
    say: Callable[[str], None],
) -> Iterator[Any]:
    """Each job's outcome as its record appears, or a :class:`Lost` for one whose worker died twice.

    Raises
    ------
    UsageError: when the cluster cannot be reached, or its workers lack the folders or the code.
    """
    from bench.running.worker import recorded_outcome

    with _connected(cluster) as workers:
        _check_workers(jobs, store, cluster, workers)
        waiting = {job.name: job for job in jobs}
        lost: Counter = Counter()
        while waiting:
            before = len(waiting)
            stamps = {name: _stamp(store.path(name)) for name in waiting}
            batch = _Batch(list(waiting.values()), call, cluster, workers)
            ended = False
            while not ended:
                batch.join(SECONDS_BETWEEN_LOOKS)
                ended = not batch.is_alive()  # before the look, so that the last look is after the end
                for name in [name for name in waiting if _stamp(store.path(name)) != stamps[name]]:
                    yield recorded_outcome(waiting.pop(name), store)
            for outcome in batch.outcomes:  # what another run was at has no record of ours
                if outcome.status == "elsewhere" and waiting.pop(outcome.job.name, None):
                    yield outcome
            for name in [name for name in waiting if abandoned(store, name)]:
                lost[name] += 1
                if lost[name] == TRIES:
                    yield Lost(waiting.pop(name), 0.0, f"its worker was lost {TRIES} times")
                else:
                    say(f"the worker of {name} was lost; the job is tried again.")
            if waiting and len(waiting) == before and not any(lost[name] for name in waiting):
                raise UsageError(f"the {cluster.backend} cluster did none of the jobs: {batch.problem}.")


class _Batch(threading.Thread):
    """One call of joblib's Parallel, aside, because not every back end tells of jobs as they end."""

    def __init__(self, jobs: list[Job], call: Callable[..., Any], cluster: Cluster, workers: int) -> None:
        super().__init__(daemon=True)
        self.jobs, self.call, self.cluster, self.workers = jobs, call, cluster, workers
        self.outcomes: list[Any] = []
        self.problem = "it gave no reason"
        self.start()

    def run(self) -> None:
        try:
            self.outcomes = _parallel(self.cluster, self.workers, [partial(self.call, job) for job in self.jobs])
        except Exception as error:
            self.problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _parallel(cluster: Cluster, workers: int, calls: list[Callable[[], Any]]) -> list[Any]:
    import joblib

    with joblib.parallel_config(backend=cluster.backend, n_jobs=workers):
        # One job a task: joblib would otherwise put short ones together, and lose them together.
        parallel = joblib.Parallel(batch_size=1, pre_dispatch="all")
        return parallel(joblib.delayed(_called)(one, methods.folders()) for one in calls)


def _called(call: Callable[[], Any], method_folders: Iterable[Path]) -> Any:
    """On a worker: a call with the methods that the run knows of."""
    methods.add_folders(method_folders)
    return call()


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def _connected(cluster: Cluster) -> Iterator[int]:
    """The number of workers to use."""
    connect = {"dask": _dask, "ray": _ray}[cluster.backend]
    with connect(cluster.address) as found:
        if not found:
            raise UsageError(f"the {cluster.backend} cluster at {cluster.address} has no workers.")
        yield min(found, cluster.workers) if cluster.workers else found


@contextmanager
def _dask(address: str | None) -> Iterator[int]:
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError("--backend dask needs Dask; install flem-bench[dask].") from error
    if address is None:
        raise UsageError("--backend dask needs --address, such as tcp://scheduler:8786.")
    try:
        client = Client(address, timeout=20)
    except (OSError, ValueError) as error:
        raise UsageError(f"there is no Dask scheduler at {address} ({type(error).__name__}).") from error
    with client:
        yield sum(client.nthreads().values())


@contextmanager
def _ray(address: str | None) -> Iterator[int]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise UsageError("--backend ray needs Ray; install flem-bench[ray].") from error
    try:
        if address is not None:  # Ray itself waits for minutes where nobody listens
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"there is no Ray cluster at {address or 'auto'} ({type(error).__name__}).") from error
    register_ray()
    try:
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


def _check_workers(jobs: Sequence[Job], store: Store, cluster: Cluster, workers: int) -> None:
    """Every worker must see the same results folder, the same data and the same code."""
    token = store.folder.resolve() / f".shared-{uuid4().hex[:8]}"
    write(token, b"")
    sizes = {path.resolve(): path.stat().st_size for job in jobs for path in job.source.files}
    modules = {job.base: job.key["method"] for job in jobs}
    check = partial(what_is_missing, token, sizes, modules)
    try:
        problems = [found for found in _parallel(cluster, workers, [check] * (2 * workers)) if found]
    except Exception as error:
        problems = [f"a worker could not run the harness ({type(error).__name__}: {str(error).splitlines()[0]})"]
    finally:
        with suppress(OSError):
            token.unlink()
    if problems:
        raise UsageError(f"{problems[0]}; results, data and code must be the same on every worker.")


def what_is_missing(token: Path, sizes: dict[Path, int], modules: dict[str, str]) -> str | None:
    """On a worker: the first thing that is not as it is where the run was started."""
    from bench.plan.keys import method_digest

    time.sleep(0.2)  # so that the other workers take the next ones
    where = f"on {platform.node()}, process {os.getpid()},"
    if not token.exists():
        return f"{where} the results folder {token.parent} is another one or is not there"
    for path, size in sizes.items():
        if not path.is_file() or path.stat().st_size != size:
            return f"{where} the data file {path} is missing or another one"
    for base, digest in modules.items():
        if base not in methods.names() or method_digest(methods.info(base)) != digest:
            return f"{where} the method {base} has other code or is not installed"
    return None
