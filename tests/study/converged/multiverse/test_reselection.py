"""Selections that records did not make, against those they did and against a plain search."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from msgspec.structs import replace

from bench.metrics.catalogue import PAPER_METRICS
from bench.records.packed import PACKED, unpacked
from bench.records.record import Record
from study.converged.multiverse.reselection import (
    HAMMING,
    PRECISION,
    RULES,
    Results,
    cells_of,
    complete,
    losses,
    of_both,
    points_of_both,
    results_of,
)
from study.reference import GPU
from tests.study.converged.multiverse.made import OPTIMISER_GRID, OWN_GRID, record, signed

PLACES = range(len(PAPER_METRICS))


def results(*records: Record) -> Results:
    return results_of(cells_of(records), sorted({one.job.variant for one in records}))


def test_the_whole_grid_by_hamming_loss_is_what_jobs_chose() -> None:
    records = [one for _, one in unpacked(GPU / PACKED)]
    assert any(len(one.result.grid) > 4 for one in records if one.result)
    for one in records:
        assert one.result is not None
        found = results(one)
        selected = found.selected(found.within(rate=True, regularisation=True), HAMMING)[0, 0, 0]
        assert selected.tolist() == losses(one.result.test).tolist()


@pytest.mark.parametrize(("rate", "decay", "criterion"), list(product([False, True], [False, True], PLACES)))
def test_a_part_of_a_grid_is_searched_as_a_job_would(rate: bool, decay: bool, criterion: int) -> None:
    for seed in range(5):
        one = record("a", "BCE", seed)
        assert one.result is not None
        kept = [
            point
            for point in one.result.grid
            if (rate or point.hyperparameters["learning_rate"] == 1e-3)
            and (decay or point.hyperparameters["weight_decay"] == 1e-4)
        ]
        assert len(kept) == (2 if rate else 1) * (4 if decay else 1)
        best = min(kept, key=lambda point: (signed(point.val or {}, criterion), signed(point.val or {}, 1)))
        found = results(one)
        selected = found.selected(found.within(rate, decay), criterion)[0, 0, 0]
        assert selected.tolist() == [signed(best.test or {}, place) for place in PLACES]


def test_ties_go_to_the_lower_ranking_loss_and_then_to_the_first() -> None:
    one = record("a", "BCE", points=OPTIMISER_GRID[:3])
    assert one.result is not None
    grid = [
        replace(point, val={**(point.val or {}), "hamming": 0.2, "ranking": ranking})
        for point, ranking in zip(one.result.grid, (0.3, 0.1, 0.1), strict=True)
    ]
    found = results(replace(one, result=replace(one.result, grid=grid)))
    selected = found.selected(found.within(rate=True, regularisation=True), HAMMING)[0, 0, 0]
    assert selected.tolist() == losses(grid[1].test or {}).tolist()


def test_a_point_without_a_model_is_never_chosen() -> None:
    one = record("a", "BCE")
    assert one.result is not None
    assert one.result.selected.point is not None
    grid = list(one.result.grid)
    grid[one.result.selected.point] = replace(grid[one.result.selected.point], val=None, test=None)
    found = results(replace(one, result=replace(one.result, grid=grid)))
    best = min((point for point in grid if point.val), key=lambda point: (point.val or {})["hamming"] or 0.0)
    assert (
        found.selected(found.within(rate=True, regularisation=True), HAMMING)[0, 0, 0, HAMMING]
        == losses(best.test or {})[0]
    )
    assert np.isnan(found.selected(np.zeros_like(found.within(rate=True, regularisation=True)), HAMMING)).all()


def test_a_method_without_a_learning_rate_keeps_its_points() -> None:
    found = results(record("a", "ML-KNN", points=OWN_GRID))
    assert found.within(rate=False, regularisation=False).sum() == len(OWN_GRID)


@pytest.mark.parametrize("setting", ["weight_decay", "l2"])
def test_the_least_regularisation_is_that_of_the_grid(setting: str) -> None:
    points = [{"learning_rate": rate, setting: strength} for rate in (1e-3, 1e-2) for strength in (0.1, 1.0)]
    found = results(record("a", "FLEM-D", points=points))
    kept = [points[place] for place in np.flatnonzero(found.within(rate=True, regularisation=False)[0, 0, 0])]
    assert kept == [point for point in points if point[setting] == 0.1]


def test_settings_beside_an_option_of_their_name_are_found() -> None:
    points = [{"training.learning_rate": rate} for rate in (1e-3, 1e-2)]
    found = results(record("a", "LEVI", points=points, options={"learning_rate": 7.0}))
    assert found.within(rate=False, regularisation=False)[0, 0, 0].tolist() == [True, False]


def test_some_points_are_as_many_of_those_allowed() -> None:
    found = results(*(record("a", "BCE", seed) for seed in range(30)), record("a", "ML-KNN", points=OWN_GRID))
    allowed = found.within(rate=True, regularisation=False)
    for some in (found.some(allowed, 4, draw) for draw in (1, 2)):
        assert not (some & ~allowed).any()
        assert (some.sum(-1) == np.minimum(allowed.sum(-1), 4)).all()
    whole = found.within(rate=True, regularisation=True)
    assert (found.some(whole, 4, 1) == found.some(whole, 4, 1)).all()
    assert (found.some(whole, 4, 1) != found.some(whole, 4, 2)).any()


def test_what_other_metrics_keep_and_thresholds_give_is_the_records() -> None:
    one = record("a", "BCE")
    assert one.result is not None
    assert isinstance(one.result.also_selected, dict)
    found = results(one)
    kept = found.kept[0, 0, 0]
    assert kept[HAMMING].tolist() == losses(one.result.test).tolist()
    precision = one.result.also_selected[PAPER_METRICS[PRECISION].option]
    assert kept[PRECISION].tolist() == losses(precision.test).tolist()
    assert not isinstance(one.decisions, type(None))
    rules = one.decisions.rules  # type: ignore[union-attr]
    assert found.decided[0, 0, 0].tolist() == [rules[rule]["hamming"].test["hamming"] for rule in RULES]


def test_sets_are_taken_as_they_are_or_by_folds() -> None:
    records = [
        *(record(f"a[fold={fold}of2]", method) for fold in (1, 2) for method in ("BCE", "LR")),
        record("a[fold=1of2]", "FL"), record("a[observed=1]", "BCE"), record("b@x", "BCE"), record("b@y", "LR"),
    ]  # fmt: skip
    failed = replace(record("c", "BCE"), status="failed", result=None)
    cells, methods, lacking = complete(cells_of([*records, failed]), ["BCE", "LR"])
    assert list(cells) == ["a@npz"]
    assert methods == ["BCE", "LR"]
    assert lacking == {"FL": "a@npz"}
    assert [key for key, _ in sorted(cells["a@npz"]["BCE"].items())] == [("[fold=1of2]", 0), ("[fold=2of2]", 0)]


def test_runs_are_compared_on_equal_arrays_and_settings() -> None:
    here = [record(name, "BCE") for name in "abc"]
    there = [
        record("a", "BCE", draw=1), record("b", "BCE", protocol={"scaling": "none"}),
        replace(record("c", "BCE"), key={**record("c", "BCE").key, "data": "other"}), record("d", "BCE"),
    ]  # fmt: skip
    ours, theirs = of_both(here, there)
    assert ours == here[:2]
    assert theirs == there[:2]
    assert of_both(here, there, ["scaling"]) == [here[:1], there[:1]]


def test_points_of_both_runs_have_equal_options_and_settings() -> None:
    paper = record("a", "FL", points=[{"alpha": 1.0}, {"alpha": 2.0}], options={"alpha": 1.0})
    tuned = record("a", "FL", options={"alpha": 2.0})
    other = record("a", "BCE", points=[{"beta": 1.0}], options={"beta": 1.0})
    (ours,), (theirs,) = points_of_both([paper, other], [tuned, replace(other, key=record("a", "BCE").key)])
    assert ours.result is not None
    assert theirs.result is not None
    assert [point.hyperparameters for point in ours.result.grid] == [{"alpha": 2.0}]
    assert [point.hyperparameters for point in theirs.result.grid] == [OPTIMISER_GRID[0]]
