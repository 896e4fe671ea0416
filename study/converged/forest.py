"""Forest plot of relative differences to a baseline: a line a method, a panel a metric, readable in grey."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.relative import Relative
from bench.analysis.relative.over_sets import Interval, OverSets
from bench.errors import UsageError
from bench.metrics.catalogue import Metric
from bench.report.figures.style import GREY, PALE, Margins, encoded, equal_panels, length_of, styled
from study.converged.differences.relative import HAMMING, PRECISION, Comparison, is_shown

ROW = 0.19
"""Inches a method takes."""
PANEL = 1.55
"""Inches a panel is wide: two of them and the names are read on a telephone."""
WIDEST = 4.0
"""Half-widths of the median interval that a panel shows to either side of the median method, at most; beyond is an
arrow with the number."""


def forest(comparison: Comparison, metrics: Sequence[Metric] = (PRECISION, HAMMING)) -> bytes:
    """The plot as SVG."""
    return encoded(forest_plot(comparison, metrics), "svg")


def forest_plot(comparison: Comparison, metrics: Sequence[Metric]) -> Figure:
    """Methods sorted by the first metric.

    A black bar is the 95 % interval of the mean over sets, a pale one where what a further set shows would lie;
    a filled mark is shown to differ after Holm's method, a hollow one is not.

    Raises
    ------
    UsageError: where no method has values on two sets.
    """
    order = [one for one, _ in comparison.over_sets(metrics[0])]
    if not order:
        raise UsageError("no method has values on two data sets, so there is no mean over sets to draw.")
    with styled():
        return _drawn(comparison, metrics, order)


def _drawn(comparison: Comparison, metrics: Sequence[Metric], order: Sequence[Relative]) -> Figure:
    baselines = {one.baseline for one in order}
    names = [one.method if len(baselines) == 1 else f"{one.method} against {one.baseline}" for one in order]
    rows = {(one.method, one.baseline): row for row, one in enumerate(order)}
    margins = Margins(left=length_of(names, 8) + 0.15, right=0.12, across=0.2, top=0.42, bottom=0.92)
    figure, axes = equal_panels(len(metrics), len(metrics), PANEL, ROW * len(names), margins)
    for panel, metric in zip(axes, metrics, strict=True):
        _draw(panel, [(rows[one.method, one.baseline], one, over) for one, over in comparison.over_sets(metric)])
        panel.set_yticks(range(len(names)), names if panel is axes[0] else [""] * len(names), fontsize=8)
        panel.set_ylim(len(names) - 0.4, -0.6)
        panel.set_title("\n".join(wrap(metric.title, 22)))
    counts = [one.over_sets.sets for one in order if one.over_sets]
    sets = f"{min(counts)} to {max(counts)}" if len(set(counts)) > 1 else f"{counts[0]}"
    lines = [
        f"% better than {order[0].baseline if len(baselines) == 1 else 'the other'}, mean over {sets} data sets",
        "black: its 95 % interval; pale: where a new set would lie",
        "(both cut at the panel's edge)",
        "filled: shown after Holm's correction",
    ]
    figure.text(0.5, 0.04 / figure.get_size_inches()[1], "\n".join(lines), ha="center", va="bottom")
    return figure


def _draw(panel: Axes, found: Sequence[tuple[int, Relative, OverSets]]) -> None:
    low, high = _range([_in_percent(one, over.interval()) for _, one, over in found])
    panel.axvline(0, color="black", linewidth=0.8)
    for row, one, over in found:
        panel.hlines([row], *_within(_in_percent(one, over.on_a_new_set()), low, high), color=PALE, linewidth=4.5)
        panel.hlines([row], *_within(_in_percent(one, over.interval()), low, high), color="black", linewidth=1.2)
        centre, face = one.percent(over.mean), "black" if is_shown(one) else "white"
        style = {"color": "black", "markerfacecolor": face, "markersize": 4.2, "markeredgewidth": 0.9}
        if low < centre < high:
            panel.plot([centre], [row], "o", **style)
        else:  # an arrow, and the number
            below, step = centre <= low, 0.03 * (high - low)
            panel.plot([low + step if below else high - step], [row], "<" if below else ">", **style)
            text, place = f"{centre:+.0f}".replace("-", "\N{MINUS SIGN}"), low + 3 * step if below else high - 3 * step
            aligned = {"ha": "left" if below else "right", "va": "center_baseline"}
            ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # lines go behind it
            panel.text(place, row, text, fontsize=7, zorder=3, bbox=ground, **aligned)
    panel.set_xlim(low, high)
    panel.grid(axis="x", color=GREY, linewidth=0.3)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(axis="x", labelsize=8)
    panel.locator_params(axis="x", nbins=6, steps=[1, 2, 5, 10])
    panel.spines["left"].set_visible(False)


def _in_percent(one: Relative, interval: Interval) -> Interval:
    return one.percent(interval[0]), one.percent(interval[1])


def _within(interval: Interval, low: float, high: float) -> Interval:
    return max(low, min(high, interval[0])), min(high, max(low, interval[1]))


def _range(intervals: Sequence[Interval]) -> Interval:
    """Ends of an axis that holds 0 and what lies within several median half-widths of the middle methods."""
    half = sorted((end - start) / 2 for start, end in intervals)[len(intervals) // 2]
    middle = sorted((start + end) / 2 for start, end in intervals)[len(intervals) // 2]
    least, most = middle - WIDEST * half, middle + WIDEST * half
    low = max(least, min(0.0, *(start for start, _ in intervals)))
    high = min(most, max(0.0, *(end for _, end in intervals)))
    margin = 0.06 * (high - low)
    return min(low, 0.0) - margin, max(high, 0.0) + margin
