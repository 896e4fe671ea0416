"""Tests of whether methods differ over data sets. Values in, plain data out; imports neither torch nor methods.

A block is a data set, averaged over seeds: seeds are never counted as data sets. Ranks are mean ranks of ties here, as
the tests want them (the tables' ranks are competition ranks).

Friedman with the F distribution: Iman, Davenport 1980. Nemenyi's critical difference and Wilcoxon with Holm: Demšar,
"Statistical comparisons of classifiers over multiple data sets", JMLR 2006. Bayesian signed-rank: Benavoli et al.,
"Time for a change", JMLR 2017. Within a data set, over its folds: Nadeau, Bengio, "Inference for the generalization
error", Machine Learning 2003, and for repeats Bouckaert, Frank, "Evaluating the replicability of significance tests",
PAKDD 2004.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import combinations

import numpy as np
import scipy  # its stats are imported when they are first asked for: half a second

SAMPLES = 50_000
ALPHA = 0.05
POWER_QUANTILES = 20_000


@dataclass(frozen=True)
class Friedman:
    """Friedman's test, and Iman and Davenport's F of it."""

    mean_ranks: list[float]
    chi_square: float
    chi_square_p: float
    f: float
    """Infinite where every data set orders the methods alike; NaN where every value ties with every other."""
    f_p: float
    blocks: int
    methods: int


def friedman(values: np.ndarray, lower_is_better: bool) -> Friedman:
    """Friedman's test of whether any method differs; ``values`` [data sets, methods], complete.

    Raises
    ------
    ValueError: for fewer than three methods or two data sets.
    """
    blocks, methods = values.shape
    if methods < 3 or blocks < 2:
        raise ValueError(f"Friedman's test needs 3 methods and 2 data sets; there are {methods} and {blocks}")
    ranks = scipy.stats.rankdata(values if lower_is_better else -values, axis=1)
    mean_ranks = ranks.mean(0)
    chi_square, f, f_p = _of_ranks(ranks)
    p = float(scipy.special.chdtrc(methods - 1, chi_square))
    return Friedman(mean_ranks.tolist(), chi_square, p, f, f_p, blocks, methods)


def _of_ranks(ranks: np.ndarray) -> tuple[float, float, float]:
    """(chi-square, F, p of F) of mean ranks [data sets, methods]; scipy's takes milliseconds, and thousands are made.

    Chi-square is corrected for ties: the variance of the rank sums over that of all ranks (Conover 1999, section 5.8).
    """
    blocks, methods = ranks.shape
    if np.ptp(ranks) == 0:  # every value ties with every other
        return 0.0, math.nan, 1.0
    most, centre = blocks * (methods - 1), blocks * methods * (methods + 1) ** 2 / 4
    of_sums, of_all = (ranks.sum(0) ** 2).sum() - blocks * centre, (ranks**2).sum() - centre
    chi_square = float((methods - 1) * of_sums / of_all)
    if most - chi_square < 1e-9 * most:
        # Every block orders the methods alike: F is infinite, and its p would be 0. What chance gives is exact.
        orders = math.factorial(methods) / math.prod(
            math.factorial(count) for count in np.unique(ranks[0], return_counts=True)[1]
        )
        return chi_square, math.inf, orders ** (1 - blocks)
    f = (blocks - 1) * chi_square / (most - chi_square)
    return chi_square, f, float(scipy.special.fdtrc(methods - 1, (methods - 1) * (blocks - 1), f))


def rests_on(
    values: np.ndarray, lower_is_better: bool, most: int = 2, alpha: float = ALPHA
) -> tuple[tuple[int, ...], float] | None:
    """Fewest methods without which Iman and Davenport's test shows no difference, and its p then.

    Of equally few those that leave the largest p. None where ``most`` of them are not enough.
    """
    methods = values.shape[1]
    signed = values if lower_is_better else -values
    # [data sets, methods, methods]: the places that each other method costs one, half a place where they tie.
    costs = (signed[:, None] < signed[:, :, None]) + 0.5 * (signed[:, None] == signed[:, :, None])
    ranks = costs.sum(2) + 0.5
    for count in range(1, min(most, methods - 3) + 1):
        p = {
            out: _of_ranks(np.delete(ranks - costs[:, :, out].sum(2), out, axis=1))[2]
            for out in combinations(range(methods), count)
        }
        without = max(p, key=lambda out: p[out])
        if p[without] >= alpha:
            return without, p[without]
    return None


@cache
def critical_difference(methods: int, blocks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference: mean ranks that differ by less cannot be told apart."""
    quantile = scipy.stats.studentized_range.ppf(1 - alpha, methods, np.inf) / math.sqrt(2)
    return float(quantile * math.sqrt(methods * (methods + 1) / (6 * blocks)))


def nemenyi(mean_ranks: list[float], blocks: int) -> np.ndarray:
    """Nemenyi's p-values of all pairs [methods, methods]."""
    methods = len(mean_ranks)
    distance = np.abs(np.subtract.outer(mean_ranks, mean_ranks)) / math.sqrt(methods * (methods + 1) / (6 * blocks))
    different, place = np.unique(distance, return_inverse=True)  # each is an integral
    p = scipy.stats.studentized_range.sf(different * math.sqrt(2), methods, np.inf)[place].reshape(distance.shape)
    np.fill_diagonal(p, 1.0)
    return np.minimum(p, 1.0)


@dataclass(frozen=True)
class Against:
    """A method against the control, over data sets."""

    method: str
    wins: int
    """Data sets on which the control is better."""
    losses: int
    p: float
    """Wilcoxon's signed-rank test, two-sided; 1 where nothing differs."""
    p_holm: float
    control_better: float
    equivalent: float
    method_better: float
    """The last three: Bayesian signed-rank on relative differences, probabilities that the control is better by more
    than the region of practical equivalence, that they are equivalent, and that the other is better."""


def against_control(
    values: np.ndarray, methods: list[str], control: str, lower_is_better: bool, region: float, seed: int = 0
) -> list[Against]:
    """Wilcoxon's and the Bayesian signed-rank test of every method against the control.

    Parameters
    ----------
    values: [data sets, methods], complete.
    region: half-width of practical equivalence, as a share of the control's value on each data set.
    """
    signed = values if lower_is_better else -values
    column = methods.index(control)
    tests = []
    for j, method in enumerate(methods):
        if j == column:
            continue
        gain = signed[:, j] - signed[:, column]  # above 0 where the control is better
        p = wilcoxon_p(gain)
        shares = relative_gains(gain, values[:, column])
        better, equivalent, worse = signed_rank_posterior(shares, region, seed)
        tests.append(Against(method, int((gain > 0).sum()), int((gain < 0).sum()), p, 1.0, better, equivalent, worse))
    adjusted = holm([test.p for test in tests])
    return [replace(test, p_holm=p) for test, p in zip(tests, adjusted, strict=True)]


@dataclass(frozen=True)
class CorrectedT:
    """The corrected resampled t-test of paired differences over folds."""

    mean: float
    std: float
    """Of the differences, divided by n - 1."""
    t: float
    """Infinite where all differences are the same and not 0; 0 where all are 0."""
    p: float
    """Two-sided."""
    folds: int


def corrected_resampled_t(differences: np.ndarray, test_to_train: float) -> CorrectedT:
    """Corrected resampled t-test (Nadeau, Bengio 2003) of one set's folds, whose training rows overlap.

    t = mean / sqrt((1 / n + n_test / n_train) * variance) with n - 1 degrees of freedom. With repeats n counts the
    folds of all of them (Bouckaert, Frank 2004).

    Parameters
    ----------
    differences: [n], of two methods on the same folds.
    test_to_train: rows a fold tests on over rows that it trains on.

    Raises
    ------
    ValueError: for fewer than two differences.
    """
    count = len(differences)
    if count < 2:
        raise ValueError(f"the corrected resampled t-test needs 2 folds; there is {count}")
    mean, std = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if np.ptp(differences) == 0:
        return CorrectedT(mean, 0.0, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0, count)
    t = mean / (std * math.sqrt(1 / count + test_to_train))
    return CorrectedT(mean, std, t, float(2 * scipy.stats.t.sf(abs(t), count - 1)), count)


def relative_gains(gain: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Gains as shares of the control's values; infinite where such a value is 0 and the gain is not."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gain == 0, 0.0, gain / np.abs(control))


def wilcoxon_p(gain: np.ndarray) -> float:
    """Two-sided signed-rank test of paired differences; zeros count half to either side; 1 where nothing differs."""
    return 1.0 if not gain.any() else float(scipy.stats.wilcoxon(gain, zero_method="zsplit").pvalue)


def holm(p: list[float]) -> list[float]:
    """Adjusted p-values, in the given order (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    adjusted, largest = [0.0] * len(p), 0.0
    for position, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - position) * p[index]))
        adjusted[index] = largest
    return adjusted


def signed_rank_posterior(
    gain: np.ndarray, region: float, seed: int = 0, samples: int = SAMPLES
) -> tuple[float, float, float]:
    """Posterior probabilities that the typical gain is above ``region``, within it, and below ``-region``.

    Dirichlet weights on the gains and on one pseudo-observation 0 of weight 0.5 (the prior); the statistic is the
    weighted share of pairs whose mean lies in each region (equations 4 to 7 of Benavoli et al.).
    """
    z = np.append(gain, 0.0)
    with np.errstate(invalid="ignore"):  # two infinite gains of unlike sign: NaN, which is in neither region
        pairs = (z[:, None] + z[None, :]) / 2
    weights = _weights(len(gain), samples, seed)
    above, below = (((weights @ place) * weights).sum(1) for place in (pairs > region, pairs < -region))
    within = 1 - above - below
    better = (above >= within) & (above >= below)
    equivalent = ~better & (within >= below)
    shares = [int(one.sum()) / samples for one in (better, equivalent)]
    return shares[0], shares[1], int((~better & ~equivalent).sum()) / samples


@lru_cache(maxsize=1)
def _weights(observations: int, samples: int, seed: int) -> np.ndarray:
    """The posterior's draws [samples, observations + 1], the same for all methods on as many data sets."""
    alpha = np.append(np.ones(observations), 0.5)
    return np.random.default_rng(seed).dirichlet(alpha, samples)


def smallest_wilcoxon_p(blocks: int) -> float:
    """Smallest p-value of the two-sided signed-rank test: all differences of one sign."""
    return 2.0 ** (1 - blocks)


def needed_deviations(seeds: int, comparisons: int, alpha: float = ALPHA) -> float:
    """Size from which a mean of paired differences over seeds is shown, in their standard deviations.

    By the t-test with Bonferroni's correction for so many comparisons; two seeds at least.
    """
    return float(scipy.stats.t.ppf(1 - alpha / (2 * comparisons), seeds - 1)) / math.sqrt(seeds)


def power(deviations: float, seeds: int, comparisons: int, alpha: float = ALPHA) -> float:
    """Probability that this test shows an expected difference of so many paired standard deviations.

    The noncentral t-distribution as a mean over the chi-square quantiles of the estimated variance: scipy's own gives
    NaN in its tails.
    """
    limit, shift = needed_deviations(seeds, comparisons, alpha), deviations * math.sqrt(seeds)
    quantiles = (np.arange(POWER_QUANTILES) + 0.5) / POWER_QUANTILES
    width = limit * math.sqrt(seeds) * np.sqrt(scipy.stats.chi2.ppf(quantiles, seeds - 1) / (seeds - 1))
    return float((scipy.stats.norm.sf(width - shift) + scipy.stats.norm.cdf(-width - shift)).mean())


def half_width_of_another_run(std: float, seeds: int, alpha: float = ALPHA) -> float:
    """Half-width of the interval about a mean over seeds that one more run of the same experiment falls into.

    By the t-distribution with seeds - 1 degrees of freedom; the variances of the mean and of the run add up.

    Parameters
    ----------
    std: standard deviation over the seeds, of which there are two at least.
    """
    return float(scipy.stats.t.ppf(1 - alpha / 2, seeds - 1)) * std * math.sqrt(1 + 1 / seeds)
