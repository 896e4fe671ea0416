"""Runner of a plan: jobs that have to run, fan-out over processes, progress, summary, exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config import Config, RunDefaults
from bench.errors import UsageError
from bench.plan.forecast import forecasts, jobs_a_device, longest_first, total
from bench.plan.jobs import Job, Plan
from bench.plan.keys import stored_form
from bench.plan.states import JobState, describe, state_of, states_of, survey
from bench.protocol import Protocol
from bench.records.locks import abandoned, claimed, tidy
from bench.records.locks import progress_of as progress_of_job
from bench.records.record import Failure, Record
from bench.records.store import Store
from bench.running.cluster import over_cluster
from bench.running.isolation import own_process
from bench.running.manifest import refuse_other_track, settle_manifest
from bench.running.options import RunOptions
from bench.running.pool import Lost, fan_out
from bench.running.progress import Lines, progress_of, say
from bench.system.writing import WriteError
from bench.text import counted, duration

if TYPE_CHECKING:
    from bench.running.worker import JobOptions

DONE, SOME_FAILED, INTERRUPTED = 0, 1, 130


def show_plan(plan: Plan, config: Config, store: Store, options: RunOptions) -> int:
    """Print what a run would do and how long it would take."""
    refuse_other_track(plan, store)
    states = survey(plan, store, options.fresh, options.keep if options.keep_required else [])
    waiting = _waiting(plan, states, options)
    jobs = [job for job, _ in waiting]
    expected = forecasts(jobs, all_records(store, states) if jobs else [], on_gpu(options.device))
    for job, state in zip(plan.jobs, states, strict=True):
        parts = f" ({', '.join(state.parts)})" if state.parts else ""
        points = f"{len(job.points)} grid point{'s' if len(job.points) > 1 else ''}"
        forecast = expected.get(job.name)
        print(f"{state.state}{parts}\t{job.name}\t{points}" + (f"\t{duration(forecast.seconds)}" if forecast else ""))
    for absent in plan.missing:
        print(f"not here\t{absent.name}\t{absent.get}")
    print(f"{counted(len(states))}: {describe(states)}.")
    if waiting:
        workers = wanted_workers(options.jobs, jobs)
        print(f"{counted(len(jobs))} to run: {total(jobs, expected, workers).sentence(workers)}.")
    return DONE


def _waiting(plan: Plan, states: list[JobState], options: RunOptions) -> list[tuple[Job, JobState]]:
    """The jobs that a run starts."""
    wanted = {"failed"} if options.only_failed else {state.state for state in states} - {"done"}
    which, parts = options.shard
    both = list(zip(plan.jobs, states, strict=True))[which - 1 :: parts]
    return [(job, state) for job, state in both if state.state in wanted]


def all_records(store: Store, states: list[JobState]) -> list[Record]:
    """Every readable record of the folder; those that the states hold are not read again."""
    seen = {state.path for state in states}
    others = (found for path, found in store.records() if path not in seen and isinstance(found, Record))
    return [*(state.record for state in states if state.record is not None), *others]


def on_gpu(device: str) -> bool:
    """True where forecasts are for a GPU; torch, which knows what is there, takes too long to ask."""
    return device.startswith("cuda") or (device == "auto" and Path("/proc/driver/nvidia/gpus").is_dir())


def run(plan: Plan, config: Config, store: Store, options: RunOptions) -> int:
    """Run what is not done and return the exit code: 0 done, 1 some jobs failed, 130 interrupted."""
    store.check_writable()
    states = survey(plan, store, options.fresh, options.keep if options.keep_required else [])
    waiting = _waiting(plan, states, options)
    jobs = [job for job, _ in waiting]
    records = all_records(store, states) if jobs else []
    expected = forecasts(jobs, records, on_gpu(options.device))
    settle_manifest(plan, config, store, options, expected)
    for state in states:
        if state.state == "done":
            tidy(store, state.job)
    say(f"{counted(len(states))}: {describe(states)}.")
    for missing in plan.missing:
        say(f"not here: {missing.name} ({missing.get}).")
    if not plan.jobs:
        raise UsageError("none of the data sets is here, so there is nothing to run.")
    if not waiting:
        return DONE
    from bench.system.hardware import devices

    on = devices(options.device) if options.cluster is None else [options.device]
    places = _places(options, jobs, records, on)
    if options.cluster is None:
        forecast = total(jobs, expected, len(places))
        say(f"{counted(len(jobs))} to run: {forecast.sentence(len(places))}.")
    _announce(waiting)
    failures, elsewhere = [], 0
    try:
        for outcome in _outcomes(longest_first(jobs, expected), config.run, store, options, places):
            if outcome.status == "failed":
                failures.append(outcome)
            elsewhere += outcome.status == "elsewhere"
    except KeyboardInterrupt:
        left = sum(state.state != "done" for state in states_of(jobs, store))
        say(f"interrupted: {left} of {len(states)} jobs are not done; the same command goes on from here.")
        return INTERRUPTED
    except WriteError:
        for job, _ in waiting:
            if abandoned(store, job.name):  # stopped with the run
                store.clear_temporaries(job.name)
        raise
    except OSError as error:  # of processes and pipes, say; a job's own are its failure
        raise UsageError(f"the run cannot go on: {error.strerror or error}; the same command tries again.") from error
    for failed in failures:
        say(f"failed: {failed.job.name}: {failed.message} (record {store.path(failed.job.name)})")
    others = f", {elsewhere} left to another run" if elsewhere else ""
    done = len(waiting) - len(failures) - elsewhere
    say(f"{counted(done)} done, {len(failures)} failed{others}; records in {store.folder}.")
    return SOME_FAILED if failures else DONE


def _places(options: RunOptions, jobs: list[Job], records: list[Record], devices: list[str]) -> list[str]:
    """The device of each worker process. As many as ``--jobs`` says; else on GPUs what their memory allows, without
    them what the cores hold."""
    if options.jobs == 0 and devices[0] != "cpu" and options.cluster is None:
        from bench.system.hardware import device_bytes

        return devices * jobs_a_device(jobs, records, min(device_bytes(device) for device in devices))
    return list(islice(cycle(devices), wanted_workers(options.jobs, jobs)))


def _announce(waiting: list[tuple[Job, JobState]]) -> None:
    """Say what will be replaced and why; the old record stays beside the new one under another name."""
    stale = Counter(_changes(job, state) for job, state in waiting if state.state == "stale")
    for parts, count in stale.items():
        say(f"{count} stale: {', '.join(parts)} changed; they run again, the old records are set aside.")
    incomplete = sum(state.state == "incomplete" for _, state in waiting)
    if incomplete:
        say(f"{incomplete} lack what --keep asks for; they run again, the old records are set aside.")
    for _, state in waiting:
        if state.state == "corrupt":
            say(f"{state.note}; it is set aside and its job runs again.")


def _changes(job: Job, state: JobState) -> tuple[str, ...]:
    """The parts of the key that changed; of the protocol, which settings."""
    plain = stored_form(protocol=Protocol())["protocol"]
    then = state.record.key if state.record else {}
    before, now = ({**plain, **key.get("protocol", {})} for key in (then, job.key))
    settings = [f"{name} {before[name]} -> {value}" for name, value in now.items() if before[name] != value]
    return tuple(f"protocol ({', '.join(settings)})" if part == "protocol" else part for part in state.parts)


def _outcomes(
    jobs: list[Job], defaults: RunDefaults, store: Store, options: RunOptions, places: list[str]
) -> Iterator[Any]:
    from bench.running.worker import JobOptions, Outcome, commit_failure, recorded_outcome, run_job, run_on

    store = Store(store.folder.absolute())  # whatever folder a method changes to
    before = {job.name: _written(store.path(job.name)) for job in jobs}

    def done(job: Job) -> Any | None:
        """The outcome of a job whose record was written since the run began."""
        if _written(store.path(job.name)) != before[job.name] and state_of(job, store).state == "done":
            tidy(store, job.name)
            return recorded_outcome(job, store)
        return None

    def lost(job: Job, seconds: float, message: str) -> Any:
        """The outcome of a job without one: its failure, unless its record is there, or another run is at it."""
        with claimed(store, job.name) as claim:
            if claim is None or (found := done(job)) is not None:
                return found if claim else Outcome(job, "elsewhere", seconds, "another run is at it")
            return commit_failure(job, store, Failure("WorkerLost", message, device=places[0]), seconds)

    settings = JobOptions(
        device=options.device if options.cluster else places[0],
        keep=options.keep,
        checkpoint_seconds=defaults.checkpoint_seconds,
        checkpoint_bytes=defaults.checkpoint_gib * 2**30,
        again=options.fresh or options.keep_required,
        fresh=options.fresh,
    )
    with progress_of(len(jobs)) as progress:
        # With one grid for several cores, its stacks are spread over them.
        shipped = not any(map(own_process, jobs))
        spread = len(jobs) == 1 and jobs[0].gradient and len(jobs[0].points) > jobs[0].protocol.stack
        if options.cluster is not None:
            remote = partial(run_job, store=store, options=settings)
            found: Iterator[Any] = over_cluster(jobs, remote, options.cluster, store, progress.say)
        elif (len(places) == 1 or spread) and options.timeout is None and shipped:
            found = _in_this_process(jobs, store, replace(settings, processes=len(places)), progress)
        else:
            spreading = replace(settings, processes=len(places) if spread else 1)
            call = partial(run_on, store=store, options=spreading)
            look = partial(progress.look, lambda job: progress_of_job(store, job.name))
            found = fan_out(jobs, call, places, options.timeout, progress.say, progress.start, done, look)
        for outcome in found:
            if isinstance(outcome, Lost):
                outcome = lost(outcome.job, outcome.seconds, outcome.message)
            progress.finish(outcome)
            yield outcome


def _written(path: Path) -> tuple[int, int] | None:
    """Stamp of a file that any writing of it changes, whatever the clocks say; None without one."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def _in_this_process(jobs: list[Job], store: Store, options: JobOptions, progress: Lines) -> Iterator[Any]:
    from bench.running.worker import run_job

    for job in jobs:
        progress.start(job)
        yield run_job(job, store, options, progress.epoch)


def wanted_workers(wanted: int, jobs: list[Job]) -> int:
    """0 means as many as the cores hold."""
    if wanted > 0:
        return wanted
    from joblib import cpu_count

    return max(1, cpu_count() // max(job.protocol.threads for job in jobs))
