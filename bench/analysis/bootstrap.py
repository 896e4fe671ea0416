"""Bootstrap intervals of differences on one data set, over test instances and seeds, from kept scores.

Test instances are resampled, alike for all methods and seeds, so that differences are paired. What seeds do is added:
the mean of S paired differences moves by their standard deviation over sqrt(S), t-distributed with S - 1 degrees of
freedom. That std is at least the median one of the data set's methods, because two or three seeds often lie together by
chance. With one seed everywhere nothing is known of it, and a difference may be the seed's alone. p-values are adjusted
for all methods by Holm, intervals by Bonferroni.

Imports neither torch nor methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from bench.analysis.hypothesis_tests import ALPHA, holm
from bench.records.artifacts import KeptScores
from bench.system.blocks import rows_at_once

SAMPLES = 1000
DRAWS_A_RESAMPLE = 20
"""Draws of the effect of seeds that each resample is combined with."""
COMPARISONS_AT_ONCE = 1 << 22


Values = dict[int, tuple[float, np.ndarray]]
"""{seed: a method's value, and its [B] values on the resamples}."""


@dataclass(frozen=True)
class Interval:
    """A method against the control on one data set."""

    method: str
    difference: float
    """The method's mean minus the control's, over the seeds that both have."""
    low: float
    high: float
    """Interval of the difference; those of all methods hold together with probability 1 - ALPHA."""
    p: float
    """Two-sided, adjusted for all methods."""
    seeds: int
    """Number that both have; with one, the interval is of these two trained models and not of their methods."""


def instance_losses(kept: KeptScores) -> dict[str, np.ndarray]:
    """Losses of each instance, {"hamming", "ranking", "coverage": [N]}; the mean over instances is the metric.

    Definitions as in ``bench.metrics.classification``: ties are errors, an instance without positives has
    coverage -1/c.
    """
    truth, scores = kept.y > 0, kept.scores
    n_samples, n_labels = truth.shape
    positives = truth.sum(1)
    misranked, depth = np.zeros(n_samples), np.zeros(n_samples)
    row, label = truth.nonzero()
    step = rows_at_once(COMPARISONS_AT_ONCE, n_labels)
    for start in range(0, len(row), step):
        here = row[start : start + step]
        at_least = scores[here] >= scores[here, label[start : start + step], None]
        rank = at_least.sum(1)
        np.add.at(misranked, here, rank - (at_least & truth[here]).sum(1))
        np.maximum.at(depth, here, rank)
    return {
        "hamming": ((scores > kept.threshold) != truth).mean(1),
        "ranking": misranked / np.maximum(positives * (n_labels - positives), 1),
        "coverage": (depth - 1) / n_labels,
    }


def resampled_average_precision(kept: KeptScores, counts: np.ndarray) -> np.ndarray:
    """Macro average precision of each resample [B].

    Parameters
    ----------
    counts: [N, B], how often each instance is in each resample.

    A class counts in the resamples in which it has a positive, as in ``bench.metrics.classification``.
    """
    total, defined = np.zeros(counts.shape[1]), np.zeros(counts.shape[1])
    for truth, scores in zip(kept.y.T > 0, kept.scores.T, strict=True):
        if not truth.any():
            continue
        thresholds, place = np.unique(scores[truth], return_inverse=True)
        # Rows, then positives, that score at least each threshold: sums over the bins between thresholds.
        above = np.searchsorted(thresholds, scores, side="right")
        rows = _at_least(above, len(thresholds), counts)
        weight = counts[truth]
        hits = _at_least(place + 1, len(thresholds), weight)
        precision = np.divide(hits, rows, out=np.zeros_like(hits), where=rows > 0)
        positives = weight.sum(0)
        sums = (_bins(place, len(thresholds)) @ weight * precision).sum(0)
        total += np.divide(sums, positives, out=np.zeros_like(sums), where=positives > 0)
        defined += positives > 0
    return np.divide(total, defined, out=np.full_like(total, np.nan), where=defined > 0)


def _at_least(above: np.ndarray, thresholds: int, counts: np.ndarray) -> np.ndarray:
    """Summed counts [thresholds, B] of the rows that reach each threshold; ``above`` says how many a row reaches."""
    bins = _bins(above, thresholds + 1) @ counts
    return bins[:0:-1].cumsum(0)[::-1]


def _bins(place: np.ndarray, count: int) -> sparse.csr_array:
    """Indicator [count, N] of the bin that each row is in."""
    rows = len(place)
    return sparse.csr_array((np.ones(rows, dtype=np.float32), (place, np.arange(rows))), shape=(count, rows))


def resamples(instances: int, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Counts [instances, samples] float32 of each instance in each resample, drawn with replacement."""
    random = np.random.default_rng(seed)
    counts = np.empty((instances, samples), dtype=np.float32)
    for number in range(samples):
        counts[:, number] = np.bincount(random.integers(instances, size=instances), minlength=instances)
    return counts


def values_of(kept: KeptScores, metrics: Sequence[str], counts: np.ndarray) -> dict[str, tuple[float, np.ndarray]]:
    """Metrics of one trained model, {metric: (its value, its values on the resamples [B])}."""
    losses = instance_losses(kept)
    values = {}
    for metric in metrics:
        if metric == "average_precision":
            every = np.ones((len(counts), 1), dtype=counts.dtype)  # the sample itself, in the same pass
            value, *_ = precisions = resampled_average_precision(kept, np.hstack([every, counts]))
            values[metric] = float(value), precisions[1:]
        else:
            values[metric] = float(losses[metric].mean()), losses[metric] @ counts / len(counts)
    return values


def intervals(values: dict[str, Values], control: str, alpha: float = ALPHA, seed: int = 0) -> list[Interval]:
    """Intervals of every method against the control, where they have a seed in common and the metric is defined.

    Parameters
    ----------
    values: {method: one metric by seed} on the same resamples. Resamples on which a method is not defined (no positive
        was drawn) are left out for all.
    """
    pairs = {method: sorted(values[method].keys() & values[control].keys()) for method in values if method != control}
    gains = {method: [values[method][s][0] - values[control][s][0] for s in seeds] for method, seeds in pairs.items()}
    gains = {method: gain for method, gain in gains.items() if gain and np.isfinite(gain).all()}
    if not gains:
        return []
    difference = np.array([np.mean(gain) for gain in gains.values()])
    moved = np.stack(
        [np.mean([values[method][s][1] - values[control][s][1] for s in pairs[method]], axis=0) for method in gains]
    )
    moved = moved[:, np.isfinite(moved).all(0)] - difference[:, None]
    if moved.shape[1] < 2:
        return []
    seed_stds = std_of_means(list(gains.values()))
    random = np.random.default_rng((seed, 1))  # another stream than the resamples'
    unadjusted, p = [], []
    for j, (method, gain) in enumerate(gains.items()):
        draws = moved[j]
        if seed_stds[j]:
            draws = np.tile(draws, DRAWS_A_RESAMPLE)
            draws = draws + seed_stds[j] * random.standard_t(max(1, len(gain) - 1), len(draws))
        # 1e-9: a difference that is the same on every instance and for every seed is no rounding
        away = np.abs(draws) > abs(difference[j]) * (1 - 1e-9) if difference[j] else np.ones(len(draws), dtype=bool)
        p.append((int(away.sum()) + 1) / (len(draws) + 1))
        width = float(np.quantile(np.abs(draws), 1 - alpha / len(gains)))
        low, high = float(difference[j]) - width, float(difference[j]) + width
        unadjusted.append(Interval(method, float(difference[j]), low, high, 1.0, len(gain)))
    return [replace(interval, p=adjusted) for interval, adjusted in zip(unadjusted, holm(p), strict=True)]


def std_of_means(gains: list[list[float]]) -> np.ndarray:
    """Standard deviation of each method's mean over seeds, from at least the methods' median variance; 0 with one seed
    everywhere."""
    variances = [float(np.var(gain, ddof=1)) if len(gain) > 1 else None for gain in gains]
    known = [variance for variance in variances if variance is not None]
    least = float(np.median(known)) if known else 0.0
    pairs = zip(variances, gains, strict=True)
    return np.array([np.sqrt(max(least, variance or 0.0) / len(gain)) for variance, gain in pairs])
