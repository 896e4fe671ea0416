"""Label regimes and learning curves: relative differences to BCE where labels are missing or wrong, or rows are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.relative.words import in_percent
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import Metric
from bench.records.record import Record
from bench.text import counted
from study.converged.differences.relative import BASELINE, PRECISION, Observed, regime_of
from study.results.findings import table

WHOLE = ""
"""The regime of sets as they are."""


@dataclass(frozen=True)
class RegimeEffect:
    """Relative difference of a method to BCE on one data set in one regime."""

    regime: str
    dataset: str
    method: str
    percent: str
    """With its sign; above 0 is better."""
    effect: float
    """Log ratio."""


def regime_effects(records: Sequence[Record], metric: Metric = PRECISION) -> list[RegimeEffect]:
    """Effects of every method on every set that some regime other than the whole is recorded of, by regime."""
    regimes = sorted({regime_of(record.job.full_dataset) for record in records})
    found = []
    for regime in regimes:
        observed = Observed(records, selecting="own", regime=regime)
        differences = observed.differences(metric)
        for method in observed.methods:
            if method != BASELINE:
                of_method = differences.of(method)
                found += [
                    RegimeEffect(
                        regime, dataset_name(one.name).base, method, in_percent(of_method, one.effect), one.effect
                    )
                    for one in of_method.sets
                ]
    touched = {one.dataset for one in found if one.regime != WHOLE}
    return [one for one in found if one.dataset in touched]


def regime_table(found: Sequence[RegimeEffect], methods: Sequence[str]) -> str:
    """Differences in per cent, a line a regime and set, a column a method; a sentence where no regime is recorded."""
    if not found:
        return "No job with missing or wrong labels, or on fewer rows, is recorded yet.\n"
    cells = {(one.regime, one.dataset, one.method): one.percent for one in found}
    keys = sorted({(one.dataset, one.regime) for one in found if one.method in methods})
    lines = [
        [dataset, regime or "as it is", *(cells.get((regime, dataset, method), "–") for method in methods)]
        for dataset, regime in keys
    ]
    return table(["data set", "regime", *(f"{method}, %" for method in methods)], lines)


def regime_sentence(found: Sequence[RegimeEffect], method: str) -> str:
    """The range of a method's differences to BCE in the regimes, and the highest of any; empty without any."""
    changed = [one for one in found if one.regime != WHOLE]
    own = sorted((one for one in changed if one.method == method), key=lambda one: one.effect)
    if not own:
        return ""
    low, high = (f"{one.percent} % ({one.dataset}{one.regime})" for one in (own[0], own[-1]))
    best = max(changed, key=lambda one: one.effect)
    return (
        f"**Missing or wrong labels, few rows** ({counted(len(own), 'case')} of a set and a regime, one seed each, so "
        f"that small differences are chance): {method} differs from {BASELINE} by {low} to {high}; the highest of the "
        f"methods that were run there is {best.method}'s {best.percent} % ({best.dataset}{best.regime})."
    )
