"""The table model: a pandas frame of cells with its order, ranks and notes, from records or from the paper.

Imports neither torch nor methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import pandas as pd
from tabulate import tabulate

from bench import paper
from bench.config import Config, Tables
from bench.metric_catalogue import Metric
from bench.protocol import Protocol
from bench.ranking import average_rank, competition_ranks, printed
from bench.records import Manifest

if TYPE_CHECKING:
    from bench.collect import Entry

GAP = "–"
AVERAGE = paper.AVERAGE


@dataclass(frozen=True)
class Table:
    """A comparison of rows over data sets by one metric.

    ``frame`` has one line a cell: row, dataset, mean, deviation, seeds, rank, state, printed. ``rank`` is missing for
    unranked rows and gaps; ``state`` is "value", "missing", or what went wrong.
    """

    title: str
    metric: Metric
    columns: list[str]
    ranked: list[str]
    extra: list[str]
    frame: pd.DataFrame
    averages: dict[str, str]
    """{row: average rank}, for the ranked rows that have a rank in every column that has any."""
    notes: list[str] = field(default_factory=list)

    def text(self, row: str, column: str) -> str:
        """A cell as ``value(rank)``."""
        cell = self.cell(row, column)
        if cell is None or cell["state"] != "value":
            return GAP if cell is None or cell["state"] == "missing" else str(cell["state"])
        rank = "" if pd.isna(cell["rank"]) else f"({int(cell['rank'])})"
        return f"{cell['printed']}{rank}"

    def is_best(self, row: str, column: str) -> bool:
        """Whether the cell has the best ranked value of its column (ties are all best)."""
        cell = self.cell(row, column)
        return cell is not None and bool(cell["rank"] == 1)

    def cell(self, row: str, column: str) -> dict | None:
        return self._cells.get((row, column))

    @cached_property
    def _cells(self) -> dict[tuple[str, str], dict]:
        return {(cell["row"], cell["dataset"]): cell for cell in self.frame.to_dict("records")}


def comparison(
    entries: list[Entry], metric: Metric, config: Config, manifest: Manifest, row_order: Sequence[str]
) -> Table:
    """The table of one metric from records; gaps are what runs asked for and that has no value."""
    labels = _column_labels(entries, manifest)
    order = _order(config, manifest)
    columns = _ordered([*labels.values(), *manifest.missing], order.datasets)
    present = {*manifest.rows, *(entry.job.row for entry in entries)}
    ranked = [row for row in order.ranked if row in present]
    extra = [row for row in _ordered(present, [*order.extra, *row_order]) if row not in ranked]
    by_cell: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_cell.setdefault((entry.job.row, labels[entry.job.full_dataset]), []).append(entry)
    cells = [
        _cell_of(row, column, by_cell.get((row, column), []), metric) for row in [*ranked, *extra] for column in columns
    ]
    table = _ranked(f"{metric.title} {metric.arrow}", metric, columns, ranked, extra, cells)
    notes = _recovery_notes if manifest.track == "recovery" else _notes
    table.notes.extend(notes(table, entries, config, manifest, labels))
    return table


def _order(config: Config, manifest: Manifest) -> Tables:
    """The order of rows and columns in the folder's track; the floors of the recovery track come last of all rows."""
    if manifest.track == "recovery":
        return Tables(ranked=config.recovery.ranked, datasets=config.recovery.datasets)
    return config.tables


def paper_table(metric: Metric, config: Config) -> Table:
    """The paper's own values, ranked by us."""
    assert metric.paper_table is not None
    printed_cells = [cell for cell in paper.comparison_table(metric.paper_table) if cell.dataset != paper.AVERAGE]
    rows = list(dict.fromkeys(cell.method for cell in printed_cells))
    columns = _ordered(dict.fromkeys(cell.dataset for cell in printed_cells), config.tables.datasets)
    cells = [
        {
            "row": cell.method,
            "dataset": cell.dataset,
            "mean": float(cell.value),
            "deviation": None,
            "seeds": 1,
            "state": "value",
            "printed": cell.value,
        }
        for cell in printed_cells
    ]
    table = _ranked(f"{metric.title} {metric.arrow}, as printed", metric, columns, rows, [], cells)
    table.notes.append(f"Printed values of Table {metric.paper_table} of {paper.CITATION}; ranks computed here.")
    return table


def _column_labels(entries: list[Entry], manifest: Manifest) -> dict[str, str]:
    """{NAME@extractor: column}: the name alone where one extractor of it is here."""
    full = list(dict.fromkeys([*manifest.datasets, *(entry.job.full_dataset for entry in entries)]))
    names = [one.partition("@")[0] for one in full]
    return {one: name if names.count(name) == 1 else one for one, name in zip(full, names, strict=True)}


def _ordered(names: Sequence[str] | dict | set, order: Sequence[str]) -> list[str]:
    given = list(dict.fromkeys(names if not isinstance(names, set) else sorted(names)))
    place = {name: position for position, name in enumerate(order)}
    return sorted(given, key=lambda name: place.get(name.partition("@")[0], place.get(name, len(place))))


def _cell_of(row: str, column: str, entries: list[Entry], metric: Metric) -> dict:
    values = [value for entry in entries if (value := entry.value(metric.key)) is not None]
    cell = {"row": row, "dataset": column, "mean": None, "deviation": None, "seeds": len(values), "printed": ""}
    if not values:
        states = [entry.state for entry in entries]
        worst = next((state for state in ("corrupt", "stale", "failed") if state in states), None)
        return {**cell, "state": worst or ("undefined" if entries else "missing")}
    series = pd.Series(values)
    mean, deviation = float(series.mean()), float(series.std()) if len(values) > 1 else None
    text = printed(mean) + (f"±{printed(deviation)}" if deviation is not None else "")
    return {**cell, "mean": mean, "deviation": deviation, "state": "value", "printed": text}


def _ranked(
    title: str, metric: Metric, columns: list[str], ranked: list[str], extra: list[str], cells: list[dict]
) -> Table:
    frame = pd.DataFrame(
        cells, columns=["row", "dataset", "mean", "deviation", "seeds", "rank", "state", "printed"]
    ).astype({"mean": "float64", "deviation": "float64", "rank": "float64"})
    ranks: dict[str, dict[str, int]] = {}
    for column in columns:
        here = frame[(frame["dataset"] == column) & frame["row"].isin(ranked) & (frame["state"] == "value")]
        values = {row: printed(mean) for row, mean in zip(here["row"], here["mean"], strict=True)}
        ranks[column] = competition_ranks(values, metric.lower_is_better)
    frame["rank"] = [
        float(ranks[dataset][row]) if row in ranks[dataset] else float("nan")
        for row, dataset in zip(frame["row"], frame["dataset"], strict=True)
    ]
    filled = [column for column in columns if ranks[column]]
    averages = {
        row: average_rank([ranks[column][row] for column in filled])
        for row in ranked
        if filled and all(row in ranks[column] for column in filled)
    }
    return Table(title, metric, columns, ranked, extra, frame, averages)


# --- notes ----------------------------------------------------------------------------------------------------------


def _notes(table: Table, entries: list[Entry], config: Config, manifest: Manifest, labels: dict[str, str]) -> list[str]:
    notes = [_seed_note(entries), *_protocol_notes(entries, config, manifest, labels)]
    absent = [row for row in config.tables.ranked if row not in table.ranked]
    if table.ranked:
        count = len(table.ranked)
        missing = f" (not run: {', '.join(absent)})" if absent else ""
        notes.append(
            f"Ranks are among the {count} of the paper's methods that are here{missing}; "
            "rows under the rule are unranked."
        )
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


def _seed_note(entries: list[Entry]) -> str:
    seeds = sorted({entry.job.seed for entry in entries if entry.state == "done"})
    if len(seeds) > 1:
        return f"Mean ± standard deviation over the seeds {', '.join(map(str, seeds))}; ranks are of the means."
    return f"Seed {seeds[0]}; one run, so no deviation." if seeds else "No record holds a value."


def _protocol_notes(entries: list[Entry], config: Config, manifest: Manifest, labels: dict[str, str]) -> list[str]:
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


def _recovery_notes(
    table: Table, entries: list[Entry], config: Config, manifest: Manifest, labels: dict[str, str]
) -> list[str]:
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
        if entry.record is not None and entry.state == "done":
            fixed = entry.record.key["hyperparameters"]["options"]
            options[entry.job.row] = ", ".join(
                f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                for name, value in fixed.items()
                if name not in SECOND_STAGE
            )
            binarised[labels[entry.job.full_dataset]] = (entry.record.result or {}).get("logical_labels", "")
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


def describe_protocol(settings: dict, selects: bool = True) -> str:
    """A protocol in one line."""
    p = msgspec.convert(settings, Protocol)
    epochs = f"{p.epochs} epochs" + (f" or {p.minimum_steps} steps if more" if p.minimum_steps else "")
    scaling = (
        f"features scaled to [0, 1] by {'the training' if selects else 'their'} range"
        if p.scaling == "minmax"
        else "features as they are"
    )
    return (
        f"linear classifier, AdamW{' (AMSGrad)' if p.amsgrad else ''}, learning rate {p.learning_rate:g}, "
        f"weight decay {p.weight_decay:g} (biases {p.bias_weight_decay:g}), batch {p.batch_size}, {epochs}, {scaling}, "
        f"clip {p.clip_in_force}, fidelity {p.fidelity}, {p.precision}"
        + ("; epoch and grid point by validation Hamming loss." if selects else ".")
    )


def _fault_notes(table: Table, entries: list[Entry], labels: dict[str, str]) -> list[str]:
    notes = []
    for state in ("failed", "stale", "corrupt"):
        faults: dict[str, list[str]] = {}
        for entry in entries:
            if entry.state == state:
                where = f"{entry.job.row} on {labels[entry.job.full_dataset]} (seed {entry.job.seed})"
                faults.setdefault(entry.note, []).append(where)
        for note, places in faults.items():
            shown = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
            notes.append(f"{state}: {shown}: {note}.")
    seeds = table.frame.loc[table.frame["state"] == "value", "seeds"]
    if len(seeds) and seeds.min() < seeds.max():
        fewer = table.frame[(table.frame["state"] == "value") & (table.frame["seeds"] < seeds.max())]
        cells = [
            f"{row} on {dataset} ({count})" for row, dataset, count in fewer[["row", "dataset", "seeds"]].values[:6]
        ]
        notes.append(f"Fewer than {seeds.max()} seeds: {', '.join(cells)}{', ...' if len(fewer) > 6 else ''}.")
    return notes


# --- the recovery track against its floors --------------------------------------------------------------------------


def against_floors(tables: list[Table], style: str) -> str:
    """Per row and measure, on how many sets the row is better than the better floor, level with it, or worse.

    Level means: within two standard deviations of the row's own seeds. With one seed nothing is level.
    """
    lines = []
    for row in [*tables[0].ranked, *(row for row in tables[0].extra if row not in FLOOR_ROWS)]:
        lines.append([row, *(_against(table, row) for table in tables)])
    headers = ["better / level / worse", *(table.metric.title.split()[0] for table in tables)]
    body = tabulate(lines, headers, tablefmt=style, colalign=("left", *["right"] * len(tables)), disable_numparse=True)
    rule = (
        "Sets on which a method is better than, level with (within two deviations of its own seeds), or worse than "
        "the better of the two floors."
    )
    return f"Against the floors\n\n{body}\n\n{rule}\n"


FLOOR_ROWS = ("uniform", "logical labels")


def _against(table: Table, row: str) -> str:
    counts = {"better": 0, "level": 0, "worse": 0}
    for column in table.columns:
        own = table.cell(row, column)
        floors = [table.cell(floor, column) for floor in FLOOR_ROWS]
        values = [cell["mean"] for cell in floors if cell is not None and cell["state"] == "value"]
        if own is None or own["state"] != "value" or not values:
            continue
        sign = 1 if table.metric.lower_is_better else -1
        gain = min(sign * value for value in values) - sign * own["mean"]
        spread = 0.0 if pd.isna(own["deviation"]) else 2 * own["deviation"]
        counts["level" if abs(gain) <= spread else "better" if gain > 0 else "worse"] += 1
    return " / ".join(str(count) for count in counts.values())
