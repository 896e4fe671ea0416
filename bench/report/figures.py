"""Which figures a results folder has, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from bench.records.artifacts import DISTRIBUTIONS, SCORES, read_distribution, read_scores
from bench.records.record import Manifest, Record
from bench.report import rank_figures, score_figures, training_figures
from bench.tables.table import Table

if TYPE_CHECKING:
    from bench.plan.states import JobState

SURFACE_OF = "FLEM-D"
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Material:
    """What figures are made of."""

    entries: Sequence[JobState]
    tables: Sequence[Table]
    """One a metric."""
    variants: Sequence[str]
    """The rows that are compared, in order."""
    comparison: pd.DataFrame
    """``bench.analysis.paper_comparison.comparison_frame`` of the tables."""
    manifest: Manifest
    """What runs asked for, as far as it was chosen."""

    @cached_property
    def done(self) -> dict[str, dict[str, list[JobState]]]:
        """{data set: {row: entries by seed}} of all rows that have results, data sets in table order."""
        sources = self.tables[0].sources
        found: dict[str, dict[str, list[JobState]]] = {
            sources[column]: {} for column in self.tables[0].columns if column in sources
        }
        for entry in sorted(self.entries, key=lambda entry: entry.job.seed):
            if entry.state == "done" and entry.job.full_dataset in found:
                found[entry.job.full_dataset].setdefault(entry.job.variant, []).append(entry)
        return found

    @cached_property
    def seconds(self) -> dict[tuple[str, str], float]:
        """{(row, NAME@extractor): mean seconds of a job}."""
        return {
            (row, dataset): fmean(record.cost.seconds for record in _records(entries))
            for dataset, by_row in self.done.items()
            for row, entries in by_row.items()
        }


@dataclass(frozen=True)
class Picture:
    figure: str
    """A key of MAKERS."""
    title: str
    name: str
    """Of its file, without ending."""
    text: str
    """What it shows, for those who do not see it."""
    draw: Callable[[], Figure]
    """Raises UsageError with the reason where there is nothing to draw."""
    dataset: str = ""
    """NAME@extractor, of figures of one data set."""


def pictures(material: Material, figures: Sequence[str]) -> Iterator[Picture]:
    """The pictures of those figures, not yet drawn."""
    for figure in figures:
        yield from MAKERS[figure](material)


def _critical_difference(material: Material) -> Iterator[Picture]:
    for table in material.tables:
        assert table.metric is not None
        yield Picture(
            "critical-difference",
            f"Critical difference by {table.metric.title}",
            f"critical-difference-{table.metric.option}",
            f"Mean ranks of {len(material.variants)} methods by {table.metric.title}; bars join methods that are not "
            "told apart. The numbers stand in the statistics.",
            partial(rank_figures.critical_difference_diagram, table, material.variants),
        )


def _ranks(material: Material) -> Iterator[Picture]:
    yield Picture(
        "ranks", "Ranks", "ranks", "The ranks of the tables as shades of grey; the numbers stand in the tables.",
        partial(rank_figures.rank_heat_map, material.tables, material.variants),
    )  # fmt: skip


def _difference(material: Material) -> Iterator[Picture]:
    yield Picture(
        "difference",
        "Ours minus the printed values",
        "difference",
        "Our values minus the printed ones, method by method; the numbers stand in the comparison.",
        partial(rank_figures.difference_to_paper, material.comparison),
    )


def _cost(material: Material) -> Iterator[Picture]:
    for table in material.tables:
        assert table.metric is not None
        yield Picture(
            "cost",
            f"Quality by {table.metric.title} against cost",
            f"cost-{table.metric.option}",
            f"Mean rank by {table.metric.title} against the mean seconds of a job.",
            partial(rank_figures.quality_against_cost, table, material.seconds, material.variants),
        )


def _compared(material: Material) -> dict[str, dict[str, list[JobState]]]:
    """{data set: {row: entries by seed}} of the compared rows, in their order, where there is any."""
    found = {
        dataset: {row: by_row[row] for row in material.variants if row in by_row}
        for dataset, by_row in material.done.items()
    }
    return {dataset: by_row for dataset, by_row in found.items() if by_row}


def _records(entries: Sequence[JobState]) -> list[Record]:
    return [entry.record for entry in entries if entry.record is not None]


def _curves(material: Material) -> Iterator[Picture]:
    for dataset, by_row in _compared(material).items():
        seed = min(entries[0].job.seed for entries in by_row.values())
        records = [entries[0].record for entries in by_row.values() if entries[0].job.seed == seed]
        yield Picture(
            "curves", f"Learning curves on {dataset}", f"curves-{dataset}",
            f"Training loss and validation Hamming loss of every method that trains by epochs on {dataset}.",
            partial(training_figures.learning_curves, [record for record in records if record]), dataset,
        )  # fmt: skip


def _grid(material: Material) -> Iterator[Picture]:
    metric = material.tables[0].metric
    assert metric is not None
    for dataset, by_row in _compared(material).items():
        row = SURFACE_OF if SURFACE_OF in by_row else next(iter(by_row))
        yield Picture(
            "grid",
            f"The grid of {row} on {dataset}",
            f"grid-{metric.option}-{dataset}",
            f"{metric.title} of {row} over its grid on {dataset}, on validation and on test.",
            partial(training_figures.grid_surface, _records(by_row[row]), metric),
            dataset,
        )


def _kept(by_row: dict[str, list[JobState]], name: str, read: Callable[..., Kept]) -> dict[str, Kept]:
    """{row: what its smallest seed kept}."""
    found = {}
    for row, entries in by_row.items():
        for entry in entries:
            if (path := entry.artifact(name)) is not None:
                found[row] = read(path)
                break
    return found


def _distributions(material: Material) -> Iterator[Picture]:
    for dataset, by_row in _compared(material).items():
        if not any(
            DISTRIBUTIONS in (entry.record.artifacts if entry.record else ()) for e in by_row.values() for entry in e
        ):
            continue

        def draw(by_row: dict[str, list[JobState]] = by_row, dataset: str = dataset) -> Figure:
            found = _kept(by_row, DISTRIBUTIONS, read_distribution)
            return score_figures.recovered_distributions(found, dataset)

        text = f"Degrees that label-enhancement methods recovered for three training rows of {dataset}."
        yield Picture(
            "distributions",
            f"Recovered label distributions on {dataset}",
            f"distributions-{dataset}",
            text,
            draw,
            dataset,
        )


def _reliability(material: Material) -> Iterator[Picture]:
    for dataset, by_row in _compared(material).items():

        def draw(by_row: dict[str, list[JobState]] = by_row, dataset: str = dataset) -> Figure:
            return score_figures.reliability(_kept(by_row, SCORES, read_scores), dataset)

        text = f"How often labels are right where methods predict them with a probability, on {dataset}."
        yield Picture(
            "reliability", f"Reliability of scores on {dataset}", f"reliability-{dataset}", text, draw, dataset
        )


MAKERS: dict[str, Callable[[Material], Iterator[Picture]]] = {
    "critical-difference": _critical_difference,
    "ranks": _ranks,
    "difference": _difference,
    "cost": _cost,
    "curves": _curves,
    "grid": _grid,
    "distributions": _distributions,
    "reliability": _reliability,
}
