"""A point by its mean over validation parts, beside what each part chooses, worked out naively."""

from __future__ import annotations

from statistics import fmean

import pytest

from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import GridPoint, Record
from study.converged.differences import crossvalidated
from tests.study.converged.multiverse.made import record, signed

SETS = ["flags", "birds"]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    names = [f"{name}[val={part}of3]" for name in SETS for part in (1, 2, 3)]
    return [record(name, method) for name in names for method in ("BCE", "FLEM-D", "FL")]


def grid(of: Record) -> list[GridPoint]:
    assert of.result is not None
    return of.result.grid


def test_both_choices_are_what_a_naive_search_gives(records: list[Record]) -> None:
    found = crossvalidated.chosen(records)
    assert [(one.dataset, one.method) for one in found] == [
        (s, m) for s in sorted(SETS) for m in crossvalidated.METHODS
    ]
    for one in found:
        parts = [of for of in records if of.job.dataset.startswith(one.dataset) and of.job.variant == one.method]
        points = range(len(grid(parts[0])))

        def mean(p: int, place: int, parts: list[Record] = parts) -> float:
            return fmean(signed(grid(of)[p].val or {}, place) for of in parts)

        best = min(points, key=lambda p: (mean(p, 0), mean(p, 1)))
        for place, metric in enumerate(PAPER_METRICS):
            together = fmean((grid(of)[best].test or {})[metric.key] or 0 for of in parts)
            alone = fmean(of.result.test[metric.key] or 0 for of in parts if of.result)
            assert one.every[place] == pytest.approx(together)
            assert one.one[place] == pytest.approx(alone)
        assert one.points == len({of.result.selected.point for of in parts if of.result})


def test_a_set_without_all_parts_is_left_out(records: list[Record]) -> None:
    lacking = [one for one in records if one.job.dataset != "flags[val=2of3]" or one.job.variant != "BCE"]
    assert {one.dataset for one in crossvalidated.chosen(lacking)} == {"birds"}
    assert crossvalidated.chosen([record("flags[fold=1of3]", "BCE")]) == []


def test_the_sentence_has_the_means_over_sets(records: list[Record]) -> None:
    found = crossvalidated.chosen(records)
    said = crossvalidated.sentence(found)
    pairs = list(zip(found[::2], found[1::2], strict=True))
    hamming = [fmean(100 * (1 - fused[0] / bce[0]) for bce, fused in both) for both in (
        [(bce.one, fused.one) for bce, fused in pairs], [(bce.every, fused.every) for bce, fused in pairs],
    )]  # fmt: skip
    assert f"Hamming loss {hamming[0]:+z.1f} and {hamming[1]:+z.1f};" in said
    assert crossvalidated.sentence([]) == ""
    assert f"| {found[0].dataset}" in crossvalidated.chosen_table(found)
