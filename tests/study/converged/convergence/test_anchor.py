"""Convergence: BCE beside logistic regression, and late epochs, of records made here."""

from __future__ import annotations

from statistics import fmean

import pytest
from msgspec.structs import replace

from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Record
from study.converged.convergence import anchor
from study.converged.differences.relative import on_test, selected
from tests.study.converged.multiverse.made import record

HAMMING, *_, PRECISION = PAPER_METRICS
SETS = [*(f"birds[fold={fold}of5]@npz" for fold in (1, 2, 3)), "scene@npz", "scene[noise=10%]@npz"]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [record(dataset, method, seed) for dataset in SETS for method in ("BCE", "LR", "FL") for seed in (0, 1)]


@pytest.mark.parametrize("metric", [HAMMING, PRECISION], ids=lambda metric: metric.option)
def test_anchors_are_means_over_folds_and_seeds_of_what_the_metric_selects(
    records: list[Record], metric: Metric
) -> None:
    found = {one.dataset: one for one in anchor.anchors(records, metric)}
    assert list(found) == ["birds@npz", "scene@npz"]
    for name, one in found.items():
        for method, value, on_val in (("BCE", one.bce, one.validated[1]), ("LR", one.logistic, one.validated[0])):
            own = [
                (tested[metric.key], selected(made, metric).val[metric.key])  # type: ignore[union-attr]
                for made in records
                if made.job.variant == method
                and made.job.dataset.partition("[")[0] == name.partition("@")[0]
                and "noise" not in made.job.dataset
                and (tested := on_test(made, metric))
            ]
            assert value == pytest.approx(fmean(test for test, _ in own))  # type: ignore[misc]
            assert on_val == pytest.approx(fmean(val for _, val in own))  # type: ignore[misc]
            assert one.runs == len(own)


def anchored(name: str, bce: float, metric: Metric = PRECISION) -> anchor.Anchor:
    return anchor.Anchor(name, metric, 0.5, bce, (0.4, 0.5), 1)


def test_distance_is_above_0_where_bce_is_better() -> None:
    worse = anchored("a", 0.49), anchored("a", 0.51, HAMMING)
    assert [one.distance for one in worse] == pytest.approx([-0.02, -0.02])
    assert [one.distance_on_validation for one in worse] == pytest.approx([0.25, -0.25])
    assert [anchored("a", bce).is_near for bce in (0.6, 0.4901, 0.4899)] == [True, True, False]


def test_the_table_and_the_sentence_name_the_sets_that_are_far() -> None:
    found = [anchored("near@npz", 0.5), anchored("far@npz", 0.4)]
    said = anchor.anchor_sentence(found)
    assert (
        "on 1 of 2 data sets (1 within 2% to either side); behind by more on far (-20.0 %). On the validation rows"
        in said
    )
    assert said.endswith("level or ahead on 2.")
    lines = anchor.anchor_table(found).splitlines()
    assert ["yes" in lines[2], "**no**" in lines[3], "near" in lines[2], "-20.0 %" in lines[3]] == [True] * 4
    assert "on 1 of 1 data sets (1 within 2% to either side). On the" in anchor.anchor_sentence(found[:1])


def test_what_goes_with_the_choice_of_the_epoch_is_counted() -> None:
    best = [anchored("a@npz", 0.45), anchored("b@npz", 0.45), anchored("c@npz", 0.5)]
    last = [anchored("a@npz", 0.45), anchored("b@npz", 0.5), anchored("c@npz", 0.45)]
    said = anchor.epoch_sentence(best, last)
    assert said.endswith(
        "by more than 2% on 2 of 3 data sets: a (-10.0 %) and c (-10.0 %); with the best, on 2 of these."
    )
    assert anchor.epoch_sentence(best, last[1:2]).endswith("on 0 of 1 data sets; with the best, on 1 of these.")
    assert not anchor.epoch_sentence(best, [])


def test_late_epochs_are_counted_by_method_and_over_all(records: list[Record]) -> None:
    trained = [with_epochs(made, 40, 35 + number % 6) for number, made in enumerate(records)]
    late = anchor.late_epochs(trained)
    assert [one.method for one in late] == ["BCE", "FL", "LR", "all"]
    kept = [40 - (35 + number % 6) < 0.05 * 40 for number in range(len(records))]
    assert (late[-1].late, late[-1].jobs) == (sum(kept), len(records))
    assert (sum(one.late for one in late[:-1]), sum(one.jobs for one in late[:-1])) == (sum(kept), len(records))
    assert f"in {sum(kept)} of {len(records)} jobs ({sum(kept) / len(records):.1%})." in anchor.late_sentence(late)


def test_rates_at_the_end_of_their_range_and_late_epochs_are_counted_as_the_metric_selects() -> None:
    made = [chosen(rate, epoch) for rate, epoch in ((1e-3, 39), (1e-2, 20), (1e-2, 40), (1e-2, 38))]
    said = anchor.edges([*made, record("a@npz", "FL")])
    assert said == (
        "Of 4 jobs of BCE, Average precision (macro) selects the largest of 2 values of learning rate in 3, the "
        "largest of 4 values of weight decay in 0, and one of the last 5 % of epochs in 2."
    )


def chosen(rate: float, epoch: int) -> Record:
    found = record("a@npz", "BCE")
    assert found.result is not None
    assert isinstance(found.result.also_selected, dict)
    own = replace(
        found.result.also_selected[PRECISION.option],
        epoch=epoch,
        hyperparameters={"learning_rate": rate, "weight_decay": 0.1},
    )
    also = {**found.result.also_selected, PRECISION.option: own}
    return replace(found, result=replace(found.result, epochs=40, also_selected=also))


def with_epochs(made: Record, epochs: int, kept: int) -> Record:
    assert made.result is not None
    selected = replace(made.result.selected, epoch=kept)
    return replace(made, result=replace(made.result, epochs=epochs, selected=selected))
