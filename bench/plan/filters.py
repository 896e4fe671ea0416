"""Filters of records by variant, data set and seed. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from bench.dataset_name import dataset_name, plain_name
from bench.errors import UsageError, did_you_mean
from bench.records.record import Manifest

if TYPE_CHECKING:
    from bench.plan.states import JobState


@dataclass(frozen=True)
class Choice:
    """None: everything that is there."""

    variants: Sequence[str] | None = None
    datasets: Sequence[str] | None = None
    """NAME or NAME@extractor."""
    seeds: Sequence[int] | None = None


def chosen(states: list[JobState], manifest: Manifest, choice: Choice) -> tuple[list[JobState], Manifest]:
    """The records of the choice, and the folder's manifest as if nothing else had been asked for.

    Raises
    ------
    UsageError: for a name or a seed that no record and no gap has.
    """
    if choice == Choice():
        return states, manifest
    variants = {*manifest.variants, *(state.job.variant for state in states)}
    full = {*manifest.datasets, *(state.job.full_dataset for state in states)}
    names = {*full, *(name.partition("@")[0] for name in full), *manifest.missing}
    seeds = {*manifest.seeds, *(state.job.seed for state in states)}
    if choice.datasets is not None:
        given_names = [str(dataset_name(name)) for name in choice.datasets]
        choice = replace(choice, datasets=[name for given in given_names for name in _standing_for(given, names)])
    for given, there, what in ((choice.variants, variants, "variant"), (choice.datasets, names, "data set")):
        for name in given or ():
            if name not in there:
                raise UsageError(f"there is no record of the {what} {name!r}; {did_you_mean(name, sorted(there))}")
    for seed in choice.seeds or ():
        if seed not in seeds:
            raise UsageError(f"there is no record of seed {seed}; there are {', '.join(map(str, sorted(seeds)))}.")

    def takes(full_name: str) -> bool:
        return any(_in(choice.datasets, name) for name in (full_name, full_name.partition("@")[0]))

    kept = [
        state
        for state in states
        if _in(choice.variants, state.job.variant)
        and takes(state.job.full_dataset)
        and _in(choice.seeds, state.job.seed)
    ]
    asked = msgspec.structs.replace(
        manifest,
        variants=[row for row in manifest.variants if _in(choice.variants, row)],
        datasets=[name for name in manifest.datasets if takes(name)],
        seeds=[seed for seed in manifest.seeds if _in(choice.seeds, seed)],
        missing={name: how for name, how in manifest.missing.items() if takes(name)},
    )
    return kept, asked


def _standing_for(given: str, names: Iterable[str]) -> list[str]:
    """The name, or where there is no such set every set with transforms of it: ``yeast`` for its folds."""
    transformed = sorted(name for name in names if given in (dataset_name(name).base, plain_name(name)))
    return [given] if given in names or not transformed else transformed


def _in(given: Sequence | None, value: str | int) -> bool:
    return given is None or value in given
