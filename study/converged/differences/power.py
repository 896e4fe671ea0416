"""Power of the study: the smallest relative difference to a baseline that seeds can show, on each set and over all.

A paired t-test at 5 % over seeds on a set, or over the folds of one by their corrected variance, and over sets by the
t-test in which each weighs alike; the difference that it shows with a probability of 80 % has the noncentral
t-distribution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median

import scipy

from bench.analysis.hypothesis_tests import power
from bench.analysis.relative import Differences, Relative
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.text import counted
from study.converged.differences.relative import BASELINE, Comparison, Observed, short
from study.converged.parts import DRAW_NOTHING
from study.results.findings import table

POWER = 0.8
SEEDS = (1, 3, 5, 10)
STATED = 5
"""Seeds that the study's table of all metrics is of."""
OVER_SETS = "mean over the sets"


@dataclass(frozen=True)
class Reach:
    """Smallest relative improvement that can be shown by one metric, by the number of seeds; on a set without two seeds
    of anything that is not known."""

    name: str
    metric: Metric
    folds: int
    """Folds that stand in place of seeds, whatever the number of these; 0 of a set without."""
    deviation: float | None
    """Paired standard deviation of a replicate's log ratio; None where it is not known, and of the mean over sets."""
    smallest: dict[int, float]
    """{seeds: per cent}; a single seed shows nothing on a set."""


@cache
def needed_shift(freedom: int, chance: float = POWER) -> float:
    """True difference in its standard errors that a two-sided t-test shows with so high a probability."""
    seeds = freedom + 1
    return float(scipy.optimize.brentq(lambda shift: power(shift / math.sqrt(seeds), seeds, 1) - chance, 0, 1000))


def reaches(differences: Differences, spread: float | None, seeds: Sequence[int] = SEEDS) -> list[Reach]:
    """Reach on each set, then of the mean over them where ``spread`` is given.

    Parameters
    ----------
    spread: standard deviation of a method's effects over sets.
    """
    found: list[Reach] = []
    for name, units in differences.units.items():
        typical = [differences.typical[unit] for unit in units if unit in differences.typical]
        if not typical:  # no set has two seeds
            continue
        known = all(map(differences.has_replicates, units))
        folds = min((len(unit.columns) for unit in units if unit.overlap), default=0)
        smallest = {}
        for count in seeds:
            shares = [unit.of_mean(len(unit.columns) if unit.overlap else count) for unit in units]
            error = sum(one * share for one, share in zip(typical, shares, strict=True)) / len(units) ** 2
            if known and (replicates := folds or count) > 1:
                smallest[count] = _percent(differences.metric, needed_shift(replicates - 1) * math.sqrt(error))
        deviation = math.sqrt(sum(typical)) / len(units) if known else None
        found.append(Reach(name, differences.metric, folds, deviation, smallest))
    if spread is not None and len(differences.units) > 1:
        sets = len(differences.units)
        smallest = _percent(differences.metric, needed_shift(sets - 1) * spread / math.sqrt(sets))
        found.append(Reach(OVER_SETS, differences.metric, 0, None, {STATED: smallest}))
    return found


def _percent(metric: Metric, effect: float) -> float:
    return Relative("", "", metric, (), None, ()).percent(effect)


def typical_spread(found: Iterable[Relative]) -> float | None:
    """Median over methods of the deviation of effects over sets; None where none has a mean over sets."""
    spreads = [one.over_sets.spread for one in found if one.over_sets]
    return median(spreads) if spreads else None


def study_reaches(observed: Observed, comparison: Comparison, baseline: str = BASELINE) -> dict[Metric, list[Reach]]:
    """Reaches by each metric, over sets with the spread that is typical of the compared methods.

    On a set, methods that draw nothing do not count: their difference to a baseline varies as this one alone does.
    """
    drawn = replace(observed, records=[one for one in observed.records if one.job.variant not in DRAW_NOTHING])
    return {
        metric: reaches(drawn.differences(metric, baseline), typical_spread(comparison.by_metric[metric]))
        for metric in PAPER_METRICS
    }


def by_seeds_table(found: Sequence[Reach]) -> str:
    """Smallest differences by one metric in per cent, a column a number of seeds; without sets with folds, which have
    their number."""
    own = [one for one in found if one.name != OVER_SETS and not one.folds]
    lines = [[_named(one), *(_smallest(one, count) for count in SEEDS)] for one in own]
    return table(["data set", *(f"{counted(count, 'seed')}, %" for count in SEEDS)], lines)


def stated_table(found: dict[Metric, list[Reach]], seeds: int = STATED) -> str:
    """The smallest difference that each set can show at five seeds, in per cent, by every metric."""
    cells = {(_named(one), metric): _smallest(one, seeds) for metric, every in found.items() for one in every}
    names = sorted(dict.fromkeys(name for name, _ in cells), key=lambda name: name == OVER_SETS)
    lines = [[name, *(cells.get((name, metric), "–") for metric in found)] for name in names]
    return table(["data set", *(f"{metric.title}, %" for metric in found)], lines)


def power_sentence(found: Sequence[Reach], seeds: int = STATED) -> str:
    """The smallest, the median and the largest difference that single sets can show, and that of the mean over them."""
    sets = [(one.smallest[seeds], _named(one)) for one in found if one.name != OVER_SETS and seeds in one.smallest]
    if not sets:
        return "No set has two seeds, so what the study can show is not known."
    (low, least), (high, most) = min(sets), max(sets)
    text = (
        f"Of the {counted(len(sets), 'set')} with several seeds or folds, one can show a difference of "
        f"{median(value for value, _ in sets):.1f} % (median; {low:.1f} % on {least} to {high:.1f} % on {most}) by "
        f"{found[0].metric.title} with {seeds} seeds, or its folds"
    )
    over = [one.smallest[seeds] for one in found if one.name == OVER_SETS]
    end = f"; the mean over all sets, one of {over[0]:.1f} % of the method of median spread" if over else ""
    text += f"{end}, each with a probability of {POWER:.0%} at 5 %"
    return f"{text}; after the correction for several methods the difference has to be larger."


def _named(one: Reach) -> str:
    return f"{short(one.name)} ({counted(one.folds, 'fold')})" if one.folds else short(one.name)


def _smallest(one: Reach, seeds: int) -> str:
    return f"{one.smallest[seeds]:.1f}" if seeds in one.smallest else "–"
