"""Figures of transforms of data sets: a metric against the share of rows, known labels or wrong ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from matplotlib.figure import Figure

from bench.dataset_name import DatasetName, dataset_name
from bench.datasets.transforming import TRANSFORMS
from bench.report.figures.style import GREY, MARKERS, PALE, Margins, captions, equal_panels, length_of, spread, styled
from bench.tables.table import MetricTable

WIDTH, HEIGHT = 2.0, 1.6
"""Inches of a panel."""
LOGARITHMIC_FROM = 8
"""Largest value over smallest one from which on the scale of values is logarithmic."""


@dataclass
class Series:
    """A data set's values of one transform, other transforms being equal."""

    dataset: str
    """With the other transforms and this one's options."""
    kind: str
    """The transform's name."""
    unit: str
    """"%", or empty for a number."""
    columns: dict[float, list[str]] = field(default_factory=dict)
    """{value: columns of the table}, of folds and of further draws too, which are averaged."""

    def lines(self, table: MetricTable, variants: Sequence[str]) -> dict[str, dict[float, float]]:
        """{variant: {value: mean of the metric}}, by value; a value lacks where one of its columns does."""
        found: dict[str, dict[float, float]] = {}
        for variant in variants:
            for value, columns in sorted(self.columns.items()):
                means = [table.values(column).get(variant) for column in columns]
                there = [mean for mean in means if mean is not None]
                if len(there) == len(columns):
                    found.setdefault(variant, {})[value] = fmean(there)
        return found


def series_of(table: MetricTable) -> list[Series]:
    """The series of two values or more in a table's columns, by transform.

    The data set without the transform is the value that the transform says to change nothing (``UNCHANGED``), if any.
    """
    names = {column: _without_draws(dataset_name(column)) for column in table.columns}
    series: dict[tuple[str, str, str], Series] = {}
    for column, name in names.items():
        for place, (kind, value) in enumerate(name.transforms):
            if (number := _number(value)) is not None:
                word, _, options = value.partition(",")
                unit = "%" if word.endswith("%") else ""
                others = (*name.transforms[:place], *name.transforms[place + 1 :])
                plain = str(DatasetName(name.base, others, name.extractor))
                shown = plain + (f" ({options})" if options else "")
                found = series.setdefault((kind, shown, unit), Series(shown, kind, unit))
                found.columns.setdefault(number, []).append(column)
                if (unchanged := _unchanged(kind, word)) is not None and unchanged not in found.columns:
                    whole = [other for other, its in names.items() if str(its) == plain]
                    found.columns |= {unchanged: whole} if whole else {}
    kept = [one for one in series.values() if len(one.columns) > 1]
    return sorted(kept, key=lambda one: one.kind)


def _number(value: str) -> float | None:
    """The number in a transform's value: 10 of "10%,val" and of "min10"; None in a fold's."""
    found = re.fullmatch(r"[a-z]*(\d+(?:\.\d+)?)%?", value.partition(",")[0])
    return float(found[1]) if found else None


def _unchanged(kind: str, word: str) -> float | None:
    """The number that changes nothing, where it is of the same unit as the word."""
    component = TRANSFORMS.components().get(kind)
    unchanged = str(component.settings.get("UNCHANGED", "")) if component else ""
    return _number(unchanged) if unchanged.endswith("%") == word.endswith("%") else None


def _without_draws(name: DatasetName) -> DatasetName:
    """The name without what is averaged: a fold's number, and the draws of all transforms."""

    def kept(value: str) -> str:
        word, *options = value.split(",")
        word = re.sub(r"^\d+of(\d+)$", r"\1 folds", word)
        return ",".join([word, *(option for option in options if not re.fullmatch(r"r\d+", option))])

    return DatasetName(name.base, tuple((kind, kept(value)) for kind, value in name.transforms), name.extractor)


def values_of_transform(table: MetricTable, series: Sequence[Series], variants: Sequence[str]) -> Figure:
    """The metric against a transform's values, a panel a data set, a line a variant.

    Parameters
    ----------
    series: those of one transform, at least one of them with a line.
    """
    lines = [one.lines(table, variants) for one in series]
    marker = {variant: MARKERS[place % len(MARKERS)] for place, variant in enumerate(variants)}
    labels = length_of(variants) + 0.15
    with styled():
        margins = Margins(left=0.55, right=labels, across=0.55 + labels, down=0.55, bottom=0.55)
        figure, axes = equal_panels(len(series), 2, WIDTH, HEIGHT, margins, 4.0)
        for panel, one, of_series in zip(axes, series, lines, strict=True):
            values = sorted({value for line in of_series.values() for value in line})
            logarithmic = bool(values) and values[0] > 0 and values[-1] >= LOGARITHMIC_FROM * values[0]
            panel.set_xscale("log" if logarithmic else "linear")
            for variant, line in of_series.items():
                panel.plot(
                    list(line), list(line.values()), marker=marker[variant], color="black", markersize=3.5,
                    markerfacecolor="white", markeredgewidth=0.8, linewidth=0.8,
                )  # fmt: skip
            panel.set_xticks(values, [f"{value:g}{one.unit}" for value in values])
            panel.minorticks_off()
            panel.grid(color=PALE, linewidth=0.5)
            panel.set_title(one.dataset)
            panel.tick_params(labelsize=6.5)
            panel.locator_params(axis="y", nbins=5)
            low, high = panel.get_ylim()
            last = [(variant, list(line.values())[-1]) for variant, line in of_series.items()]
            places = spread([value for _, value in last], (high - low) * 0.13 / HEIGHT, low, high)
            for (variant, value), place in zip(last, places, strict=True):
                panel.annotate(
                    variant, (list(of_series[variant])[-1], value), (1.04, place), fontsize=7, va="center",
                    textcoords=panel.get_yaxis_transform(), annotation_clip=False,
                    arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkB": 3, "relpos": (0, 0.5)},
                )  # fmt: skip
        captions(figure, f"{table.metric.heading} on test data", f"[{series[0].kind}=...]")
    return figure
