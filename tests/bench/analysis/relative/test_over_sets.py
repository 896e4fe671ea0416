"""The mean over sets against scipy, and simulations whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy

from bench.analysis.relative.over_sets import over_sets, typical_variance


def test_it_is_the_t_test_over_sets() -> None:
    effects = [0.1, -0.02, 0.07, 0.03, 0.2]
    found, theirs = over_sets(effects), scipy.stats.ttest_1samp(effects, 0)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.interval() == pytest.approx(tuple(theirs.confidence_interval()))
    assert (found.mean, found.spread) == pytest.approx((np.mean(effects), np.std(effects, ddof=1)))


def test_nothing_but_zeros_is_no_difference() -> None:
    found = over_sets([0.0] * 4)
    assert (found.mean, found.p, found.better_on_a_new_set) == (0.0, 1.0, 0.5)


def test_no_set_weighs_more_than_another() -> None:
    effects = [0.01, 0.3, 0.2, -0.1]
    for place in range(4):
        moved = [effect + 0.4 * (place == other) for other, effect in enumerate(effects)]
        assert over_sets(moved).mean - over_sets(effects).mean == pytest.approx(0.1)


@pytest.mark.parametrize("sets", [3, 12])
def test_intervals_hold_as_often_as_they_say(sets: int) -> None:
    """Within the noise of 3000 rounds; the errors within sets differ tenfold."""
    rng, rounds, mean, tau = np.random.default_rng(1), 3000, 0.03, 0.03
    errors = np.geomspace(0.002, 0.02, sets)
    held = on_a_new_set = 0
    for _ in range(rounds):
        found = over_sets(rng.normal(mean, np.hypot(tau, errors)).tolist())
        (low, high), (least, most) = found.interval(), found.on_a_new_set()
        held += low <= mean <= high
        on_a_new_set += least <= rng.normal(mean, np.hypot(tau, rng.choice(errors))) <= most
    assert held / rounds == pytest.approx(0.95, abs=0.012)
    assert on_a_new_set / rounds == pytest.approx(0.95, abs=0.012)


def test_a_typical_variance_is_unmoved_by_a_wild_one_and_right_about_the_others() -> None:
    rng = np.random.default_rng(0)
    freedoms = [2, 4] * 500
    own = [rng.chisquare(freedom) / freedom * 0.09 for freedom in freedoms]
    assert typical_variance(own, freedoms) == pytest.approx(0.09, rel=0.1)
    assert typical_variance([*own[:10], 1e6], [*freedoms[:10], 2]) < 1
