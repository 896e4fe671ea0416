"""Label regimes: differences to BCE set by set, of records made here."""

from __future__ import annotations

import math

from bench.metrics.catalogue import PAPER_METRICS
from study.converged.differences import regimes
from study.converged.differences.relative import on_test
from tests.study.converged.multiverse.made import record

*_, PRECISION = PAPER_METRICS
SETS = ["scene@npz", "scene[noise=10%]@npz", "scene[observed=1]@npz", "yeast@mulan"]


def test_effects_are_log_ratios_on_the_sets_that_a_regime_is_of() -> None:
    records = [record(dataset, method) for dataset in SETS for method in ("BCE", "FLEM-D")]
    found = regimes.regime_effects(records)
    assert [(one.regime, one.dataset) for one in found] == [
        ("", "scene"), ("[noise=10%]", "scene"), ("[observed=1]", "scene"),
    ]  # fmt: skip
    for one, dataset in zip(found, SETS, strict=False):
        ours, theirs = (
            on_test(made, PRECISION)[PRECISION.key]
            for method in ("FLEM-D", "BCE")
            for made in records
            if (made.job.full_dataset, made.job.variant) == (dataset, method)
        )
        assert math.isclose(one.effect, math.log(ours / theirs))
        assert one.percent == f"{100 * (ours / theirs - 1):+z.1f}"
    lines = regimes.regime_table(found, ["FLEM-D", "EM"]).splitlines()[2:]
    assert [one.percent in line for one, line in zip(found, lines, strict=True)] == [True] * 3


def test_the_range_of_a_method_and_the_highest_of_any_are_told() -> None:
    records = [record(dataset, method) for dataset in SETS for method in ("BCE", "FLEM-D", "EM", "FL")]
    found = regimes.regime_effects(records)
    said = regimes.regime_sentence(found, "FLEM-D")
    own = [one for one in found if one.regime and one.method == "FLEM-D"]
    low, high = (pick(own, key=lambda one: one.effect) for pick in (min, max))
    best = max((one for one in found if one.regime), key=lambda one: one.effect)
    told = [f"{one.percent} % (scene{one.regime})" for one in (low, high, best)]
    assert f"FLEM-D differs from BCE by {told[0]} to {told[1]};" in said
    assert said.endswith(f"run there is {best.method}'s {told[2]}.")
    assert regimes.regime_sentence([], "FLEM-D") == regimes.regime_sentence(found, "SPLC") == ""


def test_without_regimes_the_table_says_so() -> None:
    assert "is recorded yet" in regimes.regime_table([], ["FLEM-D"])
