"""Costs of the reference run beside its ranks: parts of docs/results/. Records are given as in ``study.results.findings``."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from bench.analysis.hypothesis_tests import critical_difference
from study.results.findings import Records, table

CHEAP = 2.0
"""Multiples of BCE's fitting time under which a method counts as cheap."""


def fitting_times(records: Records) -> dict[str, float]:
    """{variant: median fitting time of a job, its grid included}, in multiples of BCE's on the same set and seed."""
    ratios: dict[str, list[float]] = {}
    for (dataset, variant, seed), record in records.items():
        beside = records.get((dataset, "BCE", seed))
        if beside and record.cost.fit_seconds and beside.cost.fit_seconds:
            ratios.setdefault(variant, []).append(record.cost.fit_seconds / beside.cost.fit_seconds)
    return {variant: median(values) for variant, values in ratios.items()}


def costs_and_ranks(times: Mapping[str, float], ranks: Mapping[str, Mapping[str, float]]) -> str:
    """Mean ranks, {metric: {variant: mean rank}}, beside the fitting times, as a table."""
    variants = [variant for variant in next(iter(ranks.values()), {}) if variant in times]
    lines = [
        [variant, *(f"{of_metric[variant]:.1f}" for of_metric in ranks.values()), f"{times[variant]:.2g}"]
        for variant in variants
    ]
    headers = ["method", *(f"mean rank, {metric}" for metric in ranks), "fitting time, in BCE's"]
    return table(headers, lines)


def cheap_and_dear(times: Mapping[str, float], ranks: Mapping[str, Mapping[str, float]], blocks: int) -> str:
    """Best of the methods that cost little beside the best of the others, and whether ranks tell them apart."""
    lines, needed = [], critical_difference(max(map(len, ranks.values()), default=2), blocks)
    for metric, of_metric in ranks.items():
        groups = [[variant for variant in of_metric if (times[variant] < CHEAP) == cheap] for cheap in (True, False)]
        if not all(groups):
            continue
        cheap, dear = (min(group, key=lambda variant: of_metric[variant]) for group in groups)
        apart = abs(of_metric[cheap] - of_metric[dear])
        lines.append([
            metric, f"{cheap} {of_metric[cheap]:.1f}", f"{dear} {of_metric[dear]:.1f}", f"{times[dear]:.0f}",
            f"{'yes' if apart >= needed else 'no'} ({apart:.1f} of {needed:.2f})",
        ])  # fmt: skip
    headers = [
        "metric", f"best under {CHEAP:.0f} times BCE's time", "best of the others", "its time, in BCE's",
        "told apart (by, of what is needed)",
    ]  # fmt: skip
    return table(headers, lines)
