"""One table model (a pandas frame with its order and notes) for terminal, Markdown, LaTeX, HTML, CSV and JSON.

Imports neither torch nor methods.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import pandas as pd
from tabulate import SEPARATING_LINE, tabulate

from bench import paper
from bench.config import Config, Protocol
from bench.metric_catalogue import Metric
from bench.ranking import average_rank, competition_ranks, printed
from bench.records import Manifest

if TYPE_CHECKING:
    from bench.collect import Entry

FORMATS = ("terminal", "markdown", "latex", "html", "csv", "json")
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
        cell = self._cell(row, column)
        if cell is None or cell["state"] != "value":
            return GAP if cell is None or cell["state"] == "missing" else str(cell["state"])
        rank = "" if pd.isna(cell["rank"]) else f"({int(cell['rank'])})"
        return f"{cell['printed']}{rank}"

    def is_best(self, row: str, column: str) -> bool:
        """Whether the cell has the best ranked value of its column (ties are all best)."""
        cell = self._cell(row, column)
        return cell is not None and bool(cell["rank"] == 1)

    def _cell(self, row: str, column: str) -> dict | None:
        return self._cells.get((row, column))

    @cached_property
    def _cells(self) -> dict[tuple[str, str], dict]:
        return {(cell["row"], cell["dataset"]): cell for cell in self.frame.to_dict("records")}


def comparison(
    entries: list[Entry], metric: Metric, config: Config, manifest: Manifest, row_order: Sequence[str]
) -> Table:
    """The table of one metric from records; gaps are what runs asked for and that has no value."""
    labels = _column_labels(entries, manifest)
    columns = _ordered([*labels.values(), *manifest.missing], config.tables.datasets)
    present = {*manifest.rows, *(entry.job.row for entry in entries)}
    ranked = [row for row in config.tables.ranked if row in present]
    extra = [row for row in _ordered(present, [*config.tables.extra, *row_order]) if row not in ranked]
    by_cell: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_cell.setdefault((entry.job.row, labels[entry.job.full_dataset]), []).append(entry)
    cells = [
        _cell_of(row, column, by_cell.get((row, column), []), metric) for row in [*ranked, *extra] for column in columns
    ]
    table = _ranked(f"{metric.title} {metric.arrow}", metric, columns, ranked, extra, cells)
    table.notes.extend(_notes(table, entries, config, manifest, labels))
    return table


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


def describe_protocol(settings: dict) -> str:
    """A protocol in one line."""
    p = msgspec.convert(settings, Protocol)
    epochs = f"{p.epochs} epochs" + (f" or {p.minimum_steps} steps if more" if p.minimum_steps else "")
    scaling = "features scaled to [0, 1] by the training range" if p.scaling == "minmax" else "features as they are"
    return (
        f"linear classifier, AdamW{' (AMSGrad)' if p.amsgrad else ''}, learning rate {p.learning_rate:g}, "
        f"weight decay {p.weight_decay:g} (biases {p.bias_weight_decay:g}), batch {p.batch_size}, {epochs}, {scaling}, "
        f"clip {p.clip_in_force}, fidelity {p.fidelity}, {p.precision}; "
        "epoch and grid point by validation Hamming loss."
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


# --- rendering ------------------------------------------------------------------------------------------------------


def render(table: Table, form: str) -> str:
    return {
        "terminal": _terminal,
        "markdown": _markdown,
        "latex": _latex,
        "html": _html,
        "csv": _csv,
        "json": _json,
    }[form](table)


def _headers(table: Table) -> list[str]:
    return ["Algorithm", *table.columns, AVERAGE]


def _lines(table: Table, rows: list[str], bold: str) -> list[list[str]]:
    lines = []
    for row in rows:
        cells = [
            f"{bold}{table.text(row, column)}{bold}" if table.is_best(row, column) else table.text(row, column)
            for column in table.columns
        ]
        lines.append([row, *cells, table.averages.get(row, GAP if row in table.ranked else "")])
    return lines


def _alignment(table: Table) -> tuple[str, ...]:
    return ("left", *["right"] * (len(table.columns) + 1))


def _terminal(table: Table) -> str:
    lines: list = _lines(table, table.ranked, "")
    if table.ranked and table.extra:
        lines.append(SEPARATING_LINE)
    lines += _lines(table, table.extra, "")
    body = tabulate(lines, _headers(table), tablefmt="simple", colalign=_alignment(table), disable_numparse=True)
    return "\n".join([table.title, "", body, "", *table.notes]) + "\n"


def _markdown(table: Table) -> str:
    lines = _lines(table, table.ranked, "**")
    if table.ranked and table.extra:
        lines.append(["*unranked*", *[""] * (len(table.columns) + 1)])
    lines += _lines(table, table.extra, "**")
    lines = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    body = tabulate(lines, _headers(table), tablefmt="pipe", colalign=_alignment(table), disable_numparse=True)
    return "\n".join([f"**{table.title}**", "", body, "", *(f"- {note}" for note in table.notes)]) + "\n"


LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "–": "--",
    ">": r"$>$",
    "<": r"$<$",
}


def latex_escaped(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)


def _latex(table: Table) -> str:
    def line(row: str) -> str:
        cells = []
        for column in table.columns:
            text = latex_escaped(table.text(row, column))
            cells.append(rf"\textbf{{{text}}}" if table.is_best(row, column) else text)
        average = latex_escaped(table.averages.get(row, GAP if row in table.ranked else ""))
        return " & ".join([latex_escaped(row), *cells, average]) + r" \\"

    rule = [r"\midrule"] if table.ranked and table.extra else []
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            r"\footnotesize",
            r"\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{latex_escaped(table.title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) + 1)}}}",
            r"\toprule",
            " & ".join(latex_escaped(header) for header in _headers(table)) + r" \\",
            r"\midrule",
            *(line(row) for row in table.ranked),
            *rule,
            *(line(row) for row in table.extra),
            r"\bottomrule",
            r"\end{tabular}",
            "",
            r"\smallskip",
            r"\begin{minipage}{\linewidth}\scriptsize",
            *(latex_escaped(note) + r"\par" for note in table.notes),
            r"\end{minipage}",
            r"\end{table}",
            "",
        ]
    )


def _html(table: Table) -> str:
    def line(row: str) -> str:
        cells = []
        for column in table.columns:
            text = html.escape(table.text(row, column))
            cells.append(f"<td>{f'<strong>{text}</strong>' if table.is_best(row, column) else text}</td>")
        average = html.escape(table.averages.get(row, GAP if row in table.ranked else ""))
        return f'<tr><th scope="row">{html.escape(row)}</th>{"".join(cells)}<td>{average}</td></tr>'

    head = "".join(f'<th scope="col">{html.escape(header)}</th>' for header in _headers(table))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    bodies = [
        f"<tbody>\n{chr(10).join(line(row) for row in rows)}\n</tbody>" for rows in (table.ranked, table.extra) if rows
    ]
    return "\n".join(
        [
            "<table>",
            f"<caption>{html.escape(table.title)}</caption>",
            f"<thead><tr>{head}</tr></thead>",
            *bodies,
            "</table>",
            f"<ul>{notes}</ul>",
            "",
        ]
    )


def _csv(table: Table) -> str:
    stream = io.StringIO()
    frame = table.frame.assign(metric=table.metric.key, rank=table.frame["rank"].astype("Int64"))
    frame.drop(columns="printed").to_csv(stream, index=False)
    return stream.getvalue()


def _json(table: Table) -> str:
    frame = table.frame.assign(rank=table.frame["rank"].astype("Int64"))
    body = {
        "title": table.title,
        "metric": table.metric.key,
        "lower_is_better": table.metric.lower_is_better,
        "columns": table.columns,
        "ranked": table.ranked,
        "extra": table.extra,
        "average_rank": table.averages,
        "notes": table.notes,
        "cells": json.loads(frame.to_json(orient="records", double_precision=15)),
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"
