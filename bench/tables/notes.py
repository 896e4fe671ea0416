"""Notes under a table: seeds, protocol, options, features, gaps and faults. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from bench.config import Backbone, Config, describe_protocol
from bench.dataset_name import dataset_name, plain_name
from bench.protocol import TRAINING_SETTINGS, Protocol, setting_in_words
from bench.records.convergence import cut_short_note
from bench.records.independent_sets import copies_notes, counting_notes
from bench.records.record import Manifest, Provenance, Record
from bench.tables import paper
from bench.tables.ranking import FEW, papers_are_few
from bench.tables.table import FAULTS, MetricTable
from bench.text import counted, named

if TYPE_CHECKING:
    from bench.plan.states import JobState

Notes = Callable[[MetricTable, "list[JobState]", Config, Manifest, dict[str, str]], list[str]]
"""Sentences under a table, from it, the states of its jobs, settings and {NAME@extractor: column}."""


def classification_notes(
    table: MetricTable, states: list[JobState], config: Config, manifest: Manifest, labels: dict[str, str]
) -> list[str]:
    """Notes under a table of classifiers; ``labels``: {NAME@extractor: column}."""
    notes = [_seed_note(states), *_protocol_notes(states, manifest, labels)]
    notes += [*_own_variants_note(table.variants, config), *_external_note(states)]
    notes += withdrawn_notes(table.columns, config)
    notes += cut_short_note([state.record for state in states if state.state == "done" and state.record])
    if table.ranked and table.show_ranks:
        notes += _rank_notes(table, config)
        notes += _incomplete_note(table)
    notes += counting_notes(table.independent_sets)
    for full, label in {plain_name(full): plain_name(label) for full, label in labels.items()}.items():
        name, _, extractor = full.partition("@")
        if expected := other_extractor(full, config):
            notes.append(f"{label}: features of {extractor}, not the paper's {expected}.")
        elif extractor != "npz" and _without_own_features(name, config):
            notes.append(f"{label}: features {extractor}.")
    notes += [f"{name} is a gap: its data are not here." for name in manifest.missing]
    return notes + _lacking_note(table, states) + _fault_notes(table, states, labels)


def withdrawn_notes(columns: Sequence[str], config: Config) -> list[str]:
    """Sentences on columns whose comparison the configuration withdraws, with its reasons."""
    names = {column: dataset_name(column).base for column in columns}
    found = {
        reason: [column for column, name in names.items() if name in sets]
        for reason, sets in config.tables.withdrawn.items()
    }
    return [f"Withdrawn, because {reason}: {', '.join(those)}." for reason, those in found.items() if those]


def _without_own_features(name: str, config: Config) -> bool:
    """True of a set for which neither the paper nor a package says what its features are."""
    entry = config.datasets.get(name)
    return entry is None or (entry.extractor, entry.source) == (None, "folder")


def other_extractor(full: str, config: Config) -> str | None:
    """The paper's extractor of a data set NAME@extractor whose features are another's; None where they are its own."""
    name, _, extractor = full.partition("@")
    expected = config.datasets.get(name)
    return expected.extractor if expected is not None and expected.extractor != extractor else None


def recovery_notes(
    table: MetricTable, states: list[JobState], config: Config, manifest: Manifest, labels: dict[str, str]
) -> list[str]:
    """Notes under a table of the recovery track; ``labels``: {NAME@extractor: column}."""
    notes = [
        _seed_note(states),
        "All rows train and are measured; nothing is selected (last epoch, fixed options). Degrees are divided by "
        "their row's sum, or become a distribution by a softmax where a method's options say so; in Clark, Canberra "
        "and Kullback-Leibler a degree counts at least 2.2e-16.",
    ]
    for name in manifest.protocols:
        shared = msgspec.to_builtins(_shared_and_others(name, states, manifest)[0])
        notes.append(f"Protocol {name}: {describe_protocol(shared, selects=False)}")
    notes += mixture_notes(states, manifest, labels)
    options: dict[str, str] = {}
    binarised: dict[str, str] = {}
    sources: dict[str, dict[str, None]] = {}
    for state in states:
        record = state.record
        if record is not None and record.recovered and state.state == "done":
            options[state.job.variant] = ", ".join(_recipe(record, manifest, state.protocol))
            binarised[labels[state.job.full_dataset]] = record.recovered.logical_labels
            if published := config.recovery.recipes.get(record.base):
                sources.setdefault(published.source, {})[record.base] = None
    shown = [f"{variant}: {options[variant]}" for variant in table.variants if options.get(variant)]
    if shown:
        notes.append(f"Options: {'; '.join(shown)}.")
    if sources:
        recipes = [f"{', '.join(names)}: {source}" for source, names in sources.items()]
        notes.append(f"Recipes: {'. '.join(recipes)}.")
    for rule in sorted(set(binarised.values())):
        sets = [column for column in table.columns if binarised.get(column) == rule]
        notes.append(f"{', '.join(sets)}: {rule}.")
    if table.ranked and table.extra:
        notes.append(
            f"Ranks are among the {len(table.ranked)} methods above the rule; below it stand, unranked, the trivial "
            "baselines and variants of one's own."
        )
    for one in table.independent_sets:
        if len(one.counted) > 1 and table.averages:
            notes.append(f"The {len(one.counted)} sets of {one.name} count as one in the average rank.")
    notes += copies_notes(table.independent_sets)
    return notes + _fault_notes(table, states, labels)


SECOND_STAGE = ("mix", "predictor", "penalty", "tolerance")
"""Options of the classifier that follows label enhancement; they do not touch the recovered degrees."""
OWN_SETTINGS = [name for name in TRAINING_SETTINGS if name not in ("clip", "patience", "l2")]
"""Settings of a variant's own that recovery goes by and that keys hold as they were asked for."""


def _recipe(record: Record, manifest: Manifest, asked: Protocol | None) -> Iterator[str]:
    """Options of a record of the recovery track, and where it departs from its run's protocol and from sums."""
    hyperparameters, protocol = record.key["hyperparameters"], record.key["protocol"]
    shared = manifest.protocols.get(record.protocol, protocol)
    if asked is not None:
        shared = msgspec.json.decode(msgspec.json.encode(asked))  # as keys have it: tuples as lists
    for name, value in hyperparameters["options"].items():
        if name not in SECOND_STAGE:
            yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
    for name in OWN_SETTINGS:
        if name in protocol and protocol[name] != shared[name]:
            yield setting_in_words(name, protocol[name])
    if network := hyperparameters.get("classifier"):
        yield f"classifier {Backbone(network['name'], network['options'])}"
    if "normalisation" in hyperparameters:
        yield f"normalised by {hyperparameters['normalisation']}"


def _rank_notes(table: MetricTable, config: Config) -> list[str]:
    with_values = {name for column in table.columns for name in table.values(column)}
    count = sum(variant in with_values for variant in table.ranked)
    if any(variant not in config.tables.ranked for variant in table.ranked):
        if count == 1:
            return ["There is one variant alone, so its ranks say nothing."]
        return [f"Ranks are among all {count} variants that have values.", *_why_all_are_ranked(table, config)]
    absent = [variant for variant in config.tables.ranked if variant not in table.ranked]
    missing = f" (not here: {', '.join(absent)})" if absent else ""
    rule = "; variants under the rule are unranked" if table.extra else ""
    papers = {cell.method for cell in paper.comparison_table(2)}
    of_whom = "of the paper's methods" if papers.issuperset(table.ranked) else "ranked variants"
    return [f"Ranks are among the {count} {of_whom} that are here{missing}{rule}."]


def _why_all_are_ranked(table: MetricTable, config: Config) -> list[str]:
    """A sentence where rows that the paper does not rank are ranked unasked."""
    papers = [variant for variant in table.ranked if variant in config.tables.ranked]
    others = [variant for variant in table.ranked if variant not in (*papers, *config.tables.extra)]
    if not papers_are_few(len(papers), len(config.tables.ranked), len(others)):
        return []
    # A list of rows to rank may have others than the paper's.
    listed = {cell.method for cell in paper.comparison_table(2)}
    here = "none of its own is"
    if len(papers) >= FEW:
        here = f"fewer of its own ({len(papers)}) than of others ({len(others)}) are"
    elif its := [variant for variant in papers if variant in listed]:
        here = f"only {named(its)} of its {len(listed)} {'are' if len(its) > 1 else 'is'}"
    return [f"All rows are ranked together, with those that the paper does not rank, since {here} here."]


def _incomplete_note(table: MetricTable) -> list[str]:
    """Columns that the average rank leaves out, because a variant that has values elsewhere has none there."""
    counts = {column: sum(name in table.ranked for name in table.values(column)) for column in table.columns}
    present = {name for column in table.columns for name in table.values(column) if name in table.ranked}
    few = [
        f"{column} ({count} of {len(present)} variants)" for column, count in counts.items() if 0 < count < len(present)
    ]
    return [f"Ranked among fewer variants, and not part of the average rank: {', '.join(few)}."] if few else []


def _seed_note(states: list[JobState]) -> str:
    seeds = sorted({state.job.seed for state in states if state.state == "done"})
    if len(seeds) > 1:
        return f"Mean ± standard deviation over the seeds {', '.join(map(str, seeds))}; ranks are of the means."
    return f"Seed {seeds[0]}; one run, so no standard deviation." if seeds else "No record holds a value."


def _protocol_notes(states: list[JobState], manifest: Manifest, labels: dict[str, str]) -> list[str]:
    users: dict[str, dict[str, None]] = {}
    for state in states:
        if state.record is not None:
            users.setdefault(state.record.protocol, {})[labels[state.job.full_dataset]] = None
    notes = []
    for name, columns in users.items():
        if name in manifest.protocols:
            shared = msgspec.to_builtins(_shared_and_others(name, states, manifest)[0])
            notes.append(f"Protocol {name} ({', '.join(columns)}): {describe_protocol(shared)}")
    return notes + mixture_notes(states, manifest, labels)


def mixture_notes(states: list[JobState], manifest: Manifest, labels: dict[str, str]) -> list[str]:
    """Sentences that name the cells whose records are of another protocol than the others'; empty where none are."""
    notes = []
    for name in manifest.protocols:
        shared, others = _shared_and_others(name, states, manifest)
        notes += [_other_protocol(name, shared, other, states, labels) for other in others]
    return notes


def _shared_and_others(name: str, states: list[JobState], manifest: Manifest) -> tuple[Protocol, list[Protocol]]:
    """(the protocol of that name, the others of that name that records are of): the last run's, where records are."""
    there = [
        state.protocol for state in states if state.state == "done" and state.record and state.record.protocol == name
    ]
    known = manifest.protocols_named(name)
    shared = next((one for one in known if one in there), known[0])
    return shared, [one for one in known if one in there and one != shared]


def _other_protocol(
    name: str, shared: Protocol, other: Protocol, states: list[JobState], labels: dict[str, str]
) -> str:
    """A sentence that names the cells whose records are of another protocol of the same name."""
    of_cell: dict[tuple[str, str], dict[bool, list[int]]] = {}
    for state in states:
        if state.state == "done" and state.record and state.record.protocol == name:
            cell = of_cell.setdefault((labels[state.job.full_dataset], state.job.variant), {})
            cell.setdefault(state.protocol == other, []).append(state.job.seed)
    places: dict[str, list[str]] = {}
    for (column, variant), seeds in of_cell.items():
        if True in seeds:
            some = f" (seeds {', '.join(map(str, seeds[True]))} of its mean)" if False in seeds else ""
            places.setdefault(column, []).append(variant + some)
    where = "; ".join(f"{', '.join(variants)} on {column}" for column, variants in places.items())
    return f"Not comparable with the rest, by {in_contrast(other, shared)}: {where}."


def in_contrast(other: Protocol, shared: Protocol) -> str:
    """The settings of a protocol that differ from another's, in words."""
    settings = [name for name in Protocol.__struct_fields__ if getattr(other, name) != getattr(shared, name)]
    return ", ".join(setting_in_words(name, getattr(other, name)) for name in settings)


def _own_variants_note(shown: list[str], config: Config) -> list[str]:
    """The variants that bench.toml sets, where they depart from their method or from the protocol."""
    from bench.plan.variants import departures  # here, because it reads the methods' files

    descriptions = []
    for name in shown:
        variant = config.variants.get(name)
        if variant is None:
            continue
        if parts := departures(variant):
            verb = "has" if variant.base == name else f"is {variant.base} with"
            descriptions.append(f"{name} {verb} {', '.join(parts)}")
    return [f"Variants of bench.toml: {'; '.join(descriptions)}."] if descriptions else []


def _lacking_note(table: MetricTable, states: list[JobState]) -> list[str]:
    """Records that were made before the metric, or its file as it is now, and why it failed where it did."""
    faults = [state.fault(table.metric.key) for state in states if state.lacks(table.metric.key)]
    notes = sorted({f"Gaps: {fault}" for fault in faults if fault})
    if without := faults.count(""):
        notes.append(
            f"Gaps: {counted(without, 'record')} from before {table.metric.title} was computed as it is now; "
            "`python -m bench run --fresh` makes them again, `bench score` those of external scores."
        )
    return notes


def _external_note(states: list[JobState]) -> list[str]:
    """The rows that no run of this harness computed."""
    found: dict[str, dict[str, None]] = {}
    for state in states:
        if state.record and isinstance(origin := state.record.provenance, Provenance):
            found.setdefault(state.job.variant, {})[f"{origin.file}, decided at {origin.threshold:g}"] = None
    said = "; ".join(f"{name} ({'; '.join(files)})" for name, files in found.items())
    return [f"External, scores of models trained elsewhere: {said}."] if said else []


def _fault_notes(table: MetricTable, states: list[JobState], labels: dict[str, str]) -> list[str]:
    notes = []
    for kind in FAULTS:
        faults: dict[str, list[str]] = {}
        for state in states:
            if state.state == kind:
                where = f"{state.job.variant} on {labels[state.job.full_dataset]} (seed {state.job.seed})"
                faults.setdefault(state.note, []).append(where)
        for note, places in faults.items():
            shown = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
            notes.append(f"{kind}: {shown}: {note}.")
    cells = [cell for cell in table.cells.values() if cell.state == "value"]
    most = max((cell.seeds for cell in cells), default=0)
    fewer = [f"{cell.variant} on {cell.dataset} ({cell.seeds})" for cell in cells if cell.seeds < most]
    if fewer:
        notes.append(f"Fewer than {most} seeds: {', '.join(fewer[:6])}{', ...' if len(fewer) > 6 else ''}.")
    return notes
