"""Selection by cross-validation: a grid point by its mean over several validation parts, beside what one part chooses.

On a small set the validation losses of two grid points differ by a few decisions, so that chance chooses. The records
of ``NAME[val=1/4]`` to ``NAME[val=4/4]`` have one test split and four validation parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Record
from bench.text import counted
from study.converged.multiverse.reselection import HAMMING, PRECISION, SIGNS, Cells, results_of
from study.results.findings import table

PART = "val"
"""The transform that makes validation parts; its value says which."""
METHODS = ["BCE", "FLEM-D"]


@dataclass(frozen=True)
class Chosen:
    """A method on a set: what each part's validation Hamming loss chooses, and what its mean over the parts does."""

    dataset: str
    method: str
    parts: int
    points: int
    """Different grid points that the parts choose."""
    one: np.ndarray
    """[k] on test data, of PAPER_METRICS: the mean over what each part chooses."""
    every: np.ndarray
    """[k] of the point that all parts choose together, the mean over its models."""


def is_part(record: Record) -> bool:
    """True of a record of one of several validation parts."""
    return any(kind == PART for kind, _ in dataset_name(record.job.dataset).transforms)


def chosen(records: Iterable[Record]) -> list[Chosen]:
    """Both methods on each set of which they have all validation parts."""
    cells: Cells = {}
    for record in records:
        name = dataset_name(record.job.dataset)
        if record.job.variant in METHODS and [kind for kind, _ in name.transforms] == [PART]:
            of_set = cells.setdefault(name.base, {})
            of_set.setdefault(record.job.variant, {})[name.transforms[0][1], record.job.seed] = record
    return [one for name, of_set in sorted(cells.items()) if _whole(of_set) for one in _of_set(name, of_set)]


def _whole(of_set: dict[str, dict[tuple[str, int], Record]]) -> bool:
    """True where both methods have every part."""
    (part, _), *_ = next(iter(of_set.values()))  # "1of4"
    parts = int(part.partition("of")[2])
    return set(of_set) == set(METHODS) and all(len(found) == parts for found in of_set.values())


def _of_set(name: str, of_set: dict[str, dict[tuple[str, int], Record]]) -> list[Chosen]:
    results = results_of({name: of_set}, METHODS)
    allowed = results.within(rate=True, regularisation=True)
    together = replace(results, val=np.broadcast_to(results.val.mean(1, keepdims=True), results.val.shape))
    one, every = (SIGNS * found.selected(allowed, HAMMING)[0].mean(0) for found in (results, together))
    return [
        Chosen(
            name,
            method,
            len(of_set[method]),
            len({record.result.selected.point for record in of_set[method].values() if record.result}),
            one[m],
            every[m],
        )
        for m, method in enumerate(METHODS)
    ]


def chosen_table(found: Sequence[Chosen]) -> str:
    """Test values by both choices, a line a set and method; a sentence where nothing is recorded."""
    if not found:
        return "No job on validation parts is recorded yet.\n"
    shown = (HAMMING, PRECISION)
    lines = [
        [one.dataset, one.method, one.parts, one.points]
        + [f"{values[place]:.4f}" for place in shown for values in (one.one, one.every)]
        for one in found
    ]
    titles = [PAPER_METRICS[place].title for place in shown]
    headers = [f"{title}, {how}" for title in titles for how in ("by one part", "by all")]
    return table(["data set", "method", "parts", "points that parts choose", *headers], lines)


def sentence(found: Sequence[Chosen]) -> str:
    """FLEM-D against BCE by one part's choice and by all parts'; empty where nothing is recorded."""
    pairs = list(zip(found[::2], found[1::2], strict=True))
    if not pairs:
        return ""
    several = sum(one.points > 1 for one in found)
    told = []
    for place in (HAMMING, PRECISION):
        better = -100 * SIGNS[place]
        one = fmean(better * (fused.one[place] / bce.one[place] - 1) for bce, fused in pairs)
        every = fmean(better * (fused.every[place] / bce.every[place] - 1) for bce, fused in pairs)
        told.append(f"{PAPER_METRICS[place].title} {one:+z.1f} and {every:+z.1f}")
    return (
        f"In {several} of {counted(len(found), 'case')} of a set and a method the validation parts choose different "
        f"grid points. FLEM-D against BCE, in % better in the mean over {counted(len(pairs), 'set')}, where each part "
        f"chooses and where all together do: {'; '.join(told)}."
    )
