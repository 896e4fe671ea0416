"""Canonical files made of a raw set: whole or not at all, and nothing that a reader would refuse."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import config
from bench.datasets.catalog import Source, resolve
from bench.datasets.dataset import SPLITS, Dataset
from bench.datasets.prepare import FeatureChoice, prepare
from bench.datasets.raw import RawSet, RawSplit
from bench.errors import UsageError
from bench.system import writing

Y = np.array([[1, 0], [0, 1], [1, 1], [0, 1]], dtype=np.int8)


def raw_set(version: int = 1) -> RawSet:
    """Three splits of four rows whose features are the version, with the same labels in every version."""
    splits = {
        split: RawSplit([f"{split} {row}" for row in range(4)], np.full((4, 2), float(version)) + Y, Y)
        for split in SPLITS
    }
    return RawSet("mine", "vector", ["a", "b"], splits, f"rule {version}", "mine.csv", (), ("height", "width"))


def made(raw: RawSet, folder: Path) -> list[Path]:
    return prepare(raw, folder, "none", FeatureChoice(), lambda line: None)[1]


def loaded(folder: Path) -> Dataset:
    source = resolve("mine", config.load(Path("/nonexistent")), [folder])
    assert isinstance(source, Source)
    return source.load()


def versions(dataset: Dataset) -> set[float]:
    return {float(dataset.splits[split].x[0, 1]) for split in SPLITS}


def test_a_prepared_set_is_what_was_given_and_nothing_else_stays(tmp_path: Path) -> None:
    files = made(raw_set(), tmp_path)
    assert sorted(path.name for path in files) == sorted(path.name for path in tmp_path.iterdir())
    dataset = loaded(tmp_path)
    np.testing.assert_array_equal(dataset.splits["val"].x, 1 + Y)
    np.testing.assert_array_equal(dataset.splits["val"].y, Y)
    assert (dataset.label_names, dataset.split_rule) == (["a", "b"], "rule 1")
    assert (tmp_path / "mine_val_ids.txt").read_text() == "val 0\nval 1\nval 2\nval 3\n"
    made(raw_set(2), tmp_path)
    assert versions(loaded(tmp_path)) == {2}


MOVES = 10
"""Features, labels and ids of three splits, and the names of labels."""


@pytest.mark.parametrize("move", range(1, MOVES + 2))
def test_a_second_preparation_that_is_killed_leaves_no_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: int
) -> None:
    made(raw_set(), tmp_path)
    moves = iter(range(1, MOVES + 1))

    def killed(source: Path, target: Path, to_its_place: Callable[[Path, Path], None] = writing.move) -> None:
        if next(moves) == move:
            os.kill(os.getpid(), signal.SIGKILL)
        to_its_place(source, target)

    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(writing, "move", killed)
            made(raw_set(2), tmp_path)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if move > MOVES:
        assert status == 0
        assert versions(loaded(tmp_path)) == {2}
        return
    assert status == -signal.SIGKILL
    with pytest.raises(UsageError, match=r"mine_card_vector\.json: the set was not prepared to its end"):
        loaded(tmp_path)
    made(raw_set(2), tmp_path)
    assert versions(loaded(tmp_path)) == {2}


def test_a_full_disk_is_one_sentence_and_leaves_no_mixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at the first, the second, ... write, until there is none left to fail."""
    made(raw_set(), tmp_path)
    sync, before = os.fsync, {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for room in range(40):
        left = iter(range(room))

        def full(descriptor: int, left: object = left) -> None:
            if next(left, None) is None:  # type: ignore[call-overload]
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        error = error_of(lambda: made(raw_set(2), tmp_path))
        if error is None:
            break
        assert "cannot be written: No space left on device" in str(error)
        assert not list(tmp_path.glob(".*"))
        if "mine_card_vector.json" in str(error_of(lambda: loaded(tmp_path))):
            continue
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert room > 10
    assert versions(loaded(tmp_path)) == {2}


def test_what_stands_in_the_way_of_a_file_is_said_before_the_first_is_moved(tmp_path: Path) -> None:
    made(raw_set(), tmp_path)
    (tmp_path / "mine_val_ids.txt").unlink()
    (tmp_path / "mine_val_ids.txt").mkdir()
    assert "mine_val_ids.txt is a folder" in str(error_of(lambda: made(raw_set(2), tmp_path)))
    assert versions(loaded(tmp_path)) == {1}


def test_a_file_that_cannot_grow_is_named_with_the_systems_reason(tmp_path: Path) -> None:
    large = np.ones((3000, 2)) * [[1, 2]]
    y = np.tile(Y, (750, 1))
    splits = {split: RawSplit([str(row) for row in range(3000)], large, y) for split in SPLITS}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        error = error_of(lambda: made(replace(raw_set(), splits=splits), tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "mine_train_features_vector.npy cannot be written: File too large" in str(error)
    assert not list(tmp_path.iterdir())


def error_of(call: Callable[[], object]) -> UsageError | None:
    try:
        call()
    except UsageError as error:
        return error
    return None


def changed(**changes: object) -> RawSet:
    """A set with another training split, or other names."""
    raw = raw_set()
    train = replace(raw.splits["train"], **{name: value for name, value in changes.items() if name != "label_names"})
    names = changes.get("label_names", raw.label_names)
    return replace(raw, splits={**raw.splits, "train": train}, label_names=names)


NAN = np.array([[1, 2], [3, np.nan], [5, 6], [7, 8]])


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (changed(items=NAN), "mine, from mine.csv: the feature in row train 1, column 1 is nan, not finite"),
        (changed(items=NAN * 1e300), "row train 0, column 0 is 1e+300, too large for float32"),
        (changed(label_names=["a", "new\nline"]), r"names of labels: name 1, 'new\nline' holds the character '\n'"),
        (changed(label_names=["a", "b\x85"]), r"name 1, 'b\x85' holds"),
        (changed(ids=["1", "2", "3\u20284", "5"]), r"ids of train: name 2, '3\u20284' holds"),
        (changed(y=Y * 0), "the training split has no positive label at all"),
        (changed(label_names=["a", "a"]), "the label name 'a' occurs twice"),
    ],
)
def test_what_a_reader_would_refuse_is_refused_and_not_written(tmp_path: Path, raw: RawSet, sentence: str) -> None:
    error = error_of(lambda: made(raw, tmp_path))
    assert sentence in str(error)
    assert "\n" not in str(error)
    assert not list(tmp_path.iterdir())


def test_other_names_for_labels_that_are_there_are_refused(tmp_path: Path) -> None:
    made(raw_set(), tmp_path)
    assert "mine_label_names.txt holds other names" in str(
        error_of(lambda: made(changed(label_names=["a", "c"]), tmp_path))
    )
