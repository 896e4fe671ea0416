"""``bench report``: everything a results folder says, as one HTML file that needs no network. Imports no torch."""

from __future__ import annotations

import base64
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from bench import __version__
from bench.analysis.over_datasets import significance
from bench.analysis.paper_claims import claims, claims_grid
from bench.analysis.paper_comparison import LEVEL, by_row, caveat, correlations, not_compared
from bench.analysis.within_datasets import RESAMPLED, Resampled, explanation, in_words
from bench.config import Config
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Manifest
from bench.report.figures import Material, Picture, pictures
from bench.report.style import encoded
from bench.tables.comparison import paper_table
from bench.tables.ranking import printed
from bench.tables.render import common_notes
from bench.tables.table import Table
from bench.text import Block, Grid, duration

if TYPE_CHECKING:
    from bench.plan.states import JobState

SUMMARY_FIGURES = ("critical-difference", "cost", "ranks")
SETS_DRAWN = 8
SET_FIGURES = ("curves", "grid", "reliability", "distributions")


@dataclass(frozen=True)
class Cell:
    """A cell of a comparison table."""

    text: str
    best: bool = False
    second: bool = False
    order: float | None = None
    """What sorting compares; None comes last."""
    hint: str = ""
    """Shown on hover and focus: the seeds' values, and where the records are."""


@dataclass(frozen=True)
class ShownTable:
    title: str
    columns: list[str]
    lower_is_better: bool
    ranked: list[tuple[str, list[Cell]]]
    extra: list[tuple[str, list[Cell]]]
    notes: list[str]


@dataclass(frozen=True)
class ShownPicture:
    title: str
    text: str
    image: str = ""
    """A data: URI."""
    reason: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class Section:
    """What the page says of one data set, or of one metric's statistics."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    pictures: list[ShownPicture] = field(default_factory=list)


def page(material: Material, config: Config, folder: str, control: str, within: list[Resampled]) -> str:
    """The HTML text.

    Parameters
    ----------
    folder: where the records are, as the reader should see it.
    control: the row that the statistics compare the others with.
    within: ``bench.analysis.within_datasets.resampled`` of the rows; empty to say nothing of single data sets.
    """
    manifest = material.manifest
    done = [entry for entry in material.entries if entry.state == "done"]
    ours = list(material.tables)
    papers = [paper_table(metric, config) for metric in PAPER_METRICS]
    common = common_notes(ours)
    by_cell: dict[tuple[str, str], list[JobState]] = {}
    for entry in material.entries:
        by_cell.setdefault((entry.job.variant, entry.job.full_dataset), []).append(entry)
    return _template().render(
        version=__version__,
        folder=folder,
        facts=_facts(material, done),
        tables=[_shown(table, by_cell, common) for table in ours],
        common=common,
        figures=_drawn(material, SUMMARY_FIGURES),
        compared=_compared(material.comparison, config),
        level=LEVEL,
        difference=_drawn(material, ("difference",)) if not material.comparison.empty else [],
        reasons=not_compared(ours, material.comparison, manifest),
        claims=claims_grid(claims(papers, ours)),
        claims_on=", ".join(ours[0].columns),
        control=control,
        statistics=_statistics(ours, material, control, within),
        explanation=explanation(control)
        if within
        else "Test instances were not resampled for this page; "
        "`python -m bench stats` does, or `report --resampling always`.",
        gaps=_gaps(material, manifest),
        cost=_cost(material, done),
        sets=_sets(material),
        is_grid=lambda block: isinstance(block, Grid),
        code=_code,
    )


def _code(text: str) -> Markup:
    """Text in which `backticks` are code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("bench.report", "."),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _facts(material: Material, done: list[JobState]) -> list[tuple[str, str]]:
    """What ran, where, and with which code."""
    states = Counter(entry.state for entry in material.entries)
    environments = [entry.record.environment for entry in material.entries if entry.record is not None]

    def different(key: str) -> str:
        return ", ".join(sorted({str(one[key]) for one in environments if one.get(key) is not None}))

    seconds = sum(entry.record.cost.seconds for entry in done if entry.record is not None)
    seeds = sorted({entry.job.seed for entry in material.entries})
    facts = [
        ("records", ", ".join(f"{count} {state}" for state, count in states.items())),
        ("data sets", ", ".join(dict.fromkeys(entry.job.full_dataset for entry in material.entries))),
        ("methods", ", ".join(dict.fromkeys([*material.tables[0].ranked, *material.tables[0].extra]))),
        ("seeds", ", ".join(map(str, seeds))),
        ("computed in", f"{duration(seconds)} of jobs, one after the other"),
        ("device", different("device")),
        ("machine", different("host")),
        ("processor", different("processor")),
        ("code", different("commit") and f"commit {different('commit')}"),
    ]
    return [(name, value) for name, value in facts if value]


def _shown(table: Table, by_cell: dict[tuple[str, str], list[JobState]], common: list[str]) -> ShownTable:
    """``by_cell``: {(row, NAME@extractor): its records}."""
    assert table.metric is not None

    def line(row: str) -> tuple[str, list[Cell]]:
        cells = []
        for column in table.columns:
            found = table.cell(row, column)
            records = by_cell.get((row, table.sources.get(column, column)), [])
            value = found["mean"] if found is not None and found["state"] == "value" else None
            assert table.metric is not None
            place = table.is_best(row, column), table.is_second(row, column)
            cells.append(Cell(table.text(row, column), *place, value, _hint(records, table.metric)))
        average = table.averages.get(row)
        if table.ranked:
            cells.append(Cell(average or "", order=float(average) if average else None))
        return row, cells

    return ShownTable(
        table.title,
        [*table.columns, *(["Avg. Rank"] if table.ranked else [])],
        table.metric.lower_is_better,
        [line(row) for row in table.ranked],
        [line(row) for row in table.extra],
        [note for note in table.notes if note not in common],
    )


def _hint(entries: Sequence[JobState], metric: Metric) -> str:
    """Each seed's value and record, a line each."""
    lines = []
    for entry in sorted(entries, key=lambda entry: entry.job.seed):
        value = entry.value(metric.key)
        said = f"{value:.6f}" if value is not None else f"{entry.state}: {entry.note}" if entry.note else entry.state
        lines.append(f"seed {entry.job.seed}: {said}\n{entry.path}")
    return "\n".join(lines)


def _drawn(material: Material, figures: Sequence[str]) -> list[ShownPicture]:
    return [_picture(one) for one in pictures(material, figures)]


def _picture(one: Picture) -> ShownPicture:
    try:
        image = base64.b64encode(encoded(one.draw(), "svg")).decode()
    except UsageError as error:
        return ShownPicture(one.title, one.text, reason=str(error))
    return ShownPicture(one.title, one.text, f"data:image/svg+xml;base64,{image}")


@dataclass(frozen=True)
class Compared:
    """One data set beside the paper's."""

    ours: str
    theirs: str
    caveat: str
    metrics: list[str]
    rows: list[tuple[str, list[tuple[str, str, str]]]]
    """(row, [(value, difference, verdict)] by metric)."""
    correlations: list[str]


def _compared(frame: pd.DataFrame, config: Config) -> list[Compared]:
    found = []
    for (ours, theirs), cells in frame.groupby(["dataset", "paper_dataset"], sort=False):
        found.append(
            Compared(
                str(ours),
                str(theirs),
                caveat(str(ours), str(theirs), config),
                [f"{metric.title} {metric.arrow}" for metric in PAPER_METRICS],
                [(row, [_compared_cell(line) for line in lines]) for row, lines in by_row(cells)],
                correlations(cells),
            )
        )
    return found


def _compared_cell(line: dict | None) -> tuple[str, str, str]:
    if line is None:
        return "–", "", ""
    units = "" if pd.isna(line["deviations"]) else f" ({line['deviations']:+.1f} sd)"
    return printed(line["ours"]), f"{line['difference']:+.4f}{units}", line["verdict"]


def _statistics(tables: Sequence[Table], material: Material, control: str, within: list[Resampled]) -> list[Section]:
    found = []
    for table in tables:
        assert table.metric is not None
        blocks = significance(table, list(material.variants), control, None)
        if within and table.metric.key in RESAMPLED:
            blocks = [*blocks, *in_words(within, table.metric, detail=False)]
        found.append(Section(table.title, blocks))
    return found


def _gaps(material: Material, manifest: Manifest) -> list[str]:
    """Everything that was asked for and has no value, and why."""
    said = [f"{name}: its data are not here ({how})." for name, how in manifest.missing.items()]
    table = material.tables[0]
    rows = (*table.ranked, *table.extra)
    for column in table.columns:
        cells = {row: table.cell(row, column) for row in rows}
        absent = [row for row, cell in cells.items() if cell is None or cell["state"] == "missing"]
        if absent and column not in manifest.missing:
            said.append(f"Not run on {column}: {'all rows' if len(absent) == len(rows) else ', '.join(absent)}.")
    faults: dict[tuple[str, str, str], dict[str, list[JobState]]] = {}
    for entry in material.entries:
        if entry.state != "done":
            places = faults.setdefault((entry.job.variant, entry.state, entry.note), {})
            places.setdefault(entry.job.full_dataset, []).append(entry)
    for (row, state, note), places in faults.items():
        where = [
            f"{dataset} ({'seeds' if len(entries) > 1 else 'seed'} {', '.join(str(e.job.seed) for e in entries)})"
            for dataset, entries in places.items()
        ]
        said.append(f"{row} is {state}: {note.rstrip('.')}. On {', '.join(where)}.")
    undefined = [
        f"{row} on {column}, {one.title}"
        for one in material.tables
        for row in (*one.ranked, *one.extra)
        for column in one.columns
        if (cell := one.cell(row, column)) is not None and cell["state"] == "undefined"
    ]
    if undefined:
        said.append(f"Run, but the metric is not defined there: {'; '.join(undefined)}.")
    return said


def _cost(material: Material, done: list[JobState]) -> Grid:
    """Mean seconds of a job per method and data set, and the largest memory."""
    table = material.tables[0]
    columns = [column for column in table.columns if column in table.sources]
    peak: dict[str, float] = {}
    for entry in done:
        assert entry.record is not None
        bytes_taken = entry.record.cost.peak_memory_bytes or 0
        peak[entry.job.variant] = max(peak.get(entry.job.variant, 0), bytes_taken)
    body = []
    for row in (*table.ranked, *table.extra):
        seconds = [material.seconds.get((row, table.sources[column])) for column in columns]
        texts = ["–" if value is None else f"{value:.1f}" for value in seconds]
        body.append([row, *texts, f"{peak[row] / 2**20:.0f}" if peak.get(row) else "–"])
    return Grid(["seconds a job (mean over seeds)", *columns, "peak MiB"], body)


def _sets(material: Material) -> list[Section]:
    found: dict[str, Section] = {}
    for one in pictures(material, SET_FIGURES):
        section = found.setdefault(one.dataset, Section(one.dataset))
        if len(found) <= SETS_DRAWN:
            section.pictures.append(_picture(one))
        elif not section.blocks:
            command = f"python -m bench plot --datasets {shlex.quote(one.dataset)}"
            section.blocks.append(f"The page draws {SETS_DRAWN} data sets; `{command}` draws this one.")
    return list(found.values())
