"""Figures of a results folder, by name, and the material they are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import fmean
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from matplotlib.figure import Figure
from msgspec import UNSET

from bench.analysis.answer.leads import leads
from bench.analysis.within_datasets import Resampled
from bench.records.artifacts import DISTRIBUTIONS, SCORES, KeptFile, read_distribution, read_scores
from bench.records.record import Manifest, Record
from bench.report.figures import answer, ranks, scores, training, transforms
from bench.tables.table import MetricTable

if TYPE_CHECKING:
    from bench.plan.states import JobState

SURFACE_OF = "FLEM-D"
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Material:
    """Records and tables that figures are drawn from."""

    states: Sequence[JobState]
    tables: Sequence[MetricTable]
    """One a metric."""
    variants: Sequence[str]
    """The variants that are compared, in order."""
    comparison: pd.DataFrame
    """``bench.analysis.paper_comparison.comparison_frame`` of the tables."""
    manifest: Manifest
    """Data sets, variants and seeds that runs asked for, as far as they were chosen."""
    within: Sequence[Resampled] = ()
    """``bench.analysis.within_datasets.resampled`` of the variants, where it was computed."""

    @cached_property
    def done(self) -> dict[str, dict[str, list[JobState]]]:
        """{NAME@extractor: {variant: states by seed}} of all variants with results, data sets in table order."""
        sources = self.tables[0].sources
        by_set: dict[str, dict[str, list[JobState]]] = {
            sources[column]: {} for column in self.tables[0].columns if column in sources
        }
        for state in sorted(self.states, key=lambda state: state.job.seed):
            if state.state == "done" and state.job.full_dataset in by_set:
                by_set[state.job.full_dataset].setdefault(state.job.variant, []).append(state)
        return by_set

    @cached_property
    def seconds(self) -> dict[tuple[str, str], float]:
        """{(variant, NAME@extractor): mean seconds of a job}; what a model trained elsewhere took is not known."""
        return {
            (variant, dataset): fmean(record.cost.seconds for record in records)
            for dataset, by_variant in self.done.items()
            for variant, states in by_variant.items()
            if (records := [record for record in _records(states) if record.provenance is UNSET])
        }


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn."""

    figure: str
    """A key of MAKERS."""
    title: str
    name: str
    """Of its file, without ending."""
    text: str
    """Description, for those who do not see it."""
    draw: Callable[[], Figure]
    """Raises UsageError with the reason where there is nothing to draw."""
    dataset: str = ""
    """NAME@extractor, of figures of one data set."""


def pictures(material: Material, figures: Sequence[str]) -> Iterator[Picture]:
    """Pictures of the named figures (keys of MAKERS), not yet drawn."""
    for figure in figures:
        yield from MAKERS[figure](material)


def _answer(material: Material) -> Iterator[Picture]:
    found = leads(material.tables, material.states, material.variants, material.within)
    yield Picture(
        "answer",
        "Distances to the leader, further left is better",
        "answer",
        " ".join(lead.sentence for lead in found),
        partial(answer.distances_to_the_leader, found),
    )


def _critical_difference(material: Material) -> Iterator[Picture]:
    for table in material.tables:
        yield Picture(
            "critical-difference",
            f"Critical difference by {table.metric.title}",
            f"critical-difference-{table.metric.option}",
            f"Mean ranks of {len(material.variants)} methods by {table.metric.title}; bars join methods that are not "
            "told apart. The numbers stand in the statistics.",
            partial(ranks.critical_difference_diagram, table, material.variants),
        )


def _ranks(material: Material) -> Iterator[Picture]:
    yield Picture(
        "ranks", "Ranks", "ranks", "The ranks of the tables as shades of grey; the numbers stand in the tables.",
        partial(ranks.rank_heat_map, material.tables, material.variants),
    )  # fmt: skip


def _difference(material: Material) -> Iterator[Picture]:
    yield Picture(
        "difference",
        "Ours minus the printed values",
        "difference",
        "Our values minus the printed ones, method by method; the numbers stand in the comparison.",
        partial(ranks.difference_to_paper, material.comparison),
    )


def _cost(material: Material) -> Iterator[Picture]:
    timed = [variant for variant in material.variants if any(variant == known for known, _ in material.seconds)]
    for table in material.tables:
        yield Picture(
            "cost",
            f"Quality by {table.metric.title} against cost",
            f"cost-{table.metric.option}",
            f"Mean rank by {table.metric.title} against the mean seconds of a job.",
            partial(ranks.quality_against_cost, table, material.seconds, timed),
        )


def _transforms(material: Material) -> Iterator[Picture]:
    for table in material.tables:
        by_kind: dict[str, list[transforms.Series]] = {}
        for series in transforms.series_of(table):
            if series.lines(table, material.variants):
                by_kind.setdefault(series.kind, []).append(series)
        for kind, of_kind in by_kind.items():
            yield Picture(
                "transforms",
                f"{table.metric.title} against [{kind}=...]",
                f"transforms-{kind}-{table.metric.option}",
                f"{table.metric.title} of every method against the values of the data sets' transform {kind}; the "
                "numbers stand in the tables.",
                partial(transforms.values_of_transform, table, of_kind, material.variants),
            )


def _compared(material: Material) -> dict[str, dict[str, list[JobState]]]:
    """{NAME@extractor: {variant: states by seed}} of the compared variants, in their order, where there is any."""
    by_set = {
        dataset: {variant: by_variant[variant] for variant in material.variants if variant in by_variant}
        for dataset, by_variant in material.done.items()
    }
    return {dataset: by_variant for dataset, by_variant in by_set.items() if by_variant}


def _records(states: Sequence[JobState]) -> list[Record]:
    return [state.record for state in states if state.record is not None]


def _curves(material: Material) -> Iterator[Picture]:
    for dataset, by_variant in _compared(material).items():
        seed = min(states[0].job.seed for states in by_variant.values())
        first = _records([states[0] for states in by_variant.values() if states[0].job.seed == seed])
        yield Picture(
            "curves", f"Learning curves on {dataset}", f"curves-{dataset}",
            f"Training loss and validation Hamming loss of every method that trains by epochs on {dataset}.",
            partial(training.learning_curves, first), dataset,
        )  # fmt: skip


def _grid(material: Material) -> Iterator[Picture]:
    metric = material.tables[0].metric
    for dataset, by_variant in _compared(material).items():
        variant = SURFACE_OF if SURFACE_OF in by_variant else next(iter(by_variant))
        yield Picture(
            "grid",
            f"The grid of {variant} on {dataset}",
            f"grid-{metric.option}-{dataset}",
            f"{metric.title} of {variant} over its grid on {dataset}, on validation and on test.",
            partial(training.grid_surface, _records(by_variant[variant]), metric),
            dataset,
        )


def _kept(by_variant: dict[str, list[JobState]], name: str, read: Callable[[KeptFile], Kept]) -> dict[str, Kept]:
    """{variant: the artifact of its smallest seed that has one}."""
    kept = {}
    for variant, states in by_variant.items():
        file = next((file for state in states if (file := state.artifact(name)) is not None), None)
        if file is not None:
            kept[variant] = read(file)
    return kept


def _distributions(material: Material) -> Iterator[Picture]:
    for dataset, by_variant in _compared(material).items():
        if not any(DISTRIBUTIONS in record.artifacts for states in by_variant.values() for record in _records(states)):
            continue

        def draw(by_variant: dict[str, list[JobState]] = by_variant, dataset: str = dataset) -> Figure:
            return scores.recovered_distributions(_kept(by_variant, DISTRIBUTIONS, read_distribution), dataset)

        yield Picture(
            "distributions", f"Recovered label distributions on {dataset}", f"distributions-{dataset}",
            f"Degrees that label-enhancement methods recovered for three training rows of {dataset}.", draw, dataset,
        )  # fmt: skip


def _reliability(material: Material) -> Iterator[Picture]:
    for dataset, by_variant in _compared(material).items():

        def draw(by_variant: dict[str, list[JobState]] = by_variant, dataset: str = dataset) -> Figure:
            return scores.reliability(_kept(by_variant, SCORES, read_scores), dataset)

        yield Picture(
            "reliability", f"Reliability of scores on {dataset}", f"reliability-{dataset}",
            f"How often labels are right where methods predict them with a probability, on {dataset}.", draw, dataset,
        )  # fmt: skip


MAKERS: dict[str, Callable[[Material], Iterator[Picture]]] = {
    "answer": _answer,
    "critical-difference": _critical_difference,
    "ranks": _ranks,
    "difference": _difference,
    "cost": _cost,
    "transforms": _transforms,
    "curves": _curves,
    "grid": _grid,
    "distributions": _distributions,
    "reliability": _reliability,
}
