"""Figure of the answer: where each method stands by each metric, and which are not told apart from the leader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.answer.leads import Lead
from bench.errors import UsageError
from bench.report.figures.style import GREY, PALE, TEXT_WIDTH, Margins, captions, equal_panels, length_of, styled
from bench.text import named

ROW = 0.155
"""Inches a method takes."""
ACROSS = 4
"""Panels in a row."""


def distances_to_the_leader(leads: Sequence[Lead]) -> Figure:
    """Standings of all methods, a panel a metric, the leader a diamond on a line; methods in one order, by their mean
    place.

    A bar is the interval of a method's distance to the leader, drawn about the method: where it reaches the line, the
    method, which is hollow then, is not shown to be behind.

    Raises
    ------
    UsageError: where no metric has two methods with values.
    """
    drawn = [lead for lead in leads if lead.leader is not None]
    if not drawn:
        raise UsageError("no two methods have a value on the same data set.")
    methods = in_order(drawn)
    with styled():
        beside = length_of(methods) + 0.1
        across = min(ACROSS, len(drawn))
        width = min(2.4, max(1.2, (TEXT_WIDTH - beside - 0.1) / across - 0.15))
        margins = Margins(left=beside, right=0.1, across=0.15, top=0.58, bottom=0.42, down=0.75)
        figure, axes = equal_panels(len(drawn), across, width, ROW * len(methods), margins, TEXT_WIDTH)
        for place, (panel, lead) in enumerate(zip(axes, drawn, strict=True)):
            _draw(panel, lead, {method: row for row, method in enumerate(methods)})
            panel.set_yticks(range(len(methods)), methods if place % across == 0 else [""] * len(methods))
            panel.set_title("\n".join(wrap(lead.metric.heading, int(width / length_of(["x"], 8) * 1.2))))
        captions(figure, _caption(drawn))
    return figure


def in_order(leads: Sequence[Lead]) -> list[str]:
    """Methods by the mean of their places, as shares of those compared."""
    places: dict[str, list[float]] = {}
    for lead in leads:
        for place, method in enumerate(filter(None, [lead.leader, *(gap.method for gap in lead.gaps)])):
            places.setdefault(method, []).append(place / len(lead.gaps))
    return sorted(places, key=lambda method: fmean(places[method]))


def _draw(panel: Axes, lead: Lead, rows: dict[str, int]) -> None:
    assert lead.leader is not None
    standings = [lead.standing, *(gap.standing for gap in lead.gaps)]
    low, high = (1.0, float(len(standings))) if lead.by_rank else _range(lead, standings)
    beyond = 0.08 * (high - low) or 0.01
    panel.axvline(lead.standing, color="black", linewidth=0.8)
    for shown in (True, False):
        gaps = [gap for gap in lead.gaps if gap.shown is shown]
        x, y = [gap.standing for gap in gaps], [rows[gap.method] for gap in gaps]
        with_bar = [gap for gap in gaps if not math.isinf(gap.half_width)]
        panel.hlines(
            [rows[gap.method] for gap in with_bar],
            [max(low - beyond, gap.standing - gap.half_width) for gap in with_bar],
            [min(high + beyond, gap.standing + gap.half_width) for gap in with_bar],
            color="black" if shown else GREY, linewidth=1.4 if shown else 0.8,
        )  # fmt: skip
        face = "black" if shown else "white"
        panel.plot(x, y, "o", color="black", markerfacecolor=face, markersize=3.6, markeredgewidth=0.8)
    panel.plot([lead.standing], [rows[lead.leader]], "D", color="black", markersize=4.8)
    ends = (low - beyond, high + beyond)
    panel.set_xlim(ends if lead.by_rank or lead.metric.lower_is_better else ends[::-1])
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.grid(axis="y", color=PALE, linewidth=0.4)
    panel.set_axisbelow(True)
    panel.tick_params(axis="y", length=0)
    if lead.by_rank:
        panel.set_xticks(sorted({1, (len(standings) + 1) // 2, len(standings)}))
    else:
        panel.locator_params(axis="x", nbins=4)
    panel.set_xlabel(f"mean rank, {len(lead.sets)} sets" if lead.by_rank else "value, better to the left")


def _range(lead: Lead, standings: Sequence[float]) -> tuple[float, float]:
    """Values to show: those of all methods, and of the intervals as far beyond as these lie apart."""
    low, high = min(standings), max(standings)
    ends = [
        end
        for gap in lead.gaps
        if gap.interval
        for end in (gap.standing - gap.half_width, gap.standing + gap.half_width)
    ]
    span = high - low
    return max(low - span, min([low, *ends])), min(high + span, max([high, *ends]))


def _caption(leads: Sequence[Lead]) -> str:
    places = list(dict.fromkeys(lead.sets[0] for lead in leads if not lead.by_rank))
    where = "Mean ranks" if not places else f"Values on {named(places)}"
    bars = "; bars: 95 % intervals of the distance to it" if any(lead.basis for lead in leads) else ""
    return f"{where}. Diamond: the leader, on its line{bars}; hollow: not shown to be behind."
