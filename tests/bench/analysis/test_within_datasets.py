"""Resampling of test instances: against the metrics of repeated rows, against scipy, and where nothing differs."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from bench.analysis.bootstrap import (
    Values,
    instance_losses,
    intervals,
    resampled_average_precision,
    resamples,
    values_of,
)
from bench.analysis.hypothesis_tests import needed_deviations, power
from bench.analysis.within_datasets import in_words, power_in_words, resampled
from bench.metrics import classification
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.states import JobState
from bench.records.artifacts import KeptScores, encode_scores
from bench.records.record import JobName
from bench.text import as_text
from tests.records import record


def made(seed: int, rows: int = 40, labels: int = 6, quality: float = 0.7) -> KeptScores:
    """Scores with ties, rows without positives and rows without negatives."""
    random = np.random.default_rng(seed)
    y = (np.random.default_rng(99).random((rows, labels)) < 0.3).astype(np.int8)
    y[0], y[1] = 0, 1
    y[:, -1] = 0  # a class that has no positive
    scores = np.round(quality * y + random.normal(size=y.shape), 1).astype(np.float32)
    return KeptScores(scores, y, 0.2, [f"l{j}" for j in range(labels)])


@pytest.mark.parametrize("seed", range(3))
def test_instance_losses_average_to_the_metrics(seed: int) -> None:
    kept = made(seed)
    y, scores = torch.from_numpy(kept.y), torch.from_numpy(kept.scores)
    found, expected = instance_losses(kept), classification.evaluate(y, scores, kept.threshold)
    for metric in ("hamming", "ranking", "coverage"):
        assert found[metric].mean() == pytest.approx(expected[metric], abs=1e-12)


@pytest.mark.parametrize("metric", [metric.key for metric in PAPER_METRICS])
def test_a_resample_has_the_metric_of_its_repeated_rows(metric: str) -> None:
    kept = made(3, rows=12)  # few rows: some resamples lack a class
    counts = resamples(12, samples=30)
    observed, values = values_of(kept, [metric], counts)[metric]
    assert (counts.sum(0) == 12).all()
    for number in range(30):
        rows = np.repeat(np.arange(12), counts[:, number].astype(int))
        y, scores = torch.from_numpy(kept.y[rows]), torch.from_numpy(kept.scores[rows])
        assert values[number] == pytest.approx(classification.evaluate(y, scores, kept.threshold)[metric], abs=1e-6)
    whole = classification.evaluate(torch.from_numpy(kept.y), torch.from_numpy(kept.scores), kept.threshold)[metric]
    assert observed == pytest.approx(whole, abs=1e-6)


def test_a_resample_without_any_positive_has_no_average_precision() -> None:
    kept = KeptScores(np.array([[1.0], [0.0]], dtype=np.float32), np.array([[1], [0]], dtype=np.int8), 0.5, ["a"])
    found = resampled_average_precision(kept, np.array([[2, 0], [0, 2]], dtype=np.float32))
    assert found[0] == 1
    assert np.isnan(found[1])


def test_an_interval_of_one_method_is_scipys() -> None:
    one, control = made(1, rows=300, quality=1.0), made(2, rows=300, quality=0.6)
    counts = resamples(300, samples=4000)
    values = {name: {0: values_of(kept, ["ranking"], counts)["ranking"]} for name, kept in (("a", one), ("b", control))}
    (found,) = intervals(values, "b")
    assert found.seeds == 1
    gain = instance_losses(one)["ranking"] - instance_losses(control)["ranking"]
    other = stats.bootstrap((gain,), np.mean, n_resamples=4000, method="basic", rng=np.random.default_rng(5))
    assert found.difference == pytest.approx(gain.mean())
    width = other.confidence_interval.high - other.confidence_interval.low
    assert found.low == pytest.approx(other.confidence_interval.low, abs=0.05 * width)
    assert found.high == pytest.approx(other.confidence_interval.high, abs=0.05 * width)


def test_several_methods_widen_the_intervals_and_order_changes_nothing() -> None:
    counts = resamples(200)
    values = {f"m{j}": {0: values_of(made(j, rows=200), ["hamming"], counts)["hamming"]} for j in range(9)}
    together = {one.method: one for one in intervals(values, "m0")}
    (alone,) = intervals({name: values[name] for name in ("m0", "m1")}, "m0")
    assert together["m1"].high - together["m1"].low > 1.2 * (alone.high - alone.low)
    assert together["m1"].p >= alone.p
    backwards = {one.method: one for one in intervals(dict(reversed(values.items())), "m0")}
    assert backwards == together


@cache
def drawn(instances: int, seed: int) -> np.ndarray:
    return resamples(instances, samples=400, seed=seed)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_where_methods_are_alike_some_interval_misses_zero_at_its_rate(seeds: int) -> None:
    """Six methods of one expectation; each seed moves each of them, by more than instances do."""
    random = np.random.default_rng(0)
    rounds, hits = 300, 0
    for number in range(rounds):
        counts = drawn(100, number)
        values: dict[str, Values] = {}
        for j in range(6):
            losses = random.random(100) + 0.05 * random.normal(size=(seeds, 1))
            values[f"m{j}"] = {s: (line.mean(), line @ counts / 100) for s, line in enumerate(losses)}
        hits += any(one.p < 0.05 for one in intervals(values, "m0"))
    assert hits / rounds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)
    assert hits > 0 or seeds == 2  # two seeds decide next to nothing


def test_with_one_seed_only_instances_count() -> None:
    """The same without what seeds do: then one seed is enough."""
    random = np.random.default_rng(0)
    rounds, hits = 300, 0
    for number in range(rounds):
        losses = random.random((100, 6))
        counts = drawn(100, number)
        values = {f"m{j}": {0: (losses[:, j].mean(), losses[:, j] @ counts / 100)} for j in range(6)}
        hits += any(one.p < 0.05 for one in intervals(values, "m0"))
    assert hits / rounds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds) + 0.01  # 0.01: instances are only 100
    assert hits > 0


def test_what_seeds_do_widens_the_interval_by_the_t_distribution() -> None:
    """One method, no instance effect: mean of S differences plus and minus t * deviation / sqrt(S)."""
    gains = np.array([0.1, 0.3, 0.2, 0.6])
    flat = np.zeros(20_000)
    values = {
        "c": dict.fromkeys(range(4), (0.0, flat)),
        "m": {s: (gain, flat + gain) for s, gain in enumerate(gains)},
    }
    (found,) = intervals(values, "c")
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)
    assert found.p == pytest.approx(stats.ttest_1samp(gains, 0).pvalue, abs=0.005)
    assert found.seeds == 4


def test_only_seeds_that_both_have_are_paired() -> None:
    flat = np.zeros(50)
    values = {
        "c": {0: (1.0, flat + 1), 1: (2.0, flat + 2)},
        "m": {1: (2.5, flat + 2.5), 7: (9.0, flat + 9)},
        "other": {5: (1.0, flat)},
    }
    (found,) = intervals(values, "c")
    assert (found.method, found.difference, found.seeds) == ("m", 0.5, 1)
    assert intervals({"c": values["c"], "other": values["other"]}, "c") == []


def test_equal_scores_and_a_difference_on_every_instance() -> None:
    counts = resamples(50, samples=100)
    flat = {0: (0.5, np.full(100, 0.5))}
    worse = {0: (0.7, np.full(100, 0.7))}
    found = {one.method: one for one in intervals({"c": flat, "same": flat, "worse": worse}, "c")}
    assert found["same"].p == 1
    assert found["worse"].p < 0.03  # 2 of 101, by Holm
    assert found["worse"].low == pytest.approx(0.2)
    assert counts.shape == (50, 100)


def entry(folder: Path, row: str, seed: int, kept: KeptScores | None) -> JobState:
    job = JobName("made", "npz", row, seed)
    path = folder / f"{row}-{seed}.json"
    name = f"{row}-{seed}.scores.npz"
    if kept is not None:
        (folder / name).write_bytes(encode_scores(kept))
    artifacts = {"scores.npz": name} if kept else {}
    return JobState(job, "done", "", record(job, artifacts=artifacts), path)


def test_the_report_names_what_is_better_worse_and_without_scores(tmp_path: Path) -> None:
    entries = [
        entry(tmp_path, "good", 0, made(0, rows=400, quality=4.0)),
        entry(tmp_path, "good", 1, made(1, rows=400, quality=4.0)),
        entry(tmp_path, "control", 0, made(2, rows=400, quality=1.0)),
        entry(tmp_path, "alike", 0, made(3, rows=400, quality=1.0)),
        entry(tmp_path, "bad", 0, made(4, rows=400, quality=-3.0)),
        entry(tmp_path, "bare", 0, None),
    ]
    rows = ["good", "control", "alike", "bad", "bare"]
    for metric in PAPER_METRICS:
        text = as_text(in_words(resampled(entries, rows, "control", [metric.key]), metric, detail=True))
        assert (
            "made@npz (400 instances): one seed, so of these trained models, not of methods: that of control is" in text
        )
        assert "better than bad; worse than good; not told apart from alike." in text
        assert "Scores of bare were kept for 0 of 1 seeds." in text
        assert "p (adjusted)" in text
    entries.append(entry(tmp_path, "control", 1, made(7, rows=400, quality=1.0)))
    (seeds,) = in_words(resampled(entries, rows, "control", ["hamming"]), PAPER_METRICS[0], detail=False)
    assert isinstance(seeds, str)
    assert "made@npz (400 instances): control is " in seeds
    assert "alike, bad: one seed, which is taken to move as the others' do." in seeds
    nothing = in_words(resampled(entries, rows, "bare", ["hamming"]), PAPER_METRICS[0], detail=False)
    assert nothing == ["made@npz: nothing to resample. bare has no kept scores there."]
    (alone,) = in_words(resampled(entries, ["control"], "control", ["hamming"]), PAPER_METRICS[0], detail=False)
    assert alone == "made@npz: nothing to resample. No other method has kept scores there."


def test_the_first_methods_intervals_hold_for_all_pairs(tmp_path: Path) -> None:
    rows = ["a", "b", "c", "d"]
    kept = {row: {seed: made(10 * j + seed, quality=0.5 + j) for seed in (0, 1)} for j, row in enumerate(rows)}
    entries = [entry(tmp_path, row, seed, scores) for row, of in kept.items() for seed, scores in of.items()]
    counts = resamples(40, 100)
    for metric in PAPER_METRICS:
        (found,) = resampled(entries, rows, "a", [metric.key], samples=100)
        values = {
            row: {s: values_of(k, [metric.key], counts)[metric.key] for s, k in of.items()} for row, of in kept.items()
        }
        means = {row: np.mean([value for value, _ in of.values()]) for row, of in values.items()}
        leader = (min if metric.lower_is_better else max)(means, key=lambda row: means[row])
        first = found.firsts[metric.key]
        assert first.leader == leader
        # Three comparisons share the level by Bonferroni; six pairs are twice as many.
        assert first.intervals == intervals(values, leader, alpha=0.05 / 2)
        assert found.intervals[metric.key] == intervals(values, "a")


def test_scores_of_other_instances_are_left_out_and_said(tmp_path: Path) -> None:
    entries = [entry(tmp_path, row, 0, made(0, rows=rows)) for row, rows in (("a", 20), ("b", 21), ("c", 20))]
    (found,) = resampled(entries, ["a", "b", "c"], "a", ["hamming"])
    assert [one.method for one in found.intervals["hamming"]] == ["c"]
    assert found.notes == ("The scores of b are of other test labels than a's; run one of them again.",)


def test_resamples_without_a_value_are_left_out_for_all() -> None:
    """Average precision with one positive instance: many resamples have none."""
    y = np.zeros((6, 1), dtype=np.int8)
    y[2] = 1
    counts = resamples(6)
    random = np.random.default_rng(0)
    values: dict[str, Values] = {}
    for name in "abc":
        kept = KeptScores(random.random((6, 1)).astype(np.float32), y, 0.5, ["x"])
        values[name] = {0: values_of(kept, ["average_precision"], counts)["average_precision"]}
    assert np.isnan(values["a"][0][1]).any()
    found = intervals(values, "a")
    assert len(found) == 2
    assert all(np.isfinite([one.low, one.high, one.p]).all() for one in found)
    values["b"] = {0: (math.nan, values["b"][0][1])}
    assert [one.method for one in intervals(values, "a")] == ["c"]


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_control_that_moves_more_than_the_others_raises_no_false_alarms(seeds: int) -> None:
    random = np.random.default_rng(1)
    rounds, hits = 300, 0
    flat = np.zeros(400)
    for _ in range(rounds):
        values: dict[str, Values] = {}
        for j in range(12):
            moves = random.normal(size=seeds) * (5 if j == 0 else 1)
            values[f"m{j}"] = {s: (float(one), flat + one) for s, one in enumerate(moves)}
        hits += any(one.p < 0.05 for one in intervals(values, "m0"))
    assert hits / rounds < 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)


def moved_by_seeds(random: np.random.Generator, seeds: int, others: int, shift: float) -> dict[str, Values]:
    """A control and others whose paired differences deviate by 1 over seeds; the first is moved by ``shift``."""
    flat, values = np.zeros(200), {}
    for j in range(others + 1):
        moves = random.normal(size=seeds) / math.sqrt(2) + shift * (j == 1)
        values[f"m{j}"] = {s: (float(one), flat + one) for s, one in enumerate(moves)}
    return values


@pytest.mark.parametrize(("seeds", "shift"), [(3, 0), (3, 2), (3, 4), (5, 2), (10, 1)])
def test_one_difference_is_shown_as_often_as_its_power_says(seeds: int, shift: float) -> None:
    """Neither more often, nor less: without a difference the rate is 5 %."""
    random, rounds = np.random.default_rng(seeds), 400
    hits = sum(intervals(moved_by_seeds(random, seeds, 1, shift), "m0")[0].p < 0.05 for _ in range(rounds))
    expected = power(shift, seeds, 1)
    error = 3 * math.sqrt(expected * (1 - expected) / rounds)
    assert hits / rounds == pytest.approx(expected, abs=error + 0.005)  # .005: draws are 4000 a round


@pytest.mark.parametrize(("seeds", "shift", "least"), [(5, 3, 0.8), (10, 1.5, 0.8), (10, 0.5, 0.03)])
def test_among_several_methods_a_difference_is_shown_with_the_power_of_bonferroni(
    seeds: int, shift: float, least: float
) -> None:
    """The median deviation of the methods stands in for smaller ones, which costs some power, and no more than that."""
    random, rounds, others = np.random.default_rng(1), 150, 6
    rounds_of = [
        {one.method: one.p for one in intervals(moved_by_seeds(random, seeds, others, shift), "m0")}
        for _ in range(rounds)
    ]
    hits = sum(p["m1"] < 0.05 for p in rounds_of)
    expected = power(shift, seeds, others)
    error = 3 * math.sqrt(expected * (1 - expected) / rounds)
    assert max(least, expected - error - 0.06) <= hits / rounds <= expected + error + 0.02


def test_resampled_instances_show_a_difference_with_the_power_of_the_normal_test() -> None:
    random, rounds, hits = np.random.default_rng(0), 300, 0
    shift, instances = 0.1, 100
    for number in range(rounds):
        losses = random.random((instances, 2)) + np.array([0, shift])
        counts = drawn(instances, number)
        values = {f"m{j}": {0: (losses[:, j].mean(), losses[:, j] @ counts / instances)} for j in range(2)}
        hits += intervals(values, "m0")[0].p < 0.05
    expected = stats.norm.sf(1.96 - shift / math.sqrt(2 / 12 / instances))  # a uniform loss has the variance 1/12
    assert 0.6 < expected < 0.8
    assert hits / rounds == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / rounds) + 0.02)


def test_the_deviation_over_seeds_is_at_least_the_median_one() -> None:
    """By hand: variances 2, 8 and 32 of two seeds; a method of one seed has the median's."""
    flat = np.zeros(20_000)
    gains = {"a": [9.0, 11.0], "b": [8.0, 12.0], "c": [6.0, 14.0], "d": [10.0]}
    values: dict[str, Values] = {"m": dict.fromkeys((0, 1), (0.0, flat))}
    values |= {name: {s: (gain, flat + gain) for s, gain in enumerate(of)} for name, of in gains.items()}
    found = {one.method: one for one in intervals(values, "m")}
    t = stats.t.ppf(1 - 0.05 / 8, 1)
    widths = {name: (one.high - one.low) / 2 for name, one in found.items()}
    for name, variance, seeds in (("a", 8, 2), ("b", 8, 2), ("c", 32, 2), ("d", 8, 1)):
        assert widths[name] == pytest.approx(t * math.sqrt(variance / seeds), rel=0.1)


def test_what_seeds_can_show_stands_beside_the_verdict(tmp_path: Path) -> None:
    entries = [
        entry(tmp_path, row, seed, made(10 * place + seed)) for place, row in enumerate("abc") for seed in range(3)
    ]
    results = resampled(entries, ["a", "b", "c"], "a", ["hamming"])
    (text,) = in_words(results, PAPER_METRICS[0], detail=False)
    assert f"a difference must be {needed_deviations(3, 2):.1f} standard deviations of the paired differences" in text
    assert f"(2 comparisons; a true difference of 2 is shown in {power(2, 3, 2):.0%} of cases)" in text
    assert power_in_words([(1, 12)]) == ""
    assert power_in_words([(3, 12)] * 12).startswith("To be shown, a difference must be 8.9 standard deviations")
    assert "over 3 seeds" in power_in_words([(3, 12), (5, 12)])
    assert "or 2.6 standard deviations of the paired differences over 5 seeds" in power_in_words([(3, 12), (5, 12)])
