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
    told = [f"{one.percent} % (scene{one.regime})" for one in (low, high)]
    assert f"FLEM-D differs from BCE by {told[0]} to {told[1]}." in said
    for one in own:  # one set a regime, whose difference is the mean
        best = max((other for other in found if other.regime == one.regime), key=lambda other: other.effect)
        kind = {"[noise=10%]": "10% of the labels wrong", "[observed=1]": "1 positive label a row known"}[one.regime]
        beside = "" if best is one else f" (FLEM-D {one.percent})"
        assert f"{kind} {best.method} {best.percent}{beside}" in said
    assert said.endswith(
        "EM are told which labels are known; the others take the rest for negative. Validation labels are whole."
    )
    assert regimes.regime_sentence([], "FLEM-D") == regimes.regime_sentence(found, "SPLC") == ""


def test_the_mean_is_over_sets_of_methods_that_have_them_all() -> None:
    records = [record(f"{name}[train=5%]@npz", method) for name in ("scene", "yeast") for method in ("BCE", "FLEM-D")]
    found = regimes.regime_effects([*records, record("scene[train=5%]@npz", "FL")])
    ours = [one.effect for one in found if one.method == "FLEM-D"]
    mean = 100 * (math.exp(sum(ours) / 2) - 1)
    said = regimes.regime_sentence(found, "FLEM-D")
    assert len(ours) == 2
    assert said.endswith(f"in %: 5% of the rows FLEM-D {mean:+z.1f}.")


def test_what_knowing_the_labels_is_worth_is_told_beside_the_highest() -> None:
    records = [record("scene[observed=10%]@npz", method) for method in ("BCE", "FLEM-D", "IU", "LR")]
    found = {one.method: one for one in regimes.regime_effects(records)}
    *others, best = sorted(found.values(), key=lambda one: one.effect)
    beside = ", ".join(f"{name} {found[name].percent}" for name in ("IU", "FLEM-D") if found[name] in others)
    said = regimes.regime_sentence(list(found.values()), "FLEM-D")
    assert f"10% of the labels known {best.method} {best.percent} ({beside})." in said


def test_what_a_filter_of_labels_changes_is_one_regime() -> None:
    filtered, all_labels = map(regimes.kind_of, ("[observed=10%][labels=min1]", "[observed=10%]"))
    assert filtered == all_labels == ("observed", "10%")


def test_without_regimes_the_table_says_so() -> None:
    assert "is recorded yet" in regimes.regime_table([], ["FLEM-D"])
