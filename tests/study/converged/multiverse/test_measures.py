"""Measures over universes, against loops over their pairs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bench.metrics.catalogue import PAPER_METRICS
from study.converged.multiverse import universes as u
from study.converged.multiverse.measures import movements, of_run, standings, without_copies
from tests.study.converged.multiverse.made import record

DATASETS = ["scene", "yeast", "enron"]
METHODS = ["BCE", "CB", "FL", "FLEM-D"]
KEPT: u.Levels = {
    u.BUDGET.name: [u.ALL_POINTS],
    u.SELECTION.name: [u.BY_HAMMING, u.BY_PRECISION],
    u.METRIC.name: [metric.title for metric in PAPER_METRICS[:2]],
}


@pytest.fixture(scope="module")
def found() -> u.Multiverse:
    return u.multiverse([record(*job) for job in jobs()], ["BCE"], within=KEPT)


def test_a_seed_moves_something_where_there_are_several() -> None:
    several = [record(*job, seed) for job in jobs() for seed in range(2)]
    assert u.SEED.name in {one.choice for one in movements(u.multiverse(several, ["BCE"], within=u.DECLARED))}


def jobs() -> list[tuple[str, str]]:
    return [(dataset, method) for dataset in DATASETS for method in METHODS]


def test_movements_are_means_over_pairs_of_universes(found: u.Multiverse) -> None:
    place = {tuple(code): row for row, code in enumerate(found.codes.tolist())}
    moved = {one.choice: one for one in movements(found)}
    assert set(moved) == {
        u.RATE.name, u.REGULARISATION.name, u.SELECTION.name, u.EPOCH.name, u.THRESHOLD.name, u.METRIC.name, u.SETS,
        u.AGGREGATION.name,
    }  # fmt: skip
    for column, choice in enumerate(found.choices):
        changes, weights = [], []
        for code, row in place.items():
            for option in range(code[column] + 1, len(choice.options)):
                other = place.get((*code[:column], option, *code[column + 1 :]))
                if other is None:
                    continue
                a, b = found.ranks[row], found.ranks[other]
                pairs = list(combinations(range(len(a)), 2))
                first, second = (
                    {m: 1 / (one == one.min()).sum() for m in np.flatnonzero(one == one.min())} for one in (a, b)
                )
                common = sum(min(share, second.get(m, 0)) for m, share in first.items())
                swaps = np.mean([(a[i] - a[j]) * (b[i] - b[j]) < 0 for i, j in pairs])
                changes.append((np.abs(a - b).mean(), swaps, 1 - common))
                others = [
                    one.weights[at] for k, (one, at) in enumerate(zip(found.choices, code, strict=True)) if k != column
                ]
                weights.append(np.prod(others) * choice.weights[code[column]] * choice.weights[option])
        if not changes:
            assert choice.name not in moved
            continue
        one = moved[choice.name]
        assert one.pairs == len(changes)
        assert (one.ranks, one.swaps, one.winners) == pytest.approx(np.average(changes, axis=0, weights=weights))
        assert (one.methods, one.sets) == (len(METHODS), len(DATASETS))
        assert one.levels == [level for level in choice.levels if level in found.option(choice.name)]


def test_nothing_moves_between_equal_runs() -> None:
    records = [record(*job) for job in jobs()]
    same = u.two_runs("run", {"one": records, "other": records}, ["BCE"], u.DECLARED)
    other = u.two_runs("run", {"one": records, "other": [record(*job, draw=1) for job in jobs()]}, ["BCE"], u.DECLARED)
    assert same is not None
    assert other is not None
    assert (of_run(same).ranks, of_run(same).swaps, of_run(same).winners) == (0, 0, 0)
    assert of_run(other).swaps > 0


def test_standings_are_shares_of_first_places_and_spans_of_mean_ranks(found: u.Multiverse) -> None:
    once = u.multiverse([record(*job) for job in jobs()], ["BCE"], without_copies(METHODS), KEPT)
    every = standings(found, once)
    assert sum(one.first for one in every) == pytest.approx(1)
    assert sum(one.first_without_copies or 0 for one in every) == pytest.approx(1)
    assert [one.method for one in every if one.first_without_copies is None] == ["CB"]
    assert [one.first for one in every] == sorted((one.first for one in every), reverse=True)
    assert [*every[0].by_metric] == [*KEPT[u.METRIC.name]]
    by_rank = found.option(u.AGGREGATION.name) == u.MEAN_RANK
    for one in every:
        m = found.methods.index(one.method)
        wins = [
            weight / (line == line.min()).sum()
            for weight, line in zip(found.weights, found.ranks, strict=True)
            if line[m] == line.min()
        ]
        assert one.first == pytest.approx(sum(wins))
        for title, share in one.by_metric.items():
            shown = found.option(u.METRIC.name) == title
            assert share == pytest.approx(np.average(found.firsts[shown, m], weights=found.weights[shown]))
        scores, weights = found.scores[by_rank, m], found.weights[by_rank]
        assert (one.lowest, one.highest) == (scores.min(), scores.max())
        assert weights[scores <= one.median].sum() >= weights.sum() / 2 - 1e-9
        assert weights[scores < one.median].sum() <= weights.sum() / 2 + 1e-9


def test_near_copies_stand_for_one() -> None:
    assert without_copies(["BCE", "CB", "FL", "FLEM-D", "FLEM-S"]) == ["BCE", "FL", "FLEM-D"]
    assert without_copies(["CB", "FLEM-S"]) == ["CB", "FLEM-S"]
