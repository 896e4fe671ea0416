"""What stands under a table: seeds, protocol, options, features, gaps and faults. Imports neither torch nor methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.config import Config, describe_protocol
from bench.records.record import Manifest
from bench.tables import paper

if TYPE_CHECKING:
    from bench.plan.states import JobState
    from bench.tables.table import Table


def notes_of(
    table: Table, entries: list[JobState], config: Config, manifest: Manifest, labels: dict[str, str]
) -> list[str]:
    """What stands under a table of classifiers."""
    notes = [_seed_note(entries), *_protocol_notes(entries, config, manifest, labels)]
    notes += _own_variants_note([*table.ranked, *table.extra], config)
    if table.ranked and table.show_ranks:
        notes.append(_rank_note(table, config))
        notes += _incomplete_note(table)
    for full, label in labels.items():
        extractor = full.partition("@")[2]
        expected = config.datasets.get(full.partition("@")[0])
        if expected is not None and expected.extractor not in (None, extractor):
            notes.append(f"{label}: features of {extractor}, not the paper's {expected.extractor}.")
        elif expected is None and extractor != "npz":
            notes.append(f"{label}: features {extractor}.")
    for name in manifest.missing:
        notes.append(f"{name} is a gap: its data are not here.")
    notes += _fault_notes(table, entries, labels)
    return notes


def _rank_note(table: Table, config: Config) -> str:
    count = len(table.ranked)
    if any(row not in config.tables.ranked for row in table.ranked):
        return f"Ranks are among all {count} rows."
    absent = [row for row in config.tables.ranked if row not in table.ranked]
    missing = f" (not here: {', '.join(absent)})" if absent else ""
    rule = "; rows under the rule are unranked" if table.extra else ""
    papers = {cell.method for cell in paper.comparison_table(2)}
    of_whom = "of the paper's methods" if papers.issuperset(table.ranked) else "ranked rows"
    return f"Ranks are among the {count} {of_whom} that are here{missing}{rule}."


def _incomplete_note(table: Table) -> list[str]:
    """Columns that the average rank leaves out, because a row that has values elsewhere has none there."""
    ranks = table.frame[table.frame["variant"].isin(table.ranked) & table.frame["rank"].notna()]
    counts = ranks.groupby("dataset")["variant"].nunique()
    rows = ranks["variant"].nunique()
    few = [
        f"{column} ({counts[column]} of {rows} rows)" for column in table.columns if 0 < counts.get(column, 0) < rows
    ]
    return [f"Ranked among fewer rows, and not part of the average rank: {', '.join(few)}."] if few else []


def _seed_note(entries: list[JobState]) -> str:
    seeds = sorted({entry.job.seed for entry in entries if entry.state == "done"})
    if len(seeds) > 1:
        return f"Mean ± standard deviation over the seeds {', '.join(map(str, seeds))}; ranks are of the means."
    return f"Seed {seeds[0]}; one run, so no deviation." if seeds else "No record holds a value."


def _protocol_notes(entries: list[JobState], config: Config, manifest: Manifest, labels: dict[str, str]) -> list[str]:
    users: dict[str, dict[str, None]] = {}
    for entry in entries:
        if entry.record is not None:
            users.setdefault(entry.record.protocol, {})[labels[entry.job.full_dataset]] = None
    notes = []
    for name, columns in users.items():
        settings = manifest.protocols.get(name)
        if settings is None:
            continue
        notes.append(f"Protocol {name} ({', '.join(columns)}): {describe_protocol(settings)}")
    return notes


def _own_variants_note(shown: list[str], config: Config) -> list[str]:
    """What the rows that bench.toml sets are, where they depart from their method or from the protocol."""
    said = []
    for name in shown:
        row = config.variants.get(name)
        if row is None:
            continue
        settings = {**row.options, "clip": row.clip, "fidelity": row.fidelity}
        parts = [f"{key} {value}" for key, value in settings.items() if value is not None]
        if row.grid is not None:
            points = [f"{option} {' or '.join(map(str, values))}" for option, values in row.grid.items()]
            parts.append(f"the grid {', '.join(points)}" if points else "no grid")
        if parts:
            said.append(f"{name} {'has' if row.base == name else f'is {row.base} with'} {', '.join(parts)}")
    return [f"Rows of bench.toml: {'; '.join(said)}."] if said else []


def recovery_notes(table: Table, entries: list[JobState], manifest: Manifest, labels: dict[str, str]) -> list[str]:
    """What stands under a table of the recovery track."""
    notes = [
        _seed_note(entries),
        "All rows train and are measured; nothing is selected (last epoch, fixed options). Degrees are divided by "
        "their row's sum; in Clark, Canberra and Kullback-Leibler a degree counts at least 2.2e-16.",
    ]
    for name, settings in manifest.protocols.items():
        notes.append(f"Protocol {name}: {describe_protocol(settings, selects=False)}")
    options: dict[str, str] = {}
    binarised: dict[str, str] = {}
    for entry in entries:
        if entry.record is not None and entry.record.recovered and entry.state == "done":
            fixed = entry.record.key["hyperparameters"]["options"]
            options[entry.job.variant] = ", ".join(
                f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in fixed.items()
                if name not in SECOND_STAGE
            )
            binarised[labels[entry.job.full_dataset]] = entry.record.recovered.logical_labels
    shown = [f"{row}: {options[row]}" for row in [*table.ranked, *table.extra] if options.get(row)]
    if shown:
        notes.append(f"Options: {'; '.join(shown)}.")
    for rule in sorted(set(binarised.values())):
        sets = [column for column in table.columns if binarised.get(column) == rule]
        notes.append(f"{', '.join(sets)}: {rule}.")
    if table.ranked and table.extra:
        notes.append(
            f"Ranks are among the {len(table.ranked)} methods above the rule; below it stand, unranked, what learns "
            "nothing (the uniform distribution, and y divided by its sum) and rows of one's own."
        )
    return notes + _fault_notes(table, entries, labels)


SECOND_STAGE = ("mix", "predictor", "penalty", "tolerance")
"""Options of the classifier that follows label enhancement; they do not touch the recovered degrees."""


def _fault_notes(table: Table, entries: list[JobState], labels: dict[str, str]) -> list[str]:
    notes = []
    for state in ("failed", "stale", "corrupt"):
        faults: dict[str, list[str]] = {}
        for entry in entries:
            if entry.state == state:
                where = f"{entry.job.variant} on {labels[entry.job.full_dataset]} (seed {entry.job.seed})"
                faults.setdefault(entry.note, []).append(where)
        for note, places in faults.items():
            shown = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
            notes.append(f"{state}: {shown}: {note}.")
    seeds = table.frame.loc[table.frame["state"] == "value", "seeds"]
    if len(seeds) and seeds.min() < seeds.max():
        fewer = table.frame[(table.frame["state"] == "value") & (table.frame["seeds"] < seeds.max())]
        cells = [
            f"{row} on {dataset} ({count})" for row, dataset, count in fewer[["variant", "dataset", "seeds"]].values[:6]
        ]
        notes.append(f"Fewer than {seeds.max()} seeds: {', '.join(cells)}{', ...' if len(fewer) > 6 else ''}.")
    return notes
