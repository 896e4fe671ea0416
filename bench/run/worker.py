"""One job from start to committed record: load, fit, select on validation data, evaluate, write."""

from __future__ import annotations

import gc
import hashlib
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from bench.config import Config
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.build import Progress
from bench.job.evaluation import evaluated, kept_files
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Loaded, Prepared, prepare
from bench.job.probe import probes
from bench.job.recovery import prepare_recovery, recover
from bench.job.selection import Fitted
from bench.plan.jobs import Job, source_of
from bench.plan.probes import current_probes
from bench.plan.states import state_of
from bench.protocol import Protocol
from bench.records import artifacts
from bench.records.locks import Claim, claimed
from bench.records.record import Record, Status
from bench.records.store import Store
from bench.system import environment, hardware
from bench.system.blocks import smaller_blocks
from bench.system.files import write_atomically
from bench.system.hardware import threads
from bench.training.checkpoint import Checkpoints
from bench.training.interleave import seconds_of_own
from bench.training.loop import DivergedError

Computed = tuple[dict[str, Any], dict[str, bytes]]
"""A record's result, and the files to keep beside it."""
Compute = Callable[["_Clock"], Computed]


@dataclass(frozen=True)
class Outcome:
    """What the parent learns of a job; the results themselves are in the store."""

    job: Job
    status: str
    """"done", "failed", "elsewhere" (left to another run), or "alone" (memory ran out beside others)."""
    seconds: float
    message: str = ""


def run_job(
    job: Job,
    config: Config,
    folders: list[Path],
    store: Store,
    device: str,
    keep: list[str],
    progress: Progress | None = None,
    processes: int = 1,
    again: bool = False,
    fresh: bool = False,
    load_data: Callable[[], Loaded] | None = None,
    together: int = 1,
) -> Outcome:
    """Run a job and commit its record; a failure is a record too. Only what stops the whole run is raised.

    A job that another process holds, or has finished since it was planned, is left alone unless it is to run
    ``again``. It goes on from its checkpoints, unless it is to start ``fresh``. The device may be "auto". Where several
    run ``together``, ``load_data`` gives them the same data.
    """
    device = hardware.best_device(device)
    started = seconds_of_own()
    with claimed(store, job.name) as claim:
        if claim is None:
            return Outcome(job, "elsewhere", 0.0, "another run is at it")
        if not again and state_of(job, store).state == "done":
            store.clear_unfinished(job.name)
            return Outcome(job, "elsewhere", 0.0, "it has been done meanwhile")
        if fresh:
            store.clear_unfinished(job.name)
        else:
            store.clear_temporaries(job.name)
        checkpoints = checkpoints_of(job, store, device, config.run.checkpoint_seconds)
        place = torch.device(device)
        if job.track == "recovery":
            compute: Compute = partial(_recover, job, place, keep)
        else:
            note = _noted(claim, progress)
            load_data = load_data or partial(load, job, config, folders, device)
            compute = partial(_compute, job, load_data, place, keep, note, processes, checkpoints)
        outcome = _committed(job, store, device, keep, compute, started, together)
        if outcome.status != "alone":
            store.clear_unfinished(job.name)  # not before the record is committed
        return outcome


def checkpoints_of(job: Job, store: Store, device: str, seconds: float) -> Checkpoints:
    """A job goes on only from what equal code, data and libraries computed on the same kind of device."""
    depends_on = [job.key, str(job.name), hardware.name_of(device), environment.versions()]
    identity = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
    return Checkpoints(store.checkpoints(job.name), identity, seconds)


def _noted(claim: Claim, progress: Progress | None) -> Progress:
    def note(what: str, done: int, total: int) -> None:
        claim.note(what, done, total)
        if progress:
            progress(what, done, total)

    return note


def load(job: Job, config: Config, folders: list[Path], device: str) -> Loaded:
    """The job's data, and what its method sees of them."""
    dataset = source_of(job, config, folders).load()
    dtype = torch.float64 if job.protocol.precision == "float64" else torch.float32
    protocol = job.protocol
    return dataset, prepare(dataset, protocol.scaling, protocol.fidelity, torch.device(device), dtype)


def _committed(
    job: Job, store: Store, device: str, keep: list[str], compute: Compute, started: float, together: int
) -> Outcome:
    """Compute the job's result and write its record, or that of its failure."""
    clock = _Clock(together)
    if together == 1:
        forget_peaks(device)
    try:
        with threads(job.protocol.threads):
            result, files = compute(clock)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if together > 1 and ran_out_of_memory(error):
            return Outcome(job, "alone", seconds_of_own() - started, _message(error, job))
        message = _message(error, job)
        seconds = seconds_of_own() - started
        return commit_failure(job, store, device, seconds, type(error).__name__, message, traceback.format_exc())
    seconds = seconds_of_own() - started
    _make_way(job, store)
    stored = {}
    for kind, content in files.items():
        path = store.sidecar(job.name, kind)
        write_atomically(path, content)
        stored[kind] = path.name
    cost: dict[str, Any] = {
        "seconds": seconds,
        **clock.stages,
        "peak_memory_bytes": hardware.peak_bytes(),
        **hardware.peak_memory_of(device),
    }
    if together > 1:
        cost["together"] = together  # peaks are of all of them
    if clock.too_large:
        cost["stacks_that_did_not_fit"] = clock.too_large
    store.write(_record(job, "done", device, cost, result=result, kept=stored, asked=keep))
    return Outcome(job, "done", seconds, _chosen_in_words(result))


def forget_peaks(device: str) -> None:
    """What is measured of memory is measured from here on."""
    hardware.start_anew()
    hardware.forget_peak_memory(device)


def recorded_outcome(job: Job, store: Store) -> Outcome:
    """What the parent learns of a job from its record."""
    record = store.read(job.name)
    assert record is not None
    message = (record.failure or {}).get("message", "") or _chosen_in_words(record.result or {})
    return Outcome(job, record.status, float(record.cost.get("seconds", 0.0)), message)


def _chosen_in_words(result: dict[str, Any]) -> str:
    """Of a grid, which point was chosen; nothing where there was no choice."""
    return ", ".join(f"{name} {value}" for name, value in result.get("selected", {}).get("hyperparameters", {}).items())


def _message(error: BaseException, job: Job) -> str:
    """The failure in one sentence; where the method's own code may be at fault, what is wrong with that."""
    from bench.job.method_check import explained, first_line

    if isinstance(error, DivergedError | MemoryError | OSError | UsageError):
        return first_line(error)
    return explained(error, job.base, job.points[0])


def commit_failure(
    job: Job, store: Store, device: str, seconds: float, kind: str, message: str, trace: str = ""
) -> Outcome:
    """Record that a job failed."""
    _make_way(job, store)
    failure = {
        "type": kind,
        "message": message,
        "traceback": trace,
        "device": device,
        "peak_memory_bytes": hardware.peak_bytes(),
    }
    store.write(_record(job, "failed", device, {"seconds": seconds}, failure=failure))
    return Outcome(job, "failed", seconds, message)


def _record(
    job: Job,
    status: Status,
    device: str,
    cost: dict[str, Any],
    *,
    result: dict[str, Any] | None = None,
    failure: dict[str, Any] | None = None,
    kept: dict[str, str] | None = None,
    asked: list[str] | None = None,
) -> Record:
    return Record(
        job=job.name,
        base=job.base,
        protocol=job.protocol_name,
        key=job.key,
        status=status,
        result=result,
        failure=failure,
        cost=cost,
        environment=environment.environment(hardware.name_of(device)),
        kept=kept or {},
        asked=asked or [],
        probe=current_probes([(job.probe_request, job.key)], probes)[0] if result else None,
        track=job.track,
    )


def _make_way(job: Job, store: Store) -> None:
    """Keep a record that is about to be replaced under another name; a failure of the same job needs no keeping."""
    state = state_of(job, store)
    if state.state in ("stale", "corrupt", "done"):
        store.set_aside(job.name, "replaced" if state.state == "done" else state.state)


def _compute(
    job: Job,
    load_data: Callable[[], Loaded],
    device: torch.device,
    keep: list[str],
    progress: Progress,
    processes: int,
    checkpoints: Checkpoints,
    clock: _Clock,
) -> Computed:
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    dataset, prepared = load_data()
    clock.stop("load_seconds")
    while True:
        # Where memory runs out, smaller stacks and blocks are tried; the record says so, for float32 rounds otherwise.
        divisor = 2 ** len(clock.too_large)
        stack = max(1, job.protocol.stack // divisor)
        protocol = msgspec.structs.replace(job.protocol, stack=stack)
        try:
            with smaller_blocks(divisor):
                fitted = _fitted(job, prepared, protocol, progress, processes, checkpoints)
                clock.stop("fit_seconds")
                progress("evaluation", 0, 0)
                result, scores, chosen = evaluated(job.points, job.grid_names, fitted, prepared)
            break
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error) or stack == 1 or clock.together > 1:
                raise
            clock.too_large.append(stack)
        gc.collect()  # outside the handler, whose traceback holds the tensors
        if device.type == "cuda":
            torch.cuda.empty_cache()
    clock.stop("evaluate_seconds")
    return result, kept_files(keep, dataset, prepared, scores, fitted.cut, chosen)


def _fitted(
    job: Job, prepared: Prepared, protocol: Protocol, progress: Progress, processes: int, checkpoints: Checkpoints
) -> Fitted:
    points, seed = list(job.points), job.name.seed
    if job.gradient:
        return fit_linear(job.base, points, prepared, protocol, seed, progress, processes, checkpoints.stage)
    return fit_method(job.base, points, prepared, seed)


def ran_out_of_memory(error: BaseException) -> bool:
    """Of a GPU, or of the machine where the system refuses more, for which torch has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _recover(job: Job, device: torch.device, keep: list[str], clock: _Clock) -> Computed:
    dataset = ldl.load(job.files[0])
    clock.stop("load_seconds")
    prepared = prepare_recovery(dataset, job.protocol, device)
    result, distribution = recover(job.base, dict(job.points[0]), dataset, prepared, job.protocol, job.name.seed)
    clock.stop("fit_seconds")
    files = {}
    if "distributions" in keep:
        names = [f"label {j}" for j in range(dataset.y.shape[1])]
        files[artifacts.DISTRIBUTIONS] = artifacts.encode_distribution(
            distribution, dataset.y, names, true=dataset.degrees
        )
    return result, files


class _Clock:
    """What a job cost on its way."""

    def __init__(self, together: int) -> None:
        self.together = together
        """Jobs that share the process and its memory."""
        self.stages: dict[str, float] = {}
        self.too_large: list[int] = []
        """Stack sizes for which memory ran out."""
        self._last = seconds_of_own()

    def stop(self, stage: str) -> None:
        now = seconds_of_own()
        self.stages[stage] = now - self._last
        self._last = now
