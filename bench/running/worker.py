"""Worker: one job from start to committed record (load, fit, evaluate, commit)."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
import torch
from msgspec import UNSET, UnsetType
from msgspec.structs import replace as replace_struct

from bench import methods
from bench.datasets.readers.ldl import DistributionSet
from bench.job.build import Progress, stack_size
from bench.job.evaluation import artifacts_of, evaluated, further, kept_scores
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import prepare
from bench.job.method_check import explained
from bench.job.probe import probes
from bench.job.recovery import prepare_recovery, recover
from bench.job.selection import Fitted
from bench.plan.jobs import Job
from bench.plan.keys import metric_digests
from bench.plan.probes import current_probes
from bench.plan.states import state_of
from bench.records.artifacts import DISTRIBUTIONS, encode_distribution
from bench.records.locks import Claim, claimed
from bench.records.record import (
    Cost,
    Decisions,
    Failure,
    Further,
    Probe,
    Record,
    RecoveryResult,
    Result,
    Status,
    artifact_name,
    as_json,
)
from bench.records.store import Store
from bench.running.identity import check_code, check_data, check_unwritten
from bench.scored.decide import decisions_of
from bench.system import environment, hardware, reading
from bench.system.hardware import threads
from bench.system.writing import WriteError, write
from bench.text import shown
from bench.training.checkpoint import Checkpoints

LONGEST_MESSAGE = 2000
"""Characters of a failure's message."""


@dataclass(frozen=True)
class JobOptions:
    """Options of a run that its jobs need."""

    device: str
    """auto, cpu, cuda or cuda:N."""
    keep: list[str]
    """Artifacts to store beside each record."""
    checkpoint_seconds: float
    again: bool = False
    """Also what is done already."""
    fresh: bool = False
    """From the start, not from checkpoints."""
    processes: int = 1
    """Processes that one grid's stacks may be spread over."""
    checkpoint_bytes: float = math.inf
    """Of the largest checkpoint that is written."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a job as the parent process learns it; the results themselves are in the store."""

    job: Job
    status: str
    """"done", "failed" or "elsewhere" (left to another run)."""
    seconds: float
    message: str = ""


def run_on(job: Job, store: Store, options: JobOptions, *, device: str) -> Outcome:
    """:func:`run_job` on the device of a worker process."""
    return run_job(job, store, replace(options, device=device))


def run_job(job: Job, store: Store, options: JobOptions, progress: Progress | None = None) -> Outcome:
    """Run a job and commit its record; a failure is a record too. Only what stops the whole run is raised.

    A job that another process holds, or has finished since it was planned, is left alone unless it is to run again.
    """
    options = replace(options, device=hardware.best_device(options.device))
    with claimed(store, job.name) as claim:
        if claim is None:
            return Outcome(job, "elsewhere", 0.0, "another run is at it")
        if not options.again and state_of(job, store).state == "done":
            store.clear_unfinished(job.name)
            return Outcome(job, "elsewhere", 0.0, "it has been done meanwhile")
        if options.fresh:
            store.clear_unfinished(job.name)
        else:
            store.clear_temporaries(job.name)
        outcome = RUNS[job.track](job, store, options, _noted(claim, progress)).outcome()
        store.clear_unfinished(job.name)  # not before the record is committed
        return outcome


def can_be_interrupted() -> bool:
    """True where a KeyboardInterrupt may be Ctrl-C's; workers leave that to the run, and threads never see it."""
    listens = signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None)
    return listens and threading.current_thread() is threading.main_thread()


@contextmanager
def _warnings_named(job: Job) -> Iterator[None]:
    """Warnings of a job as lines on standard error that name it, since others may run beside it."""

    def show(message: Warning | str, *place: object) -> None:
        print(shown(f"{job.name}: {message}"), file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _noted(claim: Claim, progress: Progress | None) -> Progress:
    def note(what: str, done: int, total: int) -> None:
        claim.note(what, done, total)
        if progress:
            progress(what, done, total)

    return note


class JobRun:
    """A job of the classification track from inputs to a committed record: load, fit, evaluate, commit."""

    def __init__(self, job: Job, store: Store, options: JobOptions, progress: Progress) -> None:
        self.job, self.store, self.options, self.progress = job, store, options, progress
        self.started = self.last = time.perf_counter()
        self.stages: dict[str, float] = {}
        self.too_large: list[int] = []
        """Stack sizes for which memory ran out."""
        self.result: Result | None = None
        self.recovered: RecoveryResult | None = None
        self.further: Further | UnsetType = UNSET
        self.artifacts: dict[str, bytes] = {}
        self.probe: Probe | None = None
        self.decisions: Decisions | UnsetType = UNSET

    def outcome(self) -> Outcome:
        """Compute the result and commit its record, or that of the failure."""
        hardware.start_anew()
        hardware.forget_peak_memory(self.options.device)
        interrupted_by_hand = can_be_interrupted()
        try:
            with threads(self.job.protocol.threads):
                self.attempt()
        except WriteError:
            raise
        except BaseException as error:  # sys.exit too: a method's harm is its own job's
            if isinstance(error, KeyboardInterrupt) and interrupted_by_hand:
                raise
            message = _message(error, self.job)
            failure = Failure(type(error).__name__, message, traceback.format_exc(), self.options.device)
            return commit_failure(self.job, self.store, failure, time.perf_counter() - self.started)
        return self.commit()

    def attempt(self) -> None:
        """Compute everything that the record will hold."""
        process = os.getpid()
        try:
            check_code(self.job, self.store)
            with _warnings_named(self.job):
                self.compute()
            with warnings.catch_warnings(action="ignore"):  # of the fixed problem, not of this job
                self.probe = current_probes([(self.job.probe_request, self.job.key)], probes)[0]
        finally:
            if os.getpid() != process:  # a copy of this process, which the method forked; it is no worker
                os._exit(1)

    def compute(self) -> None:
        """Load, fit and evaluate; where memory runs out, with smaller stacks."""
        if self.options.device != "cpu":
            torch.use_deterministic_algorithms(True, warn_only=True)
        self.load()
        whole = self.largest_stack()
        while True:
            stack = max(1, whole // 2 ** len(self.too_large))
            try:
                self.evaluate(self.fit(stack))
                break
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error) or stack == 1:
                    raise
                self.too_large.append(stack)
            gc.collect()  # outside the handler, whose traceback holds the tensors
            hardware.empty_cache(self.options.device)
        check_unwritten(self.job, self.prepared, self.writes)
        if reading.stamps(self.job.source.files) != self.before:
            check_data(self.job, self.dataset)

    def load(self) -> None:
        """Load the data, and prepare what the method sees of them.

        Raises
        ------
        ChangedError: where they are not those of the job's key.
        """
        job, protocol = self.job, self.job.protocol
        self.before = reading.stamps(job.source.files)
        self.dataset = job.source.load()
        check_data(job, self.dataset)
        device = torch.device(self.options.device)
        dtype = torch.float64 if protocol.precision == "float64" else torch.float32
        self.prepared = prepare(self.dataset, protocol.scaling, protocol.fidelity, device, dtype)
        self.writes = self.prepared.writes()
        self.stop("load_seconds")

    def largest_stack(self) -> int:
        """Grid points that are trained together at most."""
        job, points = self.job, list(self.job.points)
        if job.gradient:
            return stack_size(job.base, points, self.prepared, job.protocol, job.name.seed)
        return min(job.protocol.stack, len(points))

    def fit(self, stack: int) -> Fitted:
        job, protocol = self.job, msgspec.structs.replace(self.job.protocol, stack=stack)
        points, seed = list(job.points), job.name.seed
        if job.gradient:
            checkpoints = checkpoints_of(job, self.store, self.options)
            fitted = fit_linear(
                job.base,
                points,
                self.prepared,
                protocol,
                seed,
                self.progress,
                self.options.processes,
                checkpoints.of,
                training=job.training,
                backbone=job.backbone,
                classifier_alone=not {"model", "distributions"} & set(self.options.keep),
            )
        else:
            fitted = fit_method(job.base, points, self.prepared, seed, protocol.criteria)
        self.stop("fit_seconds")
        return fitted

    def evaluate(self, fitted: Fitted) -> None:
        self.progress("evaluation", 0, 0)
        self.result, scores, chosen = evaluated(self.job.described_points, self.job.grid_names, fitted, self.prepared)
        self.further = further(self.result, self.prepared, scores["test"], chosen.threshold, metric_digests())
        kept = kept_scores(self.dataset, scores, chosen.threshold)
        self.decisions = decisions_of(kept)
        self.stop("evaluate_seconds")
        self.artifacts = artifacts_of(self.options.keep, self.dataset, self.prepared, kept, chosen)

    def commit(self) -> Outcome:
        """Write the artifacts, then the record."""
        seconds = time.perf_counter() - self.started
        make_way(self.job, self.store)
        for kind, content in self.artifacts.items():
            write(self.store.sidecar(self.job.name, kind), content)
        cost = Cost(
            seconds=seconds,
            peak_memory_bytes=hardware.peak_bytes(),
            peak_device_bytes=hardware.peak_device_bytes(self.options.device),
            stacks_that_did_not_fit=self.too_large,
            **self.stages,
        )
        record = replace_struct(
            record_of(self.job, "done", cost, self.options.device),
            result=self.result,
            recovered=self.recovered,
            further=self.further,
            artifacts={kind: artifact_name(self.job.name.seed, kind) for kind in self.artifacts},
            artifact_sha256={kind: hashlib.sha256(content).hexdigest() for kind, content in self.artifacts.items()},
            asked=self.options.keep,
            probe_json=as_json(self.probe),
            decisions_json=as_json(self.decisions),
        )
        self.store.write(record)
        return Outcome(self.job, "done", seconds, _chosen_in_words(self.result))

    def stop(self, stage: str) -> None:
        """Note the seconds since the last stage's end."""
        now = time.perf_counter()
        self.stages[stage] = now - self.last
        self.last = now


class RecoveryRun(JobRun):
    """A job of the recovery track: one fit, whose recovered label distribution is measured against the true one."""

    def compute(self) -> None:
        job, device = self.job, torch.device(self.options.device)
        dataset = job.source.load()
        assert isinstance(dataset, DistributionSet)
        check_data(job, dataset)
        self.stop("load_seconds")
        prepared = prepare_recovery(dataset, job.protocol, device)
        writes = prepared.writes()
        self.recovered, distribution = recover(
            job.base,
            dict(job.points[0]),
            dataset,
            prepared,
            job.protocol,
            job.name.seed,
            job.normalisation,
            job.backbone,
        )
        check_unwritten(job, prepared, writes)
        self.stop("fit_seconds")
        if "distributions" in self.options.keep:
            names = [f"label {j}" for j in range(dataset.y.shape[1])]
            self.artifacts[DISTRIBUTIONS] = encode_distribution(distribution, dataset.y, names, true=dataset.degrees)


RUNS: dict[str, type[JobRun]] = {"classification": JobRun, "recovery": RecoveryRun}


def checkpoints_of(job: Job, store: Store, options: JobOptions) -> Checkpoints:
    """A job goes on only from what equal code, data and libraries computed on the same kind of device."""
    depends_on = [job.key, str(job.name), hardware.name_of(options.device), environment.versions()]
    identity = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
    return Checkpoints(store.checkpoints(job.name), identity, options.checkpoint_seconds, options.checkpoint_bytes)


def recorded_outcome(job: Job, store: Store) -> Outcome:
    """Outcome of a job, from its record."""
    record = store.read(job.name)
    assert record is not None
    return Outcome(job, record.status, record.cost.seconds, record.problem or _chosen_in_words(record.result))


def _chosen_in_words(result: Result | None) -> str:
    """The chosen grid point; nothing where there was no choice."""
    chosen = result.selected.hyperparameters if result else {}
    return ", ".join(f"{name} {value}" for name, value in chosen.items())


def _message(error: BaseException, job: Job) -> str:
    """The failure in one sentence; where the method's own code may be at fault, what is wrong with that."""
    return explained(error, job.base, job.points[0])[:LONGEST_MESSAGE]


def commit_failure(job: Job, store: Store, failure: Failure, seconds: float) -> Outcome:
    """Record that a job failed."""
    make_way(job, store)
    # Names of files may hold bytes that are no UTF-8, which JSON does not take.
    message, traced = (one.encode(errors="backslashreplace").decode() for one in (failure.message, failure.traceback))
    failure = replace_struct(failure, message=message, traceback=traced, peak_memory_bytes=hardware.peak_bytes())
    record = record_of(job, "failed", Cost(seconds=seconds), failure.device)
    store.write(replace_struct(record, failure=failure))
    return Outcome(job, "failed", seconds, failure.message)


def record_of(job: Job, status: Status, cost: Cost, device: str) -> Record:
    """A job's record without what it computed."""
    return Record(
        job=job.name,
        base=job.base,
        protocol=job.source.protocol,
        key=job.key,
        status=status,
        cost=cost,
        environment=environment.environment(hardware.name_of(device), methods.folders()),
        track=job.track,
    )


def make_way(job: Job, store: Store) -> None:
    """Keep a record that is about to be replaced under another name; a failure of the same job needs no keeping."""
    state = state_of(job, store)
    if state.state in ("stale", "corrupt", "done"):
        store.set_aside(job.name, "replaced" if state.state == "done" else state.state)


def ran_out_of_memory(error: BaseException) -> bool:
    """Of a GPU, or of the machine where the system refuses more, for which torch has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
