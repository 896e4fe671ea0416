"""Relative differences over data sets in words, for `bench stats`. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.analysis.over_datasets import probability
from bench.analysis.relative import Differences, Relative, Values, adjusted
from bench.analysis.within_folds import tested_to_trained
from bench.tables.table import MetricTable
from bench.text import Block, Grid, named

if TYPE_CHECKING:
    from bench.plan.states import JobState

HEADERS = ("sets", "difference %", "95 % interval", "on a new set", "P(better there)", "p", "Holm p")


def relative_in_words(
    table: MetricTable, states: Sequence[JobState], variants: Sequence[str], control: str
) -> list[Block]:
    """Relative difference of each variant to the control over independent sets, and what it says of a further set."""
    overlaps = {
        column: ratio
        for column in table.columns
        if (ratio := tested_to_trained({table.sources.get(column, column)}, states)) is not None
    }
    against = Differences(table.metric, _values(table, states), table.independent_sets, overlaps, control)
    found = [against.of(variant) for variant in variants if variant != control]
    over_sets = [one for one in adjusted(found) if one.over_sets]
    if not over_sets:
        return []
    blocks: list[Block] = [
        f"Each of the others against {control}, relative difference over sets and seeds (above 0: better than "
        f"{control}; mean in which sets weigh alike, and where what a further set shows would lie):",
        Grid(("method", *HEADERS), [[one.method, *in_numbers(one)] for one in over_sets]),
    ]
    if undefined := [pair for one in over_sets for pair in one.undefined]:
        blocks.append(f"Without a ratio, because a value is 0 or not defined: {named(list(dict.fromkeys(undefined)))}.")
    return blocks


def _values(table: MetricTable, states: Sequence[JobState]) -> Values:
    """Values by seed; of printed ones, which have no records, the means."""
    if not table.sources:
        return {column: {name: {0: mean} for name, mean in table.values(column).items()} for column in table.columns}
    found: dict[str, dict[str, dict[int, float | None]]] = {}
    columns = {full: column for column, full in table.sources.items()}
    for state in states:
        if state.state == "done" and state.job.full_dataset in columns:
            of_column = found.setdefault(columns[state.job.full_dataset], {})
            of_column.setdefault(state.job.variant, {})[state.job.seed] = state.value(table.metric.key)
    return found


def in_numbers(one: Relative) -> list[str]:
    """Cells under HEADERS of a difference that has a mean over sets, and was tested."""
    over = one.over_sets
    assert over is not None
    assert one.p_holm is not None
    new, better = over.on_a_new_set(), over.better_on_a_new_set
    return [
        str(over.sets), in_percent(one, over.mean), between(one, over.interval()), between(one, new),
        chance(better), probability(over.p), probability(one.p_holm),
    ]  # fmt: skip


def in_percent(one: Relative, effect: float) -> str:
    """An effect in per cent with its sign."""
    return f"{one.percent(effect):+z.1f}"


def between(one: Relative, interval: tuple[float, float]) -> str:
    """An interval of effects in per cent."""
    low, high = (in_percent(one, end) for end in interval)
    return f"{low} to {high}"


def chance(share: float) -> str:
    """A probability with two decimals, never 0 or 1."""
    return "> 0.99" if share > 0.995 else "< 0.01" if share < 0.005 else f"{share:.2f}"
