"""Trainings that may have been cut short, from records: the kept epoch is among the last. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from msgspec import UNSET

from bench.records.record import GridPoint, JobName, Record

LAST_PERCENT = 5
"""Of a training's epochs: one that keeps a snapshot of so late an epoch might have found a better one later."""
SHOWN = 3
"""Improvements of a validation curve."""


@dataclass(frozen=True)
class Kept:
    """The epoch that a job kept of its chosen grid point."""

    job: JobName
    epoch: int
    epochs: int
    """Epochs that the training might last."""
    point: GridPoint
    """The chosen one."""

    @property
    def improvements(self) -> list[tuple[int, float]] | None:
        """(epoch, by how much the lowest validation Hamming loss fell) of the last improvements up to the kept epoch;
        None where the record is packed, and so has no curve."""
        curves = self.point.curves
        return None if curves is UNSET else improvements_of(curves.hamming[: self.epoch])

    @property
    def is_late(self) -> bool:
        """True where the epoch is among the last ones."""
        return 100 * (self.epochs - self.epoch) < LAST_PERCENT * self.epochs


def kept_epochs(records: Iterable[Record]) -> list[Kept]:
    """The kept epochs of all jobs that are trained in epochs and selected on validation data."""
    found = []
    for record in records:
        result = record.result
        if result is None or result.selected.epoch is None or result.selected.point is None:
            continue
        point = result.grid[result.selected.point]
        epochs = result.epochs if point.epochs is UNSET else point.epochs
        if isinstance(epochs, int):
            found.append(Kept(record.job, result.selected.epoch, epochs, point))
    return found


def improvements_of(curve: list[float]) -> list[tuple[int, float]]:
    """(epoch, how much lower than all before) of the last epochs that improved on a curve; the first epoch is none."""
    lowest = list(accumulate(curve, min))
    falls = [(epoch, before - now) for epoch, (before, now) in enumerate(pairwise(lowest), start=2)]
    return [(epoch, fall) for epoch, fall in falls if fall > 0][-SHOWN:]


def cut_short_note(records: Iterable[Record]) -> list[str]:
    """A sentence where jobs kept one of their last epochs."""
    kept = kept_epochs(records)
    late = sum(one.is_late for one in kept)
    if not late:
        return []
    jobs = f"{late} of {len(kept)} jobs" if len(kept) > 1 else "the one job"
    return [
        f"The kept epoch is among the last {LAST_PERCENT} % in {jobs}: training may have been cut short "
        "(`python -m bench converged` lists them)."
    ]
