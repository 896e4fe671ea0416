"""Comparison tables from records or from the paper. Imports neither torch nor methods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.config import Config, Tables
from bench.dataset_name import dataset_name
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.independent_sets import counting_notes, independent_sets
from bench.records.record import Manifest
from bench.tables import paper
from bench.tables.notes import Notes, classification_notes, recovery_notes
from bench.tables.ranking import DIGITS, average_rank, competition_ranks, papers_are_few, printed
from bench.tables.table import FAULTS, PAPERS_STYLE, Ablation, Cell, MetricTable, Style

if TYPE_CHECKING:
    from bench.plan.states import JobState
EXACT_DIGITS = 17


@dataclass(frozen=True)
class TableTrack:
    """Order and notes of a track's tables."""

    order: Callable[[Config], Tables]
    families: Callable[[Config], dict[str, list[str]]]
    """{family: data sets that count as one together}."""
    notes: Notes


TRACKS = {
    "classification": TableTrack(
        lambda config: config.tables, lambda config: config.tables.families, classification_notes
    ),
    # The trivial baselines come last of all variants.
    "recovery": TableTrack(
        lambda config: Tables(ranked=config.recovery.ranked, datasets=config.recovery.datasets),
        lambda config: config.recovery.families,
        recovery_notes,
    ),
}


def comparison(
    states: list[JobState],
    metric: Metric,
    config: Config,
    manifest: Manifest,
    variant_order: Sequence[str],
    style: Style = PAPERS_STYLE,
) -> MetricTable:
    """Table of one metric from records, with a gap where runs asked for a value that there is none of.

    Parameters
    ----------
    variant_order: of the variants that the configuration's tables do not name.
    """
    track = TRACKS[manifest.track]
    order = track.order(config)
    labels = _column_labels(states, manifest)
    columns = _ordered([*labels.values(), *manifest.missing], order.datasets)
    present = {*manifest.variants, *(state.job.variant for state in states)}
    ranked = [variant for variant in order.ranked if variant in present]
    extra = [name for name in _ordered(sorted(present), [*order.extra, *variant_order]) if name not in ranked]
    # In the recovery track the rows under the rule are trivial baselines, which are no methods to rank.
    others = [name for name in extra if name not in order.extra]
    few = manifest.track == "classification" and papers_are_few(len(ranked), len(order.ranked), len(others))
    if style.rank_extra or few:
        ranked, extra = [*ranked, *extra], []
    by_cell: dict[tuple[str, str], list[JobState]] = {}
    for state in states:
        by_cell.setdefault((state.job.variant, labels[state.job.full_dataset]), []).append(state)
    cells = [
        _cell(variant, column, by_cell.get((variant, column), []), metric, style.digits)
        for variant in [*ranked, *extra]
        for column in columns
    ]
    families = track.families(config)
    table = metric_table(
        metric.heading, metric, columns, families, _arrays(states, labels), ranked, extra, cells, style
    )
    table = replace(table, sources={label: full for full, label in labels.items()})
    return replace(table, notes=track.notes(table, states, config, manifest, labels))


ABLATION = ("FLEM-I", "FLEM-II", "FLEM-D")
"""The variants of Table 6; the paper calls the last "Ours"."""


def ablation(tables: Sequence[MetricTable]) -> Ablation:
    """Variants over metrics on one data set (Table 6), from the tables of the metrics.

    Raises
    ------
    UsageError: when they have more than one column.
    """
    first = tables[0]
    if len(first.columns) != 1:
        raise UsageError(f"Table 6 is of one data set, not {', '.join(first.columns)}; name it with its extractor.")
    (dataset,) = first.columns
    variants = sorted(first.variants, key=lambda name: ABLATION.index(name) if name in ABLATION else len(ABLATION))
    by_metric = {
        table.metric: [cell for variant in variants if (cell := table.cell(variant, dataset)) is not None]
        for table in tables
    }
    return _ablation(f"Ablation on {dataset}", by_metric, variants, first.notes)


def paper_ablation() -> Ablation:
    """Table 6 as printed."""
    cells = paper.comparison_table(6)
    by_metric = {
        metric: [_printed_cell(cell, "VOC07", metric) for cell in cells if cell.metric == metric.paper_key]
        for metric in PAPER_METRICS
    }
    variants = list(dict.fromkeys(cell.method for cell in cells))
    notes = [f"Printed values of Table 6 of {paper.CITATION}."]
    return _ablation("Ablation on VOC07, as printed", by_metric, variants, notes)


def paper_table(metric: Metric, config: Config) -> MetricTable:
    """Table 2, 3, 4 or 5 as printed, ranked by us; for a metric that the paper has a table of."""
    assert metric.paper_table is not None
    printed_cells = [cell for cell in paper.comparison_table(metric.paper_table) if cell.dataset != paper.AVERAGE]
    variants = list(dict.fromkeys(cell.method for cell in printed_cells))
    columns = _ordered([cell.dataset for cell in printed_cells], config.tables.datasets)
    cells = [_printed_cell(cell, cell.dataset, metric) for cell in printed_cells]
    families = config.tables.families
    table = metric_table(
        f"{metric.heading}, as printed", metric, columns, families, {}, variants, [], cells, PAPERS_STYLE
    )
    note = f"Printed values of Table {metric.paper_table} of {paper.CITATION}; ranks computed here."
    return replace(table, notes=[note, *counting_notes(table.independent_sets)])


def _ablation(title: str, by_metric: dict[Metric, list[Cell]], variants: list[str], notes: Iterable[str]) -> Ablation:
    cells: dict[tuple[str, str], Cell] = {}
    for metric, column in by_metric.items():
        ranks = _ranks(column, metric, variants)
        cells |= {(cell.variant, metric.heading): replace(cell, rank=ranks.get(cell.variant)) for cell in column}
    columns = [metric.heading for metric in by_metric]
    return Ablation(
        title=title, columns=columns, ranked=variants, extra=[], cells=cells, notes=[*notes], show_ranks=False
    )


def _printed_cell(cell: paper.Printed, dataset: str, metric: Metric) -> Cell:
    return Cell(
        variant=cell.method, dataset=dataset, metric=metric.key, mean=float(cell.value), seeds=1, state="value",
        printed=cell.value,
    )  # fmt: skip


def _column_labels(states: list[JobState], manifest: Manifest) -> dict[str, str]:
    """{NAME@extractor: column}: the name alone where one extractor of it is here."""
    full_names = list(dict.fromkeys([*manifest.datasets, *(state.job.full_dataset for state in states)]))
    names = [full.partition("@")[0] for full in full_names]
    return {full: name if names.count(name) == 1 else full for full, name in zip(full_names, names, strict=True)}


def _ordered(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Each name once, those of ``order`` (with or without their extractor) first."""
    place = {name: position for position, name in enumerate(order)}
    return sorted(
        dict.fromkeys(names), key=lambda name: place.get(dataset_name(name).base, place.get(name, len(place)))
    )


def _arrays(states: list[JobState], labels: Mapping[str, str]) -> dict[str, Collection[str]]:
    """{column: digests of the arrays of the records that it shows}."""
    found: dict[str, dict[str, None]] = {}
    for state in states:
        digest = state.record.key.get("data") if state.state == "done" and state.record is not None else None
        if digest:
            found.setdefault(labels[state.job.full_dataset], {})[digest] = None
    return {column: tuple(digests) for column, digests in found.items()}


def _cell(variant: str, column: str, states: list[JobState], metric: Metric, digits: int) -> Cell:
    values = [value for state in states if (value := state.value(metric.key)) is not None]
    cell = Cell(variant=variant, dataset=column, metric=metric.key, seeds=len(values))
    if not values:
        kinds = {state.state for state in states}
        fault = next((kind for kind in reversed(FAULTS) if kind in kinds), None)
        gap = all(state.lacks(metric.key) for state in states)
        return replace(cell, state=fault or ("missing" if gap else "undefined"))
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None
    if std is not None and max(values) == min(values):
        std = 0.0  # rounding would leave 1e-18, which nothing should be divided by
    text = printed(mean, digits) + (f"±{printed(std, digits)}" if std is not None else "")
    return replace(cell, mean=mean, std=std, state="value", printed=text)


def _ranks(column: list[Cell], metric: Metric, ranked: Container[str], digits: int = DIGITS) -> dict[str, int]:
    """{variant: competition rank} in a column, of the ranked variants that have a value."""
    means = {cell.variant: cell.mean for cell in column if cell.variant in ranked and cell.mean is not None}
    values = {variant: printed(mean, digits) for variant, mean in means.items()}
    return competition_ranks(values, metric.lower_is_better)


def metric_table(
    title: str,
    metric: Metric,
    columns: list[str],
    families: dict[str, list[str]],
    arrays: dict[str, Collection[str]],
    ranked: list[str],
    extra: list[str],
    cells: list[Cell],
    style: Style,
) -> MetricTable:
    sets = independent_sets(columns, families, arrays)
    columns = [column for one in sets for column in one.columns]
    digits = style.digits if style.rank_on == "printed" else EXACT_DIGITS
    ranks = {
        column: _ranks([cell for cell in cells if cell.dataset == column], metric, ranked, digits) for column in columns
    }
    by_place = {
        (cell.variant, cell.dataset): replace(cell, rank=ranks[cell.dataset].get(cell.variant)) for cell in cells
    }
    present = {variant for of_column in ranks.values() for variant in of_column}
    complete = [
        of_set
        for one in sets
        if (of_set := [ranks[column] for column in one.counted if ranks[column].keys() == present])
    ]
    averages = {
        variant: average_rank([[of_column[variant] for of_column in of_set] for of_set in complete])
        for variant in ranked
        if complete and variant in present
    }
    return MetricTable(
        title=title, metric=metric, columns=columns, families=families, arrays=arrays, ranked=ranked, extra=extra,
        cells=by_place, averages=averages, show_ranks=style.show_ranks,
    )  # fmt: skip
