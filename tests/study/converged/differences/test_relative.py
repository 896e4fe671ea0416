"""Relative differences of committed records, computed another way, and of records made here."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import AlsoSelected, JobName, Record
from study.converged.differences import relative
from study.converged.differences.relative import Observed
from study.converged.forest import forest, forest_plot
from study.reference import FOLDER
from tests import records as made

HAMMING, RANKING, COVERAGE, PRECISION = PAPER_METRICS


@cache
def observed() -> Observed:
    return Observed(relative.read(FOLDER))


def compared(*methods: str) -> relative.Comparison:
    return observed().compared(methods)


def cells(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines() if "|" in line][2:]


@pytest.mark.parametrize("metric", PAPER_METRICS, ids=lambda metric: metric.option)
def test_effects_on_committed_records_are_what_pandas_computes(metric: Metric) -> None:
    lines = [
        (one.job.full_dataset, one.job.seed, one.job.variant, one.result.test[metric.key])
        for one in observed().records
        if one.result
    ]
    frame = pd.DataFrame(lines, columns=["set", "seed", "variant", "value"])
    wide = frame.pivot(index=["set", "seed"], columns="variant", values="value")
    logs = np.log(wide["FLEM-D"] / wide["BCE"]) * (-1 if metric.lower_is_better else 1)
    found = compared("FLEM-D", "RAKEL").of(metric, "FLEM-D")
    assert found is not None
    assert {one.name: one.effect for one in found.sets} == pytest.approx(logs.groupby("set").mean().to_dict())
    assert {one.name: one.replicates for one in found.sets} == {
        name: (count,) for name, count in logs.groupby("set").size().items()
    }


def test_tables_and_sentences_say_what_the_data_hold() -> None:
    found = compared("FL", "FLEM-D", "RAKEL", "ML-KNN")
    lines = cells(relative.over_sets_table(found))
    means = {one.method: over.mean for one, over in found.over_sets(PRECISION)}
    assert [line[0] for line in lines] == sorted(means, key=lambda method: -means[method])
    for line in lines:
        for metric, cell in zip(PAPER_METRICS, line[2:], strict=True):
            one = found.of(metric, line[0])
            assert one is not None
            assert one.over_sets is not None
            assert f"{one.percent(one.over_sets.mean):+z.1f} (" in cell
            assert cell.startswith("**") == (one.p_holm < 0.05)
    rakel = found.of(HAMMING, "RAKEL")
    assert rakel is not None
    assert rakel.over_sets is not None
    said = relative.sentence(rakel)
    assert f"{-rakel.percent(rakel.over_sets.mean):.1f} % worse than BCE over 12 data sets" in said
    assert "the difference is shown" in said
    (first, *_) = cells(relative.details_table(found, PRECISION))
    assert first[0] == lines[0][0]
    on_sets = cells(relative.on_sets_table(found, "FLEM-D"))
    assert len(on_sets) == len({one.job.dataset for one in observed().records})
    assert relative.undefined_note(found) == ""


def test_a_mean_that_is_printed_as_0_is_neither_better_nor_worse() -> None:
    """FL beside FL with other values: lower by a millionth, and by a fiftieth."""
    fl = [one for one in observed().records if one.job.variant == "FL"]

    def scaled(name: str, factor: float, one: Record) -> Record:
        assert one.result is not None
        test = {key: value and value * factor for key, value in one.result.test.items()}
        return replace(one, job=replace(one.job, variant=name), result=replace(one.result, test=test))

    near = [scaled("near", 1 + 1e-6 * (place - 99), one) for place, one in enumerate(fl)]
    far = [scaled("far", 0.98 + 1e-4 * (place % 2), one) for place, one in enumerate(fl)]
    found = Observed([*fl, *near, *far]).compared(["near", "far"], "FL")
    said = [relative.sentence(one) for one in found.by_metric[PRECISION]]
    assert "near is level with FL over" in said[0]
    assert "far is 2.0 % worse than FL over" in said[1]


def test_a_pair_turned_round_is_the_same_with_the_other_sign() -> None:
    found = observed().pairs([("FLEM-D", "FLEM-T"), ("FLEM-T", "FLEM-D")])
    there, back = found.by_metric[RANKING]
    assert [one.effect for one in there.sets] == pytest.approx([-one.effect for one in back.sets])
    assert relative.label(there) == "FLEM-D against FLEM-T"


def record(dataset: str, variant: str, by_hamming: float, by_precision: float | None) -> Record:
    test = {metric.key: by_hamming for metric in PAPER_METRICS}
    result = made.result(test)
    if by_precision is not None:
        also = AlsoSelected(0, 1, {}, {}, {metric.key: by_precision for metric in PAPER_METRICS})
        result = replace(result, also_selected=dict.fromkeys(["average-precision", "ranking", "coverage"], also))
    name, _, extractor = dataset.partition("@")
    key = {"protocol": {"selection": "hamming"}, "data": dataset}
    return made.record(JobName(name, extractor, variant, 0), result, key=key)


def test_each_metric_is_compared_by_what_it_selects() -> None:
    records = [
        record("a@x", "BCE", 0.5, 0.6), record("a@x", "Mine", 0.5, 0.9),
        record("b@x", "BCE", 0.5, 0.5), record("b@x", "Mine", 0.5, None),
    ]  # fmt: skip
    by_hamming, own = Observed(records), Observed(records, "own")
    effects = [
        [[one.effect for one in one_metric[0].sets] for one_metric in each.compared(["Mine"]).by_metric.values()]
        for each in (by_hamming, own)
    ]
    assert effects[0] == [[0.0, 0.0]] * 4
    gain = pytest.approx([np.log(0.9 / 0.6)])
    loss = pytest.approx([-np.log(0.9 / 0.6)])
    assert effects[1] == [[0.0, 0.0], loss, loss, gain]
    assert by_hamming.not_selected_note() == ""
    assert "b@x Mine seed 0" in own.not_selected_note()


def test_a_regime_is_compared_by_itself_and_a_family_is_one_set() -> None:
    records = [
        record(dataset, variant, value, None)
        for dataset in ("a@x", "a@z", "b@x", "b[observed=1]@x", "c[fold=1of5]@x", "c[fold=2of5]@x", "d@x")
        for variant, value in (("BCE", 0.5), ("Mine", 0.6))
    ]
    plain = Observed(records, families={"two": ["b", "d"]}).compared(["Mine"]).by_metric[HAMMING][0]
    assert [one.name for one in plain.sets] == ["a", "two", "c"]
    partly = Observed(records, regime="[observed=1]").compared(["Mine"]).by_metric[HAMMING][0]
    assert [one.name for one in partly.sets] == ["b[observed=1]@x"]
    assert "a common seed on fewer than two data sets" in relative.sentence(partly)


def test_the_forest_has_a_line_a_method_in_order_and_is_the_same_twice() -> None:
    found = compared("FL", "FLEM-D", "RAKEL", "ML-KNN")
    order = [one for one, _ in found.over_sets(PRECISION)]
    figure = forest_plot(found, [PRECISION, HAMMING])
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [one.method for one in order]
    for panel, metric in ((left, PRECISION), (right, HAMMING)):
        low, high = panel.get_xlim()
        marks = {int(line.get_ydata()[0]): line for line in panel.lines[1:]}  # the first is that of 0
        for row, of_first in enumerate(order):
            one = found.of(metric, of_first.method)
            assert one is not None
            assert one.over_sets is not None
            centre = one.percent(one.over_sets.mean)
            if low < centre < high:
                assert marks[row].get_xdata()[0] == pytest.approx(centre)
            else:
                assert marks[row].get_marker() in "<>"
                assert f"{abs(centre):.0f}" in [text.get_text().lstrip("+−") for text in panel.texts]
            assert (marks[row].get_markerfacecolor() == "black") == relative.is_shown(one)
    assert forest(found) == forest(found)
