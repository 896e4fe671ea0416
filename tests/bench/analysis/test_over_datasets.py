"""Statistics against independent implementations, by hand, under permutation, and where nothing differs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scikit_posthocs
from scipy import integrate, optimize, stats
from statsmodels.stats.multitest import multipletests

from bench import config
from bench.analysis.hypothesis_tests import (
    against_control,
    critical_difference,
    friedman,
    half_width_of_another_run,
    holm,
    needed_deviations,
    nemenyi,
    power,
    rests_on,
    signed_rank_posterior,
    smallest_wilcoxon_p,
    wilcoxon_p,
)
from bench.analysis.over_datasets import complete_values, significance
from bench.metrics.catalogue import PAPER_METRICS
from bench.tables.comparison import paper_table
from bench.text import as_text


def paper_values(metric: int = 0) -> np.ndarray:
    table = paper_table(PAPER_METRICS[metric], config.load())
    return complete_values(table, table.ranked)[0].to_numpy()


@pytest.mark.parametrize("metric", range(4))
def test_friedman_and_nemenyi_agree_with_others_on_the_papers_values(metric: int) -> None:
    values = paper_values(metric)
    found = friedman(values, PAPER_METRICS[metric].lower_is_better)
    other = stats.friedmanchisquare(*values.T)
    assert found.chi_square == pytest.approx(other.statistic)
    assert found.chi_square_p == pytest.approx(other.pvalue)
    # Iman and Davenport's statistic by its other form, the analysis of variance of ranks
    ranks = stats.rankdata(values, axis=1)
    blocks, methods = ranks.shape
    between = blocks * ((ranks.mean(0) - ranks.mean()) ** 2).sum()
    total = ((ranks - ranks.mean()) ** 2).sum()
    f = (between / (methods - 1)) / ((total - between) / ((methods - 1) * (blocks - 1)))
    assert found.f == pytest.approx(f)
    assert found.f_p == pytest.approx(stats.f.sf(f, methods - 1, (methods - 1) * (blocks - 1)))
    expected = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    assert nemenyi(found.mean_ranks, blocks) == pytest.approx(expected, abs=1e-9)


def test_the_critical_difference_of_12_methods_on_8_sets() -> None:
    methods, blocks = 12, 8

    def below(q: float) -> float:  # the range of twelve normal values
        return (
            methods
            * integrate.quad(
                lambda z: stats.norm.pdf(z) * (stats.norm.cdf(z) - stats.norm.cdf(z - q)) ** (methods - 1), -12, 20
            )[0]
        )

    quantile = optimize.brentq(lambda q: below(q) - 0.95, 1, 10)
    by_hand = quantile / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * blocks))
    assert critical_difference(methods, blocks) == pytest.approx(by_hand, abs=1e-8)
    assert critical_difference(methods, blocks) == pytest.approx(5.8915, abs=1e-4)
    # Demšar's table 5a: q 2.343 for three methods
    assert critical_difference(3, 6) == pytest.approx(2.343 * math.sqrt(12 / 36), abs=1e-3)


def test_holm_agrees_with_statsmodels() -> None:
    p = [0.01, 0.04, 0.03, 0.005, 0.5, 0.04]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_wilcoxon_is_exact_by_enumeration() -> None:
    random = np.random.default_rng(5)
    for blocks in (6, 8):
        values = np.round(random.normal(size=(blocks, 2)), 1)  # with ties
        (found,) = against_control(values, ["a", "b"], "a", True, 0.0)
        gain = values[:, 1] - values[:, 0]
        assert gain.all(), "zeros are another test's matter"
        ranks = stats.rankdata(np.abs(gain))
        seen = ranks[gain > 0].sum()
        sums = [ranks[np.array(signs)].sum() for signs in itertools.product([True, False], repeat=blocks)]
        p = min(1.0, 2 * min(np.mean(sums >= seen - 1e-9), np.mean(sums <= seen + 1e-9)))
        assert found.p == pytest.approx(p)


@pytest.mark.parametrize("gain", [[0, 0, 0.1, 0.2, 0.3, -0.4, 0.5, 0.6], [0, 0.3, 0.3, 0.1, 0.2], [0, 0, 0, 1, -2, 3]])
def test_a_set_without_a_difference_counts_half_to_either_side(gain: list[float]) -> None:
    """By enumeration of the other sets' signs; left out, such sets would not be seen."""
    size = stats.rankdata(np.abs(gain))
    half, others = size[np.equal(gain, 0)].sum() / 2, size[np.not_equal(gain, 0)]
    seen = size[np.greater(gain, 0)].sum() + half
    sums = np.array([
        others[list(signs)].sum() + half for signs in itertools.product([True, False], repeat=len(others))
    ])  # fmt: skip
    p = min(1.0, 2 * min(np.mean(sums >= seen - 1e-9), np.mean(sums <= seen + 1e-9)))
    assert wilcoxon_p(np.array(gain)) == pytest.approx(p)


def test_eight_sets_cannot_give_less() -> None:
    assert smallest_wilcoxon_p(8) == 0.0078125
    gain = np.arange(1.0, 9.0)
    values = np.stack([np.zeros(8), gain], axis=1)
    (found,) = against_control(values, ["a", "b"], "a", True, 0.0)
    assert found.p == smallest_wilcoxon_p(8)
    assert (found.wins, found.losses) == (8, 0)


def test_the_posterior_by_loops_and_at_its_ends() -> None:
    gain, region, samples = np.array([0.3, -0.1, 0.02, 0.4]), 0.05, 300
    z = [*gain, 0.0]
    weights = np.random.default_rng(1).dirichlet([1, 1, 1, 1, 0.5], samples)
    counts = [0, 0, 0]
    for w in weights:
        shares = [0.0, 0.0, 0.0]
        for i, j in itertools.product(range(5), repeat=2):
            middle = (z[i] + z[j]) / 2
            place = 0 if middle > region else 2 if middle < -region else 1
            shares[place] += w[i] * w[j]
        counts[int(np.argmax(shares))] += 1
    found = signed_rank_posterior(gain, region, 1, samples)
    assert found == pytest.approx([count / samples for count in counts])
    better = signed_rank_posterior(np.full(8, 1.0), 0.1)
    assert better[0] > 0.99
    same = signed_rank_posterior(np.zeros(8), 0.1)
    assert same == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_methods_and_sets_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.round(random.normal(size=(7, 5)), 1)
    rows, columns = random.permutation(7), random.permutation(5)
    shuffled = values[rows][:, columns]
    first, second = friedman(values, True), friedman(shuffled, True)
    assert second.f_p == pytest.approx(first.f_p)
    assert [second.mean_ranks[list(columns).index(j)] for j in range(5)] == pytest.approx(first.mean_ranks)
    names = [f"m{j}" for j in range(5)]
    one = {found.method: found for found in against_control(values, names, "m2", True, 0.1)}
    other = against_control(shuffled, [names[j] for j in columns], "m2", True, 0.1)
    for found in other:
        assert found.p_holm == pytest.approx(one[found.method].p_holm)
        assert found.control_better == pytest.approx(one[found.method].control_better, abs=0.02)  # sampled


def test_where_nothing_differs_significance_comes_at_its_rate() -> None:
    random = np.random.default_rng(0)
    rounds = 1500
    hits = sum(friedman(random.normal(size=(8, 13)), True).f_p < 0.05 for _ in range(rounds))
    # 13 copies of one method on 8 sets: 5 %, and three standard errors of 1500 rounds
    assert abs(hits / rounds - 0.05) < 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_perfect_agreement_has_the_p_of_chance() -> None:
    """Friedman's F is infinite there: exact is how often random orders all agree."""
    assert friedman(np.array([[1.0, 2, 3], [4, 5, 6]]), True).f_p == pytest.approx(1 / 6)
    assert friedman(np.array([[1.0, 2, 3]] * 4), True).f_p == pytest.approx(6**-3)
    assert friedman(np.array([[1.0, 1, 3]] * 3), True).f_p == pytest.approx(3**-2)  # three orders with that tie


def test_everything_tied_is_no_difference() -> None:
    assert friedman(np.ones((5, 4)), True).f_p == 1.0
    found = against_control(np.ones((5, 3)), ["a", "b", "c"], "a", True, 0.01)
    assert [(one.p, one.p_holm, one.equivalent) for one in found] == [(1.0, 1.0, 1.0)] * 2


def test_equivalence_is_relative_to_the_controls_value_on_each_set() -> None:
    """On unlike sets: by its share of the set's value a loss of .02 is a tenth on one, and a thousandth on another."""
    control = np.array([0.02, 0.02, 0.02, 0.02, 20.0, 20.0, 20.0, 20.0])
    for factor, expected in ((1.1, "control_better"), (1.005, "equivalent"), (0.9, "method_better")):
        (found,) = against_control(np.stack([control, control * factor], axis=1), ["c", "m"], "c", True, 0.01)
        assert getattr(found, expected) > 0.99
    # by hand: gains as shares, each divided by its own set's value
    values = np.random.default_rng(3).uniform(0.1, 10, size=(9, 2))
    (found,) = against_control(values, ["c", "m"], "c", False, 0.3)
    shares = [-(line[1] - line[0]) / line[0] for line in values.tolist()]
    expected_shares = signed_rank_posterior(np.array(shares), 0.3)
    assert (found.control_better, found.equivalent, found.method_better) == pytest.approx(expected_shares, abs=1e-12)
    # a control of 0: equal is equal, another value is any multiple of it
    (found,) = against_control(np.array([[0.0, 0.0], [0.0, 1.0]] * 4), ["c", "m"], "c", True, 0.01)
    assert found.method_better == 0
    assert found.control_better > 0.8


@pytest.mark.parametrize("seed", range(8))
def test_what_the_verdict_rests_on_is_found_by_leaving_out_every_method_and_pair(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(8, 6))
    values[:, 2] += 4.0
    if seed % 2:
        values[:, 5] += 9.0
    if seed >= 4:
        values = values.round()  # many ties
    names = range(6)
    alone = {(i,): friedman(np.delete(values, i, axis=1), True).f_p for i in names}
    pairs = {(i, j): friedman(values[:, [k for k in names if k not in (i, j)]], True).f_p for i, j in
             itertools.combinations(names, 2)}  # fmt: skip
    turning = next((p for p in (alone, pairs) if max(p.values()) >= 0.05), None)
    found = rests_on(values, True)
    if turning is None:
        assert found is None
    else:
        without = max(turning, key=lambda out: turning[out])
        assert found == (without, pytest.approx(turning[without]))
    assert rests_on(np.arange(24.0).reshape(4, 6), True) is None  # alike on all sets, whoever is left out


def test_a_verdict_that_two_methods_carry_says_so() -> None:
    table = paper_table(PAPER_METRICS[0], config.load())
    rows = table.ranked[:6]
    random = np.random.default_rng(1)
    moved = {
        place: replace(cell, mean=random.normal() + 9 * (rows.index(cell.variant) < 1))
        for place, cell in table.cells.items()
        if cell.variant in rows
    }
    text = as_text(significance(replace(table, cells=moved), rows, rows[-1]))
    assert f"some methods differ at 0.05. That rests on {rows[0]}: without it p is 0." in text


def test_needed_deviations_are_of_the_t_distribution() -> None:
    # the t-distribution with 2 degrees of freedom has a quantile in closed form: u sqrt(2 / (1 - u^2)), u = 2 p - 1
    u = 2 * (1 - 0.05 / 24) - 1
    assert needed_deviations(3, 12) == pytest.approx(u * math.sqrt(2 / (1 - u * u)) / math.sqrt(3))
    assert needed_deviations(3, 12) == pytest.approx(8.9, abs=0.05)
    assert needed_deviations(5, 12) == pytest.approx(2.6, abs=0.05)
    assert needed_deviations(10, 12) == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(("deviations", "seeds", "comparisons"), [(2, 3, 1), (2, 5, 12), (1, 10, 4), (0, 4, 2)])
def test_power_is_the_share_of_simulated_experiments(deviations: float, seeds: int, comparisons: int) -> None:
    random, rounds = np.random.default_rng(0), 20_000
    draws = random.normal(deviations, 1, size=(rounds, seeds))
    t = draws.mean(1) / (draws.std(1, ddof=1) / math.sqrt(seeds))
    share = float((2 * stats.t.sf(np.abs(t), seeds - 1) < 0.05 / comparisons).mean())
    error = 3 * math.sqrt(max(share * (1 - share), 0.001) / rounds)
    assert power(deviations, seeds, comparisons) == pytest.approx(share, abs=error)
    assert power(3, 10, 12) > 0.99  # where scipy's noncentral t gives NaN


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_another_run_of_the_same_experiment_lies_within_its_half_width(seeds: int) -> None:
    random, rounds = np.random.default_rng(0), 20_000
    ours, another = random.normal(size=(rounds, seeds)), random.normal(size=rounds)
    widths = np.array([half_width_of_another_run(std, seeds) for std in ours.std(1, ddof=1)])
    inside = float((np.abs(ours.mean(1) - another) <= widths).mean())
    assert inside == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / rounds))


def test_the_report_says_what_cannot_be_decided() -> None:
    table = paper_table(PAPER_METRICS[0], config.load())
    text = as_text(significance(table, table.ranked, "FLEM-D"))
    assert "mean ranks must differ by 5.89 of 11 possible" in text
    assert "the smallest p that Wilcoxon's test can give is 0.0078" in text
    assert "no difference to FLEM-D can be shown here" in text
    (one_set,) = significance(replace(table, columns=["VOC07"]), table.ranked, "BS")
    assert "Nothing can be tested: 1 data set with a value of each of 12 methods" in one_set


def test_two_sets_that_agree_are_no_verdict() -> None:
    table = paper_table(PAPER_METRICS[0], config.load())
    rows = ["BS", "LEVI", "VALEN", "FLEM-D"]
    ordered = {
        place: replace(cell, mean=float(rows.index(cell.variant)))
        for place, cell in table.cells.items()
        if cell.variant in rows
    }
    two = as_text(significance(replace(table, columns=["VOC07", "NUS"], cells=ordered), rows, "FLEM-D"))
    assert "F infinite, every data set orders the methods alike, which chance does with p 0.0417: no verdict" in two
    assert "2 data sets cannot tell even the first method from the last" in two
    assert "some methods differ" not in two
    assert "inf," not in two
    five = replace(table, columns=table.columns[:5], cells=ordered)
    assert "p < 0.0001: some methods differ at 0.05." in as_text(significance(five, rows, "FLEM-D"))
    tied = replace(table, cells={place: replace(cell, mean=1.0) for place, cell in ordered.items()})
    assert "not defined, every value ties with every other: no difference is shown" in as_text(
        significance(tied, rows, "FLEM-D")
    )
