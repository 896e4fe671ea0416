"""Universes against a plain walk through the records, one universe at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import fmean

import numpy as np
import pytest
import scipy.stats
from msgspec import UNSET
from msgspec.structs import replace

from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Record
from study.converged import parts
from study.converged.multiverse import universes as u
from study.converged.multiverse.reselection import RULES, cells_of, results_of
from tests.study.converged.multiverse.made import OWN_GRID, record, signed

METHODS = ["BCE", "FL", "LR"]
DATASETS = ["scene@npz", "yeast@mulan", "Reuters@one", "Reuters@two", "GoEmotions@npz"]
FOLDS = [f"emotions[fold={fold}of2]@npz" for fold in (1, 2)]
HAMMING, PRECISION = 0, 3


def records_of(methods: Sequence[str] = METHODS, draw: int = 0) -> list[Record]:
    return [
        record(dataset, method, seed, points=OWN_GRID, draw=draw)
        if method == "LR"
        else record(dataset, method, seed, draw=draw)
        for dataset in (*DATASETS, *FOLDS)
        for method in methods
        for seed in (range(2) if dataset in DATASETS and method == "BCE" else (0,))
    ]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return records_of()


@pytest.fixture(scope="module")
def found(records: list[Record]) -> u.Multiverse:
    return u.multiverse(records, ["BCE"])


def levels(found: u.Multiverse, universe: int) -> dict[str, str]:
    code = found.codes[universe]
    return {choice.name: choice.options[at] for choice, at in zip(found.choices, code, strict=True)}


def value(one: Record, of: Mapping[str, str], metric: int) -> float:
    """A record's loss in a universe, found without arrays; not of a small search."""
    assert one.result is not None
    criterion = {u.BY_HAMMING: HAMMING, u.BY_PRECISION: PRECISION, u.BY_OWN: metric}[of[u.SELECTION.name]]
    threshold = u.THRESHOLD.options.index(of[u.THRESHOLD.name])
    if threshold:
        decided = one.decisions.rules[RULES[threshold - 1]]["hamming"].test["hamming"]  # type: ignore[union-attr]
        assert decided is not None
        return decided
    if of[u.EPOCH.name] == u.EPOCH_OF_METRIC:
        assert isinstance(one.result.also_selected, dict)
        return signed(one.result.also_selected[PAPER_METRICS[criterion].option].test, metric)
    kept = [
        point
        for point in one.result.grid
        if (of[u.RATE.name] == u.SEARCHED or point.hyperparameters.get("learning_rate", 1e-3) == 1e-3)
        and (of[u.REGULARISATION.name] == u.SEARCHED or point.hyperparameters.get("weight_decay", 1e-4) == 1e-4)
    ]
    best = min(kept, key=lambda point: (signed(point.val or {}, criterion), signed(point.val or {}, 1)))
    return signed(best.test or {}, metric)


def naive(records: Sequence[Record], found: u.Multiverse, universe: int) -> list[float]:
    """Scores that rank methods in a universe of all sets, by loops."""
    of = levels(found, universe)
    metric = u.METRIC.options.index(of[u.METRIC.name])
    draw = int(found.codes[universe, [one.name for one in found.choices].index(u.SEED.name)]) - 1
    on_sets: dict[str, list[list[float]]] = {}
    for dataset in found.sets:
        base = dataset.partition("@")[0]
        losses = []
        for method in found.methods:
            own = [
                value(one, of, metric)
                for one in records
                if f"{one.job.dataset.partition('[')[0]}@{one.job.extractor}" == dataset and one.job.variant == method
            ]
            losses.append(fmean(own) if of[u.SEED.name] == u.MEAN_SEED else own[draw % len(own)])
        best = min(losses)
        scores = {
            u.MEAN_RANK: scipy.stats.rankdata(losses).tolist(),
            u.DIFFERENCE: [(loss - best) / abs(best) for loss in losses],
            u.WINS: [-(loss == best) / losses.count(best) for loss in losses],
        }
        on_sets.setdefault(base, []).append(scores[of[u.AGGREGATION.name]])
    of_independent = [np.mean(columns, axis=0) for columns in on_sets.values()]
    return np.mean(of_independent, axis=0).tolist()


def test_universes_are_what_loops_give(records: list[Record], found: u.Multiverse) -> None:
    assert found.methods == METHODS
    assert len(found.sets) == len(DATASETS) + 1
    simple = (found.option(u.SETS) == u.ALL_SETS) & (found.option(u.BUDGET.name) == u.ALL_POINTS)
    rows = np.flatnonzero(simple)
    tested = {tuple(found.codes[row]) for row in rows[::7]}
    assert len(tested) > 100
    for choice in (*u.OF_VALUES, u.SEED, u.AGGREGATION):
        seen = set(found.option(choice.name)[rows[::7]])
        assert seen == set(choice.levels) - {u.SOME_POINTS}
    for row in rows[::7]:
        assert found.scores[row] == pytest.approx(naive(records, found, row), abs=1e-8)
        assert found.ranks[row].tolist() == scipy.stats.rankdata(found.scores[row]).tolist()


def test_universes_are_those_that_records_hold(found: u.Multiverse) -> None:
    plans = Counter(tuple(code) for code in found.codes[:, 1 : 1 + len(u.OF_VALUES)])
    assert len(set(plans.values())) == 1  # each with all seeds, sets and averages
    options = [range(len(choice.options)) for choice in u.OF_VALUES]
    expected = set()
    for code in product(*options):
        rate, decay, budget, selection, epoch, _, metric = (
            choice.options[at] for choice, at in zip(u.OF_VALUES, code, strict=True)
        )
        whole = (rate, decay, budget) == (u.SEARCHED, u.SEARCHED, u.ALL_POINTS)
        shown = metric == PAPER_METRICS[HAMMING].title
        by_hamming = selection == u.BY_HAMMING or (selection == u.BY_OWN and shown)
        if epoch == u.EPOCH_OF_METRIC and (by_hamming or not whole):
            continue
        if code[u.OF_VALUES.index(u.THRESHOLD)] and not (shown and by_hamming and whole):
            continue
        expected.add(code)
    assert set(plans) == expected


def test_without_decisions_and_other_selections_these_choices_are_none(records: list[Record]) -> None:
    bare = [
        replace(one, decisions_json=UNSET, result=replace(one.result, also_selected=UNSET))
        for one in records
        if one.result
    ]
    found = u.multiverse(bare, ["BCE"])
    assert set(found.option(u.EPOCH.name)) == {u.EPOCH_OF_HAMMING}
    assert set(found.option(u.THRESHOLD.name)) == {u.THRESHOLD.options[0]}


def test_levels_count_equally(found: u.Multiverse) -> None:
    assert found.weights.sum() == pytest.approx(1)
    for choice in found.choices:
        if choice not in u.CONDITIONAL:
            for level in choice.levels:
                share = found.weights[found.option(choice.name) == level].sum()
                assert share == pytest.approx(1 / len(choice.levels)), (choice.name, level)


def test_a_small_search_draws_from_the_allowed(records: list[Record]) -> None:
    """Of the four points with the protocol's learning rate, four at random are all."""
    results = results_of(cells_of(one for one in records if one.job.variant != "LR"), ["BCE", "FL"])
    kept: u.Levels = {u.RATE.name: ["the protocol's"], u.REGULARISATION.name: [u.SEARCHED]}
    found = u.multiverse([one for one in records if one.job.variant != "LR"], ["BCE"], within=kept)
    some = found.option(u.BUDGET.name) == u.SOME_POINTS
    assert (
        np.unique(found.ranks[some], axis=0) == np.unique(found.ranks[~some & (found.codes[:, 4] >= 0)], axis=0)
    ).all()
    assert results.within(rate=False, regularisation=True).sum(-1).max() == u.FEW


def test_sets_that_depend_on_each_other_count_once(found: u.Multiverse) -> None:
    choice, weights = u.choice_of_sets(found.sets)
    assert weights.sum(1) == pytest.approx(1)
    of_option = [dict(zip(found.sets, line, strict=True)) for line in weights]
    texts = of_option[choice.options.index("texts")]
    assert texts["Reuters@one"] == texts["Reuters@two"] == texts["GoEmotions@npz"] / 2 == 0.25
    classic = of_option[choice.options.index("classic")]
    assert {name for name, weight in classic.items() if weight} == {"scene@npz", "yeast@mulan", "emotions@npz"}
    assert "photographs" not in choice.levels
    families = {name.partition("@")[0] for name in found.sets}
    assert choice.levels[u.WITHOUT_ONE] == len(families)
    for option, line in zip(choice.options, of_option, strict=True):
        if option == u.WITHOUT_ONE:
            assert len({name.partition("@")[0] for name, weight in line.items() if weight}) == len(families) - 1


def test_kinds_are_of_the_studys_sets() -> None:
    named = {name.partition("@")[0] for of_kind in u.KINDS.values() for name in of_kind}
    assert {name.partition("@")[0].partition("[")[0] for part in parts.PARTS for name in part.datasets} <= named


def test_ranks_are_scipys() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (3, 5, 7)).astype(float)
    assert u.ranks(scores).tolist() == scipy.stats.rankdata(scores, axis=-1).tolist()


def test_methods_without_all_sets_are_named(records: list[Record]) -> None:
    found = u.multiverse([*records, record("scene", "CB")], ["BCE"])
    assert found.methods == METHODS
    assert set(found.lacking) == {"CB"}
    with pytest.raises(UsageError, match="no data set has records of all of BCE and CC"):
        u.multiverse(records, ["BCE", "CC"])
    with pytest.raises(UsageError, match="fewer than two methods have records of "):
        u.multiverse(records, ["BCE"], ["BCE"])


def test_two_runs_are_one_choice_more(records: list[Record]) -> None:
    there = records_of(draw=1)
    found = u.two_runs("place", {"here": records, "there": there[:-1]}, ["BCE"], u.DECLARED)
    assert found is not None
    assert found.methods == ["BCE", "FL"]  # the last record is LR's
    assert found.choices[0].options == ["here", "there"]
    for name, run in (("here", records), ("there", there)):
        alone = u.multiverse(run, ["BCE"], found.methods, u.DECLARED)
        assert found.scores[found.option("place") == name].tolist() == alone.scores.tolist()
    assert u.two_runs("place", {"here": records, "there": records_of(["CC"])}, ["BCE"], u.DECLARED) is None
