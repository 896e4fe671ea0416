"""Label regimes and learning curves: relative differences to BCE where labels are missing or wrong, or rows are few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.analysis.relative.words import in_percent
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import Metric
from bench.records.record import Record
from bench.text import counted, named
from study.converged.differences.relative import BASELINE, PRECISION, Observed, regime_of
from study.results.findings import table

WHOLE = ""
"""The regime of sets as they are."""
SAME_LOSS = "IU"
"""BCE of the known labels alone: what knowing them is worth by itself."""
TOLD = ["EM", SAME_LOSS, "LR", "ROLE", "WAN"]
"""Methods that are told which labels are known; the others take one that is not known for negative."""
WORDS = {"observed": "labels known", "noise": "labels wrong", "train": "rows"}
"""{transform: of what its value is a share}."""


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
    """The range of a method's differences to BCE in the regimes, and in each its mean over sets beside the highest."""
    changed = [one for one in found if one.regime != WHOLE]
    own = sorted((one for one in changed if one.method == method), key=lambda one: one.effect)
    if not own:
        return ""
    low, high = (f"{one.percent} % ({one.dataset}{one.regime})" for one in (own[0], own[-1]))
    told = []
    for kind in sorted({kind_of(one.regime) for one in own}):
        means = means_over_sets([one for one in changed if kind_of(one.regime) == kind])
        best = max(means, key=lambda name: means[name])
        beside = [f"{name} {means[name]:+z.1f}" for name in (SAME_LOSS, method) if name in means and name != best]
        told.append(f"{in_words(*kind)} {best} {means[best]:+z.1f}" + (f" ({', '.join(beside)})" if beside else ""))
    text = (
        f"**Missing or wrong labels, few rows** ({counted(len(own), 'case')} of a set and a regime, one seed each, so "
        f"that small differences are chance): {method} differs from {BASELINE} by {low} to {high}. The highest mean "
        f"over the sets, in %: {'; '.join(told)}."
    )
    missing = [name for name in TOLD if any(one.method == name and "[observed=" in one.regime for one in changed)]
    if missing:
        text += (
            f" {named(missing)} are told which labels are known; the others take the rest for negative. Validation "
            "labels are whole."
        )
    return text


def kind_of(regime: str) -> tuple[str, str]:
    """Transform and value, without the filter of labels that goes with it on some sets: observed and 10%."""
    name, _, value = regime.partition("]")[0].lstrip("[").partition("=")
    return name, value


def in_words(name: str, value: str) -> str:
    """A transform with its value in words."""
    if name == "observed" and not value.endswith("%"):
        return f"{value} positive label a row known"
    return f"{value} of the {WORDS[name]}"


def means_over_sets(found: Sequence[RegimeEffect]) -> dict[str, float]:
    """{method: mean difference in per cent} of those that have every set of one kind of regime."""
    effects: dict[str, dict[str, float]] = {}
    for one in found:
        effects.setdefault(one.method, {})[one.dataset] = one.effect
    sets = {one.dataset for one in found}
    return {name: 100 * math.expm1(fmean(own.values())) for name, own in effects.items() if own.keys() == sets}
