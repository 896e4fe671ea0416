"""Kept epochs: which are among the last, and where a validation curve improved."""

from __future__ import annotations

import random

import pytest
from msgspec import UNSET

from bench.records.convergence import cut_short_note, improvements_of, kept_epochs
from bench.records.record import Curves, GridPoint, JobName, Record, Selected, as_json
from tests.records import record, result


def of(epoch: int | None, epochs: int | None, own: int | None = None, curve: list[float] | None = None) -> Record:
    curves = UNSET if curve is None else as_json(Curves([], curve))
    points = [GridPoint({}, 1, None, None, None), GridPoint({}, epoch, None, None, None, curves, own or UNSET)]
    made = result({}, grid=points, selected=Selected(1, epoch, {}), epochs=epochs)
    return record(JobName("a", "npz", "BCE", 0), made)


@pytest.mark.parametrize(
    ("epochs", "first"), [(1, 1), (2, 2), (19, 19), (20, 20), (30, 29), (40, 39), (41, 39), (334, 318)]
)
def test_the_last_twentieth(epochs: int, first: int) -> None:
    late = [epoch for epoch in range(1, epochs + 1) if kept_epochs([of(epoch, epochs)])[0].is_late]
    assert late == list(range(first, epochs + 1)) == [one for one in range(1, epochs + 1) if one > 0.95 * epochs]


def test_a_points_own_epochs_count_and_methods_without_epochs_do_not() -> None:
    assert [(one.epoch, one.epochs, one.is_late) for one in kept_epochs([of(9, 60, own=9), of(9, 60)])] == [
        (9, 9, True),
        (9, 60, False),
    ]
    nothing = [of(None, None), record(JobName("a", "npz", "ML-KNN", 0), result({}))]
    assert kept_epochs(nothing) == []


def test_improvements_by_a_naive_loop() -> None:
    for case in range(50):
        curve = [random.Random(case * 100 + k).randrange(12) / 12 for k in range(9)]
        naive = [
            (k + 1, min(curve[:k]) - curve[k]) for k in range(1, len(curve)) if all(curve[k] < one for one in curve[:k])
        ]
        assert improvements_of(curve) == naive[-3:]
    (one,) = kept_epochs([of(3, 4, curve=[0.5, 0.4, 0.3, 0.2])])
    assert [epoch for epoch, _ in one.improvements or []] == [2, 3]  # up to the kept one
    assert kept_epochs([of(3, 4)])[0].improvements is None


def test_the_note_counts_and_is_absent_where_nothing_is_late() -> None:
    assert cut_short_note([of(3, 60), of(None, None)]) == []
    (note,) = cut_short_note([of(60, 60), of(58, 60), of(57, 60)])
    assert note.startswith("The kept epoch is among the last 5 % in 2 of 3 jobs: training may have been cut short")
