"""One's own records among the committed ones: which of a job counts, and what has to be said. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bench.plan.states import JobState
from bench.records.record import JobName


@dataclass(frozen=True)
class Among:
    """Records of both origins, those of a cell (a variant on a data set) of one: one's own where any of it is current,
    else the committed ones."""

    states: list[JobState]
    own: frozenset[JobName]
    """Jobs whose own record is shown."""
    replaced: frozenset[JobName]
    """Of these, the jobs of cells that are committed, too."""
    passed_over: dict[JobName, str]
    """{job whose own record is not current, so that the committed one is shown: why}."""
    own_rows: list[str]
    """Variants that only one's own records are of."""

    def notes(self, shown: Sequence[JobState], folder: str) -> list[str]:
        """Sentences on the records that are shown; ``folder``: that of one's own."""
        mine = [state for state in shown if state.job in self.own]
        others = [state for state in shown if state.job not in self.own]
        if not mine:
            return [f"None of these records is of {folder}."]
        rows = {state.job.variant: None for state in mine if state.job.variant in self.own_rows}
        notes = [f"Rows of your own ({folder}): {', '.join(rows)}; the others are the reference's."] if rows else []
        if taken := [state.job for state in mine if state.job in self.replaced]:
            notes.append(f"Your own in place of the reference's: {cells(taken)}.")
        if added := [state.job for state in mine if state.job not in self.replaced and state.job.variant not in rows]:
            notes.append(f"Your own, which the reference has not: {cells(added)}.")
        if kept := {
            job: why
            for job, why in self.passed_over.items()
            if (job.variant, job.full_dataset) in {_cell(one) for one in others}
        }:
            reasons = "; ".join(dict.fromkeys(kept.values()))
            notes.append(f"The reference's in place of your own, which are not current ({reasons}): {cells(kept)}.")
        return notes + _seeds(mine, others) + _processors(mine, others)


def among(own: Sequence[JobState], reference: Sequence[JobState]) -> Among:
    """Join one's own records with the committed ones.

    No cell is a mean over both: seeds, protocols and processors may differ. A committed record of a data set that has
    other arrays than one's own of the same name is stale: the two cannot stand in one column.
    """
    committed = {_cell(state) for state in reference}
    current = {_cell(state) for state in own if state.state == "done"}
    mine = [state for state in own if _cell(state) in current or _cell(state) not in committed]
    jobs = frozenset(state.job for state in mine)
    arrays: dict[str, set[str]] = {}
    for state in mine:
        if state.state == "done" and state.record is not None:
            arrays.setdefault(state.job.full_dataset, set()).add(str(state.record.key.get("data")))
    theirs = [_of_other_arrays(state, arrays) for state in reference if _cell(state) not in current]
    rows = {state.job.variant for state in reference}
    return Among(
        [*mine, *theirs],
        jobs,
        frozenset(state.job for state in mine if _cell(state) in committed),
        {state.job: state.note or state.state for state in own if state.job not in jobs},
        list(dict.fromkeys(state.job.variant for state in mine if state.job.variant not in rows)),
    )


def _cell(state: JobState) -> tuple[str, str]:
    return state.job.variant, state.job.full_dataset


def _of_other_arrays(state: JobState, arrays: dict[str, set[str]]) -> JobState:
    own = arrays.get(state.job.full_dataset)
    if state.state != "done" or state.record is None or not own or str(state.record.key.get("data")) in own:
        return state
    return replace(state, state="stale", note="its data are not those of your own records", parts=("data",))


def cells(jobs: Iterable[JobName]) -> str:
    """Jobs as rows on data sets, with their seeds."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for job in jobs:
        seeds.setdefault((job.variant, job.dataset), []).append(job.seed)
    said = [
        f"{variant} on {dataset} ({'seed' if len(of) == 1 else 'seeds'} {', '.join(map(str, sorted(of)))})"
        for (variant, dataset), of in seeds.items()
    ]
    return ", ".join(said[:8]) + (f" and {len(said) - 8} more" if len(said) > 8 else "")


def _seeds(mine: Sequence[JobState], others: Sequence[JobState]) -> list[str]:
    """The data sets on which rows of the two origins are means over different seeds."""
    differing: dict[tuple[str, str], dict[str, None]] = {}
    for name in dict.fromkeys(state.job.full_dataset for state in mine):
        ours, theirs = (
            sorted({state.job.seed for state in states if state.job.full_dataset == name and state.state == "done"})
            for states in (mine, others)
        )
        if ours and theirs and ours != theirs:
            said = ", ".join(map(str, ours)), ", ".join(map(str, theirs))
            differing.setdefault(said, {})[name.partition("@")[0]] = None
    return [
        f"Not over the same seeds: yours {ours}, the reference's {theirs} ({', '.join(names)})."
        for (ours, theirs), names in differing.items()
    ]


def _processors(mine: Sequence[JobState], others: Sequence[JobState]) -> list[str]:
    ours, theirs = (
        {str(state.record.environment.get("processor")): None for state in states if state.record}
        for states in (mine, others)
    )
    if not theirs or set(ours) <= set(theirs):
        return []
    return [
        f"Yours were computed on {', '.join(ours)}, the reference's on {', '.join(theirs)}: rounding alone moves some "
        "methods (docs/results/seeds.md)."
    ]
