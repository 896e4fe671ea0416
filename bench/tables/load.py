"""Records and their tables: of a results folder, of the committed reference, or printed in the paper. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec.structs import replace as struct_with

from bench import config as configuration
from bench.board.among_reference import Among, among
from bench.config import Config
from bench.datasets.catalog import data_folders
from bench.decisions.rule import Target
from bench.errors import UsageError
from bench.metrics.catalogue import Metric, metrics
from bench.plan.filters import Choice, chosen
from bench.plan.states import JobState, code_note, collect
from bench.plan.variants import spelled_out, variants_of
from bench.records.manifests import joined
from bench.records.record import Further, Manifest, Selected
from bench.records.store import DEFAULT_RESULTS, REFERENCE, Store
from bench.scored.rules import by_rule, own_target
from bench.tables.comparison import comparison, paper_table
from bench.tables.table import PAPERS_STYLE, MetricTable, Style

Origin = Literal["runs", "reference", "reference+runs"]
AnyOrigin = Literal["runs", "reference", "reference+runs", "paper"]


@dataclass(frozen=True)
class Selection:
    """Records to read: from where, and which of them; None: all."""

    origin: AnyOrigin = "runs"
    """One's own records, the committed ones, one's own among these, or the paper's printed tables in place of them."""
    results: str = DEFAULT_RESULTS
    """The folder of one's own records."""
    data: str | None = None
    """The folder searched for data."""
    variants: Sequence[str] | None = None
    datasets: Sequence[str] | None = None
    """NAME or NAME@extractor."""
    seeds: Sequence[int] | None = None
    decision: str | None = None
    """The decision rule whose decisions are measured; None: the method's own threshold."""
    target: Target | None = None
    """Metric that the rule maximises; None: each metric for itself."""

    selected_by: Metric | None = None
    """The metric that chose epochs and grid points; None: whichever the protocol selects by."""

    def __post_init__(self) -> None:
        if self.target is not None and self.decision is None:
            raise UsageError("--target is of a decision rule; name one with --decision.")
        if self.decision is not None and self.selected_by is not None:
            raise UsageError(
                "--decision and --selected-by exclude each other: rules decide for what the protocol selects."
            )
        if self.origin == "paper" and self.selected_by is not None:
            raise UsageError("the paper's tables are taken as printed; --from paper excludes --selected-by.")
        if self.origin in ("reference", "paper") and self.results != DEFAULT_RESULTS:
            raise UsageError(f"--from {self.origin} and --results exclude each other.")

    @property
    def committed(self) -> bool:
        """True where committed records are among those read."""
        return self.origin in ("reference", "reference+runs")

    @property
    def folder(self) -> Path:
        return REFERENCE if self.origin == "reference" else Path(self.results)

    @cached_property
    def config(self) -> Config:
        # The committed records have rows of their own, which a bench.toml beside them names.
        config = configuration.load(REFERENCE) if self.origin == "reference" else configuration.load()
        return _with_reference(config) if self.origin == "reference+runs" else config

    @property
    def data_folders(self) -> list[Path]:
        return data_folders(self.config, self.data)


@dataclass(frozen=True)
class Records:
    """The records of a selection; none where the paper's tables take their place."""

    selection: Selection
    states: list[JobState]
    manifest: Manifest
    """Manifest of the folder, as far as it is selected."""
    gaps: str = ""
    """A sentence about records that lack what was asked for."""
    among: Among | None = None
    """Which of the records are one's own among committed ones; None where all are of one origin."""

    def tables(self, metrics: Sequence[Metric], style: Style = PAPERS_STYLE) -> list[MetricTable]:
        """Table of each metric; the paper's as printed, in its own style.

        Raises
        ------
        UsageError: for a metric that the paper has no table of.
        """
        config = self.selection.config
        if self.selection.origin == "paper":
            for metric in metrics:
                if metric.paper_table is None:
                    raise UsageError(f"the paper has no table of {metric.title}.")
            return [paper_table(metric, config) for metric in metrics]
        order = list(variants_of(config))
        if self.among:  # rows of one's own are ranked with the reference's
            own = [name for name in self.among.own_rows if name not in (*config.tables.ranked, *config.tables.extra)]
            config = struct_with(config, tables=struct_with(config.tables, ranked=[*config.tables.ranked, *own]))
        tables = [comparison(self.states, metric, config, self.manifest, order, style) for metric in metrics]
        return [self._marked(table) for table in tables]

    def _marked(self, table: MetricTable) -> MetricTable:
        """A table whose title names the rule that its metric depends on."""
        rule = self.selection.decision
        if rule is None or not table.metric.decision:
            return table
        target = self.selection.target or own_target(table.metric.key)
        return replace(table, title=f"{table.title}, decisions {rule} for {target}")

    @property
    def note(self) -> str:
        """Origin of committed records, what is lacking, and whether the code has changed since; maybe empty."""
        made = ""
        own = self.among.own if self.among else frozenset()
        if self.selection.committed:
            committed = [state.record for state in self.states if state.record and state.job not in own]
            commits = {str(record.environment.get("commit")) for record in committed}
            made = f"Reference records, made at commit {', '.join(sorted(commits))}." if commits else ""
        beside = self.among.notes(self.states, self.selection.results) if self.among else []
        return " ".join(filter(None, (*beside, made, self.gaps, code_note(self.states))))


def load(selection: Selection) -> Records:
    """Read the records of a selection.

    Raises
    ------
    UsageError: where there are none.
    """
    if selection.origin == "paper":
        return Records(selection, [], Manifest())
    states, whole = _records_of(selection)
    found = None
    if selection.origin == "reference+runs":
        committed, manifest = _records_of(Selection("reference", data=selection.data))
        if whole.track != manifest.track:
            raise UsageError(f"{selection.results} is of the {whole.track} track, the reference of {manifest.track}.")
        found = among(states, committed)
        states, whole = found.states, joined(whole, manifest)
    if selection.decision is not None:
        states = by_rule(states, selection.decision, selection.target)
    if selection.variants is not None:
        there = {*whole.variants, *(state.job.variant for state in states)}
        selection = replace(selection, variants=spelled_out(selection.config, selection.variants, there))
    choice = Choice(selection.variants, selection.datasets, selection.seeds)
    records = Records(selection, *chosen(states, whole, choice), among=found)
    return records if selection.selected_by is None else _selected_by(selection.selected_by, records)


def _records_of(selection: Selection) -> tuple[list[JobState], Manifest]:
    """All records of a selection's folder, and its manifest."""
    folder = selection.folder
    how = "run `python -m bench run` first."
    if not folder.is_dir():
        how = "this version comes without reference records." if selection.origin == "reference" else how
        raise UsageError(f"there are no records in {folder}; {how}")
    store = Store(folder)
    states = collect(store, selection.config, selection.data_folders)
    if not states:
        raise UsageError(f"there are no records in {folder}; {how}")
    return states, store.manifest()


def _with_reference(own: Config) -> Config:
    """One's own settings with the variants and the order of data sets of the committed records."""
    reference = configuration.load(REFERENCE)
    datasets = list(dict.fromkeys([*reference.tables.datasets, *own.tables.datasets]))
    tables = struct_with(own.tables, datasets=datasets)
    return struct_with(own, variants={**reference.variants, **own.variants}, tables=tables)


def _selected_by(metric: Metric, records: Records) -> Records:
    """The records with what the metric selects in place of what their protocol does; those that lack it are gaps.

    Raises
    ------
    UsageError: where all of them lack it.
    """
    option = metric.option
    states = [_state_selected_by(option, state) for state in records.states]
    lacking = [str(state.job) for state, found in zip(records.states, states, strict=True) if found is None]
    there = [state for state in states if state is not None]
    how = f"`bench run --also-select {option}` keeps what it selects"
    if not any(state.state == "done" for state in there):
        raise UsageError(f"no record in {records.selection.folder} is selected by {metric.title}; {how}.")
    shown = f"{', '.join(lacking[:4])}{f' and {len(lacking) - 4} more' if len(lacking) > 4 else ''}"
    gaps = f"Not selected by {metric.title}, and so gaps: {shown}; {how}." if lacking else ""
    protocols = {name: {**settings, "selection": option} for name, settings in records.manifest.protocols.items()}
    return replace(records, states=there, manifest=struct_with(records.manifest, protocols=protocols), gaps=gaps)


def _state_selected_by(option: str, state: JobState) -> JobState | None:
    """The state with the result that the metric selects; None of a finished job that lacks it."""
    if state.state != "done" or state.record is None:
        return state
    result = state.record.result
    if result is None:
        return None
    if state.record.key.get("protocol", {}).get("selection") == option:
        return state
    if (also := (result.also_selected or {}).get(option)) is None:
        return None
    selected = Selected(also.point, also.epoch, also.hyperparameters)
    made = struct_with(result, selected=selected, val=also.val, test=also.test)
    # Further metrics were computed for what the protocol selects alone.
    further = Further({}, {}, {one.key: _not_computed(one, option) for one in metrics() if one.key not in also.test})
    return replace(state, record=struct_with(state.record, result=made, further=further))


def _not_computed(metric: Metric, option: str) -> str:
    return (
        f"{metric.title} is not computed for what {option} selects unless it is selected by as well; "
        f"`bench run --also-select {option} {metric.option}` does both."
    )
