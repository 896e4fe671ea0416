"""The random-effects model against statsmodels, scipy and simulations whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from statsmodels.stats.meta_analysis import combine_effects

from bench.analysis.relative.random_effects import random_effects, typical_variance


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("sets", [2, 5, 14])
def test_mean_error_and_spread_are_those_of_statsmodels(sets: int, spread: float) -> None:
    rng = np.random.default_rng(sets)
    within = rng.uniform(0.01, 0.1, sets) ** 2
    effects = 0.05 + rng.normal(0, np.sqrt(within + spread**2))
    found = random_effects(effects, within)
    theirs = combine_effects(effects, within, method_re="pm", use_t=True, atol=1e-10)
    assert found.tau**2 == pytest.approx(theirs.tau2, abs=1e-9)
    assert found.mean == pytest.approx(theirs.mean_effect_re, abs=1e-9)
    assert found.error == pytest.approx(theirs.sd_eff_w_re, rel=1e-5)
    # Hartung and Knapp's error is the same where the sets differ, and never larger.
    assert found.error == pytest.approx(max(found.error, theirs.sd_eff_w_re_hksj), rel=1e-5)
    if found.tau:
        assert found.error == pytest.approx(theirs.sd_eff_w_re_hksj, rel=1e-5)
    half = scipy.stats.t.isf(0.025, sets - 1) * theirs.sd_eff_w_re
    assert found.interval() == pytest.approx((found.mean - half, found.mean + half), rel=1e-5)


def test_without_errors_within_sets_it_is_the_t_test_over_sets() -> None:
    effects = [0.1, -0.02, 0.07, 0.03, 0.2]
    found, theirs = random_effects(effects, [0.0] * 5), scipy.stats.ttest_1samp(effects, 0)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-5)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval()), rel=1e-5)


def test_nothing_but_zeros_is_no_difference() -> None:
    found = random_effects([0.0] * 4, [0.0] * 4)
    assert (found.mean, found.tau, found.p, found.better_on_a_new_set) == (0.0, 0.0, 1.0, 0.5)


def test_a_precise_set_weighs_more_where_the_sets_agree_and_alike_where_they_do_not() -> None:
    agreeing = random_effects([0.01, 0.011, 0.03], [1e-6, 1e-2, 1e-2])
    apart = random_effects([1.0, 2.0, 6.0], [1e-6, 1e-2, 1e-2])
    assert agreeing.mean == pytest.approx(0.01, abs=1e-4)
    assert apart.mean == pytest.approx(3.0, rel=0.01)


def test_a_new_set_is_told_of_by_its_spread_and_the_means_error() -> None:
    found = random_effects([0.1, 0.3, 0.2, 0.5], [0.01] * 4)
    low, high = found.on_a_new_set()
    deviation = (found.tau**2 + found.error**2) ** 0.5
    assert (high - low) / 2 == pytest.approx(scipy.stats.t.isf(0.025, 2) * deviation)
    assert found.better_on_a_new_set == pytest.approx(scipy.stats.t(2, found.mean, deviation).sf(0))
    two = random_effects([0.1, 0.3], [0.01] * 2)
    assert (two.on_a_new_set(), two.better_on_a_new_set) == (None, None)


@pytest.mark.parametrize("tau", [0.0, 0.02])
def test_intervals_hold_as_often_as_they_say(tau: float) -> None:
    """Twelve sets whose errors differ tenfold; within the noise of 600 rounds, or cautious where nothing spreads."""
    rng, sets, rounds, mean = np.random.default_rng(1), 12, 600, 0.03
    errors = np.geomspace(0.004, 0.04, sets)
    held = on_a_new_set = 0
    for _ in range(rounds):
        found = random_effects(rng.normal(mean, np.hypot(tau, errors)), errors**2)
        (low, high), (least, most) = found.interval(), found.on_a_new_set()
        held += low <= mean <= high
        on_a_new_set += least <= rng.normal(mean, tau) <= most
    assert 0.92 < held / rounds < (0.97 if tau else 1.0)
    assert on_a_new_set / rounds > 0.92


def test_a_typical_variance_is_unmoved_by_a_wild_one_and_right_about_the_others() -> None:
    rng = np.random.default_rng(0)
    freedoms = [2, 4] * 500
    own = [rng.chisquare(freedom) / freedom * 0.09 for freedom in freedoms]
    assert typical_variance(own, freedoms) == pytest.approx(0.09, rel=0.1)
    assert typical_variance([*own[:10], 1e6], [*freedoms[:10], 2]) < 1
