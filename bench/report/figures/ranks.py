"""Figures of whole tables: critical differences, ranks, the distance to the paper, quality against cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bench.analysis.hypothesis_tests import critical_difference, friedman
from bench.analysis.over_datasets import complete_values
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.report.figures.style import (  # fmt: skip
    GREY,
    MARKERS,
    PALE,
    Margins,
    equal_panels,
    grey_cells,
    length_of,
    panels,
    spread,
    styled,
)
from bench.tables.table import MetricTable

LINE = 0.22
"""Inches a line of labels takes."""
LINE_WIDTH = 3.3
"""Inches of the line of mean ranks."""


def critical_difference_diagram(table: MetricTable, variants: Sequence[str]) -> Figure:
    """Critical-difference diagram (Demšar 2006, figure 1): mean ranks on a line, bars join what Nemenyi's test does not
    tell apart.

    Raises
    ------
    UsageError: below three methods or two data sets with values of all.
    """
    values, left_out = complete_values(table, list(variants))
    if len(variants) < 3 or len(values) < 2:
        raise UsageError(
            f"a critical-difference diagram needs 3 methods and 2 data sets with a value of each of them; there are "
            f"{len(variants)} and {len(values)}."
        )
    test = friedman(values.to_numpy(dtype=float), table.metric.lower_is_better)
    distance = critical_difference(test.methods, test.blocks)
    order = np.argsort(test.mean_ranks, kind="stable")
    ranks = [test.mean_ranks[index] for index in order]
    groups = joined(ranks, distance)
    half = (len(ranks) + 1) // 2
    bars = 0.5 + 0.28 * len(groups)
    lines = half
    height = LINE * (2.9 + bars + lines)
    with styled():
        beside = length_of(variants, 8) + 0.75
        figure, (axes,) = panels([LINE_WIDTH], [height], Margins(left=beside, right=beside, top=0.2, bottom=0.02))
        bottom = -(bars + lines + 0.3)
        axes.set(xlim=(len(ranks), 1), ylim=(bottom, 2.6))  # the best on the right, as usual
        axes.axis("off")
        axes.plot([1, len(ranks)], [0, 0], color="black", clip_on=False)
        for tick in range(1, len(ranks) + 1):
            axes.plot([tick, tick], [0, 0.18], color="black", linewidth=0.8, clip_on=False)
            axes.text(tick, 0.3, str(tick), ha="center", va="bottom")
        beyond = 0.15 * (len(ranks) - 1) / LINE_WIDTH
        shown = min(distance, len(ranks) - 1)
        cut = "" if distance <= len(ranks) - 1 else " (more than the line)"
        axes.plot([len(ranks), len(ranks) - shown], [1.6, 1.6], color="black", linewidth=1.6, clip_on=False)
        axes.text(len(ranks) - shown / 2, 1.72, f"critical difference {distance:.2f}{cut}", ha="center", va="bottom")
        for place, (low, high) in enumerate(groups):
            y = -0.45 - 0.28 * place
            axes.plot([low - 0.05, high + 0.05], [y, y], color="black", linewidth=2.4, solid_capstyle="butt")
        for position, rank in enumerate(ranks):
            best_half = position < half
            line = position if best_half else len(ranks) - 1 - position
            y = -(bars + line + 0.3)
            edge = 1 - beyond if best_half else len(ranks) + beyond
            axes.plot([rank, rank, edge], [0, y, y], color=GREY, linewidth=0.7, clip_on=False)
            name = list(variants)[order[position]]
            label = f" {name} {rank:.2f}" if best_half else f"{rank:.2f} {name} "
            axes.text(edge, y, label, ha="left" if best_half else "right", va="center")
        without = _without(left_out)
        axes.set_title(f"{table.metric.title}: mean ranks over {test.blocks} data sets{without}", y=1.0)
    return figure


def _without(left_out: Sequence[str]) -> str:
    if not left_out:
        return ""
    return f"; without {', '.join(left_out)}" if len(left_out) < 3 else f"; without {len(left_out)} incomplete ones"


def joined(ranks: Sequence[float], distance: float) -> list[tuple[float, float]]:
    """Widest runs of sorted mean ranks that differ by less than the critical difference."""
    runs: list[tuple[int, int]] = []
    for start in range(len(ranks)):
        end = max(i for i in range(len(ranks)) if ranks[i] - ranks[start] < distance)
        if end > start and not any(low <= start and end <= high for low, high in runs):
            runs.append((start, end))
    return [(ranks[low], ranks[high]) for low, high in runs]


def rank_heat_map(tables: Sequence[MetricTable], variants: Sequence[str]) -> Figure:
    """Heat maps of ranks, one panel a metric: methods by data sets, the rank in each cell, dark is good.

    Raises
    ------
    UsageError: when there is no rank.
    """
    columns = tables[0].columns
    shown = [variant for variant in variants if variant in tables[0].ranked]
    if not any(cell.rank for table in tables for cell in table.cells.values() if cell.variant in shown):
        raise UsageError("there is no ranked value.")
    with styled():
        beside = length_of(shown) + 0.1
        margins = Margins(left=beside, across=beside + 0.1, top=0.25, bottom=0.6, down=0.85)
        figure, axes = equal_panels(len(tables), 2, max(0.38 * len(columns), 1.4), 0.17 * len(shown), margins)
        for panel, table in zip(axes, tables, strict=True):
            ranks = np.full((len(shown), len(columns)), np.nan)
            for i, variant in enumerate(shown):
                for j, column in enumerate(columns):
                    cell = table.cell(variant, column)
                    if cell is not None and cell.rank is not None:
                        ranks[i, j] = cell.rank
            ranked_there = (~np.isnan(ranks)).sum(0)  # the last of few is as pale as the last of many
            shade = 0.25 + 0.75 * (ranks - 1) / np.maximum(ranked_there - 1, 1)
            texts = [["–" if math.isnan(rank) else f"{rank:.0f}" for rank in line] for line in ranks]
            grey_cells(panel, shade, texts, shown, columns)
            panel.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
            panel.set_title(table.title)
    return figure


def difference_to_paper(frame: pd.DataFrame) -> Figure:
    """Differences of our values to the printed ones, one panel a metric, one marker a data set.

    Parameters
    ----------
    frame: ``bench.analysis.paper_comparison.comparison_frame``.

    Raises
    ------
    UsageError: when no cell can be compared.
    """
    if frame.empty:
        raise UsageError("no data set of the paper, and none named as a stand-in for one, has a value.")
    variants = list(dict.fromkeys(frame["variant"]))
    sets = list(dict.fromkeys(zip(frame["dataset"], frame["paper_dataset"], strict=True)))
    with styled():
        beside = length_of(variants) + 0.1
        margins = Margins(left=beside, across=beside + 0.1, top=0.25, bottom=0.75, down=0.5)
        figure, axes = equal_panels(len(PAPER_METRICS), 2, 2.9, 0.17 * len(variants), margins)
        for panel, metric in zip(axes, PAPER_METRICS, strict=True):
            panel.axvline(0, color="black", linewidth=0.6)
            for place, (ours, theirs) in enumerate(sets):
                cells = frame[(frame["dataset"] == ours) & (frame["metric"] == metric.key)]
                name = ours.partition("@")[0]
                panel.errorbar(
                    cells["difference"],
                    [variants.index(variant) for variant in cells["variant"]],
                    xerr=cells["std"].fillna(0),
                    fmt=MARKERS[place % len(MARKERS)],
                    markersize=4.5,
                    color=GREY,
                    markerfacecolor=str(0.9 * place / max(1, len(sets) - 1)) if len(sets) > 1 else "0.2",
                    markeredgecolor="black",
                    markeredgewidth=0.6,
                    elinewidth=0.8,
                    label=name if name == theirs else f"{name} beside {theirs}",
                )
            panel.set_yticks(range(len(variants)), variants)
            panel.set_ylim(len(variants) - 0.4, -0.6)
            panel.grid(axis="y", color=PALE, linewidth=0.5)
            panel.set_title(f"{metric.heading}: ours − printed")
            panel.locator_params(axis="x", nbins=5)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
    return figure


def quality_against_cost(
    table: MetricTable, seconds: Mapping[tuple[str, str], float], variants: Sequence[str]
) -> Figure:
    """Mean rank over data sets against the mean seconds of a job, grid and all.

    Parameters
    ----------
    seconds: {(variant, NAME@extractor): mean seconds of its jobs}.

    Raises
    ------
    UsageError: when no data set has a value and a cost of all variants.
    """
    values, left_out = complete_values(table, list(variants))
    full = {
        one.name: [table.sources.get(column, column) for column in table.complete_columns(one, variants)]
        for one in table.independent_sets
    }
    sets = [name for name in values.index if all((row, part) in seconds for row in variants for part in full[name])]
    if not sets or len(variants) < 2:
        raise UsageError("no data set has a value and a cost of two methods or more.")
    signed = values.loc[sets] * (1 if table.metric.lower_is_better else -1)
    ranks = signed.rank(axis=1).mean()
    cost = {
        variant: float(np.mean([np.mean([seconds[variant, part] for part in full[name]]) for name in sets]))
        for variant in variants
    }
    with styled():
        height = max(2.0, 0.17 * len(variants))
        margins = Margins(left=0.45, right=length_of(variants, 8) + 0.2, top=0.25, bottom=0.45)
        figure, (axes,) = panels([3.2], [height], margins)
        x, y = [cost[variant] for variant in variants], [float(ranks[variant]) for variant in variants]
        axes.scatter(x, y, color="black", s=14, zorder=3)
        axes.set_xscale("log")
        steps = (1.0, 2.0, 5.0) if max(x) < 1000 * min(x) else (1.0,)
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        low, high = 1 - 0.3, len(variants) + 0.3
        axes.set_ylim(high, low)
        places = spread(y, (high - low) * 0.15 / height, low, high)
        line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkB": 2, "relpos": (0, 0.5)}
        for variant, x_variant, y_variant, place in zip(variants, x, y, places, strict=True):
            axes.annotate(
                variant, (x_variant, y_variant), (1.03, place), textcoords=axes.get_yaxis_transform(), va="center",
                arrowprops=line, annotation_clip=False,
            )  # fmt: skip
        axes.set_xlabel("seconds a job (mean; the whole grid, selection and evaluation)")
        axes.set_ylabel(f"mean rank by {table.metric.title}")
        axes.grid(color=PALE, linewidth=0.5)
        shown = f"{len(sets)} data sets" if len(sets) > 1 else sets[0]
        axes.set_title(f"Over {shown}" + _without(left_out))
    return figure
