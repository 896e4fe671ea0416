"""Jobs that one process runs together: gradient-trained ones on the same data, a step each in turn
(``bench.training.interleave``). Imports no torch before they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config import Config
from bench.plan.jobs import Job

if TYPE_CHECKING:
    from bench.job.inputs import Loaded
    from bench.run.worker import Outcome

Bundle = tuple[Job, ...]


def bundled(jobs: Iterable[Job], size: int) -> list[Bundle]:
    """The jobs in their order, each with up to ``size`` - 1 later ones that see the same data as it does."""
    bundles: list[list[Job]] = []
    for job in jobs:
        found = next((bundle for bundle in bundles if len(bundle) < size and _see_the_same(bundle[0], job)), None)
        if found is None:
            bundles.append([job])
        else:
            found.append(job)
    return [tuple(bundle) for bundle in bundles]


def _see_the_same(one: Job, other: Job) -> bool:
    """Equal rows, scaled and rounded alike, and both trained in steps."""
    if not (one.gradient and other.gradient and one.track == other.track == "classification"):
        return False
    return one.name.full_dataset == other.name.full_dataset and all(
        getattr(one.protocol, setting) == getattr(other.protocol, setting)
        for setting in ("scaling", "fidelity", "precision", "threads")
    )


def run_bundle(
    jobs: Bundle, run: Callable[..., Outcome], config: Config, folders: list[Path], *, device: str
) -> Sequence[Outcome]:
    """What ``run(job, device=device)`` returns for each job; several are run in turns, on data loaded once.

    A job for which memory ran out beside the others runs once more when they are done.
    """
    if len(jobs) == 1:
        return [run(jobs[0], device=device)]
    from bench.run.worker import forget_peaks, load
    from bench.system import hardware
    from bench.system.hardware import threads
    from bench.training.interleave import in_turns

    device = hardware.best_device(device)

    @cache
    def load_once() -> Loaded:
        found = load(jobs[0], config, folders, device)
        hardware.wait_for(device)  # other streams than the one it was loaded on read it
        return found

    def run_one(number: int, job: Job) -> Outcome:
        with hardware.own_stream(device, number):
            return run(job, device=device, load_data=load_once, together=len(jobs))

    forget_peaks(device)
    with threads(jobs[0].protocol.threads):
        outcomes = in_turns([partial(run_one, number, job) for number, job in enumerate(jobs)])
    return [one if one.status != "alone" else run(one.job, device=device) for one in outcomes]
