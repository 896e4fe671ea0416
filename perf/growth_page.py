"""The part of docs/scaling.md about growth: exponents of the stored seconds, and the reasons of those above linear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from perf.summary import short_name

AXES = {"rows": "N, rows", "features": "D, features", "labels": "c, labels", "points": "K, grid points"}
TOLERANCE = 0.1
SIZES_OF_THE_REST = (
    "2000 rows (512 where labels grow), 256 features, 20 labels, one grid point, and 3 positives in a row"
)
REASONS = {
    ("ML-KNN", "rows"): "every row is compared with every other, by its definition.",
    ("FLEM-D", "labels"): "the residual block that decodes degrees has a layer of c x c weights, as published.",
    ("RF", "rows"): "a tree goes over its rows once a level, and has log N levels or more.",
    ("RF", "labels"): "a split sets fewer rows apart: at as many leaves the trees are several times as deep.",
}
"""Of lines above linear."""
KINDS = {
    "decisions": "candidate thresholds are sorted, which alone grows as the line `sorting scores` does.",
    "sorting": "N c log(N c) comparisons, of values that beyond the cache take longer to fetch.",
}
"""Of all lines whose name begins so."""


def slopes(sizes: Sequence[float], seconds: Sequence[Sequence[float]]) -> list[float]:
    """Of each round the exponent: the slope of log seconds over log sizes, by least squares."""
    return [float(np.polyfit(np.log(sizes), np.log(one), 1)[0]) for one in seconds]


def last_slopes(sizes: Sequence[float], seconds: Sequence[Sequence[float]]) -> list[float]:
    """Of each round the exponent between the two largest sizes, of which fixed costs are the smallest part."""
    return slopes(sizes[-2:], [one[-2:] for one in seconds])


def above_linear(line: Mapping[str, Any]) -> bool:
    """True where every round grows faster than linearly, over all sizes or between the largest two."""
    over_all = min(slopes(line["sizes"], line["seconds"]))
    return over_all > 1 + TOLERANCE or min(last_slopes(line["sizes"], line["seconds"])) > 1 + 2 * TOLERANCE


def section(everywhere: Sequence[Mapping[str, Any]]) -> list[str]:
    """Exponents of every line, and the reasons of those above linear."""
    measured = [results for results in everywhere if results.get("growth")]
    text = [
        "## Growth",
        "",
        "Exponents: the slope of log seconds over log sizes by least squares, the median of the rounds (lowest to",
        "highest); then the slope between the two largest sizes, where fixed costs are the smallest part. Seconds are",
        "of the processor: of one thread, or of a command's processes, the start of Python included. Data are",
        f"simulated; what is above linear is bold. What does not grow: {SIZES_OF_THE_REST}.",
        "",
    ]
    for results in measured:
        text += [*_tables(short_name(results), results["growth"]), *_reasons(results["growth"])]
    return text if measured else []


def _tables(processor: str, growth: Mapping[str, Any]) -> list[str]:
    axes = [axis for axis in AXES if axis in growth]
    whats = list(dict.fromkeys(what for axis in axes for what in growth[axis]))
    dates = sorted({line["measured"]["date"] for of in growth.values() for line in of.values()})
    text = [
        f"{processor}, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}:",
        "",
        "| what | " + " | ".join(AXES[axis] for axis in axes) + " |",
        "|---|" + "---|" * len(axes),
        *(f"| {what} | " + " | ".join(_cell(growth[axis].get(what)) for axis in axes) + " |" for what in whats),
        "",
    ]
    for axis in ("jobs", "records"):
        for what, line in growth.get(axis, {}).items():
            sizes, largest = line["sizes"], median(one[-1] for one in line["seconds"])
            text.append(f"- {what}, {sizes[0]} to {sizes[-1]} {axis}: {_cell(line)}; {largest:.2g} s at the largest.")
    return [*text, ""]


def _cell(line: Mapping[str, Any] | None) -> str:
    if line is None:
        return ""
    every = slopes(line["sizes"], line["seconds"])
    last = median(last_slopes(line["sizes"], line["seconds"]))
    text = f"{median(every):.2f} ({min(every):.2f} to {max(every):.2f}), last {last:.2f}"
    return f"**{text}**" if above_linear(line) else text


def _reasons(growth: Mapping[str, Any]) -> list[str]:
    """Lines above linear, those of one reason together."""
    found: dict[str, list[str]] = {}
    for axis, of in growth.items():
        for what, line in of.items():
            if above_linear(line):
                reason = REASONS.get((what, axis)) or _of_kind(what)
                found.setdefault(reason, []).append(f"{what} by {axis}")
    if not found:
        return [f"Nothing is above linear (by more than {TOLERANCE} in every round).", ""]
    return [
        f"Above linear (by more than {TOLERANCE} in every round, twice that between the largest sizes), and why:",
        "",
        *(f"- {', '.join(lines)}: {reason}" for reason, lines in found.items()),
        "",
    ]


def _of_kind(what: str) -> str:
    """The reason that all lines of a kind have."""
    return next((reason for kind, reason in KINDS.items() if what.startswith(kind)), "NOT EXPLAINED")
