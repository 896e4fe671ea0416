"""Leaders and their intervals against naive re-derivations; sentences for every kind of records there may be."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median, stdev, variance

import numpy as np
import pytest
from msgspec.structs import replace as struct_with
from scipy import stats

from bench import config
from bench.analysis.answer import Answer, answer, baseline
from bench.analysis.answer.leads import Lead, comparable, leads
from bench.analysis.bootstrap import Interval
from bench.analysis.wins import win_counts
from bench.analysis.within_datasets import First, Resampled
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.plan.states import JobState
from bench.protocol import Protocol
from bench.records.record import JobName, Manifest
from bench.tables.comparison import comparison, paper_table
from bench.tables.table import MetricTable
from tests.records import record, result

SETTINGS = config.load(Path("/nonexistent"))
HAMMING, PRECISION = PAPER_METRICS[0], PAPER_METRICS[3]
Values = Mapping[str, Mapping[str, Sequence[float | None]]]
"""{data set: {method: a value a seed}}."""


def states_of(values: Values) -> list[JobState]:
    states = []
    for dataset, of_set in values.items():
        name, _, extractor = dataset.partition("@")
        for method, seeds in of_set.items():
            for seed, value in enumerate(seeds):
                job = JobName(name, extractor or "npz", method, seed)
                test = {metric.key: value for metric in PAPER_METRICS}
                states.append(JobState(job, "done", record=record(job, result(test))))
    return states


def tables_of(states: list[JobState], *metrics: Metric) -> list[MetricTable]:
    methods = list(dict.fromkeys(state.job.variant for state in states))
    return [comparison(states, metric, SETTINGS, Manifest(), methods) for metric in metrics]


def lead_of(values: Values, metric: Metric = HAMMING, within: Sequence[Resampled] = ()) -> Lead:
    states = states_of(values)
    (table,) = tables_of(states, metric)
    (lead,) = leads([table], states, table.variants, within)
    return lead


def answered(states: list[JobState], control: str | None = None, **more: object) -> Answer:
    tables = tables_of(states, *PAPER_METRICS)
    variants = tables[0].variants
    return answer(tables, states, variants, control or baseline(variants), SETTINGS, **more)  # type: ignore[arg-type]


# --- over data sets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", [HAMMING, PRECISION], ids=lambda metric: metric.option)
def test_over_sets_methods_stand_by_mean_ranks_and_nemenyis_distance_tells_them_apart(metric: Metric) -> None:
    random = np.random.default_rng(0)
    methods, sets = ["a", "b", "c", "d"], 9
    better = -1 if metric.lower_is_better else 1
    values = {
        f"set{n}": {m: [0.5 + better * (0.02 * random.normal() - 0.03 * k)] for k, m in enumerate(methods)}
        for n in range(sets)
    }
    lead = lead_of(values, metric)

    def rank(method: str, of_set: Mapping[str, Sequence[float]]) -> int:
        return 1 + sum(better * of_set[other][0] > better * of_set[method][0] for other in methods)

    means = {method: fmean(rank(method, of_set) for of_set in values.values()) for method in methods}
    order = sorted(methods, key=lambda method: means[method])
    distance = 2.569 * math.sqrt(len(methods) * (len(methods) + 1) / (6 * sets))  # q of Demšar's table 5a
    assert [lead.leader, *(gap.method for gap in lead.gaps)] == order
    assert lead.standing == pytest.approx(means[order[0]])
    for gap in lead.gaps:
        assert gap.distance == pytest.approx(means[gap.method] - means[order[0]])
        assert gap.half_width == pytest.approx(distance, rel=1e-3)
        assert gap.shown == (gap.distance > distance)
    assert 0 < len(lead.behind) < 3  # some of both kinds
    assert not lead.real
    assert "but that may be chance" in lead.sentence
    assert f"shown to be behind: {' and '.join(lead.behind)}." in lead.sentence


def test_a_lead_is_real_where_all_others_are_shown_to_be_behind() -> None:
    same_order = {f"set{n}": {"a": [0.1], "b": [0.2], "c": [0.3]} for n in range(12)}
    lead = lead_of(same_order)
    assert (lead.leader, lead.real, lead.tied, lead.behind) == ("a", True, [], ["b", "c"])
    assert lead.sentence.startswith(
        "Hamming loss: a is first (mean rank 1.00 over 12 data sets), and that is more than"
    )
    reversed_lead = lead_of(same_order, PRECISION)
    assert (reversed_lead.leader, reversed_lead.behind) == ("c", ["b", "a"])


@pytest.mark.parametrize("sets", [2, 5, 6])
def test_below_six_sets_nothing_is_shown_even_of_a_method_that_is_better_on_all(sets: int) -> None:
    lead = lead_of({f"set{n}": {"a": [0.1], "b": [0.2], "c": [0.3]} for n in range(sets)})
    assert bool(lead.behind) == (2 * 0.5**sets < 0.05)
    if sets < 6:
        assert lead.basis is None
        assert f"{sets} data sets are too few to say whether that is chance." in lead.sentence
        said = answered(states_of({f"set{n}": {"a": [0.1], "b": [0.2], "c": [0.3]} for n in range(sets)})).undecided
        assert any(f"has p {2 * 0.5**sets:.3g}" in sentence for sentence in said)


@pytest.mark.parametrize("ties", [0, 2])
@pytest.mark.parametrize("wins", range(6, 13))
def test_of_two_methods_the_sign_test_decides(wins: int, ties: int) -> None:
    decided = 12
    outcomes = [0.1] * wins + [0.3] * (decided - wins) + [0.2] * ties
    lead = lead_of({f"set{n}": {"a": [value], "b": [0.2]} for n, value in enumerate(outcomes)})
    tail = sum(math.comb(decided, k) for k in range(wins, decided + 1)) / 2**decided
    assert lead.first == (["a", "b"] if wins * 2 == decided else ["a"])
    assert lead.real == (2 * tail < 0.05)
    (gap,) = lead.gaps
    assert gap.distance == pytest.approx((2 * wins - decided) / (decided + ties))


def test_methods_that_tie_everywhere_are_first_together() -> None:
    lead = lead_of({f"set{n}": {"a": [0.1], "b": [0.1], "c": [0.1]} for n in range(7)})
    assert (lead.first, lead.nearest, lead.real) == (["a", "b", "c"], None, False)
    assert lead.sentence == "Hamming loss: all 3 methods stand alike (mean rank 2.00 over 7 data sets)."
    pair = lead_of({f"set{n}": {"a": [0.1], "b": [0.1], "c": [0.2]} for n in range(7)})
    assert "a and b are first together (mean rank 1.50" in pair.sentence


def test_the_papers_tables_have_an_answer_without_records() -> None:
    tables = [paper_table(metric, SETTINGS) for metric in PAPER_METRICS]
    made = answer(tables, [], tables[0].ranked, "FLEM-D", SETTINGS)
    assert made.compared == "12 methods on 8 independent data sets, values as printed; the baseline is FLEM-D."
    assert [lead.leader for lead in made.leads][1:3] == ["FLEM-D", "FLEM-D"]


# --- on one data set --------------------------------------------------------------------------------------------------

ONE = {"yeast": {"a": [0.10, 0.11, 0.12, 0.11], "b": [0.20, 0.23, 0.21, 0.20], "c": [0.12, 0.10, 0.14, 0.13]}}


@pytest.mark.parametrize("metric", [HAMMING, PRECISION], ids=lambda metric: metric.option)
def test_on_one_set_seeds_give_the_interval_for_all_pairs(metric: Metric) -> None:
    lead = lead_of(ONE, metric)
    of = ONE["yeast"]
    leader = "a" if metric.lower_is_better else "b"
    gains = {m: [x - y for x, y in zip(of[m], of[leader], strict=True)] for m in of if m != leader}
    least = median(variance(gain) for gain in gains.values())
    quantile = stats.t.ppf(1 - 0.05 / 2 / 3, 3)  # three pairs, four seeds
    assert (lead.leader, lead.basis) == (leader, "seeds")
    for gap in lead.gaps:
        assert gap.distance == pytest.approx(abs(fmean(gains[gap.method])))
        wide = quantile * math.sqrt(max(least, variance(gains[gap.method])) / 4)
        assert gap.half_width == pytest.approx(wide)
        assert gap.shown == (gap.distance > wide)
        assert gap.runs == 4
    assert lead.sentence.startswith(f"{metric.title}: {leader} is first ({fmean(of[leader]):.4f} on yeast)")


def test_equal_methods_are_seldom_told_apart_though_the_leader_is_picked() -> None:
    random = np.random.default_rng(1)
    rounds, methods = 60, 8
    shown = picked = 0
    for _ in range(rounds):
        draws = random.normal(0.2, 0.01, (methods, 5))
        lead = lead_of({"yeast": {f"m{k}": draws[k].tolist() for k in range(methods)}})
        shown += bool(lead.behind)
        order = np.argsort(draws.mean(1))
        picked += stats.ttest_rel(draws[order[0]], draws[order[-1]]).pvalue < 0.05
    assert shown <= 0.05 * rounds
    assert picked > 0.15 * rounds  # of a test that forgets the picking


def test_one_run_and_runs_that_do_not_differ_cannot_tell() -> None:
    one = lead_of({"yeast": {"a": [0.1], "b": [0.2], "c": [0.3]}})
    assert (one.leader, one.basis, one.real) == ("a", None, False)
    assert one.sentence.endswith("next is b (0.2000); one run of each cannot say whether that is chance.")
    fixed = lead_of({"yeast": {"a": [0.1, 0.1], "b": [0.2, 0.2], "c": [0.3, 0.3]}})
    assert (fixed.basis, fixed.real) == (None, False)
    assert "their runs do not differ from seed to seed" in fixed.sentence


def test_folds_give_the_corrected_resampled_interval() -> None:
    random = np.random.default_rng(2)
    folds = 5
    values = {
        f"yeast[fold={k}of{folds}]": {m: [0.2 + 0.05 * j + 0.01 * random.normal()] for j, m in enumerate("abc")}
        for k in range(1, folds + 1)
    }
    lead = lead_of(values)
    assert (lead.leader, lead.basis, lead.sets) == ("a", "folds", ["yeast"])
    for gap in lead.gaps:
        differences = [of[gap.method][0] - of["a"][0] for of in values.values()]
        ratio = 2 / 6  # tests/records.py: two test rows, six training rows
        wide = stats.t.ppf(1 - 0.05 / 2 / 3, folds - 1) * stdev(differences) * math.sqrt(1 / folds + ratio)
        assert gap.half_width == pytest.approx(wide)


def test_resampled_intervals_go_before_those_of_seeds() -> None:
    def resampled(seeds: int) -> list[Resampled]:
        found = [Interval("b", 0.1, 0.06, 0.14, 0.01, seeds), Interval("c", 0.0125, -0.01, 0.035, 0.3, seeds)]
        return [Resampled("yeast@npz", "c", {}, 10, (), {"hamming": First("a", found)})]

    lead = lead_of(ONE, within=resampled(4))
    assert lead.basis == "test instances and seeds"
    assert {gap.method: (gap.half_width, gap.shown) for gap in lead.gaps} == {
        "c": (pytest.approx(0.0225), False),
        "b": (pytest.approx(0.04), True),
    }
    single = lead_of({"yeast": {m: seeds[:1] for m, seeds in ONE["yeast"].items()}}, within=resampled(1))
    assert (single.behind, single.real) == ([], False)  # two trained models are not their methods
    assert "of these trained models, not of their methods" in single.sentence


# --- whatever records there are ---------------------------------------------------------------------------------------


def test_nothing_one_method_and_undefined_values_are_said() -> None:
    alone = answered(states_of({"yeast": {"mine": [0.1, 0.2]}}))
    assert alone.compared.startswith("One method, mine, on one data set, yeast, 2 runs of each (seeds 0 and 1).")
    assert [lead.leader for lead in alone.leads] == [None] * 4
    assert alone.leads[0].sentence.startswith("Hamming loss: nothing can be compared;")
    assert alone.against["hamming"] == {}
    undefined = answered(states_of({"yeast": {"a": [None], "b": [None]}}))
    assert undefined.compared == "Nothing was compared: no method has a value."
    assert {lead.leader for lead in undefined.leads} == {None}
    assert undefined.meaning == ""
    apart = lead_of({"yeast": {"a": [0.1]}, "scene": {"b": [0.1]}})
    assert apart.leader is None


def test_methods_with_few_values_do_not_take_the_sets_from_the_others() -> None:
    values: dict[str, dict[str, list[float | None]]] = {
        f"set{n}": {"a": [0.1 + n / 100], "b": [0.2], "c": [0.3]} for n in range(8)
    }
    values["set0"]["rare"] = [0.01]
    del values["set7"]["b"]
    states = states_of(values)
    (table,) = tables_of(states, HAMMING)
    assert comparable(table, table.variants) == ["a", "b", "c"]
    (lead,) = leads([table], states, table.variants)
    assert (lead.without_methods, lead.without_sets, len(lead.sets)) == (["rare"], ["set7"], 7)
    said = answered(states).undecided
    assert "Not compared, with values on too few of these data sets: rare." in said
    assert "Left out, because a method has no value there: set7." in said


def test_failures_mixed_protocols_and_gaps_are_said() -> None:
    protocol = SETTINGS.protocols["small"]
    states = [
        replace(state, protocol=protocol if state.job.variant == "a" else struct_with(protocol, epochs=2))
        for state in states_of({"yeast": {"a": [0.1], "b": [0.2]}})
    ]
    failed = JobState(JobName("yeast", "npz", "c", 0), "failed", "out of memory")
    asked = Manifest(protocols={"small": as_settings(protocol)}, earlier_protocols={
        "small": [as_settings(struct_with(protocol, epochs=2))]
    })  # fmt: skip
    said = answered([*states, failed], manifest=asked).undecided
    assert "Not comparable with the rest, by 2 epochs: b on yeast." in said
    assert "Without 1 failed record: their rows may lack values." in said


def as_settings(protocol: Protocol) -> dict[str, object]:
    return {name: getattr(protocol, name) for name in protocol.__struct_fields__}


def test_stand_ins_other_features_and_simulated_labels_are_marked() -> None:
    values = {name: {"a": [0.1], "b": [0.2]} for name in ("VOC07tv@x", "Reuters@y", "yeast[noise=20%]")}
    said = answered(states_of(values), stand_ins={"VOC07tv": "VOC07", "yeast": "yeast"}).compared
    assert "Data that stand in for the paper's: VOC07tv for VOC07." in said
    assert "Features that stand in for the paper's: those of Reuters." in said
    assert "Simulated: label noise in yeast[noise=20%]." in said


def test_the_baseline_is_flem_d_else_bce_else_the_first() -> None:
    assert baseline(["FL", "BCE", "FLEM-D"]) == "FLEM-D"
    assert baseline(["FL", "BCE"]) == "BCE"
    assert baseline(["mine", "yours"]) == "mine"


def test_wins_are_counted_against_the_baseline() -> None:
    values = {"x": {"a": [0.1], "b": [0.2]}, "y": {"a": [0.2], "b": [0.2]}, "z": {"a": [0.1], "b": [0.2]}}
    made = answered(states_of(values), control="b")
    assert made.against["hamming"] == {"a": (2, 1, 0)}
    assert made.against["average_precision"] == {"a": (0, 1, 2)}
    (table,) = tables_of(states_of(values), HAMMING)
    assert win_counts(table, "a", "b") == (2, 1, 0)


def test_an_average_rank_that_names_another_leader_is_explained() -> None:
    # Ties cost a half here and nothing in the tables: "a" ties for first four times, "b" wins three of seven alone.
    sets = [("a", "c"), ("a", "c"), ("a", "c"), ("a", "c"), ("b",), ("b",), ("b",)]
    values = {}
    for n, best in enumerate(sets):
        second = "b" if "b" not in best else "a"
        values[f"set{n}"] = {m: [0.1 if m in best else 0.2 if m == second else 0.3] for m in "abc"}
    made = answered(states_of(values))
    (table,) = tables_of(states_of(values), HAMMING)
    least = min(map(float, table.averages.values()))
    first = [name for name, average in table.averages.items() if float(average) == least]
    explained = [
        sentence for sentence in made.undecided if sentence.startswith("Hamming loss: by the table's Avg. Rank")
    ]
    assert bool(explained) == (made.leads[0].leader not in first)


def test_forty_methods_by_forty_sets_take_less_than_a_second() -> None:
    random = np.random.default_rng(3)
    values = {f"set{n}": {f"m{k}": [float(random.random())] for k in range(40)} for n in range(40)}
    states = states_of(values)
    tables = tables_of(states, *PAPER_METRICS)
    start = time.process_time()
    made = answer(tables, states, tables[0].variants, "m0", SETTINGS)
    assert time.process_time() - start < 1
    assert all(len(sentence) < 700 for sentence in made.blocks)
    assert len(made.leads[0].gaps) == 39


def test_sentences_are_whole_for_many_kinds_of_records() -> None:
    for sets, methods, seeds in itertools.product((1, 3, 7), (1, 2, 3, 9), (1, 2)):
        random = np.random.default_rng(sets * methods * seeds)
        draws = random.random((sets, methods, seeds)).round(2)
        made = answered(
            states_of({f"s{i}": {f"m{j}": draws[i, j].tolist() for j in range(methods)} for i in range(sets)})
        )
        for sentence in made.blocks:
            assert sentence.endswith((".", ")."))
            assert "nan" not in sentence
            assert "inf" not in sentence
            assert "  " not in sentence
