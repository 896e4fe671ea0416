"""The smallest differences that seeds can show, against statsmodels and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from statsmodels.stats.power import TTestPower

from bench.analysis.relative import Differences
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.independent_sets import independent_sets
from study.converged.differences import power, relative
from study.converged.differences.relative import Observed
from study.reference import FOLDER
from tests.study.converged.differences.test_relative import cells
from tests.study.converged.multiverse.made import record

HAMMING, *_, PRECISION = PAPER_METRICS


@pytest.mark.parametrize("freedom", [2, 4, 9, 13])
def test_a_difference_shown_with_so_much_power_is_statsmodels(freedom: int) -> None:
    theirs = TTestPower().solve_power(nobs=freedom + 1, alpha=0.05, power=0.8, alternative="two-sided")
    assert power.needed_shift(freedom) == pytest.approx(theirs * math.sqrt(freedom + 1), rel=1e-3)


def differences() -> Differences:
    """Two sets of three seeds, one of five folds, one of one seed."""
    rng = np.random.default_rng(0)
    names = {"a@x": 3, "b@x": 3, "c@x": 1, **{f"d[fold={fold}of5]@x": 1 for fold in range(1, 6)}}
    values = {
        name: {
            method: {seed: float(np.exp(rng.normal(-1, 0.05))) for seed in range(count)} for method in ("BCE", "X", "Y")
        }
        for name, count in names.items()
    }
    return Differences(PRECISION, values, independent_sets(list(names), {}, {}), dict.fromkeys(names, 0.25), "BCE")


def test_a_sets_reach_falls_with_the_root_of_the_seeds_and_a_folded_ones_not() -> None:
    found = differences()
    a, _, single, folded = power.reaches(found, None)
    assert (single.deviation, single.smallest) == (None, {})
    (unit,) = found.units["a@x"]
    deviation = math.sqrt(found.typical[unit])
    assert a.deviation == pytest.approx(deviation)
    assert a.smallest == pytest.approx({
        seeds: 100 * math.expm1(power.needed_shift(seeds - 1) * deviation / math.sqrt(seeds)) for seeds in (3, 5, 10)
    })  # fmt: skip
    (unit,) = found.units["d"]
    error = math.sqrt((1 / 5 + 0.25) * found.typical[unit])
    assert folded.folds == 5
    assert folded.smallest == pytest.approx(dict.fromkeys(power.SEEDS, 100 * math.expm1(power.needed_shift(4) * error)))


def test_a_difference_of_that_size_is_shown_in_four_of_five() -> None:
    rng, seeds, deviation = np.random.default_rng(0), 5, 0.03
    shift = power.needed_shift(seeds - 1) * deviation / math.sqrt(seeds)
    samples = rng.normal(shift, deviation, (20_000, seeds))
    assert (scipy.stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(power.POWER, abs=0.01)


def test_the_mean_over_sets_reaches_as_far_as_its_error_lets_it() -> None:
    found, spread = differences(), 0.02
    *sets, over = power.reaches(found, spread)
    assert over.name == power.OVER_SETS
    error = spread / math.sqrt(len(sets))
    assert over.smallest == {power.STATED: pytest.approx(100 * math.expm1(power.needed_shift(len(sets) - 1) * error))}


def test_methods_that_draw_nothing_do_not_say_how_much_a_set_varies() -> None:
    records = [record(f"s{place}@npz", name, seed) for place in (0, 1) for name in ("BCE", "FL") for seed in range(3)]
    flat = [record(f"s{place}@npz", name) for place in (0, 1) for name in ("LR", "ML-KNN", "BRkNN")]
    alone, beside = (
        power.study_reaches(found, found.compared(["FL"]))
        for found in (Observed(records, selecting="own"), Observed([*records, *flat], selecting="own"))
    )
    assert alone == beside
    assert all(one.smallest[5] > 0 for one in alone[HAMMING])


def test_tables_and_the_sentence_are_of_the_committed_records() -> None:
    observed = Observed(relative.read(FOLDER))
    found = power.study_reaches(observed, observed.compared(["FLEM-D", "FL", "LEVI"]))
    stated = cells(power.stated_table(found))
    assert stated[-1][0] == power.OVER_SETS
    assert len(stated) == len({one.job.dataset for one in observed.records}) + 1
    for line, one in zip(stated, found[HAMMING], strict=True):
        assert line[:2] == [relative.short(one.name), f"{one.smallest[power.STATED]:.1f}"]
    by_seeds = cells(power.by_seeds_table(found[HAMMING]))
    assert len(by_seeds) == len(stated) - 1 - sum(one.folds > 0 for one in found[HAMMING])
    assert {line[1] for line in by_seeds} == {"–"}  # a single seed shows nothing on a set
    said = power.power_sentence(found[HAMMING])
    sets = [one.smallest[power.STATED] for one in found[HAMMING][:-1]]
    assert f"; {min(sets):.1f} % on " in said
    assert f" to {max(sets):.1f} % on " in said
    assert power.power_sentence([]) == "No set has two seeds, so what the study can show is not known."
