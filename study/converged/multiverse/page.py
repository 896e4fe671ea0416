"""The multiverse as a part of the page: what was varied, two tables and a few sentences, all from records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace as struct_with

from bench.dataset_name import dataset_name
from bench.records.record import Record
from bench.text import Grid, as_text, counted, named
from study.converged import parts
from study.converged.multiverse.measures import (
    Movement,
    Standing,
    movements,
    of_run,
    standings,
    without_copies,
)
from study.converged.multiverse.universes import DECLARED, SEARCHING, SEED, Multiverse, multiverse, two_runs

IN_BOTH = ["BCE", "FLEM-D"]
"""Methods whose sets a run of the paper's protocol and the converged one are compared on."""
CHOSEN = "Choices of a protocol"
AGAIN = "The paper's protocol, the same jobs again"
LONGER = "Another protocol in place of the paper's"
DECAYED = "The study's first settings in place of these"
FEWEST = 3
"""Methods of which a ranking is told in a sentence."""
SELDOM = 0.01
"""Share of universes below which a method is seldom first."""


@dataclass(frozen=True)
class Study:
    """Universes of the converged records, and what else moves a ranking."""

    every: Multiverse
    searching: Multiverse
    """Those universes in which every method searches its whole grid, or points of it."""
    standings: list[Standing]
    """Of the latter."""
    movements: dict[str, list[Movement]]
    """{group: its choices, the one that moves a ranking most first}."""


def study(
    converged: Iterable[Record],
    decayed: Sequence[Record],
    reference: Iterable[Record],
    elsewhere: Mapping[str, Iterable[Record]],
) -> Study:
    """The multiverse of the converged records, on the sets that every method is run on.

    Parameters
    ----------
    decayed: records of the same protocol whose methods search AdamW's weight decay in place of an L2 penalty.
    reference: records of the paper's protocol.
    elsewhere: {another processor: records of some of the reference's jobs on it}.

    Raises
    ------
    UsageError: where the converged records have no two methods to compare.
    """
    converged = [record for record in converged if dataset_name(record.job.dataset).base in parts.MAIN]
    reference = list(reference)
    every = multiverse(converged, parts.CORE)
    searching = multiverse(converged, parts.CORE, within=SEARCHING)
    once = multiverse(converged, parts.CORE, without_copies(every.methods), SEARCHING)
    groups = {
        CHOSEN: movements(every),
        AGAIN: again(reference, elsewhere),
        LONGER: longer(reference, converged, decayed),
        DECAYED: otherwise_regularised(converged, decayed),
    }
    ordered = {group: sorted(found, key=lambda one: -one.swaps) for group, found in groups.items() if found}
    return Study(every, searching, standings(searching, once), ordered)


def again(reference: Sequence[Record], elsewhere: Mapping[str, Iterable[Record]]) -> list[Movement]:
    """Movements by another seed, and by each other processor, where there are jobs to compare."""
    runs: dict[str, Mapping[str, Iterable[Record]]] = {
        "another seed": {f"seed {seed}": _of_seed(reference, seed) for seed in (0, 1)},
        **{name: {"reference": reference, name: records} for name, records in elsewhere.items()},
    }
    found = [two_runs(name, of_both, IN_BOTH, DECLARED) for name, of_both in runs.items()]
    return [of_run(one) for one in found if one]


def _of_seed(records: Iterable[Record], seed: int) -> list[Record]:
    """A seed's records, as if they were of the first one: the same jobs."""
    return [struct_with(record, job=struct_with(record.job, seed=0)) for record in records if record.job.seed == seed]


def longer(reference: Sequence[Record], converged: Sequence[Record], decayed: Sequence[Record]) -> list[Movement]:
    """Movements by the converged protocol's steps alone, at the grid points that the run with AdamW's decay shares with
    the paper's, on sets that both scale alike; and by the whole of it."""
    runs = {"paper's": reference, "longer": decayed}
    steps = two_runs("3000 steps", runs, IN_BOTH[:1], DECLARED, same_points=True, alike=("scaling",))
    whole = two_runs("converged and tuned", {"paper's": reference, "converged": converged}, IN_BOTH, DECLARED)
    return [of_run(one) for one in (steps, whole) if one]


def otherwise_regularised(converged: Sequence[Record], decayed: Sequence[Record]) -> list[Movement]:
    """Movement by searching AdamW's weight decay in place of an L2 penalty, with smaller rates and fewer steps."""
    runs = {"L2 penalty": converged, "weight decay": decayed}
    found = two_runs("decay, fewer steps", runs, parts.CORE, DECLARED)
    return [of_run(found)] if found else []


def varied(found: Study) -> str:
    """Table of the choices and their levels, and sentences on what takes part and what is left out."""
    of_choice = {one.choice: one for one in found.movements[CHOSEN]}
    lines = [
        [choice.name, "; ".join(of_choice[choice.name].levels)]
        for choice in found.every.choices
        if choice.name in of_choice
    ]
    lacking = [f"{method} (no record of {name})" for method, name in found.every.lacking.items()]
    left_out = f" Left out: {named(lacking, most=20)}." if lacking else ""
    return (
        as_text([Grid(["choice", "levels"], lines, numbers=False)], "pipe")
        + f"\n{_spaced(len(found.every.codes))} universes of {counted(len(found.every.methods), 'method')} on "
        f"{counted(len(found.every.sets), 'set')} ({', '.join(found.every.sets)}). Levels of a choice count equally, "
        "and draws of a level share its weight. Epochs that the selecting metric keeps, and tuned thresholds, are "
        "varied where all points of the whole grid are searched, for which alone records hold them; thresholds where "
        "Hamming loss selects and is shown. A method without a learning rate searches its own options throughout. "
        f"{100 * found.every.replicated:.0f} % of methods on a set have several seeds or folds: the others stay as "
        f"they are where the seed changes.{left_out}\n"
    )


def movement_table(found: Study) -> str:
    """Table of how much each choice moves a ranking."""
    lines = [
        [
            f"{group}: {one.choice}", _percent(one.swaps), f"{one.ranks:.2f}", _percent(one.winners),
            str(one.methods), str(one.sets), _spaced(one.pairs),
        ]
        for group, of_group in found.movements.items()
        for one in of_group
    ]  # fmt: skip
    headers = [
        "changed alone", "pairs of methods that swap", "change of a rank", "another winner", "methods", "sets",
        "pairs of universes",
    ]  # fmt: skip
    return as_text([Grid(headers, lines)], "pipe")


def standing_table(found: Study) -> str:
    """Table of how often each method is first."""
    lines = [
        [
            one.method, _percent(one.first),
            "–" if one.first_without_copies is None else _percent(one.first_without_copies),
            *map(_percent, one.by_metric.values()), f"{one.median:.1f}", f"{one.lowest:.1f} to {one.highest:.1f}",
        ]
        for one in found.standings
    ]  # fmt: skip
    headers = [
        "method", "first in", "without near-copies", *(f"by {title}" for title in found.standings[0].by_metric),
        "median mean rank", "lowest to highest",
    ]  # fmt: skip
    return as_text([Grid(headers, lines)], "pipe")


def sentences(found: Study) -> str:
    """List of who is first in how many universes, and of what moves a ranking most and least."""
    first, second, *_ = found.standings
    ranked = ", ".join(
        f"{one.method} is first in {_percent(one.first)} (median mean rank {one.median:.1f})" for one in (first, second)
    )
    if seldom := sum(one.first < SELDOM for one in found.standings):
        ranked += f", {seldom} of the {len(found.standings)} methods each in less than {_percent(SELDOM)}"
    copies = [one.method for one in found.standings if one.first_without_copies is None]
    if copies:
        leader = max(found.standings, key=lambda one: one.first_without_copies or 0.0)
        ranked += (
            f" (without the near-copies {named(copies)}, {leader.method} in "
            f"{_percent(leader.first_without_copies or 0.0)})"
        )
    leads: dict[str, list[str]] = {}
    for title in first.by_metric:
        leader = max(found.standings, key=lambda one: one.by_metric[title])
        leads.setdefault(leader.method, []).append(f"{title} {_percent(leader.by_metric[title])}")
    by_metric = "; ".join(f"{method} ({', '.join(shares)})" for method, shares in leads.items())
    choices = [one for one in found.movements[CHOSEN] if one.choice != SEED.name]
    moved = (
        f"{_range([(one.swaps, one.choice) for one in choices])} of the pairs of methods swap, and "
        f"{_range([(one.winners, one.choice) for one in choices])} of the cases have another method first; the seed, "
        "of which most methods have one, is not counted"
    )
    lines = [
        f"**{_spaced(len(found.searching.codes))} ways of evaluating the same records** in which every method searches "
        f"its grid, each level of a choice counting alike: {ranked}. They share their test rows, so this is how stable "
        "a ranking is, not that a difference is real.",
        f"**Most often first by metric**: {by_metric}.",
        f"**One choice changed alone**: {moved}.",
    ]
    for group in (AGAIN, LONGER, DECAYED):
        told = [
            f"{one.choice} {_both(one)} ({counted(one.methods, 'method')}, {counted(one.sets, 'set')})"
            for one in found.movements.get(group, [])
            if one.methods >= FEWEST
        ]
        if told:
            lines.append(f"**{group}** (swaps and other firsts): {named(told, most=len(told))}.")
    return "\n".join(f"- {line}" for line in lines)


def _range(shares: Sequence[tuple[float, str]]) -> str:
    """The largest and the least of some choices' shares."""
    (most, first), (least, last) = max(shares), min(shares)
    return f"from {_percent(most)} ({first}) down to {_percent(least)} ({last})"


def _both(one: Movement) -> str:
    return f"{_percent(one.swaps)} and {_percent(one.winners)}"


def _percent(share: float) -> str:
    """Share in per cent; what is not nothing is not shown as 0."""
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else f"{100 * share:.1g} %"


def _spaced(number: int) -> str:
    """Number with a space between thousands."""
    return f"{number:,}".replace(",", " ")
