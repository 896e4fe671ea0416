"""Label regimes and learning curves: relative differences to BCE where labels are missing or wrong, or rows are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis.relative.words import in_percent
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import Metric
from bench.records.record import Record
from study.converged.relative import BASELINE, PRECISION, Observed, regime_of
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
        [dataset, regime or "all labels", *(cells.get((regime, dataset, method), "–") for method in methods)]
        for dataset, regime in keys
    ]
    return table(["data set", "regime", *(f"{method}, %" for method in methods)], lines)


def best_sentence(found: Sequence[RegimeEffect], method: str) -> str:
    """The method that is furthest ahead of BCE in each regime of a set, and another one; empty without regimes."""
    told = []
    for regime, dataset in dict.fromkeys((one.regime, one.dataset) for one in found if one.regime != WHOLE):
        of = {one.method: one for one in found if (one.regime, one.dataset) == (regime, dataset)}
        best = max(of.values(), key=lambda one: one.effect)
        shown = [best, *([of[method]] if method in of and best.method != method else [])]
        said = [f"{one.method} {one.percent} %" for one in shown]
        told.append(f"{dataset}{regime}: {', '.join(said if best.effect > 0 else [BASELINE, *said])}")
    return f"Furthest ahead of {BASELINE} by macro average precision, and {method}: {'; '.join(told)}." if told else ""


def regime_sentence(found: Sequence[RegimeEffect], method: str) -> str:
    """In how many regimes of sets a method is ahead of BCE, beside the same sets with all labels; empty without any."""
    changed = [one for one in found if one.method == method and one.regime != WHOLE]
    whole = [one for one in found if one.method == method and one.regime == WHOLE]
    if not changed:
        return ""
    ahead = sum(one.effect > 0 for one in changed)
    best = max(changed, key=lambda one: one.effect)
    text = f"{method} is ahead of {BASELINE} in {ahead} of {len(changed)} cases of a data set and a regime"
    if whole:
        text += f" (with all labels and rows in {sum(one.effect > 0 for one in whole)} of {len(whole)})"
    return f"{text}, by most on {best.dataset}{best.regime} ({best.percent} %)."
