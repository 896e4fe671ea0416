"""Relative differences from values, derived another way, and on simulated seeds whose truth is known."""

from __future__ import annotations

import math
from statistics import fmean, variance

import numpy as np
import pytest
import scipy

from bench.analysis.hypothesis_tests import holm
from bench.analysis.relative import Differences, Relative, Unit, Values, adjusted
from bench.analysis.relative.words import HEADERS, in_numbers, relative_in_words
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.independent_sets import independent_sets
from bench.text import Grid
from tests.bench.analysis.test_within_folds import states, table

HAMMING, *_, PRECISION = PAPER_METRICS
MEDIAN_OF_TWO = scipy.stats.chi2.ppf(0.5, 2) / 2
"""Of a variance of three seeds, in its expectation."""


def differences(values: Values, baseline: str = "BCE", metric=PRECISION, overlap: float = 0.25) -> Differences:
    sets = independent_sets(list(values), {}, {})
    return Differences(metric, values, sets, dict.fromkeys(values, overlap), baseline)


def seeds(*values: float | None) -> dict[int, float | None]:
    return dict(enumerate(values))


def test_effects_are_means_of_paired_log_ratios_better_above_zero() -> None:
    values = {"a@x": {"BCE": seeds(0.5, 0.4, 0.3), "Mine": seeds(0.6, 0.4, 0.33)}}
    ratios = [math.log(0.6 / 0.5), 0.0, math.log(0.33 / 0.3)]
    (higher,) = differences(values).of("Mine").sets
    (lower,) = differences(values, metric=HAMMING).of("Mine").sets
    assert higher.effect == pytest.approx(fmean(ratios))
    assert lower.effect == pytest.approx(-fmean(ratios))
    assert higher.variance == pytest.approx(variance(ratios) / 3)
    assert higher.replicates == (3,)


def test_per_cent_is_a_share_of_the_baselines_value() -> None:
    values = {"a": {"BCE": seeds(0.5), "Mine": seeds(0.45)}, "b": {"BCE": seeds(0.2), "Mine": seeds(0.18)}}
    for metric, per_cent in ((PRECISION, -10), (HAMMING, 10)):
        found = differences(values, metric=metric).of("Mine")
        assert found.over_sets is not None
        assert found.percent(found.over_sets.mean) == pytest.approx(per_cent)


def test_folds_are_replicates_whose_training_rows_overlap() -> None:
    ratios = [0.1, 0.2, 0.4]
    values = {
        f"a[fold={fold}of3]@x": {
            "BCE": seeds(0.5, 0.5),
            "Mine": seeds(0.5 * math.exp(one - 0.05), 0.5 * math.exp(one + 0.05)),
        }
        for fold, one in enumerate(ratios, 1)
    }
    found = differences(values, overlap=0.5)
    assert found.units == {"a": [Unit(tuple(values), 0.5)]}
    (one,) = found.of("Mine").sets
    assert one.effect == pytest.approx(fmean(ratios))
    assert one.variance == pytest.approx((1 / 3 + 0.5) * variance(ratios))
    assert one.replicates == (3,)


def test_extractors_of_a_set_are_one_set_by_their_mean() -> None:
    values = {
        "a@x": {"BCE": seeds(0.5, 0.5, 0.5), "Mine": seeds(0.5, 0.6, 0.7)},
        "a@z": {"BCE": seeds(0.5, 0.5, 0.5), "Mine": seeds(0.4, 0.3, 0.4)},
        "b@x": {"BCE": seeds(0.5), "Mine": seeds(0.6)},
    }
    found = differences(values)
    first, second = found.of("Mine").sets
    of_a = [[math.log(value / 0.5) for value in values[name]["Mine"].values() if value] for name in ("a@x", "a@z")]
    assert first.effect == pytest.approx(fmean(map(fmean, of_a)))
    assert first.variance == pytest.approx(sum(map(variance, of_a)) / 3 / 4)
    assert second.variance is None  # one seed
    # In place of the variance of one seed, the median of the others' typical ones.
    assert found.typical[Unit(("b@x",), 0.0)] == pytest.approx(fmean(map(variance, of_a)) / MEDIAN_OF_TWO)


def test_what_has_no_ratio_is_left_out_and_named() -> None:
    values = {
        "a@x": {"BCE": seeds(0.5, 0.5, 0.5), "Mine": seeds(0.6, 0.0, None)},
        "b@x": {"BCE": seeds(0.5), "Mine": seeds(0.6), "Other": seeds(0.5)},
    }
    found = differences(values).of("Mine")
    assert found.undefined == ("a seed 1", "a seed 2")
    assert [one.replicates for one in found.sets] == [(1,), (1,)]
    assert [one.variance for one in found.sets] == [None, None]
    other = differences(values).of("Other")
    assert ([one.name for one in other.sets], other.over_sets) == (["b@x"], None)


def test_p_values_are_holms_over_the_methods_that_have_one() -> None:
    rng = np.random.default_rng(0)
    values = {
        f"s{place}": {"BCE": seeds(0.5), **{name: seeds(0.5 + shift + rng.normal(0, 0.02))
                                            for name, shift in (("Near", 0.001), ("Far", 0.1), ("Further", 0.2))}}
        for place in range(6)
    }  # fmt: skip
    values["s0"]["Once"] = seeds(0.4)
    found = adjusted(differences(values).of(name) for name in ("Near", "Once", "Far", "Further"))
    with_p = [one for one in found if one.over_sets]
    assert [one.p_holm for one in found if one.method == "Once"] == [None]
    assert [one.p_holm for one in with_p] == holm([one.over_sets.p for one in with_p if one.over_sets])


def test_the_mean_over_sets_is_the_t_test_of_their_effects() -> None:
    rng = np.random.default_rng(2)
    values = {
        f"s{place}": {
            name: seeds(*np.exp(rng.normal(shift, scatter, 3))) for name, shift in (("BCE", 0), ("Mine", 0.1))
        }
        for place, scatter in enumerate(np.geomspace(0.002, 0.2, 6))
    }
    found = differences(values).of("Mine")
    assert found.over_sets is not None
    effects = [one.effect for one in found.sets]
    assert found.over_sets.p == pytest.approx(scipy.stats.ttest_1samp(effects, 0).pvalue)
    assert found.over_sets.mean == pytest.approx(fmean(effects))


def test_a_table_gives_what_its_states_give() -> None:
    values = {f"{name}@npz": {"FL": base, "CB": base * 1.1, "FLEM-D": base - 0.02}
              for name, base in (("a", 0.2), ("b", 0.3), ("c", 0.25))}  # fmt: skip
    made = states(values)
    said, grid = relative_in_words(table(made), made, ["FL", "CB", "FLEM-D"], "FL")
    assert "against FL" in str(said)
    assert isinstance(grid, Grid)
    assert list(grid.headers[1:]) == list(HEADERS)
    for line in grid.body:
        effects = [
            fmean(-math.log((own[line[0]] + shift) / (own["FL"] + shift)) for shift in (-0.01, 0.01))
            for own in values.values()
        ]
        (difference,) = [one for one in _of(values) if one.method == line[0]]
        assert [one.effect for one in difference.sets] == pytest.approx(effects)
        assert line[1:-1] == in_numbers(difference)[:-1]
    assert len(grid.body) == 2


def _of(values: dict[str, dict[str, float]]) -> list[Relative]:
    by_seed = {
        name: {variant: seeds(value - 0.01, value + 0.01) for variant, value in own.items()}
        for name, own in values.items()
    }
    found = differences(by_seed, "FL", HAMMING)
    return adjusted([found.of("CB"), found.of("FLEM-D")])
