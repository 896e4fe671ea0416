"""Recovered distributions beside the true ones: whether an instance's relevant labels stand in their true order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from bench.records.artifacts import DISTRIBUTIONS, KeptFile, kept_file, read_distribution
from bench.records.record import JobName, Record
from bench.records.store import Store
from study.converged.simulated.data import made, setting_of

ORDERS = Path("orders.json")
"""The file of the orders, beside the records."""


class Order(msgspec.Struct, frozen=True):
    """Shares of the pairs of relevant labels of a training instance that stand in the order of their true degrees."""

    dataset: str
    variant: str
    recovered: float
    """By the degrees that the method recovers."""
    scores: float
    """By the scores of its own classifier."""
    pairs: int


@dataclass(frozen=True)
class Kept:
    """Recovered degrees and scores of the training instances that a job kept."""

    job: JobName
    file: KeptFile


def kept(store: Store) -> list[Kept]:
    """Distributions that lie beside the records of a folder."""
    found = []
    for path, record in store.records():
        if isinstance(record, Record) and (file := kept_file(record, path, DISTRIBUTIONS)):
            found.append(Kept(record.job, file))
    return found


def orders(files: Iterable[Kept]) -> list[Order]:
    """The orders of all sets with a strength above 0, whose degrees differ; of the models that Hamming loss selects."""
    found = []
    for one in files:
        setting = setting_of(one.job.dataset)
        if setting is None or not setting.strength:
            continue
        simulated = made(setting)
        true = simulated.degrees[simulated.splits["train"]]
        own = read_distribution(one.file)
        assert own.scores is not None
        share, pairs = in_order(true, own.degrees, own.logical > 0)
        of_scores, _ = in_order(true, own.scores, own.logical > 0)
        found.append(Order(one.job.dataset, one.job.variant, share, of_scores, pairs))
    return found


def in_order(true: np.ndarray, given: np.ndarray, relevant: np.ndarray) -> tuple[float, int]:
    """Share of pairs of relevant labels of a row whose given values stand as the true ones do, and the pairs; a pair
    whose given values are equal counts half."""
    agreed = total = 0.0
    for j in range(1, true.shape[1]):
        both = relevant[:, j:] & relevant[:, :-j]
        signs = np.sign(true[:, j:] - true[:, :-j]) * np.sign(given[:, j:] - given[:, :-j])
        agreed += float(((signs[both] + 1) / 2).sum())
        total += int(both.sum())
    return agreed / total, int(total)
