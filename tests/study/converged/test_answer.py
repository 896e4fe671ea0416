"""The answer's sentences say what the comparison holds."""

from __future__ import annotations

from functools import cache

from bench.text import named
from study.converged import answer, parts
from study.converged.convergence import trained
from study.converged.differences import relative
from study.converged.differences.relative import (
    HAMMING,
    PRECISION,
    Comparison,
    Observed,
    is_shown,
    mean_in_percent,
    on_test,
)
from study.reference import FOLDER
from tests.study.converged.multiverse.made import record


@cache
def comparison() -> Comparison:
    return Observed(relative.read(FOLDER)).compared(["FL", "FLEM-D", "RAKEL", "ML-KNN", "BS"])


def test_methods_that_are_shown_to_differ_are_named() -> None:
    said = answer.against_bce(comparison())
    found = [one for one, _ in comparison().over_sets(PRECISION)]
    better, _, worse = said.partition(";")
    for one in found:
        assert one.over_sets is not None
        assert (f" {one.method} " in worse) == (is_shown(one) and one.over_sets.mean < 0)
        if is_shown(one) and one.over_sets.mean > 0:
            assert f"{one.method} {one.percent(one.over_sets.mean):+z.1f}" in better
    assert f"f {len(found)} methods and controls" in said
    ahead = [one for one in found if is_shown(one) and one.over_sets and one.over_sets.mean > 0]
    assert ("Begin with a linear classifier" in said) == (not ahead)


def test_methods_that_search_nothing_are_named() -> None:
    (sets,) = {one.over_sets.sets for one, _ in comparison().over_sets(PRECISION) if one.over_sets}
    assert f"each tuned on validation rows, on {sets} data sets, " in answer.against_bce(comparison(), {"RF"})
    said = answer.against_bce(comparison(), {"RAKEL", "RF"})
    assert f"each tuned on validation rows but for RAKEL, at their defaults, on {sets} data sets, " in said


def test_fusion_is_told_by_every_metric() -> None:
    said = answer.fusion(comparison())
    for metric, found in comparison().by_metric.items():
        one = next(one for one in found if one.method == "FLEM-D")
        assert one.over_sets is not None
        assert f"{metric.title} {one.percent(one.over_sets.mean):+z.1f} (" in said
    shown = [metric.title for metric, found in comparison().by_metric.items() if is_shown(found[1])]
    assert comparison().by_metric[PRECISION][1].method == "FLEM-D"
    assert said.endswith(f"; shown by {named(shown)}." if shown else "; none of it shown.")


def test_the_weights_of_fusion_are_counted() -> None:
    assert answer.weights([]) == ""
    records = relative.read(parts.FOLDER)
    fusion = [one for one in records if one.job.variant == "FLEM-D" and not relative.regime_of(one.job.full_dataset)]
    chosen = [relative.selected(one, PRECISION).hyperparameters["beta"] for one in fusion]  # type: ignore[union-attr]
    assert set(chosen) == {0.001, 0.1}
    counts = f"in {chosen.count(0.001)} of {len(chosen)} jobs"
    assert answer.weights(records).endswith(f"{counts}.")
    made = [record(f"s{place}@npz", name) for place in range(2) for name in ("BCE", "FLEM-D wide")]
    wide = Observed(made, selecting="own").compared(["FLEM-D wide"]).of(PRECISION, "FLEM-D wide")
    assert wide is not None
    told = named([f"{wide.percent(one.effect):+z.1f} % on {one.name.partition('@')[0]}" for one in wide.sets])
    assert answer.weights(records, wide).endswith(f"{counts}; with all 16: {told}.")


def test_controls_are_told_one_by_one() -> None:
    records = Observed(relative.read(FOLDER))
    assert answer.controls(records.pairs([])) == ""
    made = Observed([record(f"s{place}@npz", name) for place in range(4) for name in ("LD-y", "FLEM-D")])
    pairs = made.pairs([("FLEM-D", "LD-y")])
    one = pairs.of(PRECISION, "FLEM-D", "LD-y")
    assert one is not None
    assert one.over_sets is not None
    shown = [other.metric.title for (other,) in pairs.by_metric.values() if is_shown(other)]
    judged = f"shown: {named([f'LD-y by {title}' for title in shown])}" if shown else "none shown by any of the metrics"
    said = answer.controls(pairs)
    assert said.endswith(f"no estimator) {mean_in_percent(one, one.over_sets)}; {judged}.")


def test_logistic_regression_is_told_with_its_sets() -> None:
    records = [record(f"s{place}@npz", name) for place in range(4) for name in ("LR", "BCE")]
    compared = Observed(records, selecting="own").compared(["LR"])
    one = compared.of(PRECISION, "LR")
    assert one is not None
    said = answer.logistic(compared, comparison())
    assert f"on {sum(of.effect > 0 for of in one.sets)} of {len(one.sets)} data sets" in said
    assert said.endswith("which is shown." if is_shown(one) else "which chance can explain.")
    assert answer.logistic(comparison(), comparison()).endswith("was not compared.")
    last = trained.last_epoch(records, records)
    pair = last.of(PRECISION, "LR", "BCE's last epoch")
    assert pair is not None
    assert pair.over_sets is not None
    own = last.of(PRECISION, "BCE's last epoch")
    assert own is not None
    assert own.over_sets is not None
    against, gained = (mean_in_percent(one, one.over_sets) for one in (pair, own))
    said = answer.logistic(compared, last)
    assert f"with its last epoch, not the best on validation rows, by {against} %, as BCE gains {gained} % by" in said


def test_recovering_methods_are_told_with_their_sets() -> None:
    assert answer.recovered([comparison()]) == ""
    made = Observed([record(f"s{place}@npz", name) for place in range(4) for name in ("BCE", "LEVI", "FL")])
    compared = made.compared(["LEVI", "FL"])
    one = compared.of(PRECISION, "LEVI")
    assert one is not None
    assert one.over_sets is not None
    told = f"LEVI {mean_in_percent(one, one.over_sets)} % over 4 data sets"
    assert answer.recovered([comparison(), compared]).endswith(f"first, by {PRECISION.title}: {told} (not shown).")


def test_fusion_is_told_with_the_last_epoch_of_both() -> None:
    records = [record(f"s{place}@npz", name) for place in range(4) for name in ("LD-y", "BCE", "FLEM-D")]
    last = trained.last_epoch(records, [record(f"s{place}@npz", "BCE", draw=1) for place in range(4)])
    assert answer.ended(last) == ""  # FLEM-D has none
    last = trained.last_epoch(records, records)
    told = []
    for baseline in ("BCE", "LD-y"):
        one = last.of(PRECISION, "FLEM-D's last epoch", f"{baseline}'s last epoch")
        same = Observed(records, selecting="own").pairs([("FLEM-D", baseline)]).of(PRECISION, "FLEM-D", baseline)
        assert one is not None
        assert same is not None
        assert one.over_sets == same.over_sets is not None
        told.append(f"{mean_in_percent(one, one.over_sets)} against {baseline} (not shown)")
    assert answer.ended(last).endswith(f"on validation rows: {told[0]} and {told[1]}.")


def test_a_forest_is_told_on_every_kind_of_sets_by_every_metric() -> None:
    records = [record(f"s{place}@npz", name) for place in range(4) for name in ("RF", "BCE")]
    compared = Observed(records, selecting="own").compared(["RF"])
    kinds = {"tables": compared, "photographs": compared}
    said = answer.forest(kinds, [-3.1, -20.0, 1.5], [2.0])
    assert "features of networks, -20.0 to +1.5 % (3 cases); large bags of words, +2.0 to +2.0 % (1 set)." in said
    (own,) = compared.by_metric[PRECISION]
    assert own.over_sets is not None
    for kind in kinds:
        ahead = sum(of.effect > 0 for of in own.sets)
        assert f"on {ahead} of 4 {kind}, {mean_in_percent(own, own.over_sets)} % in the mean" in said
    for metric, (one,) in compared.by_metric.items():
        assert metric == PRECISION or f"{metric.title} on {sum(of.effect > 0 for of in one.sets)}" in said
    assert answer.forest(kinds, [], [2.0]).endswith("seen.")
    assert answer.forest({"tables": compared, "texts": comparison()}, [], []) == ""


def test_what_selecting_by_hamming_loss_costs() -> None:
    records = [
        record(name, "BCE", seed) for name in ("birds[fold=1of5]@npz", "birds[fold=2of5]@npz") for seed in (0, 1)
    ]
    shares = []
    for one in records:
        own, paper = (on_test(one, metric)[PRECISION.key] for metric in (PRECISION, HAMMING))
        shares.append(1 - paper / own)
    expected = 100 * sum(shares) / len(shares)
    assert f"BCE {expected:.1f} % ({expected:.1f} % on birds)." in answer.selecting(records)
