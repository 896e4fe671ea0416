"""Each built-in transform against its definition, worked out naively."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from bench.datasets.dataset import SPLITS
from bench.datasets.transforming import TRANSFORMS, TransformError, Value
from tests.bench.datasets.transforms.test_contract import made, small_set

NUMBERS = 0
"""The feature that holds the row's number in the set."""


def rows(spec: str, split: str) -> list[int]:
    return [int(number) for number in made(spec).splits[split].x[:, NUMBERS]]


@pytest.mark.parametrize("options", ["", ":r2", ":stratified", ":stratified:r2"])
def test_folds_are_a_partition_of_all_rows(options: str) -> None:
    if "stratified" in options:
        pytest.importorskip("iterstrat")
    tested = [rows(f"[fold={fold}/5{options}]", "test") for fold in range(1, 6)]
    assert sorted(row for part in tested for row in part) == list(range(120))
    assert {len(part) for part in tested} <= ({24} if "stratified" not in options else set(range(20, 29)))
    for fold in range(1, 6):
        splits = [rows(f"[fold={fold}/5{options}]", split) for split in SPLITS]
        assert sorted(row for part in splits for row in part) == list(range(120))
        assert all(part == sorted(part) for part in splits)
        assert len(splits[1]) == pytest.approx(0.2 * (len(splits[0]) + len(splits[1])), abs=4 if options else 1)


@pytest.mark.parametrize("options", ["", ":r2"])
def test_validation_parts_are_a_partition_of_what_is_learnt_from(options: str) -> None:
    plain = {split: [int(row) for row in arrays.x[:, NUMBERS]] for split, arrays in small_set().splits.items()}
    learnt = sorted(plain["train"] + plain["val"])
    validated = [rows(f"[val={part}/4{options}]", "val") for part in range(1, 5)]
    assert sorted(row for part in validated for row in part) == learnt
    assert max(map(len, validated)) - min(map(len, validated)) <= 1
    for part in range(1, 5):
        splits = [rows(f"[val={part}/4{options}]", split) for split in ("train", "val")]
        assert sorted(row for split in splits for row in split) == learnt
        assert all(split == sorted(split) for split in splits)
        assert rows(f"[val={part}/4{options}]", "test") == plain["test"]


@pytest.mark.parametrize("spec", ["[fold=3/4]", "[val=3/4]"])
def test_a_row_keeps_its_features_and_labels_in_other_splits(spec: str) -> None:
    dataset, fold = small_set(), made(spec)
    x, y = (np.concatenate([getattr(dataset.splits[split], part) for split in SPLITS]) for part in ("x", "y"))
    for part in fold.splits.values():
        index = part.x[:, NUMBERS].astype(int)
        assert np.array_equal(part.x, x[index])
        assert np.array_equal(part.y, y[index])


def test_stratified_folds_spread_positives_more_evenly() -> None:
    pytest.importorskip("iterstrat")

    def spread(options: str) -> float:
        parts = [made(f"[fold={fold}/5{options}]").splits["test"].y.sum(0) for fold in range(1, 6)]
        return float(np.std(parts, axis=0).sum())

    assert spread(":stratified") < min(spread(""), spread(":r2"), spread(":r3"))


def test_folds_of_a_few_rows() -> None:
    assert len(rows("[fold=7/60]", "test")) == 2
    with pytest.raises(TransformError, match="small: 121 folds of 120 rows"):
        made("[fold=1/121]")
    with pytest.raises(TransformError, match=r"split test: the features have the shape \(1, 3\)"):
        made("[fold=1/120]")


def test_a_share_of_the_training_rows() -> None:
    assert len(rows("[train=50%]", "train")) == 35
    assert rows("[train=50%]", "train") == sorted(rows("[train=50%]", "train"))
    assert set(rows("[train=30%]", "train")) < set(rows("[train=50%]", "train")) < set(rows("[train=100%]", "train"))
    assert rows("[train=100%]", "train") == list(range(70))
    assert len(rows("[train=50%:val]", "val")) == 10
    assert rows("[train=50%:r2]", "train") != rows("[train=50%]", "train")


@pytest.mark.parametrize("shots", [1, 4, 12, 50])
def test_shots(shots: int) -> None:
    before, after = small_set().splits["train"].y, made(f"[shots={shots}]").splits["train"].y
    assert (after.sum(0) >= np.minimum(shots, before.sum(0))).all()
    assert len(after) <= shots * 5
    assert after.any(1).all()
    if shots == 50:
        assert len(after) == before[:, before.sum(0) <= 50].any(1).sum()


@pytest.mark.parametrize("count", [1, 2])
def test_k_positives_of_a_row_are_known(count: int) -> None:
    before, after = small_set().splits["train"], made(f"[observed={count}]").splits["train"]
    assert after.observed is not None
    for labels, kept, known in zip(before.y, after.y, after.observed, strict=True):
        if not labels.any():
            assert known.all()
            assert not kept.any()
        else:
            assert kept.sum() == min(count, labels.sum())
            assert np.array_equal(kept == 1, known)
            assert not kept[labels == 0].any()


def test_which_positive_is_kept_is_drawn_at_random() -> None:
    apply, dataset = TRANSFORMS.module("observed").transform, small_set()
    row = int(dataset.splits["train"].y.sum(1).argmax())
    kept: Counter[int] = Counter()
    for seed in range(400):
        labels = apply(dataset, Value("observed", "1"), np.random.default_rng(seed)).splits["train"].y[row]
        kept[int(labels.argmax())] += 1
    positives = np.flatnonzero(dataset.splits["train"].y[row])
    assert set(kept) == set(positives)
    assert chisquare(list(kept.values())).pvalue > 0.001


def test_a_share_of_the_labels_is_known() -> None:
    before, after = small_set().splits["train"], made("[observed=60%]").splits["train"]
    assert after.observed is not None
    assert after.observed.mean() == pytest.approx(0.6, abs=0.08)
    assert np.array_equal(after.y, np.where(after.observed, before.y, 0))
    fewer = made("[observed=40%]").splits["train"].observed
    assert fewer is not None
    assert (after.observed >= fewer).all()


def test_noise_turns_a_share_of_the_labels_round() -> None:
    before = small_set().splits["train"].y
    some, more = (made(f"[noise={share}]").splits["train"].y != before for share in ("10%", "30%"))
    assert some.mean() == pytest.approx(0.1, abs=0.05)
    assert more.mean() == pytest.approx(0.3, abs=0.07)
    assert (more >= some).all()


def test_frequent_labels() -> None:
    counts = small_set().splits["train"].y.sum(0)
    least = int(np.sort(counts)[2])
    after = made(f"[labels=min:{least}]")
    kept = [j for j in range(5) if counts[j] >= least]
    assert after.label_names == [list("abcde")[j] for j in kept]
    for split in SPLITS:
        assert np.array_equal(after.splits[split].y, small_set().splits[split].y[:, kept])
        assert np.array_equal(after.splits[split].x, small_set().splits[split].x)
    with pytest.raises(TransformError, match=r"small\[labels=min1000\] leaves 0 of 5 labels"):
        made("[labels=min:1000]")


def test_transforms_are_made_in_their_order() -> None:
    noisy_then_seen, seen_then_noisy = made("[noise=20%][observed=50%]"), made("[observed=50%][noise=20%]")
    seen = noisy_then_seen.splits["train"].observed
    assert seen is not None
    assert np.array_equal(seen, seen_then_noisy.splits["train"].observed)
    noisy = made("[noise=20%]").splits["train"].y
    assert np.array_equal(noisy_then_seen.splits["train"].y, noisy * seen)
    assert np.array_equal(seen_then_noisy.splits["train"].y, noisy * seen)  # what is not known stays 0
    few = made("[fold=2/4][train=50%][labels=min:5][observed=2]")
    assert few.name == "small[fold=2of4][train=50%][labels=min5][observed=2]"
    assert "fold 2 of 4 of all 120 rows" in few.split_rule
    assert set(few.splits["train"].x[:, 0].tolist()) < set(made("[fold=2/4]").splits["train"].x[:, 0].tolist())


def test_partly_known_labels_stay_with_their_rows_and_columns() -> None:
    whole = made("[observed=50%]").splits["train"]
    part = made("[observed=50%][train=40%][labels=min:5]")
    columns = [list("abcde").index(label) for label in part.label_names]
    index = part.splits["train"].x[:, 0].astype(int)
    assert whole.observed is not None
    assert np.array_equal(part.splits["train"].observed, whole.observed[index][:, columns])
