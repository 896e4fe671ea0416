"""Identity of what ran: arrays that a worker loaded and modules that it imported, compared with the key of its job.

A key is made when a run is planned. Data that are replaced and methods that are edited while the run is on would else
give records that have the key of one and the numbers of the other.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Protocol

from bench import methods
from bench.errors import UsageError
from bench.job.inputs import Prepared
from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.plan import digests
from bench.plan.jobs import Job
from bench.plan.tracks import TRACKS
from bench.records.record import TrackName
from bench.records.store import Store
from bench.system import reading


class ChangedError(UsageError):
    """Data or code that are not those of the job's key any more."""


class Digestible(Protocol):
    """A loaded data set."""

    def digest(self) -> str: ...


def check_data(job: Job, dataset: Digestible) -> None:
    """Compare the arrays that were loaded with the job's key.

    Raises
    ------
    ChangedError: where they differ.
    """
    if dataset.digest()[: digests.DIGEST_LENGTH] != job.key["data"]:
        raise ChangedError(
            f"{job.source.files[0]} was replaced while the run was on: its data are not those that the run was planned "
            "for; start the run again."
        )


def check_unwritten(job: Job, prepared: Prepared, writes: list[int]) -> None:
    """See that nothing has been written to a job's tensors since their ``writes`` were counted.

    Raises
    ------
    ChangedError: otherwise; what is evaluated, or what other jobs see, is not the data set any more.
    """
    if prepared.writes() != writes:
        raise ChangedError(
            f"{job.base} changes the features or labels that it is given in place; change a copy of them."
        )


def check_code(job: Job, store: Store) -> None:
    """Import the job's method, compare the code that was imported with the job's key, and store the method's source.

    Raises
    ------
    ChangedError: where they differ.
    """
    parts, source = _imported(job.track, job.base, TRACKS[job.track].method_info(job.base).file)
    if changed := [name for name, digest in parts.items() if digest != job.key[name]]:
        raise ChangedError(
            f"the code of {job.base} was edited while the run was on ({', '.join(changed)}): it is not what the run "
            "was planned for; start the run again."
        )
    if source is not None:
        store.keep_source(parts["method"].split()[0], source)


@cache
def _imported(track: TrackName, base: str, file: Path | None) -> tuple[dict[str, Any], bytes | None]:
    """Parts of the key of the code that this process imported for a method, and the source of the method's file."""
    known, program = TRACKS[track], _program()
    info = known.method_info(base)
    before = _on_disk(track, base)
    if base not in TRIVIAL_BASELINES:
        methods.method_class(base)
    source = reading.content(file) if file else None
    after = _on_disk(track, base)
    if before != after:
        raise ChangedError(f"the code of {base} was edited while it was imported; start the run again.")
    # The loop was imported before the first job, whatever became of its files later.
    return after | {"loop": program[known.loop(info)], "metrics": program[known.metrics]}, source


def _on_disk(track: TrackName, base: str) -> dict[str, Any]:
    digests.forget_sources()
    return TRACKS[track].code(TRACKS[track].method_info(base))


@cache
def _program() -> dict[str, str]:
    """{module: its digest} of the loops and the metrics, which a worker imports before its first job."""
    digests.forget_sources()
    every = methods.infos().values()
    modules = {module for track in TRACKS.values() for module in (track.metrics, *map(track.loop, every))}
    return {module: digests.code_digest(module) for module in modules}
