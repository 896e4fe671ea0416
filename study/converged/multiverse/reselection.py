"""Results under other selections than a record's own, exactly, from what the record holds.

A record's grid has for every point the paper's four metrics on validation and test data, at the epoch that validation
Hamming loss keeps. A point's training does not depend on the others, so any choice among some of the points by any of
the four is what a search over these points alone gives. Epochs that another metric keeps, and thresholds that are
tuned, are there for the whole grid's choice only (``also_selected``, ``decisions``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Decisions, GridPoint, JobName, Metrics, Record

HAMMING, RANKING, _, PRECISION = range(len(PAPER_METRICS))
"""Places among PAPER_METRICS."""
RATE, REGULARISATION = "learning_rate", ("weight_decay", "l2")
"""Settings of training that grids may search."""
RULES = ("global", "per-label")
"""Decision rules that tune thresholds on validation data: one for all labels, one for each."""
SIGNS = np.array([1.0 if metric.lower_is_better else -1.0 for metric in PAPER_METRICS])

Replicate = tuple[str, int]
"""(fold, empty without one; seed)."""
Cells = dict[str, dict[str, dict[Replicate, Record]]]
"""{NAME@extractor without its fold: {variant: records}}."""


@dataclass(frozen=True)
class Results:
    """Losses of every grid point of every record, average precision negated; NaN where there is none.

    Axes: s data sets, r replicates (seeds, or folds), m methods, p points, k metrics, the paper's four.
    """

    sets: list[str]
    methods: list[str]
    val: np.ndarray
    """[s, r, m, p, k], as ``test``."""
    test: np.ndarray
    searched: np.ndarray
    """[s, r, m, p, 2] bool: the point's learning rate is another than the protocol's, its weight decay or L2 penalty is
    more than the least in its grid."""
    kept: np.ndarray
    """[s, r, m, k, k] on test data: of the epoch and point that the fourth axis' metric keeps."""
    decided: np.ndarray
    """[s, r, m, rule]: Hamming loss on test data."""

    def selected(self, allowed: np.ndarray, criterion: int) -> np.ndarray:
        """[s, r, m, k] on test data, of the allowed points' best on validation data by a metric; ties as a job breaks
        them: by ranking loss, then the first.

        Parameters
        ----------
        allowed: [s, r, m, p] bool.
        """
        values = np.where(allowed & ~np.isnan(self.val[..., criterion]), self.val[..., criterion], np.inf)
        best = values.min(-1, keepdims=True)
        ties = np.where((values == best) & np.isfinite(best), self.val[..., RANKING], np.inf)
        point = ties.argmin(-1)[..., None, None]
        return np.where(np.isfinite(best), np.take_along_axis(self.test, point, -2)[..., 0, :], np.nan)

    def within(self, rate: bool, regularisation: bool) -> np.ndarray:
        """[s, r, m, p] bool: the points of a grid that searches the learning rate or not, the regularisation or not."""
        return ~np.isnan(self.val[..., HAMMING]) & ~(self.searched & ~np.array([rate, regularisation])).any(-1)

    def some(self, allowed: np.ndarray, count: int, draw: int) -> np.ndarray:
        """[s, r, m, p] bool: ``count`` of the allowed points at random, all where there are no more."""
        order = np.where(allowed, np.random.default_rng(draw).random(allowed.shape), np.inf)
        return allowed & (order.argsort(-1).argsort(-1) < count)


def results_of(cells: Cells, methods: Sequence[str]) -> Results:
    """The results of some methods, which have records on all sets."""
    records = {
        (s, r, m): record
        for s, of_set in enumerate(cells.values())
        for m, method in enumerate(methods)
        for r, (_, record) in enumerate(sorted(of_set[method].items()))
    }
    shape = (len(cells), 1 + max(r for _, r, _ in records), len(methods))
    points = max(len(record.result.grid) for record in records.values() if record.result)
    count = len(PAPER_METRICS)
    val, test = np.full((2, *shape, points, count), np.nan)
    searched = np.zeros((*shape, points, 2), bool)
    kept, decided = np.full((*shape, count, count), np.nan), np.full((*shape, len(RULES)), np.nan)
    for place, record in records.items():
        assert record.result is not None
        settings = [training_settings(record, point) for point in record.result.grid]
        least = min(regularisation for _, regularisation in settings)
        for p, (point, (rate, regularisation)) in enumerate(zip(record.result.grid, settings, strict=True)):
            searched[(*place, p)] = rate != record.key["protocol"][RATE], regularisation > least
            if point.val and point.test:
                val[(*place, p)], test[(*place, p)] = losses(point.val), losses(point.test)
        also = record.result.also_selected if isinstance(record.result.also_selected, dict) else {}
        for k, metric in enumerate(PAPER_METRICS):
            found = record.result.test if k == HAMMING else also[metric.option].test if metric.option in also else {}
            kept[(*place, k)] = losses(found)
        decided[place] = [_decided(record, rule) for rule in RULES]
    return Results(list(cells), list(methods), val, test, searched, kept, decided)


def losses(values: Metrics) -> np.ndarray:
    """The paper's four, lower is better; NaN where one is not there."""
    found = [values.get(metric.key) for metric in PAPER_METRICS]
    return SIGNS * np.array([np.nan if value is None else value for value in found])


def training_settings(record: Record, point: GridPoint) -> tuple[float, tuple[float, ...]]:
    """Learning rate and regularisation of a grid point: its own, else the protocol's."""
    options = record.key["hyperparameters"].get("options", {})

    def of(name: str) -> float:
        own = f"training.{name}" if name in options else name  # as jobs name it (bench.job.recipe)
        return float(point.hyperparameters.get(own, record.key["protocol"].get(name, 0.0)))  # a key has no l2 of 0

    return of(RATE), tuple(map(of, REGULARISATION))


def _decided(record: Record, rule: str) -> float:
    """Hamming loss on test data by a rule that is tuned for it; NaN where the record has none."""
    if not isinstance(record.decisions, Decisions) or rule not in record.decisions.rules:
        return np.nan
    found = record.decisions.rules[rule].get("hamming")
    value = found.test[PAPER_METRICS[HAMMING].key] if found else None
    return np.nan if value is None else value


def cells_of(records: Iterable[Record]) -> Cells:
    """Finished records with all four metrics, by set, variant and replicate; of sets as they are and of folds of them,
    not of other transforms."""
    cells: Cells = {}
    for record in sorted(records, key=lambda one: one.job):
        name = dataset_name(record.job.dataset)
        if not _whole(record) or any(kind != "fold" for kind, _ in name.transforms):
            continue
        of_set = cells.setdefault(f"{name.base}@{record.job.extractor}", {})
        of_set.setdefault(record.job.variant, {})[name.suffix, record.job.seed] = record
    return cells


def _whole(record: Record) -> bool:
    """True of a finished record with a grid and all four metrics."""
    return record.result is not None and bool(record.result.grid) and not np.isnan(losses(record.result.test)).any()


def complete(cells: Cells, core: Sequence[str]) -> tuple[Cells, list[str], dict[str, str]]:
    """(the sets that all core methods have, the methods that all these sets have, {method left out: a set it lacks}).

    Folds count where every core method has them, and a method lacks a set of which it lacks one of these; seeds are
    each method's own.
    """
    kept: Cells = {}
    lacking: dict[str, str] = {}
    variants = list(dict.fromkeys(variant for of_set in cells.values() for variant in of_set))
    for name, of_set in cells.items():
        if not all(method in of_set for method in core):
            continue
        folds = set.intersection(*({fold for fold, _ in of_set[method]} for method in core))
        if folds:
            kept[name] = {
                method: {key: record for key, record in found.items() if key[0] in folds}
                for method, found in of_set.items()
                if folds <= {fold for fold, _ in found}
            }
            lacking = {method: name for method in variants if method not in kept[name]} | lacking
    return kept, [variant for variant in variants if variant not in lacking] if kept else [], lacking


def of_both(here: Iterable[Record], there: Iterable[Record], alike: Sequence[str] = ()) -> list[list[Record]]:
    """Records of the jobs that two runs share, on equal arrays.

    Parameters
    ----------
    alike: settings of the protocol that must be equal, too.
    """

    def by_job(records: Iterable[Record]) -> dict[JobName, Record]:
        return {record.job: record for record in records if _whole(record)}

    def comparable(one: Record, other: Record) -> bool:
        same = all(one.key["protocol"].get(name) == other.key["protocol"].get(name) for name in alike)
        return same and one.key["data"] == other.key["data"]

    ours, theirs = by_job(here), by_job(there)
    shared = [job for job in ours if job in theirs and comparable(ours[job], theirs[job])]
    return [[run[job] for job in shared] for run in (ours, theirs)]


def points_of_both(here: Iterable[Record], there: Iterable[Record]) -> list[list[Record]]:
    """Pairs of records of a job with the grid points alone whose options and settings of training both have; a job
    without such a point is left out."""
    found: list[list[Record]] = [[], []]
    for pair in zip(here, there, strict=True):
        options = [[_settings(record, point) for point in _grid(record)] for record in pair]
        grids = [
            [point for point, own in zip(_grid(record), of_record, strict=True) if all(own in run for run in options)]
            for record, of_record in zip(pair, options, strict=True)
        ]
        if all(grids):
            for run, record, grid in zip(found, pair, grids, strict=True):
                assert record.result is not None
                part = replace(
                    record.result, grid=grid, also_selected=UNSET
                )  # that is of the whole grid, as decisions are
                run.append(replace(record, result=part, decisions_json=UNSET))
    return found


def _grid(record: Record) -> list[GridPoint]:
    return record.result.grid if record.result else []


def _settings(record: Record, point: GridPoint) -> tuple[object, ...]:
    """The method's options at a grid point, and its settings of training."""
    options: dict[str, Any] = record.key["hyperparameters"].get("options", {})
    own = {name: point.hyperparameters.get(name, value) for name, value in options.items()}
    return own, training_settings(record, point)
