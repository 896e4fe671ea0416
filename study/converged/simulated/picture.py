"""Figure of the simulated sets: gain over BCE against the strength of the distribution signal."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.errors import UsageError
from bench.metrics.catalogue import Metric
from bench.report.figures.style import GREY, MARKERS, PALE, Margins, captions, equal_panels, styled
from study.converged.simulated.gains import CONTROL, METRICS, ORACLE, Gains, Mean
from study.converged.simulated.page import ASKED, MARK, UNESTIMATED

WIDTH, HEIGHT = 1.9, 1.5
"""Inches of a panel; two are wide enough for a telephone."""
DODGE = 0.11
"""Between the methods of a strength, in steps from one strength to the next."""
STYLES = {ORACLE: "-", ASKED: "--", UNESTIMATED: ":"}
"""{method: style of its line}; the other methods are in the tables alone."""


def gains_by_strength(found: Sequence[Gains], metric: Metric = METRICS[0]) -> Figure:
    """The gain in a metric against the strength, a panel a group of sets, a line a method with its intervals; filled
    where the interval does not hold 0.

    Raises
    ------
    UsageError: where no method has a set in common with BCE.
    """
    of = {one.variant: one for one in found if one.metric == metric}
    lines = [of[name] for name in STYLES if name in of]
    groups = sorted({group for one in lines for group in one.by_group})
    if not groups:
        raise UsageError(f"no method was run on a simulated set beside {CONTROL}.")
    with styled():
        margins = Margins(left=0.5, top=0.55, bottom=0.65, across=0.4, down=0.62)
        figure, axes = equal_panels(len(groups), 2, WIDTH, HEIGHT, margins, 2 * WIDTH + 1.0)
        for panel, group in zip(axes, groups, strict=True):
            panel.axhline(0, color="black", linewidth=0.8)
            own = [one.by_group.get(group, {}) for one in lines]
            strengths = sorted({strength for line in own for strength in line})
            for place, line in enumerate(own):
                shift = DODGE * (place - (len(lines) - 1) / 2)
                x = [strengths.index(strength) + shift for strength in line]
                _draw(panel, x, list(line.values()), STYLES[lines[place].variant], MARKERS[place])
            panel.set_ylim(*_range([mean for line in own for mean in line.values()]))
            panel.set_xticks(range(len(strengths)), [f"{one:g}" for one in strengths])
            panel.grid(axis="y", color=PALE, linewidth=0.5)
            panel.set_axisbelow(True)
            panel.locator_params(axis="y", nbins=5)
            panel.set_title(str(group))
            panel.set_xlabel("strength of the distribution signal")
        handles = [
            Line2D([], [], color="black", marker=marker, ls=STYLES[name], ms=4, mfc="white", label=name)
            for name, marker in zip((one.variant for one in lines), MARKERS, strict=False)
        ]
        figure.legend(
            handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=7.5, handlelength=3.4,
            bbox_to_anchor=(0.5, 0.0),
        )  # fmt: skip
        captions(
            figure,
            f"{MARK}: {metric.title}, gain over {CONTROL} in %. Bars: 95 % intervals over draws; filled: without 0",
        )
    return figure


def _draw(panel: Axes, x: Sequence[float], means: Sequence[Mean], style: str, marker: str) -> None:
    panel.plot(x, [mean.mean for mean in means], color="black", linestyle=style, linewidth=0.9)
    for at, mean in zip(x, means, strict=True):
        if (half := mean.half_width) is not None:
            panel.vlines(at, mean.mean - half, mean.mean + half, color="black" if mean.side else GREY, linewidth=0.7)
        panel.plot(
            [at], [mean.mean], marker, color="black", markersize=3.6, markeredgewidth=0.7,
            markerfacecolor="black" if mean.side else "white",
        )  # fmt: skip


def _range(means: Sequence[Mean]) -> tuple[float, float]:
    """Values to show: all means and 0, and of the intervals as far beyond as these lie apart."""
    centres = [0.0, *(mean.mean for mean in means)]
    halves = [(mean.mean, mean.half_width or 0.0) for mean in means]
    low, high = min(centres), max(centres)
    span = (high - low) or 1.0
    lowest, highest = (min(mean - half for mean, half in halves), max(mean + half for mean, half in halves))
    return max(low - span, min(low, lowest)) - 0.06 * span, min(high + span, max(high, highest)) + 0.06 * span
