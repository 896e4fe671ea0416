"""Pages of a site: what each shows, from the tables and the contents that its JSON file has. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.report.page.tables import RankedBy, ShownCell, ShownTable, shown_tables
from bench.report.site.contents import (
    DatasetContent,
    Link,
    MethodContent,
    SeedRecord,
    SiteCell,
)
from bench.tables.table import GAP, MetricTable
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
    """What is wrong with some of its seeds, where the others have a value."""


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


def index_tables(
    tables: Sequence[MetricTable],
    cells: Mapping[tuple[str, str], SiteCell],
    addresses: Addresses,
    common: Sequence[str],
) -> list[PageTable]:
    """A table a metric: methods by average rank, a column a data set."""
    shown = shown_tables([RankedBy(table, []) for table in tables], common)
    return [_index_table(table, one, cells, addresses) for table, one in zip(tables, shown, strict=True)]


def _index_table(
    table: MetricTable, shown: ShownTable, cells: Mapping[tuple[str, str], SiteCell], addresses: Addresses
) -> PageTable:
    sources = [table.sources.get(column, column) for column in table.columns]

    def line(name: str, drawn: Sequence[ShownCell]) -> PageLine:
        found = [
            _cell(
                drawn[place],
                cells[name, column],
                table.metric.key,
                f"{addresses.dataset(full)}#{addresses.methods[name]}",
            )
            for place, (column, full) in enumerate(zip(table.columns, sources, strict=True))
        ]
        return PageLine(name, addresses.method(name), [*found, *(PageCell(one) for one in drawn[len(found) :])])

    ranked = sorted(shown.ranked, key=lambda one: float(table.averages.get(one.variant, "inf")))
    columns = [(column, addresses.dataset(full), table.metric.lower_is_better)
               for column, full in zip(table.columns, sources, strict=True)]  # fmt: skip
    averaged = [("Avg. Rank", "", True)] if shown.averaged else []
    return PageTable(
        shown.title, "Method", [*columns, *averaged],
        [line(one.variant, one.cells) for one in ranked], [line(one.variant, one.cells) for one in shown.extra],
        shown.notes, len(columns) if averaged else None,
    )  # fmt: skip


def dataset_table(
    tables: Sequence[MetricTable], cells: Mapping[tuple[str, str], SiteCell], addresses: Addresses, column: str
) -> PageTable:
    """Methods over metrics on one data set, by rank of the first metric."""
    shown, place = shown_tables([RankedBy(table, []) for table in tables], []), tables[0].columns.index(column)
    by_metric = [{line.variant: line.cells[place] for line in (*one.ranked, *one.extra)} for one in shown]

    def line(name: str) -> PageLine:
        to = f"#{addresses.methods[name]}"
        found = [
            _cell(drawn[name], cells[name, column], table.metric.key, to)
            for drawn, table in zip(by_metric, tables, strict=True)
        ]
        return PageLine(name, addresses.method(name, "../"), found)

    def order(name: str) -> tuple[bool, float]:
        found = cells[name, column].by_metric[tables[0].metric.key]
        sign = 1 if tables[0].metric.lower_is_better else -1
        return found.mean is None, found.rank or (0 if found.mean is None else sign * found.mean)

    return PageTable(
        "", "Method", [(table.metric.heading, "", table.metric.lower_is_better) for table in tables],
        [line(name) for name in sorted(tables[0].ranked, key=order)],
        [line(name) for name in sorted(tables[0].extra, key=order)],
        sorted_by=0,
    )  # fmt: skip


def method_table(
    tables: Sequence[MetricTable], cells: Mapping[tuple[str, str], SiteCell], addresses: Addresses, method: str
) -> PageTable:
    """Data sets over metrics of one method."""
    shown = shown_tables([RankedBy(table, []) for table in tables], [])
    by_metric = [next(line.cells for line in (*one.ranked, *one.extra) if line.variant == method) for one in shown]
    lines = []
    for place, column in enumerate(tables[0].columns):
        full = tables[0].sources.get(column, column)
        found = [
            _cell(drawn[place], cells[method, column], table.metric.key, f"#{addresses.datasets[full]}")
            for drawn, table in zip(by_metric, tables, strict=True)
        ]
        lines.append(PageLine(column, addresses.dataset(full, "../"), found))
    return PageTable(
        "", "Data set", [(table.metric.heading, "", table.metric.lower_is_better) for table in tables], lines, []
    )


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
        return "current; code changed, same numbers on the probe" if one.code_changed else "current"
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


def first_on(tables: Sequence[MetricTable], column: str) -> str:
    """Sentence on the methods that are first on a data set, by metric."""
    leaders: dict[str, list[str]] = {}
    for table in tables:
        names = [name for name in table.ranked if table.is_best(name, column)]
        if names:
            leaders.setdefault(" and ".join(names), []).append(table.metric.title)
    if not leaders:
        return "No ranked method has a value here."
    count = max(len([name for name in table.ranked if table.values(column).get(name) is not None]) for table in tables)
    said = "; ".join(f"{names} by {_listed(titles)}" for names, titles in leaders.items())
    return f"First of {counted(count, 'ranked method')}: {said}."


def standing(tables: Sequence[MetricTable], method: str) -> str:
    """Sentence on a method's average ranks and first places; empty where it has neither."""
    parts = []
    for table in tables:
        values = {column for column in table.columns if method in table.values(column)}
        first = [column for column in values if table.is_best(method, column)]
        if method in table.averages:
            parts.append(f"{table.averages[method]} by {table.metric.title} (first on {len(first)} of {len(values)})")
    if parts:
        return f"Average rank among {counted(len(tables[0].averages), 'method')}: {'; '.join(parts)}."
    if method in tables[0].ranked:
        return "It has no average rank: no data set here has a value of every ranked method."
    return "It is not ranked here; its values stand beside those of the ranked methods."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def dataset_facts_shown(page: DatasetContent) -> list[tuple[str, str]]:
    """(name, text) of a data set's facts, as the page lists them."""
    facts = page.facts
    rows = ", ".join(f"{split} {count}" for split, count in facts.n_samples.items())
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
