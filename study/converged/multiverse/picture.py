"""Figure of the multiverse: how much each choice moves a ranking, and how often each method is first. Narrow enough for
a telephone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.style import GREY, PALE, Margins, encoded, length_of, panels, styled
from study.converged.multiverse.measures import Movement, Standing
from study.converged.multiverse.page import Study

ROW = 0.19
"""Inches a line takes."""
WIDTH = 4.6
"""Inches of the figure."""
SIZE = 8


def picture(found: Study) -> bytes:
    """The figure as SVG."""
    return encoded(figure(found.movements, found.standings), "svg")


def figure(groups: Mapping[str, Sequence[Movement]], standings: Sequence[Standing]) -> Figure:
    """Bars of the pairs of methods that swap, rings of changed winners, a line a choice; below bars of the universes
    that a method is first in, and the span of its mean rank."""
    lines = sum(1 + len(of_group) for of_group in groups.values())
    names = [one.choice for of_group in groups.values() for one in of_group] + [one.method for one in standings]
    with styled():
        left = length_of(names, SIZE) + 0.05
        margins = Margins(left=left, right=0.15, top=0.5, bottom=0.42, across=0.25, down=0.95)
        half = (WIDTH - left - margins.right - margins.across) / 2
        heights = [ROW * lines, ROW * len(standings)]
        drawn, axes = panels([half, half], heights, margins)
        above, beside, shares, spans = axes
        x, y, _, height = above.get_position().bounds
        above.set_position((x, y, 1 - x - margins.right / WIDTH, height))
        beside.remove()
        _draw_movements(above, groups)
        _draw_standings(shares, spans, standings)
    return drawn


def _draw_movements(panel: Axes, groups: Mapping[str, Sequence[Movement]]) -> None:
    place = 0
    ticks: dict[int, str] = {}
    for group, of_group in groups.items():
        panel.text(0, place, group, fontsize=SIZE, va="center", ha="left", color="black", weight="bold")
        for one in of_group:
            place += 1
            ticks[place] = one.choice
            panel.barh(place, 100 * one.swaps, height=0.6, color="black")
            panel.plot(100 * one.winners, place, "o", color="black", markerfacecolor="white", markersize=5, zorder=3)
        place += 1
    panel.set_yticks(list(ticks), list(ticks.values()), fontsize=SIZE)
    panel.set_ylim(place - 0.4, -0.6)
    _finish(panel, "% of pairs of methods that swap (bar), of winners that change (ring)")
    panel.set_title("How much one choice alone moves a ranking", fontsize=SIZE + 1, loc="left")


def _draw_standings(shares: Axes, spans: Axes, standings: Sequence[Standing]) -> None:
    rows = range(len(standings))
    shares.barh(rows, [100 * one.first for one in standings], height=0.6, color="black")
    shares.set_yticks(rows, [one.method for one in standings], fontsize=SIZE)
    spans.hlines(rows, [one.lowest for one in standings], [one.highest for one in standings], color=GREY, linewidth=2)
    spans.plot([one.median for one in standings], rows, "|", color="black", markersize=7, markeredgewidth=1.6)
    spans.set_yticks(rows, [""] * len(standings))
    for panel, below in ((shares, "% of universes it is first in"), (spans, "mean rank: median, span")):
        panel.set_ylim(len(standings) - 0.4, -0.6)
        _finish(panel, below)
    shares.set_title("How often each method is first", fontsize=SIZE + 1, loc="left")


def _finish(panel: Axes, below: str) -> None:
    panel.set_xlabel(below, fontsize=SIZE, loc="left")
    panel.set_xlim(left=0)
    panel.tick_params(axis="x", labelsize=SIZE)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color=PALE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.locator_params(axis="x", nbins=5)
