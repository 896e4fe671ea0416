"""Methods trained otherwise are compared with themselves, and told by what records hold."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench.records.record import JobName, Record, Result
from study.converged import parts
from study.converged.convergence import trained
from study.converged.differences.relative import PRECISION, Observed, is_shown, on_test, read, selected
from tests.study.converged.multiverse.made import record

SETS = [f"s{place}@npz" for place in range(4)]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [record(name, method) for name in SETS for method in ("BCE", "BCE longer", "BCE decay", "FLEM-D", "FL")]


@pytest.fixture(scope="module")
def first() -> list[Record]:
    return [record(name, method, draw=1) for name in SETS for method in ("BCE", "FLEM-D", "FL")]


def test_each_is_compared_with_itself(records: list[Record], first: list[Record]) -> None:
    beyond, decayed = trained.beyond(records), trained.decayed(records, first)
    assert [(one.method, one.baseline) for one in beyond.by_metric[PRECISION]] == [("BCE longer", "BCE")]
    assert [(one.method, one.baseline) for one in decayed.by_metric[PRECISION]] == [
        ("BCE decay", "BCE"),
        ("FLEM-D in the first run", "FLEM-D"),
    ]
    (alone,) = Observed(records, selecting="own").compared(["BCE longer"]).by_metric[PRECISION]
    assert beyond.by_metric[PRECISION][0].over_sets == alone.over_sets
    now, then = (
        {one.job.dataset: (on_test(one, PRECISION) or {})[PRECISION.key] for one in run if one.job.variant == "FLEM-D"}
        for run in (records, first)
    )
    for one in decayed.by_metric[PRECISION][1].sets:
        name = one.name.partition("@")[0]
        assert one.effect == pytest.approx(math.log((then[name] or 0) / (now[name] or 1)))


def test_the_last_epoch_is_compared_with_the_best(records: list[Record], first: list[Record]) -> None:
    own = [*records, *(record(name, "LR") for name in SETS)]
    compared = trained.last_epoch(own, first).by_metric[PRECISION]
    assert [(one.method, one.baseline) for one in compared] == [
        ("BCE's last epoch", "BCE"),
        ("FLEM-D's last epoch", "FLEM-D"),
        ("LR", "BCE's last epoch"),
        ("FLEM-D's last epoch", "BCE's last epoch"),
    ]
    best, last = (
        {made.job.full_dataset: selected(made, PRECISION) for made in run if made.job.variant == "BCE"}
        for run in (records, first)
    )
    for on_set in compared[0].sets:
        values = [of[on_set.name].test[PRECISION.key] for of in (last, best)]  # type: ignore[union-attr]
        assert on_set.effect == pytest.approx(math.log((values[0] or 0) / (values[1] or 1)))


def test_the_committed_last_epochs_are_of_the_trainings_that_the_study_has() -> None:
    def jobs_of(folder: Path) -> dict[JobName, Result]:
        return {one.job: one.result for one in read(folder) if one.job.variant in trained.ENDED and one.result}

    study, last = jobs_of(parts.FOLDER), jobs_of(parts.FOLDER / parts.LAST_EPOCH)
    assert last
    for job, result in last.items():
        assert isinstance(result.also_selected, dict)
        assert {one.epoch for one in result.also_selected.values()} == {result.epochs}
        assert (result.selected, result.test) == (study[job].selected, study[job].test)  # by Hamming loss


def test_what_is_told_is_what_was_compared(records: list[Record], first: list[Record]) -> None:
    beyond, decayed = trained.beyond(records), trained.decayed(records, first)
    for text, found, method in (
        (trained.longer(beyond), beyond, "BCE longer"),
        (trained.penalty(decayed), decayed, "BCE decay"),
    ):
        one = found.of(PRECISION, method)
        assert one is not None
        assert one.over_sets is not None
        assert f" {one.percent(one.over_sets.mean):+z.1f} (" in text
        assert f" for {method} ({'shown' if is_shown(one) else 'not shown'})" in text
    assert "BCE faster" not in trained.longer(beyond)


def test_nothing_is_told_of_what_was_not_compared(records: list[Record]) -> None:
    plain = [one for one in records if not one.job.variant.startswith("BCE ")]
    assert (trained.longer(trained.beyond(plain)), trained.penalty(trained.decayed(plain, []))) == ("", "")


def test_logistic_regression_at_its_default_is_the_grid_point_of_its_records() -> None:
    records = [one for one in read(parts.FOLDER) if one.job.variant in ("LR", "BCE") and one.job.dataset == "yeast"]
    (logistic,) = (one for one in records if one.job.variant == "LR")
    assert logistic.result is not None
    points = {point.hyperparameters["cost"]: point.test for point in logistic.result.grid}
    compared = trained.at_default(records)
    for metric, (plain, tuned) in compared.by_metric.items():
        ours = points[1.0][metric.key]  # type: ignore[index]
        theirs = [on_test(one, metric)[metric.key] for one in records if one.job.variant == "BCE"]  # type: ignore[index]
        sign = -1 if metric.lower_is_better else 1
        expected = sum(math.log(ours / value) for value in theirs) / len(theirs)  # type: ignore[operator]
        assert plain.sets[0].effect == pytest.approx(sign * expected)
        own = on_test(logistic, metric)[metric.key]  # type: ignore[index]
        assert tuned.sets[0].effect == pytest.approx(sign * math.log(own / ours))  # type: ignore[operator]
    assert trained.default(compared) == ""  # of one set


def test_settings_are_those_of_the_studys_files() -> None:
    found = trained.settings()
    assert list(found) == ["BCE", *trained.VARIANTS]
    assert "weight decay" in found[trained.DECAY]
    assert all(("l2 chosen among" in found[name]) == (name != trained.DECAY) for name in ("BCE", *trained.VARIANTS))
