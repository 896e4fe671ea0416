"""Random-effects model of effects over data sets: each has a true effect of its own. Numbers in, plain data out.

Variance between sets: Paule, Mandel, "Consensus values and weighting factors", J. Res. NBS 1982. Intervals: Hartung,
Knapp, Statistics in Medicine 2001, and Sidik, Jonkman 2002, never narrower than by known variances (Röver, Knapp,
Friede, BMC Med. Res. Methodology 2015). A new set: Higgins, Thompson, Spiegelhalter, JRSS A 2009.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its stats and optimize are imported when they are first asked for

from bench.analysis.hypothesis_tests import ALPHA

SMALLEST_VARIANCE = 1e-12
"""A relative difference of a millionth, squared: less is a metric's rounding."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class RandomEffects:
    """Mean of the sets' true effects, and how far these lie from it."""

    mean: float
    error: float
    """Standard error of the mean."""
    tau: float
    """Standard deviation of the sets' true effects."""
    sets: int

    def interval(self, alpha: float = ALPHA) -> Interval:
        """Confidence interval of the mean, by t with one degree of freedom less than sets."""
        half = float(scipy.stats.t.ppf(1 - alpha / 2, self.sets - 1)) * self.error
        return self.mean - half, self.mean + half

    @property
    def p(self) -> float:
        """Two-sided p-value of a mean of 0."""
        return float(2 * scipy.stats.t.sf(abs(self.mean) / self.error, self.sets - 1))

    def on_a_new_set(self, alpha: float = ALPHA) -> Interval | None:
        """Prediction interval of a further set's true effect; None below three sets."""
        if self.sets < 3:
            return None
        half = float(scipy.stats.t.ppf(1 - alpha / 2, self.sets - 2)) * math.hypot(self.tau, self.error)
        return self.mean - half, self.mean + half

    @property
    def better_on_a_new_set(self) -> float | None:
        """Probability that a further set's true effect is above 0, by the same distribution."""
        if self.sets < 3:
            return None
        return float(scipy.stats.t.cdf(self.mean / math.hypot(self.tau, self.error), self.sets - 2))


def random_effects(effects: Sequence[float], variances: Sequence[float]) -> RandomEffects:
    """Random-effects mean of the effects of two sets or more.

    The factor of Hartung and Knapp is 1 by the definition of Paule and Mandel's variance between sets; it would be
    smaller only where that variance is 0, and is 1 there too.

    Parameters
    ----------
    variances: of the effects' errors within each set; with all 0 this is the t-test over sets.
    """
    y, within = np.asarray(effects, float), np.maximum(np.asarray(variances, float), SMALLEST_VARIANCE)
    freedom = len(y) - 1

    def excess(between: float) -> float:
        weights = 1 / (within + between)
        return float(weights @ (y - np.average(y, weights=weights)) ** 2) - freedom

    # Q falls in the variance between sets, and by the sample variance of the effects it is below its expectation.
    most = float(y.var(ddof=1))
    between = scipy.optimize.brentq(excess, 0.0, most, xtol=1e-15) if excess(0.0) > 0 else 0.0
    weights = 1 / (within + between)
    mean = float(np.average(y, weights=weights))
    return RandomEffects(mean, math.sqrt(1 / weights.sum()), math.sqrt(between), len(y))


def typical_variance(variances: Sequence[float], freedoms: Sequence[int]) -> float:
    """Median of variances, each over the median of chi-square by its degrees of freedom: no wild one moves it."""
    medians = scipy.stats.chi2.ppf(0.5, freedoms) / np.asarray(freedoms)
    return float(np.median(np.asarray(variances) / medians))
