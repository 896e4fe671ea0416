"""Outcome of a comparison in sentences: methods and data, the leader by each metric and whether its lead is more than
chance, the limits of the data, and wins, ties and losses against a baseline. Imports neither torch nor methods."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.answer.leads import Lead, leads
from bench.analysis.hypothesis_tests import ALPHA, critical_difference, needed_deviations, smallest_wilcoxon_p
from bench.analysis.over_datasets import variants_with_values
from bench.analysis.wins import WinCounts, win_counts
from bench.analysis.within_datasets import Resampled
from bench.config import Config
from bench.dataset_name import dataset_name
from bench.plan.states import unusable
from bench.records.convergence import cut_short_note
from bench.records.record import Manifest
from bench.tables.notes import mixture_notes, other_extractor, withdrawn_notes
from bench.tables.ranking import leaders_by_average
from bench.tables.table import MetricTable
from bench.text import counted, named

if TYPE_CHECKING:
    from bench.plan.states import JobState

NAMED = 6
"""Methods or data sets up to which the first sentence names them."""
SIMULATED = {"noise": "label noise", "observed": "labels left unknown"}
"""{transform: what it simulates in training data}."""


@dataclass(frozen=True)
class Answer:
    """Sentences from records, and the numbers that they are made of."""

    compared: str
    """Methods, independent data sets, runs, protocols; what is simulated or stands in for other data; trainings that
    may have been cut short. Some sentences."""
    leads: list[Lead]
    """One a metric of the tables."""
    meaning: str
    """Sentences on what the intervals and the mean ranks are; empty where there are none."""
    undecided: list[str]
    """Sentences on what the data cannot decide."""
    control: str
    """The baseline."""
    against: dict[str, dict[str, WinCounts]]
    """{metric key: {method: data sets on which it is better than the baseline, equal as printed, worse}}."""

    @property
    def blocks(self) -> list[str]:
        """All sentences, a paragraph a lead."""
        return [*filter(None, [self.compared, *(lead.sentence for lead in self.leads), self.meaning, *self.undecided])]


def baseline(variants: Sequence[str]) -> str:
    """The method that others are compared with where none is named: FLEM-D, else BCE, else the first of them."""
    return next(name for name in ("FLEM-D", "BCE", *variants) if name in variants)


def answer(
    tables: Sequence[MetricTable],
    states: Sequence[JobState],
    variants: Sequence[str],
    control: str,
    config: Config,
    within: Sequence[Resampled] = (),
    stand_ins: Mapping[str, str] | None = None,
    manifest: Manifest | None = None,
) -> Answer:
    """Outcome of the comparison of some variants.

    Parameters
    ----------
    tables: one a metric, of the same variants and data sets, with a column for each fold of a set.
    states: of the tables' records; none of printed values.
    control: the baseline; compared even where it is not among the variants.
    within: ``bench.analysis.within_datasets.resampled`` of the variants, where it was computed.
    stand_ins: {data set: the one of the paper that it stands in for}.
    manifest: of the records' folder, by whose protocols records of other ones are named.
    """
    compared = list(dict.fromkeys([*variants, control]))
    own = [state for state in states if state.job.variant in compared]
    found = leads(tables, own, compared, within)
    labels = {state.job.full_dataset: state.job.full_dataset for state in own}
    labels |= {full: column for column, full in tables[0].sources.items()}
    mixed = mixture_notes(own, manifest, labels) if manifest else []
    return Answer(
        _compared(tables, own, compared, control, config, stand_ins or {}),
        found,
        _meaning(found),
        [*_limits(found), *mixed, *_absences(tables, found, own, compared)],
        control,
        {
            table.metric.key: {
                variant: win_counts(table, variant, control) for variant in compared if variant != control
            }
            for table in tables
        },
    )


def _compared(
    tables: Sequence[MetricTable],
    states: Sequence[JobState],
    variants: Sequence[str],
    control: str,
    config: Config,
    stand_ins: Mapping[str, str],
) -> str:
    present = [variant for variant in variants if any(variants_with_values(table, [variant]) for table in tables)]
    with_values = {column for table in tables for column in table.columns if table.values(column).keys() & set(present)}
    sets = [one for one in tables[0].independent_sets if with_values & set(one.columns)]
    columns = [column for one in sets for column in one.columns if column in with_values]
    if not present:
        return "Nothing was compared: no method has a value."
    of_sets = counted(len(sets), "independent data set") if len(sets) > 1 else f"one data set, {sets[0].name}"
    if 1 < len(sets) <= NAMED:
        of_sets += f" ({named([one.name for one in sets])})"
    if len(columns) > len(sets):
        of_sets += f" ({len(columns)} columns; those that depend on each other count once)"
    methods = f"{len(present)} methods" if len(present) > 1 else f"One method, {present[0]},"
    if 1 < len(present) <= NAMED:
        methods += f" ({named(present)})"
    beside = f"; the baseline is {control}" if len(present) > 1 else ""
    sentences = [f"{methods} on {of_sets}, {_runs(states, present)}{beside}."]
    sentences += [*_protocols(states, tables[0]), *_marks(columns, tables[0], config, stand_ins)]
    return " ".join([*sentences, *cut_short_note([s.record for s in states if s.state == "done" and s.record])])


def _runs(states: Sequence[JobState], present: Sequence[str]) -> str:
    """Runs a cell, with their seeds."""
    done = [state for state in states if state.state == "done" and state.job.variant in present]
    seeds = sorted({state.job.seed for state in done})
    cells = Counter((state.job.full_dataset, state.job.variant) for state in done)
    if not cells:
        return "values as printed"
    if len(seeds) == 1:
        return f"one run of each (seed {seeds[0]})"
    fewest, most = min(cells.values()), max(cells.values())
    runs = f"{most} runs" if fewest == most else f"{fewest} to {most} runs"
    return f"{runs} of each (seeds {named([str(seed) for seed in seeds])})"


def _protocols(states: Sequence[JobState], table: MetricTable) -> list[str]:
    """A sentence on the protocols that the records are of."""
    labels = {full: column for column, full in table.sources.items()}
    users: dict[str, set[str]] = {}
    for state in states:
        if state.state == "done" and state.record and state.record.protocol:
            users.setdefault(state.record.protocol, set()).add(labels.get(state.job.full_dataset, ""))
    if not users:
        return []
    if len(users) == 1:
        return [f"All are trained by the protocol {next(iter(users))}."]
    of_protocol = {name: [column for column in table.columns if column in own] for name, own in users.items()}
    shown = [f"{name} ({named(columns, 4)})" for name, columns in sorted(of_protocol.items())]
    return [f"Protocols: {'; '.join(shown)}."]


def _marks(columns: Sequence[str], table: MetricTable, config: Config, stand_ins: Mapping[str, str]) -> list[str]:
    """Sentences on data that are withdrawn or stand in for others, and on what is simulated."""
    sentences = withdrawn_notes(columns, config)
    plain = list(dict.fromkeys(dataset_name(column).base for column in columns))
    replaced = [f"{name} for {stand_ins[name]}" for name in plain if stand_ins.get(name, name) != name]
    if replaced:
        sentences.append(f"Data that stand in for the paper's: {named(replaced)}.")
    others = [
        column for column in columns if column in table.sources and other_extractor(table.sources[column], config)
    ]
    if others:
        sentences.append(f"Features that stand in for the paper's: those of {named(others)}.")
    for transform, simulated in SIMULATED.items():
        with_it = [
            column for column in columns if any(kind == transform for kind, _ in dataset_name(column).transforms)
        ]
        if with_it:
            sentences.append(f"Simulated: {simulated} in {named(with_it)}.")
    return sentences


def _meaning(found: Sequence[Lead]) -> str:
    sentences = []
    tests = list(dict.fromkeys(_test_of(lead) for lead in found if lead.basis is not None))
    if tests:
        sentences.append(
            f"The 95 % intervals ({'; '.join(tests)}) hold for all pairs of methods at once, and so for a leader that "
            "was picked as the first of them; each metric is judged by itself."
        )
        if any(len(lead.gaps) > 1 for lead in found):
            sentences.append("The comparisons with one baseline are fewer, and may tell apart what these do not.")
    if any(lead.by_rank and lead.leader for lead in found):
        sentences.append("Mean ranks are of unrounded values; the tables rank values as printed.")
    return " ".join(sentences)


def _test_of(lead: Lead) -> str:
    if lead.basis == "data sets":
        return "Nemenyi's, over data sets" if len(lead.gaps) > 1 else "the sign test's, over data sets"
    return {
        "folds": "the corrected resampled t-test's, over folds",
        "test instances and seeds": "the bootstrap's, over test instances and seeds",
        "seeds": "the paired t-test's, over seeds",
    }[str(lead.basis)]


def _limits(found: Sequence[Lead]) -> list[str]:
    """Sentences on what so many data sets and runs can show."""
    sentences: dict[str, None] = {}
    for lead in found:
        if lead.leader is not None:
            sentences |= dict.fromkeys(_limits_of(lead))
    if any(lead.tied for lead in found if lead.leader is not None):
        sentences["Methods that are not told apart are not shown to be alike."] = None
    return list(sentences)


def _limits_of(lead: Lead) -> Iterable[str]:
    sets, methods = len(lead.sets), len(lead.gaps) + 1
    least = smallest_wilcoxon_p(sets)
    if sets == 1:
        yield (
            f"One data set, {lead.sets[0]}, cannot say how the methods do on others"
            + {
                "folds": "; its folds share training rows, which the interval allows for.",
                "test instances and seeds": "; another split of it is in no interval.",
                "seeds": "; other test instances and another split of it are in no interval (`python -m bench run "
                "--keep scores` keeps what the former takes).",
            }.get(str(lead.basis), ".")
        )
    elif least >= ALPHA:
        yield (
            f"{sets} data sets cannot show that any method is better than another: one that is better on all of them "
            f"has p {least:.3g}, and six are needed to fall below {ALPHA}."
        )
    elif methods > 2:
        needed = critical_difference(methods, sets)
        yield (
            f"With {methods} methods on {sets} data sets, mean ranks that differ by less than {needed:.2f} (of "
            f"{methods - 1} possible) cannot be told apart."
        )
    runs = {gap.runs for gap in lead.gaps if gap.runs is not None}
    if runs == {1}:
        yield "One run of each cannot tell a method from the luck of its seed."
    elif lead.basis == "seeds":
        most = max(runs)
        yield (
            f"With {most} runs of each and {methods} methods, a difference is shown from "
            f"{needed_deviations(most, math.comb(methods, 2)):.1f} standard deviations of the paired differences on."
        )


def _absences(
    tables: Sequence[MetricTable], found: Sequence[Lead], states: Sequence[JobState], variants: Sequence[str]
) -> list[str]:
    """Sentences on methods and data sets that are not part of the comparison."""
    sentences: dict[str, list[str]] = {}
    for lead in found:
        if lead.without_methods and lead.leader is not None:
            text = f"Not compared, with values on too few of these data sets: {named(lead.without_methods)}"
            sentences.setdefault(text, []).append(lead.metric.title)
        if lead.without_sets:
            text = f"Left out, because a method has no value there: {named(lead.without_sets)}"
            sentences.setdefault(text, []).append(lead.metric.title)
    said = [
        f"{text}." if len(metrics) == len(found) else f"{text} ({named(metrics)})."
        for text, metrics in sentences.items()
    ]
    empty = [column for column in tables[0].columns if not any(table.values(column) for table in tables)]
    if empty:
        said.append(f"No method has a value on {named(empty)}.")
    if without := unusable(states):
        said.append(f"Without {without}: their rows may lack values.")
    for table, lead in zip(tables, found, strict=True):
        first = leaders_by_average({name: table.averages[name] for name in variants if name in table.averages})
        if lead.leader is not None and lead.by_rank and first and lead.leader not in first:
            said.append(
                f"{table.metric.title}: by the table's Avg. Rank, which gives methods that tie the better rank and "
                f"counts values that look equal as equal, {named(first)} {'are' if len(first) > 1 else 'is'} first."
            )
    return said
