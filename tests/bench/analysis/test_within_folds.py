"""The corrected resampled t-test, and tables and statistics in which folds, copies and families count once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from scipy import integrate
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

from bench import config
from bench.analysis.hypothesis_tests import corrected_resampled_t
from bench.analysis.over_datasets import complete_values, significance
from bench.analysis.paper_claims import OF_TABLES
from bench.analysis.within_folds import folded_columns, folds_in_words
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.states import JobState
from bench.records.record import JobName, Manifest
from bench.tables.comparison import comparison, paper_table
from bench.tables.table import MetricTable
from bench.text import Grid, as_text
from tests.records import record, result

METHODS = ["FL", "CB", "FLEM-D"]
HAMMING = PAPER_METRICS[0]


def t_density(x: float, freedom: int) -> float:
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    return scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2)


@pytest.mark.parametrize(("folds", "ratio"), [(2, 1.0), (5, 0.25), (10, 1 / 9), (20, 0.25)])
def test_the_corrected_t_test_equals_its_formula_written_out(folds: int, ratio: float) -> None:
    differences = np.random.default_rng(folds).normal(0.3, 1, folds).tolist()
    mean = sum(differences) / folds
    variance = sum((value - mean) ** 2 for value in differences) / (folds - 1)
    t = mean / math.sqrt((1 / folds + ratio) * variance)
    tail, _ = integrate.quad(t_density, abs(t), math.inf, args=(folds - 1,))
    found = corrected_resampled_t(np.array(differences), ratio)
    assert found.t == pytest.approx(t)
    assert found.p == pytest.approx(2 * tail, abs=1e-7)
    assert (found.mean, found.std, found.folds) == (pytest.approx(mean), pytest.approx(math.sqrt(variance)), folds)


def test_the_corrected_t_test_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, variance 1; with a ratio of 1/2 the variance of the mean is 5/6. At two degrees of
    freedom p is 1 - t / sqrt(t^2 + 2)."""
    found = corrected_resampled_t(np.array([1.0, 2.0, 3.0]), 0.5)
    t = 2 / math.sqrt(5 / 6)
    assert (found.t, found.p) == (pytest.approx(t), pytest.approx(1 - t / math.sqrt(t * t + 2)))


def test_the_corrected_t_test_gives_the_published_numbers() -> None:
    """scikit-learn's example "Statistical comparison of models using grid search": 10 repeats of 10 folds, t 0.750 and
    one-sided p 0.227."""
    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (
        cross_val_score(SVC(random_state=0, kernel=kernel), x, y, scoring="roc_auc", cv=folds)
        for kernel in ("rbf", "linear")
    )
    found = corrected_resampled_t(rbf - linear, 10 / 90)
    assert (round(found.t, 3), round(found.p / 2, 3)) == (0.750, 0.227)


def test_differences_without_spread() -> None:
    assert (corrected_resampled_t(np.zeros(4), 0.2).t, corrected_resampled_t(np.zeros(4), 0.2).p) == (0.0, 1.0)
    assert corrected_resampled_t(np.full(4, -0.1), 0.2).t == -math.inf
    with pytest.raises(ValueError, match="needs 2 folds; there is 1"):
        corrected_resampled_t(np.ones(1), 0.2)


def states(values: Mapping[str, Mapping[str, float]], digests: Mapping[str, str] | None = None) -> list[JobState]:
    """Of ``values``: {NAME@extractor: {variant: Hamming loss}}, with two seeds about the value."""
    made = []
    for full, by_variant in values.items():
        name, _, extractor = full.partition("@")
        for variant, value in by_variant.items():
            for seed, shift in enumerate((-0.01, 0.01)):
                job = JobName(name, extractor, variant, seed)
                measured = result({"hamming": value + shift}, n_samples={"train": 60, "val": 20, "test": 20})
                own = record(job, measured, key={"data": (digests or {}).get(full, full)})
                made.append(JobState(job, "done", record=own))
    return made


def table(made: list[JobState], families: Mapping[str, list[str]] | None = None) -> MetricTable:
    settings = config.load(Path("/nonexistent"))
    settings = replace(settings, tables=replace(settings.tables, families=dict(families or {})))
    full = list(dict.fromkeys(state.job.full_dataset for state in made))
    return comparison(made, HAMMING, settings, Manifest(datasets=full, variants=METHODS), METHODS)


def of(*values: float) -> dict[str, float]:
    return dict(zip(METHODS, values, strict=True))


FOLDS = {f"{name}[fold={fold}of5]@npz": of(0.3 + 0.01 * fold, 0.2, 0.1 + 0.002 * fold * fold)
         for name in ("emotions", "scene", "yeast") for fold in range(1, 6)}  # fmt: skip


def test_fifteen_folds_of_three_sets_are_three_sets() -> None:
    made = table(states(FOLDS))
    values, left_out = complete_values(made, METHODS)
    assert list(values.index) == ["yeast", "emotions", "scene"]  # bench.toml puts yeast first, and so its folds
    assert not left_out
    assert values.to_numpy() == pytest.approx(np.tile([0.33, 0.2, 0.122], (3, 1)))
    text = as_text(significance(made, METHODS, "FLEM-D"))
    assert "Mean ranks over 3 data sets" in text
    assert "So 3 data sets of 15 columns; averages and tests are over those without gaps." in text
    assert "With 3 data sets the smallest p that Wilcoxon's test can give is 0.25" in text
    assert "So 3 data sets of 15 columns; averages and tests are over those without gaps." in made.notes


def test_the_grid_over_folds_is_the_test_of_the_means_over_seeds() -> None:
    own = {name: value for name, value in FOLDS.items() if name.startswith("yeast")}
    made = table(states(own))
    assert folded_columns(made) == {"yeast": [name.partition("@")[0] for name in own]}
    said, grid = folds_in_words(made, states(own), METHODS, "FLEM-D")
    assert isinstance(grid, Grid)
    assert "yeast, over its 5 folds (corrected resampled t-test, test rows / training rows 0.333; Holm over 2" in str(
        said
    )
    expected = corrected_resampled_t(np.array([one["CB"] - one["FLEM-D"] for one in own.values()]), 1 / 3)
    assert grid.body[1][:3] == ["CB", "5", f"{expected.mean:+.4f}"]
    assert grid.body[1][4:6] == [f"{expected.t:+.2f}", f"{expected.p:.4f}"]


def test_a_fold_without_a_method_is_left_out_of_its_sets_mean() -> None:
    less = {name: {k: v for k, v in value.items() if k != "CB" or "=5" not in name} for name, value in FOLDS.items()}
    values, left_out = complete_values(table(states(less)), METHODS)
    assert left_out == [f"{name}[fold=5of5]" for name in ("yeast", "emotions", "scene")]
    assert values.loc["yeast"].tolist() == pytest.approx([0.325, 0.2, 0.115])


def test_extractors_are_one_set_and_folds_of_each_are_tested_apart() -> None:
    both = {f"yeast[fold={fold}of2]@{extractor}": of(0.3, 0.2, 0.1 * fold) for extractor in "ab" for fold in (1, 2)}
    made = table(states(both))
    assert [one.name for one in made.independent_sets] == ["yeast"]
    assert [len(columns) for columns in folded_columns(made).values()] == [2, 2]


def test_copies_count_once_with_the_first_ones_values() -> None:
    names = ["a", "b", "c", "d", "e", "other"]
    digests = {f"{name}@npz": "same" for name in names[:5]}
    made = table(states({f"{name}@npz": of(0.3, 0.2, 0.1) for name in names}, digests))
    assert list(complete_values(made, METHODS)[0].index) == ["a", "other"]
    assert made.columns == names
    assert "b, c, d, e have the same arrays as a; they count once, by the values of a." in made.notes


def test_a_declared_family_counts_once_in_average_ranks_tests_and_claims() -> None:
    values = {"s1@npz": of(0.1, 0.2, 0.3), "s2@npz": of(0.1, 0.2, 0.3), "s3@npz": of(0.3, 0.2, 0.1),
              "other@npz": of(0.3, 0.2, 0.1)}  # fmt: skip
    made = table(states(values), {"S": ["s1", "s2", "s3"]})
    assert made.averages == {"FL": "2.3", "CB": "2.0", "FLEM-D": "1.7"}  # (1 + 1 + 3) / 3 and 3: 7 / 3
    assert [one.name for one in made.independent_sets] == ["S", "other"]
    pair = OF_TABLES[-1]
    counts = [pair.count(made, one) for one in made.independent_sets]
    assert sorted((count.holds, count.cases) for count in counts) == [(0, 2), (2, 2)]
    assert table(states(values)).averages["FL"] == "2.0"


def test_a_declared_family_counts_once_in_the_papers_tables() -> None:
    settings = config.load(Path("/nonexistent"))
    declared = replace(settings, tables=replace(settings.tables, families={"COCO": ["COCO14", "COCO17"]}))
    text = as_text(significance(paper_table(HAMMING, declared), METHODS, "FLEM-D"))
    assert "Mean ranks over 7 data sets" in text
    assert "Mean ranks over 8 data sets" in as_text(significance(paper_table(HAMMING, settings), METHODS, "FLEM-D"))
