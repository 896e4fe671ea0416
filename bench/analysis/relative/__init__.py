"""Relative differences of methods to a baseline: seeds and folds within data sets, and data sets. No torch.

An observation is the log ratio of a method's value to the baseline's on the same set and seed, signed so that above 0
is better. Its mean over seeds, or over folds, is a set's effect; ``over_sets`` gives the mean over sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from statistics import fmean, median, variance

from bench.analysis.hypothesis_tests import holm
from bench.analysis.relative.over_sets import OverSets, over_sets, typical_variance
from bench.metrics.catalogue import Metric
from bench.records.independent_sets import IndependentSet
from bench.tables.folds import fold_of

Values = Mapping[str, Mapping[str, Mapping[int, float | None]]]
"""{column: {method: {seed: value}}}; None where the metric is not defined."""


@dataclass(frozen=True)
class Unit:
    """A column, whose replicates are seeds, or the folds of a set together, which are replicates."""

    columns: tuple[str, ...]
    overlap: float = 0.0
    """Test rows over training rows of folds, whose training rows overlap (Nadeau, Bengio 2003); 0 of a column."""

    def of_mean(self, replicates: int) -> float:
        """Variance of the mean over so many replicates, in that of one."""
        return 1 / replicates + self.overlap


@dataclass(frozen=True)
class SetEffect:
    """Effect on one independent data set."""

    name: str
    effect: float
    variance: float | None
    """Of its error, by its own seeds or folds; None where some unit has one alone."""
    replicates: tuple[int, ...]
    """Of each of the set's units."""


@dataclass(frozen=True)
class Relative:
    """A method's relative difference to a baseline by one metric, over sets; above 0 is better."""

    method: str
    baseline: str
    metric: Metric
    sets: tuple[SetEffect, ...]
    over_sets: OverSets | None
    """None below two sets."""
    undefined: tuple[str, ...]
    """"COLUMN seed N" of pairs that have no ratio, because a value is 0 or not defined."""
    p_holm: float | None = None
    """Of those it was tested with."""

    def percent(self, effect: float) -> float:
        """An effect as a share of the baseline's value, in per cent: by so much a score is higher, or a loss lower."""
        return 100 * (-math.expm1(-effect) if self.metric.lower_is_better else math.expm1(effect))


@dataclass(frozen=True)
class Differences:
    """Values of one metric on independent data sets, from which methods are compared with a baseline."""

    metric: Metric
    values: Values
    sets: Sequence[IndependentSet]
    overlaps: Mapping[str, float]
    """{column: test rows over training rows}, of folds."""
    baseline: str

    @cached_property
    def units(self) -> dict[str, list[Unit]]:
        """{set: its columns, and its folds together}."""
        return {one.name: list(self._units(one.counted)) for one in self.sets}

    def _units(self, columns: Iterable[str]) -> Iterable[Unit]:
        by_unit: dict[str, list[str]] = {}
        for column in columns:
            by_unit.setdefault(fold_of(column) or column, []).append(column)
        for of_unit in by_unit.values():
            overlaps = [self.overlaps[column] for column in of_unit if column in self.overlaps]
            yield Unit(tuple(of_unit), fmean(overlaps) if len(of_unit) > 1 and overlaps else 0.0)

    def ratios(self, unit: Unit, method: str) -> list[float]:
        """Log ratio of each replicate that has one: of a column by seed, of folds their means over seeds."""
        by_column = [
            [found for seed in own if (found := self._ratio(column, method, seed)) is not None]
            for column in unit.columns
            if (own := self.values.get(column, {}).get(method, {}))
        ]
        return [fmean(one) for one in by_column if one] if len(unit.columns) > 1 else [*chain(*by_column)]

    def _ratio(self, column: str, method: str, seed: int) -> float | None:
        ours, theirs = (self.values[column].get(name, {}).get(seed) for name in (method, self.baseline))
        if not ours or not theirs or ours < 0 or theirs < 0:
            return None
        ratio = math.log(ours / theirs)
        return -ratio if self.metric.lower_is_better else ratio

    def _undefined(self, method: str) -> Iterable[str]:
        """Pairs of values without a ratio."""
        for units in self.units.values():
            for column in (column for unit in units for column in unit.columns):
                there = self.values.get(column, {})
                for seed in there.get(method, {}):
                    if seed in there.get(self.baseline, {}) and self._ratio(column, method, seed) is None:
                        yield f"{column.partition('@')[0]} seed {seed}"

    @cached_property
    def _own_variances(self) -> dict[Unit, dict[str, tuple[float, int]]]:
        """{unit: {method: variance of a replicate's log ratio, its degrees of freedom}}, of two replicates or more."""
        found: dict[Unit, dict[str, tuple[float, int]]] = {}
        for unit in (unit for units in self.units.values() for unit in units):
            methods = {name for column in unit.columns for name in self.values.get(column, {})} - {self.baseline}
            of_methods = {method: self.ratios(unit, method) for method in sorted(methods)}
            found[unit] = {name: (variance(own), len(own) - 1) for name, own in of_methods.items() if len(own) > 1}
        return found

    def has_replicates(self, unit: Unit) -> bool:
        """True where some method has two replicates, so that the unit's typical variance is its own."""
        return bool(self._own_variances[unit])

    @cached_property
    def typical(self) -> dict[Unit, float]:
        """{unit: typical variance of a replicate's log ratio}, over all methods with several; of a unit without any the
        median of the others' is taken, and of none there is none."""
        own = {
            unit: typical_variance(*zip(*of_methods.values(), strict=True))
            for unit, of_methods in self._own_variances.items()
            if of_methods
        }
        return {unit: own.get(unit, median(own.values())) for unit in self._own_variances} if own else {}

    def _on_set(self, name: str, method: str) -> SetEffect | None:
        """Effect on one set, the mean over its units; None without a pair."""
        ratios = {unit: found for unit in self.units[name] if (found := self.ratios(unit, method))}
        if not ratios:
            return None
        several = all(len(found) > 1 for found in ratios.values())
        error = (
            sum(variance(found) * unit.of_mean(len(found)) for unit, found in ratios.items()) / len(ratios) ** 2
            if several
            else None
        )
        return SetEffect(name, fmean(map(fmean, ratios.values())), error, tuple(map(len, ratios.values())))

    def of(self, method: str) -> Relative:
        """Relative difference of one method."""
        sets = tuple(found for name in self.units if (found := self._on_set(name, method)))
        over = over_sets([one.effect for one in sets]) if len(sets) > 1 else None
        return Relative(method, self.baseline, self.metric, sets, over, tuple(self._undefined(method)))


def adjusted(found: Iterable[Relative]) -> list[Relative]:
    """The same with p-values by Holm's method over those that have one."""
    every = list(found)
    p = iter(holm([one.over_sets.p for one in every if one.over_sets]))
    return [replace(one, p_holm=next(p)) if one.over_sets else one for one in every]
