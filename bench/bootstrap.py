"""How far a difference on one data set would move with other test instances: a paired bootstrap of kept scores.

Imports neither torch nor methods. All methods are measured on the same resamples, so that differences are paired, and
the intervals of all methods hold together (single-step maximum of studentised differences: Westfall and Young,
"Resampling-based multiple testing", 1993, section 2.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from bench.blocks import rows_at_once
from bench.kept import KeptScores

SAMPLES = 1000
ALPHA = 0.05
COMPARISONS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A method against the control on one data set."""

    method: str
    difference: float
    """The method's value minus the control's."""
    low: float
    high: float
    """Interval of the difference; those of all methods hold together with probability 1 - ALPHA."""
    p: float
    """Two-sided, adjusted for all methods; never below 1 / (resamples + 1)."""


def instance_losses(kept: KeptScores) -> dict[str, np.ndarray]:
    """{"hamming", "ranking", "coverage": [N]}: each instance's part; the mean over instances is the metric.

    Definitions as in ``bench.metrics``: ties are errors, an instance without positives has coverage -1/c.
    """
    truth, scores = kept.y > 0, kept.scores
    rows, labels = truth.shape
    positives = truth.sum(1)
    misranked, depth = np.zeros(rows), np.zeros(rows)
    row, label = truth.nonzero()
    step = rows_at_once(COMPARISONS_AT_ONCE, labels)
    for start in range(0, len(row), step):
        here = row[start : start + step]
        at_least = scores[here] >= scores[here, label[start : start + step], None]
        rank = at_least.sum(1)
        np.add.at(misranked, here, rank - (at_least & truth[here]).sum(1))
        np.maximum.at(depth, here, rank)
    return {
        "hamming": ((scores > kept.cut) != truth).mean(1),
        "ranking": misranked / np.maximum(positives * (labels - positives), 1),
        "coverage": (depth - 1) / labels,
    }


def resampled_average_precision(kept: KeptScores, counts: np.ndarray) -> np.ndarray:
    """[B] macro average precision of B resamples.

    Parameters
    ----------
    counts: [N, B], how often each instance is in each resample.

    A class counts in the resamples in which it has a positive, as in ``bench.metrics``.
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
    """[thresholds, B]: summed counts of the rows that reach each threshold; ``above`` says how many a row reaches."""
    bins = _bins(above, thresholds + 1) @ counts
    return bins[:0:-1].cumsum(0)[::-1]


def _bins(place: np.ndarray, count: int) -> sparse.csr_array:
    """[count, N] with a one where the row is in the bin."""
    rows = len(place)
    return sparse.csr_array((np.ones(rows, dtype=np.float32), (place, np.arange(rows))), shape=(count, rows))


def resamples(instances: int, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """[instances, samples] float32: how often each instance is drawn, with replacement."""
    random = np.random.default_rng(seed)
    counts = np.empty((instances, samples), dtype=np.float32)
    for number in range(samples):
        counts[:, number] = np.bincount(random.integers(instances, size=instances), minlength=instances)
    return counts


def values_of(
    kept: Sequence[KeptScores], metrics: Sequence[str], counts: np.ndarray
) -> dict[str, tuple[float, np.ndarray]]:
    """{metric: its value, and its [B] values on the resamples} of one method, averaged over its seeds."""
    once = np.ones((len(counts), 1), dtype=np.float32)
    found: dict[str, list[tuple[float, np.ndarray]]] = {metric: [] for metric in metrics}
    for one in kept:
        losses = instance_losses(one)
        for metric in metrics:
            if metric == "average_precision":
                value = float(resampled_average_precision(one, once)[0])
                found[metric].append((value, resampled_average_precision(one, counts)))
            else:
                found[metric].append((float(losses[metric].mean()), losses[metric] @ counts / len(counts)))
    return {
        metric: (float(np.mean([value for value, _ in seeds])), np.mean([values for _, values in seeds], axis=0))
        for metric, seeds in found.items()
    }


def intervals(values: dict[str, tuple[float, np.ndarray]], control: str, alpha: float = ALPHA) -> Iterator[Interval]:
    """Every method against the control, from their :func:`values_of` one metric on the same resamples."""
    observed, resampled = values[control]
    others = [method for method in values if method != control]
    difference = np.array([values[method][0] - observed for method in others])
    moved = np.stack([values[method][1] - resampled for method in others]) - difference[:, None]
    error = moved.std(1, ddof=1)
    apart = error > 0
    studentised = np.abs(moved[apart]) / error[apart, None]
    largest = studentised.max(0) if apart.any() else np.zeros(moved.shape[1])
    width = np.quantile(largest, 1 - alpha) * error
    for j, method in enumerate(others):
        if apart[j]:
            beyond = int((largest >= abs(difference[j]) / error[j] - 1e-9).sum())
            p = (beyond + 1) / (len(largest) + 1)
        else:  # the same everywhere, or differing by the same on every instance
            p = 1.0 if difference[j] == 0 else 1 / (len(largest) + 1)
        low, high = float(difference[j] - width[j]), float(difference[j] + width[j])
        yield Interval(method, float(difference[j]), low, high, p)
