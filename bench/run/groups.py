"""Groups of jobs that one process runs together: gradient-trained ones on the same data, a step each in turn
(``bench.training.interleave``). Imports no torch before they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from bench import methods
from bench.backbones import BACKBONES
from bench.config import LINEAR, Backbone
from bench.plan.jobs import Job
from bench.records.store import Store

if TYPE_CHECKING:
    from bench.job.inputs import Loaded
    from bench.run.worker import JobOptions, Outcome

Bundle = tuple[Job, ...]
SHIPPED = {
    "balanced_softmax", "bce", "class_balanced", "distribution_balanced", "flem", "focal", "fuzzy_clustering",
    "glle", "kernel_membership", "label_propagation", "levi", "manifold_learning", "mlknn", "rakel",
    "rebalanced_focal", "valen",
}  # fmt: skip
"""Files of ``methods/`` that come with the harness; others have a process of their own."""


def is_shipped(base: str) -> bool:
    """True of a method that comes with the harness, or a trivial baseline."""
    info = methods.infos().get(base)
    return info is None or (info.origin == "built-in" and info.file is not None and info.file.stem in SHIPPED)


def _ships_with(backbone: Backbone) -> bool:
    return backbone == LINEAR or BACKBONES.component(backbone.name).built_in


def own_process(bundle: Bundle) -> bool:
    """True of jobs whose process is not to run others: foreign code may leave global settings changed, or end it."""
    return not all(is_shipped(job.base) and _ships_with(job.backbone) for job in bundle)


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
    """Equal rows, scaled and rounded alike, and both trained in steps, by methods that may share a process."""
    if one.base != other.base and own_process((one, other)):
        return False
    if not (one.gradient and other.gradient and one.track == other.track == "classification"):
        return False
    return one.name.full_dataset == other.name.full_dataset and all(
        getattr(one.protocol, setting) == getattr(other.protocol, setting)
        for setting in ("scaling", "fidelity", "precision", "threads")
    )


def run_bundle(jobs: Bundle, store: Store, options: JobOptions, *, device: str) -> Sequence[Outcome]:
    """The outcome of each job on the device; several are run in turns, on data loaded once.

    A job for which memory ran out beside the others runs once more when they are done.
    """
    from bench.run.worker import forget_peaks, load, run_job

    if len(jobs) == 1:
        return [run_job(jobs[0], store, replace(options, device=device))]
    from bench.system import hardware
    from bench.system.hardware import threads
    from bench.training.interleave import in_turns

    device = hardware.best_device(device)
    alone = replace(options, device=device)

    @cache
    def load_once() -> Loaded:
        found = load(jobs[0], device)
        hardware.wait_for(device)  # other streams than the one it was loaded on read it
        return found

    def run_one(number: int, job: Job) -> Outcome:
        with hardware.own_stream(device, number):
            return run_job(job, store, replace(alone, together=len(jobs)), load_data=load_once)

    forget_peaks(device)
    with threads(jobs[0].protocol.threads):
        outcomes = in_turns([partial(run_one, number, job) for number, job in enumerate(jobs)])
    return [one if one.status != "alone" else run_job(one.job, store, alone) for one in outcomes]
