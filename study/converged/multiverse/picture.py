"""Figure of the multiverse: how much each choice moves a ranking, and how often each method is first. Narrow enough for
a telephone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.style import GREY, PALE, Margins, encoded, length_of, panels, styled
from study.converged.multiverse.measures import Movement, Standing
from study.converged.multiverse.page import SELDOM, Study

ROW = 0.19
"""Inches a line takes."""
WIDTH = 4.6
"""Inches of the figure."""
SIZE = 8
GAP = 1.4
"""Lines that a group's heading takes."""


def picture(found: Study) -> bytes:
    """The figure as SVG."""
    return encoded(figure(found.movements, found.standings), "svg")


def figure(groups: Mapping[str, Sequence[Movement]], standings: Sequence[Standing]) -> Figure:
    """Bars of the pairs of methods that swap, rings of changed winners, a line a choice; below bars of the universes
    that a method is first in, and the span of its mean rank."""
    lines = sum(len(of_group) + GAP for of_group in groups.values())
    names = [one.choice for of_group in groups.values() for one in of_group] + [one.method for one in standings]
    with styled():
        left = length_of(names, 7)
        margins = Margins(left=left, right=0.12, top=0.28, bottom=0.58, across=0.2, down=0.9)
        half = (WIDTH - left - margins.right - margins.across) / 2
        drawn, axes = panels([half, half], [ROW * lines, ROW * len(standings)], margins)
        above, beside, shares, spans = axes
        x, y, _, height = above.get_position().bounds
        above.set_position((x, y, 1 - x - margins.right / WIDTH, height))
        beside.remove()
        _draw_movements(above, groups)
        _draw_standings(shares, spans, standings)
    return drawn


def _draw_movements(panel: Axes, groups: Mapping[str, Sequence[Movement]]) -> None:
    ticks: dict[float, str] = {}
    place = 0.0
    for group, of_group in groups.items():
        panel.text(0, place + GAP - 1, f" {group}", fontsize=SIZE, va="center", ha="left", weight="bold")
        ticks |= {place + GAP + number: one.choice for number, one in enumerate(of_group)}
        place += GAP + len(of_group)
    every = [one for of_group in groups.values() for one in of_group]
    panel.barh(list(ticks), [100 * one.swaps for one in every], height=0.6, color=GREY)
    _rings(panel, [100 * one.winners for one in every], list(ticks))
    panel.set_yticks(list(ticks), list(ticks.values()), fontsize=SIZE)
    panel.set_ylim(place - 0.4, 0)
    _finish(panel, "bar: % of pairs of methods that swap\nring: % of times that another method is first")
    panel.set_title("How far one choice alone moves a ranking", fontsize=SIZE + 1, loc="left")


def _draw_standings(shares: Axes, spans: Axes, standings: Sequence[Standing]) -> None:
    rows = range(len(standings))
    shares.barh(rows, [100 * one.first for one in standings], height=0.6, color=GREY)
    once = {row: one.first_without_copies or 0.0 for row, one in zip(rows, standings, strict=True)}
    rings = {row: 100 * share for row, share in once.items() if share >= SELDOM}  # others would lie on the names
    _rings(shares, list(rings.values()), list(rings))
    shares.set_yticks(rows, [one.method for one in standings], fontsize=SIZE)
    spans.hlines(rows, [one.lowest for one in standings], [one.highest for one in standings], color=GREY, linewidth=2)
    spans.plot([one.median for one in standings], rows, "|", color="black", markersize=7, markeredgewidth=1.6)
    spans.set_yticks(rows, [""] * len(standings))
    below = "first in % of universes\nring: near-copies once", "mean rank: median,\nlowest to highest"
    for panel, text in zip((shares, spans), below, strict=True):
        panel.set_ylim(len(standings) - 0.4, -0.6)
        _finish(panel, text)
    shares.set_title("How often each method is first", fontsize=SIZE + 1, loc="left")


def _rings(panel: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    panel.plot(x, y, "o", color="black", markerfacecolor="white", markersize=4.5, zorder=3, clip_on=False)


def _finish(panel: Axes, below: str) -> None:
    panel.set_xlabel(below, fontsize=SIZE, loc="left")
    panel.set_xlim(left=0)
    panel.tick_params(axis="x", labelsize=SIZE)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color=PALE, linewidth=0.5)
    panel.set_axisbelow(True)
    panel.locator_params(axis="x", nbins=5)
