"""Pages of a site: what each shows, from the tables and the contents that its JSON file has. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.datasets.dataset import SPLITS
from bench.report.page.tables import ShownCell, ShownTable
from bench.report.site.contents import (
    DatasetContent,
    Link,
    MethodContent,
    SeedRecord,
    SiteCell,
)
from bench.tables.table import AVERAGE, GAP, MetricTable
from bench.text import counted


@dataclass(frozen=True)
class PageCell:
    """A cell of a page's table, which leads to the records behind it."""

    shown: ShownCell
    to: str = ""
    """Address of its records, from the page; empty of an average rank."""
    hint: str = ""
    """Each seed's value, key and record."""
    faults: str = ""
    """Faults of some of its seeds, where the others have a value."""


@dataclass(frozen=True)
class PageLine:
    name: str
    to: str
    cells: list[PageCell]


@dataclass(frozen=True)
class PageTable:
    """A table of a page; a column is (heading, address of its page or "", whether less is better)."""

    title: str
    corner: str
    columns: list[tuple[str, str, bool]]
    ranked: list[PageLine]
    extra: list[PageLine]
    notes: list[str] = field(default_factory=list)
    sorted_by: int | None = None
    """Number of the column that the lines are in order of, from 0."""


@dataclass(frozen=True)
class RecordLine:
    """A record on a page; ``anchor`` is of the first of a cell's."""

    anchor: str
    name: str
    to: str
    record: SeedRecord | None
    values: list[str]


class Addresses:
    """Addresses of pages by name.

    Parameters
    ----------
    datasets, methods: {name: its file's name without ending}; data sets by NAME@extractor.
    """

    def __init__(self, datasets: Mapping[str, str], methods: Mapping[str, str]) -> None:
        self.datasets, self.methods = datasets, methods

    def dataset(self, name: str, root: str = "") -> str:
        return f"{root}datasets/{self.datasets[name]}.html"

    def method(self, name: str, root: str = "") -> str:
        return f"{root}methods/{self.methods[name]}.html"

    def links(self, kind: str) -> list[Link]:
        stems = self.datasets if kind == "datasets" else self.methods
        return [Link(name, f"{kind}/{stem}.html", f"{kind}/{stem}.json") for name, stem in stems.items()]


@dataclass(frozen=True)
class Drawn:
    """The tables of a site, one a metric, as cells that all its pages are made of."""

    tables: Sequence[MetricTable]
    shown: Sequence[ShownTable]
    """As the index shows them."""
    cells: Mapping[tuple[str, str], SiteCell]
    """{(method, column): its records}."""
    addresses: Addresses

    @cached_property
    def by_method(self) -> list[dict[str, list[ShownCell]]]:
        """{method: cells by column}, one a metric."""
        return [{line.variant: line.cells for line in (*one.ranked, *one.extra)} for one in self.shown]

    @cached_property
    def sources(self) -> dict[str, str]:
        """{column: NAME@extractor}, or the column's own name where nothing ran."""
        return {column: self.tables[0].sources.get(column, column) for column in self.tables[0].columns}

    @property
    def metric_columns(self) -> list[tuple[str, str, bool]]:
        return [(table.metric.heading, "", table.metric.lower_is_better) for table in self.tables]


def index_table(drawn: Drawn, number: int) -> PageTable:
    """The table of a metric: methods by average rank, a column a data set."""
    table, shown, addresses = drawn.tables[number], drawn.shown[number], drawn.addresses
    columns = [(column, addresses.dataset(full)) for column, full in drawn.sources.items()]

    def line(name: str) -> PageLine:
        made = drawn.by_method[number][name]
        found = [
            _cell(made[place], drawn.cells[name, column], table.metric.key, f"{to}#{addresses.methods[name]}")
            for place, (column, to) in enumerate(columns)
        ]
        return PageLine(name, addresses.method(name), [*found, *(PageCell(one) for one in made[len(found) :])])

    ranked = sorted(table.ranked, key=lambda name: float(table.averages.get(name, "inf")))
    return PageTable(
        shown.title,
        "Method",
        [
            *((column, to, table.metric.lower_is_better) for column, to in columns),
            *([(AVERAGE, "", True)] if shown.averaged else []),
        ],
        [line(name) for name in ranked],
        [line(name) for name in table.extra],
        shown.notes,
        len(columns) if shown.averaged else None,
    )


def dataset_table(drawn: Drawn, column: str) -> PageTable:
    """Methods over metrics on one data set, by rank of the first metric."""
    tables, addresses, place = drawn.tables, drawn.addresses, drawn.tables[0].columns.index(column)

    def line(name: str) -> PageLine:
        found = [
            _cell(by_method[name][place], drawn.cells[name, column], table.metric.key, f"#{addresses.methods[name]}")
            for by_method, table in zip(drawn.by_method, tables, strict=True)
        ]
        return PageLine(name, addresses.method(name, "../"), found)

    def order(name: str) -> tuple[bool, float]:
        found = drawn.cells[name, column].by_metric[tables[0].metric.key]
        sign = 1 if tables[0].metric.lower_is_better else -1
        return found.mean is None, found.rank or (0 if found.mean is None else sign * found.mean)

    ranked, extra = sorted(tables[0].ranked, key=order), sorted(tables[0].extra, key=order)
    columns = drawn.metric_columns
    return PageTable(
        "", "Method", columns, [line(name) for name in ranked], [line(name) for name in extra], sorted_by=0
    )


def method_table(drawn: Drawn, method: str) -> PageTable:
    """Data sets over metrics of one method."""
    addresses, lines = drawn.addresses, []
    for place, (column, full) in enumerate(drawn.sources.items()):
        found = [
            _cell(made[method][place], drawn.cells[method, column], table.metric.key, f"#{addresses.datasets[full]}")
            for made, table in zip(drawn.by_method, drawn.tables, strict=True)
        ]
        lines.append(PageLine(column, addresses.dataset(full, "../"), found))
    return PageTable("", "Data set", drawn.metric_columns, lines, [])


def _cell(drawn: ShownCell, cell: SiteCell, metric: str, to: str) -> PageCell:
    lines = [_hint(one, metric) for one in cell.records]
    kinds = [one.state for one in cell.faults] if cell.by_metric[metric].state == "value" else []
    faults = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return PageCell(drawn, to, "\n".join(lines) or "not run", faults)


def _hint(one: SeedRecord, metric: str) -> str:
    value = one.values.get(metric)
    said = status(one) if one.state != "done" else "not defined" if value is None else f"{value:.6f}"
    return f"seed {one.seed}: {said}, key {one.key or GAP}, {one.record}"


def status(one: SeedRecord) -> str:
    """State of a record in words, with the part that changed under a stale one."""
    if one.state == "done":
        return "current"
    return f"{one.state}: {one.note}" if one.note else one.state


def record_lines(cells: Sequence[tuple[str, str, str, SiteCell]], metrics: Sequence[str]) -> list[RecordLine]:
    """Lines of all records of a page's cells, each (anchor, name, address of its page, cell)."""
    lines = []
    for anchor, name, to, cell in cells:
        for number, one in enumerate(cell.records or [None]):
            values = [one.values.get(metric) if one else None for metric in metrics]
            texts = [GAP if value is None else f"{value:.6f}" for value in values]
            lines.append(RecordLine("" if number else anchor, name, to, one, texts))
    return lines


def standing(tables: Sequence[MetricTable], method: str) -> str:
    """Sentence on a method's average ranks and first places, or on why it has none."""
    parts = []
    for table in tables:
        first = sum(table.is_best(method, column) for column in table.columns)
        if method in table.averages:
            on = f" (first on {counted(first, 'data set')})" if first else ""
            parts.append(f"{table.averages[method]} by {table.metric.title}{on}")
    if parts:
        return f"Average rank among {counted(len(tables[0].averages), 'method')}: {'; '.join(parts)}."
    if method in tables[0].ranked:
        return "It has no average rank: no data set here has a value of every ranked method."
    return "It is not ranked here; its values stand beside those of the ranked methods."


def dataset_facts_shown(page: DatasetContent) -> list[tuple[str, str]]:
    """(name, text) of a data set's facts, as the page lists them."""
    facts = page.facts
    rows = ", ".join(f"{facts.n_samples[split]} {split}" for split in SPLITS if split in facts.n_samples)
    listed = [
        ("rows", rows),
        ("features", f"{facts.n_features} ({facts.features})" if facts.n_features else facts.features),
        ("labels", str(facts.n_labels) if facts.n_labels else ""),
        *(("transform", text) for text in facts.transforms),
        *((name, text) for name, text in facts.card),
        ("arrays", ", ".join(facts.digests)),
        ("not here", facts.missing),
    ]
    return [(name, text) for name, text in listed if text]


def method_facts_shown(page: MethodContent) -> list[tuple[str, str]]:
    """(name, text) of a method's facts, as the page lists them."""
    facts = page.facts
    listed = [
        ("family", facts.family),
        ("year", facts.year),
        ("publication", facts.paper),
        ("also called", ", ".join(facts.aliases)),
        ("is", f"{facts.base} with {', '.join(facts.departures)}" if facts.departures else ""),
        ("options", ", ".join(f"{name} {_option(value)}" for name, value in facts.options.items())),
        ("grid", "; ".join(f"{name} {', '.join(map(_option, values))}" for name, values in facts.grid.items())),
        ("scores of", ", ".join(facts.external)),
    ]
    if not facts.base and not facts.external:
        listed.append(("source", "no method of this name is installed where the site was written"))
    return [(name, text) for name, text in listed if text]


def _option(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
