"""Mean of effects over data sets, in which every set weighs alike. Numbers in, plain data out.

A set's effect scatters by what is true of the set and by its seeds or folds; both are in the spread over sets, of which
intervals are made. Weights by each set's error would give the mean to the set whose seeds happen to agree: what seeds
do is not what another sample of the set's instances would do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

import numpy as np
import scipy  # its stats are imported when they are first asked for

from bench.analysis.hypothesis_tests import ALPHA

SMALLEST_SPREAD = 1e-6
"""A relative difference of a millionth: less is a metric's rounding."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class OverSets:
    """Mean of the sets' effects, and how far these lie from it."""

    mean: float
    spread: float
    """Standard deviation of the sets' effects, with what seeds and folds add to it."""
    sets: int

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.spread / math.sqrt(self.sets)

    def interval(self, alpha: float = ALPHA) -> Interval:
        """Confidence interval of the mean, by t with one degree of freedom less than sets."""
        return self._around(self.error, alpha)

    @property
    def p(self) -> float:
        """Two-sided p-value of a mean of 0."""
        return float(2 * scipy.stats.t.sf(abs(self.mean) / self.error, self.sets - 1))

    def on_a_new_set(self, alpha: float = ALPHA) -> Interval:
        """Prediction interval of the effect that would be measured on a further set."""
        return self._around(math.hypot(self.spread, self.error), alpha)

    @property
    def better_on_a_new_set(self) -> float:
        """Probability that it would be above 0, by the same distribution."""
        return float(scipy.stats.t.cdf(self.mean / math.hypot(self.spread, self.error), self.sets - 1))

    def _around(self, error: float, alpha: float) -> Interval:
        half = float(scipy.stats.t.ppf(1 - alpha / 2, self.sets - 1)) * error
        return self.mean - half, self.mean + half


def over_sets(effects: Sequence[float]) -> OverSets:
    """Mean of the effects of two sets or more."""
    return OverSets(fmean(effects), max(stdev(effects), SMALLEST_SPREAD), len(effects))


def typical_variance(variances: Sequence[float], freedoms: Sequence[int]) -> float:
    """Median of variances, each over the median of chi-square by its degrees of freedom: no wild one moves it."""
    medians = scipy.stats.chi2.ppf(0.5, freedoms) / np.asarray(freedoms)
    return median((np.asarray(variances) / medians).tolist())
