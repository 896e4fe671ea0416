"""Figure of the simulated sets: gain over BCE against the strength of the distribution signal."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.errors import UsageError
from bench.metrics.catalogue import Metric
from bench.report.figures.style import GREY, MARKERS, PALE, Margins, captions, equal_panels, styled
from study.converged.simulated.gains import CONTROL, METRICS, Gains, Mean
from study.converged.simulated.page import FURTHER, MARK, ORDERED

WIDTH, HEIGHT = 1.9, 1.5
"""Inches of a panel; two are wide enough for a telephone."""
DODGE = 0.11
"""Between the methods of a strength, in steps from one strength to the next."""
STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
LEFT_OUT = ("LR", *FURTHER[1:])
"""In the tables alone."""
LEGEND = 0.2
"""Inches of a legend's line of three methods."""


def gains_by_strength(found: Sequence[Gains], metric: Metric = METRICS[0]) -> Figure:
    """The gain in a metric against the strength, a panel a group of sets, a line a method with its intervals; filled
    where the interval does not hold 0.

    Raises
    ------
    UsageError: where no method has a set in common with BCE.
    """
    of = {one.variant: one for one in found if one.metric == metric and one.variant not in LEFT_OUT}
    lines = [of[name] for name in reversed(ORDERED) if name in of]
    groups = sorted({group for one in lines for group in one.by_group})
    if not groups:
        raise UsageError(f"no method was run on a simulated set beside {CONTROL}.")
    with styled():
        margins = Margins(left=0.5, top=0.55, bottom=0.45 + LEGEND * -(-len(lines) // 3), across=0.4, down=0.62)
        figure, axes = equal_panels(len(groups), 2, WIDTH, HEIGHT, margins, 2 * WIDTH + 1.0)
        for panel, group in zip(axes, groups, strict=True):
            panel.axhline(0, color="black", linewidth=0.8)
            own = [one.by_group.get(group, {}) for one in lines]
            strengths = sorted({strength for line in own for strength in line})
            for place, line in enumerate(own):
                shift = DODGE * (place - (len(lines) - 1) / 2)
                _draw(panel, [strengths.index(one) + shift for one in line], list(line.values()), place)
            panel.set_ylim(*_range([mean for line in own for mean in line.values()]))
            panel.set_xticks(range(len(strengths)), [f"{one:g}" for one in strengths])
            panel.grid(axis="y", color=PALE, linewidth=0.5)
            panel.set_axisbelow(True)
            panel.locator_params(axis="y", nbins=5)
            panel.set_title(str(group))
            panel.set_xlabel("strength of the distribution signal")
        handles = [
            axes[0].plot(
                [],
                [],
                color="black",
                marker=MARKERS[place],
                linestyle=STYLES[place],
                markersize=4,
                markerfacecolor="white",
            )[0]
            for place in range(len(lines))
        ]
        names = [one.variant for one in lines]
        figure.legend(
            handles, names, loc="lower center", ncols=3, frameon=False, fontsize=7.5, handlelength=3.4,
            bbox_to_anchor=(0.5, 0.0),
        )  # fmt: skip
        captions(
            figure,
            f"{MARK}: {metric.title}, gain over {CONTROL} in %. Bars: 95 % intervals over draws; filled: without 0",
        )
    return figure


def _draw(panel: Axes, x: Sequence[float], means: Sequence[Mean], place: int) -> None:
    y = [mean.mean for mean in means]
    panel.plot(x, y, color="black" if place < 2 else GREY, linestyle=STYLES[place], linewidth=0.9)
    for at, mean in zip(x, means, strict=True):
        if (half := mean.half_width) is not None:
            panel.vlines(at, mean.mean - half, mean.mean + half, color="black" if mean.side else GREY, linewidth=0.7)
        panel.plot(
            [at], [mean.mean], MARKERS[place], color="black", markersize=3.6, markeredgewidth=0.7,
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
