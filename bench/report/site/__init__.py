"""Static site of a results folder: an index, a page a data set and a method, and JSON beside each. Imports no torch.

Links are relative, so that any web host serves it and a browser opens it from a disk. ``contents.py`` is the JSON's
schema, ``folder.py`` writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bench.analysis.answer.leads import Lead, leads
from bench.plan.filters import Choice, chosen
from bench.report.figures import Material
from bench.report.page import answered, environment, leader_first
from bench.report.page.tables import RankedBy, shown_tables
from bench.report.site import pages
from bench.report.site.contents import (
    DatasetContent,
    IndexContent,
    MethodContent,
    SiteCell,
    average_ranks,
    cells_of,
    metric_facts,
    of_method,
)
from bench.report.site.facts import dataset_facts, method_facts
from bench.report.site.names import file_names
from bench.report.site.pages import Addresses, Drawn
from bench.tables.load import Records
from bench.tables.render import common_notes
from bench.tables.table import Style

LOOK = ("page.css", "report.css", "site.css")
SCRIPTS = ("sorting.js", "site.js")


def site(records: Records, material: Material, control: str) -> dict[str, bytes]:
    """The site's files: {path from its folder, with slashes: content}.

    Parameters
    ----------
    material: of the records.
    control: the baseline of the answer.
    """
    return _Site(records, material).files(answered(material, records.selection.config, control))


class _Site:
    def __init__(self, records: Records, material: Material) -> None:
        tables = material.tables
        self.records, self.tables, self.variants = records, tables, material.variants
        self.first = tables[0]
        self.common = common_notes(tables)
        self.cells = cells_of(tables, records.states)
        full = [self.first.sources.get(column, column) for column in self.first.columns]
        self.addresses = Addresses(file_names(full), file_names(self.first.variants))
        shown_on_index = shown_tables([RankedBy(table, records.states) for table in tables], self.common)
        self.drawn = Drawn(tables, shown_on_index, self.cells, self.addresses)
        self.metrics = metric_facts(tables)
        self.ranks = average_ranks(tables)
        self.environment = environment(__name__)
        self.environment.globals["status"] = pages.status
        folders = {state.path.parents[2] for state in records.states}
        self.near = {str(folder): folder.name for folder in folders if folder.is_absolute()}

    def files(self, said: dict[str, Any]) -> dict[str, bytes]:
        """All files; ``said``: ``bench.report.page.answered``."""
        source = self.environment.loader
        assert source is not None
        found = {"look.css": "\n".join(source.get_source(self.environment, name)[0] for name in LOOK).encode()}
        found["look.js"] = "\n".join(source.get_source(self.environment, name)[0] for name in SCRIPTS).encode()
        found |= self._pair("index", "index.html", self._index(said))
        for column, full in self.drawn.sources.items():
            found |= self._pair(
                f"datasets/{self.addresses.datasets[full]}", "dataset.html", self._dataset(column, full)
            )
        for method in self.first.variants:
            found |= self._pair(f"methods/{self.addresses.methods[method]}", "method.html", self._method(method))
        return found

    def _pair(self, path: str, template: str, page: tuple[msgspec.Struct, dict[str, Any]]) -> dict[str, bytes]:
        """A page and its JSON."""
        content, shown_on_it = page
        root = "../" * path.count("/")
        data = f"{path.rpartition('/')[2]}.json"
        html = self.environment.get_template(template).render(page=content, root=root, data=data, **shown_on_it)
        return {f"{path}.html": html.encode(), f"{path}.json": msgspec.json.encode(content) + b"\n"}

    def _index(self, said: dict[str, Any]) -> tuple[IndexContent, dict[str, Any]]:
        notes = list(dict.fromkeys(note for table in self.tables for note in table.notes))
        content = IndexContent(
            metrics=self.metrics, cells=list(self.cells.values()), notes=self._told(notes), records=self._origin(),
            answer=said["answer"].blocks, datasets=self.addresses.links("datasets"),
            methods=self.addresses.links("methods"), ranked=self.first.ranked, average_ranks=self.ranks,
        )  # fmt: skip
        made = [pages.index_table(self.drawn, number) for number in range(len(self.tables))]
        return content, {
            "tables": [replace(table, notes=self._told(table.notes)) for table in made],
            "common": self._told(self.common),
            **said,
            "standing": self._standing(),
        }

    def _origin(self) -> str:
        """Where the records are from, in sentences; where that is on this machine is nobody's business."""
        selection = self.records.selection
        own = "" if selection.committed else f"Records of the folder {selection.folder.resolve().name}. "
        return self._told([own + self.records.note])[0]

    def _standing(self) -> dict[str, int]:
        """{state: records}, of the records that are not current."""
        return {
            state: count
            for state in ("stale", "failed", "corrupt")
            if (count := sum(one.state == state for one in self.records.states))
        }

    def _dataset(self, column: str, full: str) -> tuple[DatasetContent, dict[str, Any]]:
        cells = [self.cells[method, column] for method in self.first.variants]
        content = DatasetContent(
            metrics=self.metrics, cells=cells, notes=self._notes(Choice(datasets=[full])), name=full,
            facts=dataset_facts(self.records, full),
        )  # fmt: skip
        named = [
            (self.addresses.methods[cell.method], cell.method, self.addresses.method(cell.method, "../"), cell)
            for cell in cells
        ]
        return content, {
            "name": column,
            "leads": [leader_first(lead) for lead in self._leads(column, full) if lead.leader is not None],
            "facts": pages.dataset_facts_shown(content),
            "table": pages.dataset_table(self.drawn, column),
            "records": self._record_lines(named),
        }

    def _leads(self, column: str, full: str) -> list[Lead]:
        """The leaders on one data set, as those over all are told."""
        arrays = {name: digests for name, digests in self.first.arrays.items() if name == column}
        tables = [replace(table, columns=[column], sources={column: full}, arrays=arrays) for table in self.tables]
        states = [state for state in self.records.states if state.job.full_dataset == full]
        return leads(tables, states, self.variants)

    def _method(self, method: str) -> tuple[MethodContent, dict[str, Any]]:
        cells = [self.cells[method, column] for column in self.first.columns]
        content = MethodContent(
            metrics=self.metrics, cells=cells, notes=self._notes(Choice(variants=[method])), name=method,
            facts=method_facts(self.records, method), average_ranks=of_method(self.ranks, method),
        )  # fmt: skip
        named = [
            (self.addresses.datasets[cell.dataset], column, self.addresses.dataset(cell.dataset, "../"), cell)
            for column, cell in zip(self.first.columns, cells, strict=True)
        ]
        return content, {
            "first": [pages.standing(self.tables, method)],
            "facts": pages.method_facts_shown(content),
            "table": pages.method_table(self.drawn, method),
            "records": self._record_lines(named),
        }

    def _record_lines(self, cells: Sequence[tuple[str, str, str, SiteCell]]) -> list[pages.RecordLine]:
        return pages.record_lines(cells, [metric.key for metric in self.metrics])

    def _notes(self, choice: Choice) -> list[str]:
        """Notes of a table of some of the records, but for those on ranks, which are among all."""
        states, manifest = chosen(self.records.states, self.records.manifest, choice)
        part = replace(self.records, states=states, manifest=manifest)
        (table,) = part.tables([self.first.metric], Style(show_ranks=False))
        return self._told(table.notes)

    def _told(self, notes: Sequence[str]) -> list[str]:
        """Notes without the place of the results folder on this machine."""
        for place, name in self.near.items():
            notes = [note.replace(place, name) for note in notes]
        return list(notes)
