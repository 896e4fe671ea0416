"""One suite that every transform passes, with each of its examples."""

from __future__ import annotations

import numpy as np
import pytest

from bench.dataset_name import dataset_name
from bench.datasets.dataset import SPLITS, Dataset, SplitArrays, finished
from bench.datasets.transforming import TRANSFORMS, canonical_name, transformed

EXAMPLES = [
    (name, example) for name, found in TRANSFORMS.components().items() for example in found.settings["EXAMPLES"]
]


def small_set(name: str = "small", rows: int = 120, seed: int = 0) -> Dataset:
    """120 rows of 3 features and 5 labels in three splits; each row's first feature is its number."""
    random = np.random.default_rng(seed)
    y = (random.random((rows, 5)) < [0.7, 0.5, 0.4, 0.3, 0.15]).astype(np.int8)
    y[::12] = 0
    x = random.random((rows, 3)).astype(np.float32)
    x[:, 0] = np.arange(rows)
    ends = {"train": (0, 70), "val": (70, 90), "test": (90, rows)}
    splits = {split: SplitArrays(x[start:end], y[start:end]) for split, (start, end) in ends.items()}
    return finished(name, "npz", splits, list("abcde"), "by hand", "made", ())


def made(spec: str, dataset: Dataset | None = None) -> Dataset:
    return transformed(dataset or small_set(), canonical_name(dataset_name(f"small{spec}")))


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_it_is_the_same_set_each_time_and_leaves_its_argument_alone(name: str, example: str) -> None:
    dataset = small_set()
    before = dataset.digest()
    first, second = made(f"[{name}={example}]", dataset), made(f"[{name}={example}]")
    assert first.digest() == second.digest() != before
    assert dataset.digest() == before
    assert first.name == f"small[{name}={example}]"


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_test_data_are_rows_and_labels_of_the_set(name: str, example: str) -> None:
    dataset, after = small_set(), made(f"[{name}={example}]")
    every = {
        number: labels
        for part in dataset.splits.values()
        for number, labels in zip(part.x[:, 0].tolist(), part.y, strict=True)
    }
    columns = [dataset.label_names.index(label) for label in after.label_names]
    test = after.splits["test"]
    assert test.observed is None
    for number, labels in zip(test.x[:, 0].tolist(), test.y, strict=True):
        assert np.array_equal(labels, every[number][columns])
    if not TRANSFORMS.component(name).settings.get("SPLITS_ANEW"):
        assert np.array_equal(test.x, dataset.splits["test"].x)
    rows = [set(after.splits[split].x[:, 0].tolist()) for split in SPLITS]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_validation_data_change_only_where_that_is_asked_for(name: str, example: str) -> None:
    component = TRANSFORMS.component(name)
    if component.settings.get("SPLITS_ANEW"):
        return
    dataset, after = small_set(), made(f"[{name}={example}]")
    old, new = dataset.splits["val"], after.splits["val"]
    columns = [dataset.label_names.index(label) for label in after.label_names]
    same = np.array_equal(old.x, new.x) and np.array_equal(old.y[:, columns], new.y) and new.observed is None
    assert same == ("val" not in example.split(","))


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_training_labels_are_the_same_with_and_without_validation_labels(name: str, example: str) -> None:
    if "val" not in example:
        return
    plain = made(f"[{name}={example.replace(',val', '')}]").splits["train"]
    assert np.array_equal(plain.y, made(f"[{name}={example}]").splits["train"].y)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_draws_differ_by_number_and_by_set(name: str, example: str) -> None:
    if "rN" not in TRANSFORMS.component(name).settings["OPTIONS"]:
        return
    first = made(f"[{name}={example}]")
    word = example.partition(",r")[0]
    assert made(f"[{name}={word}:r7]").digest() != first.digest()
    other = transformed(small_set("other"), canonical_name(dataset_name(f"other[{name}={example}]")))
    assert other.digest() != first.digest()


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_unknown_labels_are_not_positive(name: str, example: str) -> None:
    for part in made(f"[{name}={example}]").splits.values():
        if part.observed is not None:
            assert part.observed.shape == part.y.shape
            assert not part.y[~part.observed].any()
            assert not part.observed.all()


@pytest.mark.parametrize("name", TRANSFORMS.components())
def test_it_is_described_for_the_listing(name: str) -> None:
    component = TRANSFORMS.component(name)
    assert component.summary.endswith(".")
    assert isinstance(component.settings["OPTIONS"], tuple)
    if "UNCHANGED" in component.settings:
        after = made(f"[{name}={component.settings['UNCHANGED']}]")
        assert all(np.array_equal(after.splits[split].y, small_set().splits[split].y) for split in SPLITS)
