"""Contents of a site as data, which its JSON files are: cells with the records behind them, data sets and methods.

Every struct is JSON by its fields' names; numbers are in the metric's unit, and what there is not is null or left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench import __version__
from bench.metrics.catalogue import Metric
from bench.plan.states import JobState, Kind
from bench.records.record import Record
from bench.tables.table import CellState, MetricTable

SITE_SCHEMA = 1


class MetricFacts(msgspec.Struct, frozen=True):
    """A metric of the site's tables."""

    key: str
    """In ``by_metric`` and ``values``."""
    title: str
    lower_is_better: bool


class Link(msgspec.Struct, frozen=True):
    """A data set or a method, and its two files, relative to the site's folder."""

    name: str
    page: str
    data: str
    """The JSON beside the page."""


class SeedRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record behind a cell."""

    seed: int
    state: Kind
    record: str
    """The record's file, from the results folder's name on; of a packed record, the file that it would be."""
    key: str | None = None
    """``key_digest`` of what the value was computed from; None of a record that is corrupt."""
    values: dict[str, float | None] = {}
    """{metric's key: value on test data}; none unless ``state`` is "done"."""
    note: str = ""
    """Why it is not done."""
    changed: list[str] = []
    """Of a stale record: the parts of its key that have changed since (method, loop, data, protocol, ...)."""
    code_changed: bool = False
    """True where code has changed since and computes the same numbers on the probe."""


class MetricValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cell by one metric; of a state other than "value" there is no number."""

    state: CellState
    mean: float | None = None
    std: float | None = None
    """Over seeds, divided by n - 1; None for one seed."""
    seeds: int = 0
    """Seeds with a value."""
    rank: int | None = None
    """Among the ranked methods on the data set, from 1; equal printed values share the smallest."""


class SiteCell(msgspec.Struct, frozen=True):
    """A method on a data set."""

    dataset: str
    """NAME@extractor, or NAME where nothing ran."""
    method: str
    by_metric: dict[str, MetricValue]
    records: list[SeedRecord]
    """By seed; empty where nothing ran."""

    @property
    def faults(self) -> list[SeedRecord]:
        """The records without a value to trust."""
        return [one for one in self.records if one.state != "done"]


class DatasetFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A data set, as far as its records and its card tell."""

    n_samples: dict[str, int] = {}
    """{split: rows}."""
    n_features: int | None = None
    n_labels: int | None = None
    features: str = ""
    """The extractor's name."""
    transforms: list[str] = []
    """Transforms of the set it is called after, in words."""
    digests: list[str] = []
    """Of the arrays that the values are of; one, unless records are of several."""
    card: list[tuple[str, str]] = []
    """(what, text) of its origin, licence and features, where the data are at hand."""
    missing: str = ""
    """Instructions to get its data, where nothing ran for want of them."""


class MethodFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A method, as its source declares it; empty where no method of the name is installed."""

    base: str = ""
    """The registered method behind the name."""
    summary: str = ""
    family: str = ""
    paper: str = ""
    year: str = ""
    aliases: list[str] = []
    options: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    """{option: values that are searched on validation data}."""
    departures: list[str] = []
    """Of a row of bench.toml: from its method and from the protocol, in words."""
    external: list[str] = []
    """Files of scores, of a model trained elsewhere."""


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = SITE_SCHEMA
    generator: str = f"flem-bench {__version__}"
    """The version whose code said which records are stale."""
    metrics: list[MetricFacts]
    cells: list[SiteCell]
    notes: list[str]
    """Sentences that belong to the numbers: protocol, features, what is not comparable, what failed."""


class IndexContent(_Page, frozen=True, kw_only=True):
    """``index.json``: everything."""

    kind: Literal["index"] = "index"
    records: str
    """Where the records are from."""
    answer: list[str]
    """The comparison's outcome in sentences."""
    datasets: list[Link]
    methods: list[Link]
    ranked: list[str]
    """The methods that have ranks."""
    average_ranks: dict[str, dict[str, float]]
    """{metric's key: {method: mean over independent sets}}, lower is better."""


class DatasetContent(_Page, frozen=True, kw_only=True):
    """``datasets/NAME.json``."""

    kind: Literal["dataset"] = "dataset"
    name: str
    facts: DatasetFacts


class MethodContent(_Page, frozen=True, kw_only=True):
    """``methods/NAME.json``."""

    kind: Literal["method"] = "method"
    name: str
    facts: MethodFacts
    average_ranks: dict[str, float]
    """{metric's key: mean rank over independent sets}."""


def metric_facts(tables: Sequence[MetricTable]) -> list[MetricFacts]:
    return [MetricFacts(one.metric.key, one.metric.title, one.metric.lower_is_better) for one in tables]


def cells_of(tables: Sequence[MetricTable], states: Sequence[JobState]) -> dict[tuple[str, str], SiteCell]:
    """{(method, column): cell} of tables that have the same rows and columns, one a metric."""
    metrics = [table.metric for table in tables]
    by_job: dict[tuple[str, str], list[SeedRecord]] = {}
    for state in sorted(states, key=lambda state: state.job.seed):
        found = by_job.setdefault((state.job.variant, state.job.full_dataset), [])
        found.append(_seed_record(state, metrics))
    first, cells = tables[0], {}
    for variant in first.variants:
        for column in first.columns:
            dataset = first.sources.get(column, column)
            by_metric = {table.metric.key: _value(table, variant, column) for table in tables}
            cells[variant, column] = SiteCell(dataset, variant, by_metric, by_job.get((variant, dataset), []))
    return cells


def _seed_record(state: JobState, metrics: Sequence[Metric]) -> SeedRecord:
    record = state.record
    return SeedRecord(
        seed=state.job.seed,
        state=state.state,
        record=near(state.path),
        key=key_digest(record) if record is not None else None,
        values={metric.key: state.value(metric.key) for metric in metrics} if state.state == "done" else {},
        note=state.note.replace(str(state.path), near(state.path)),
        changed=list(state.parts) if state.state == "stale" else [],
        code_changed=state.code_changed,
    )


def key_digest(record: Record) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a record's key as sorted compact JSON: equal where keys are."""
    return hashlib.sha256(msgspec.json.encode(record.key, order="sorted")).hexdigest()[:16]


def near(path: Path) -> str:
    """A record's path from its results folder's name on: where that folder lies is nobody's business."""
    return "/".join(path.parts[-4:])


def _value(table: MetricTable, variant: str, column: str) -> MetricValue:
    cell = table.cell(variant, column)
    if cell is None:
        return MetricValue("missing")
    return MetricValue(cell.state, cell.mean, cell.std, cell.seeds, cell.rank)


def average_ranks(tables: Sequence[MetricTable]) -> dict[str, dict[str, float]]:
    """{metric's key: {method: average rank}}."""
    return {table.metric.key: {name: float(rank) for name, rank in table.averages.items()} for table in tables}


def of_method(ranks: Mapping[str, Mapping[str, float]], method: str) -> dict[str, float]:
    """{metric's key: the method's average rank}, of the metrics by which it has one."""
    return {metric: by_method[method] for metric, by_method in ranks.items() if method in by_method}
