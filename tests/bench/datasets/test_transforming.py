"""Names of data sets with transforms, faults in them, plug-ins, and what is read how often."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench import config, methods
from bench.dataset_name import DatasetName, dataset_name
from bench.datasets import source as sources
from bench.datasets.catalog import present, resolve
from bench.datasets.source import Source
from bench.datasets.transforming import TransformError, Value, canonical_name, in_folds, transformed
from bench.errors import UsageError
from bench.plan.jobs import data_part
from tests.bench.datasets.transforms.test_contract import made, small_set


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    y = (random.random((60, 4)) < 0.4).astype(np.int8)
    np.savez(tmp_path / "tiny.npz", X=random.random((60, 3)).astype(np.float32), Y=y)
    return tmp_path


def found(spec: str, folder: Path) -> Source:
    return present(spec, config.load(), [folder])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("yeast", "yeast"),
        ("yeast@npz", "yeast@npz"),
        ("yeast[fold=2/5]", "yeast[fold=2of5]"),
        ("yeast[fold=2/5:stratified:r2][observed=1]@npz", "yeast[fold=2of5,stratified,r2][observed=1]@npz"),
        ("yeast[labels=min:10]@npz", "yeast[labels=min10]@npz"),
        ("a/b@c/x.npz[noise=10%]", "a/b@c/x.npz[noise=10%]"),
        ("odd[1]@npz", "odd[1]@npz"),
        ("odd[a]", "odd[a]"),
    ],
)
def test_a_name_is_kept_in_one_spelling(given: str, kept: str) -> None:
    assert str(dataset_name(given)) == kept
    assert str(dataset_name(kept)) == kept
    assert dataset_name(kept) == dataset_name(given)


def test_the_parts_of_a_name() -> None:
    parts = dataset_name("yeast[fold=2/5:r2][labels=min:10]@resnet50")
    assert parts == DatasetName("yeast", (("fold", "2of5,r2"), ("labels", "min10")), "resnet50")
    assert parts.suffix == "[fold=2of5,r2][labels=min10]"


def test_options_get_the_transforms_own_order_and_the_first_draw_goes_without_saying() -> None:
    assert canonical_name(dataset_name("s[noise=10%:r2:val]")).suffix == "[noise=10%,val,r2]"
    assert canonical_name(dataset_name("s[noise=10%:r1]")).suffix == "[noise=10%]"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("[noize=10%]", "there is no transform 'noize'; did you mean 'noise'?"),
        ("[noise=10%:vall]", "noise has no option 'vall'; did you mean 'val'?"),
        ("[noise=10%:val:val]", "noise has no option 'val'; there are val, rN, each once."),
        ("[labels=min:3:r2]", "labels has no option 'r2'; it has none, each once."),
        ("[noise=10%][noise=20%]", "the transform noise stands twice"),
        ("[noise=10%][fold=1/5]", "fold splits rows anew and has to come first"),
        ("[noise=60%]", "noise takes a share from 0% to 50%, such as 10%, not '60%'."),
        ("[noise=.1]", "noise takes a share from 0% to 50%, such as 10%, not '.1'."),
        ("[noise=10.0%]", "not '10.0%'."),
        ("[train=120%]", "train takes a share from 0% to 100%"),
        ("[train=1%]", "split train: the features have the shape (1, 3)"),
        ("[shots=0]", "shots takes a whole number from 1 on, such as 5, not '0'."),
        ("[shots=1.5]", "not '1.5'."),
        ("[labels=10]", "labels takes a whole number from 1 on, such as min:5, not '10'."),
        ("[observed=0]", "observed takes a whole number from 1 on"),
        ("[fold=6/5]", "[fold=6of5]: fold takes K/N, fold K of N >= 2 folds, such as 2/5, not '6of5'."),
        ("[fold=1/1]", "not '1of1'."),
        ("[fold=two]", "not 'two'."),
        ("[observed=0%]", "small[observed=0%]@npz: the training split has no positive label at all."),
    ],
)
def test_a_fault_is_one_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        made(spec)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_label_that_is_left_without_positive_rows_is_named() -> None:
    dataset = small_set()
    y = dataset.splits["train"].y.copy()
    y[:, 3] = 0
    y[7, 3] = 1
    rare = dataset.changed(lambda part: type(part)(part.x, y), ["train"])
    with pytest.raises(TransformError, match=r"small\[train=20%\]@npz leaves the label 'd' without a positive"):
        made("[train=20%]", rare)
    assert "d" not in made("[train=20%][labels=min:1]", rare).label_names


def test_a_set_is_found_with_its_transforms(data: Path) -> None:
    source = found("TINY[fold=1/3:r2]", data)
    assert source.name == "tiny[fold=1of3,r2]"
    assert source.full_name == "tiny[fold=1of3,r2]@npz"
    assert found("tiny@npz[noise=10%]", data).full_name == "tiny[noise=10%]@npz"
    assert found("tiny[noise=10%]@npz", data).full_name == "tiny[noise=10%]@npz"
    assert found(f"{data}/tiny.npz[noise=10%]", data).full_name == "tiny[noise=10%]@npz"
    again = pickle.loads(pickle.dumps(source))
    assert again.load().digest() == source.load().digest()
    assert source.load().full_name == "tiny[fold=1of3,r2]@npz"
    with pytest.raises(UsageError, match="transforms are written like"):
        resolve("tiny[noise=]", config.load(), [data])


def test_a_file_cannot_be_named_like_a_transform(data: Path) -> None:
    (data / "tiny.npz").rename(data / "tiny[noise=10%].npz")
    with pytest.raises(UsageError, match="is one of a transform; rename it"):
        found(f"{data}/tiny[noise=10%].npz", data)


def test_folds_of_a_set_read_its_files_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(sources, "_read", lambda *given, read=sources._read: (calls.append(given[1]), read(*given))[1])
    sources._last_read.cache_clear()
    for name in in_folds(["tiny"], 5, 2, False):
        found(name, data).load()
    assert calls == ["tiny"]
    np.savez(data / "tiny.npz", X=np.eye(60, 3, dtype=np.float32), Y=np.tile(np.eye(4, dtype=np.int8), (15, 1)))
    found("tiny[fold=1/5]", data).load()
    assert calls == ["tiny", "tiny"]


def test_every_fold_of_every_repeat() -> None:
    assert in_folds(["a", "b[noise=10%]@x"], 2, 2, True) == [
        "a[fold=1of2,stratified]",
        "a[fold=2of2,stratified]",
        "a[fold=1of2,stratified,r2]",
        "a[fold=2of2,stratified,r2]",
        "b[fold=1of2,stratified][noise=10%]@x",
        "b[fold=2of2,stratified][noise=10%]@x",
        "b[fold=1of2,stratified,r2][noise=10%]@x",
        "b[fold=2of2,stratified,r2][noise=10%]@x",
    ]
    with pytest.raises(UsageError, match="says its fold itself"):
        in_folds(["a[fold=1/5]"], 2, 1, False)


# --- digests --------------------------------------------------------------------------------------------------------


def test_a_transforms_digest_is_remembered_beside_the_sets(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, noisy = found("tiny", data), found("tiny[noise=10%]", data)
    digests = [data_part(plain), data_part(noisy)]
    assert digests[0] == plain.load().digest()[:16]
    assert digests[1] == noisy.load().digest()[:16] != digests[0]
    monkeypatch.setattr(Source, "load", lambda self: pytest.fail("it was remembered"))
    assert [data_part(plain), data_part(noisy)] == digests


def test_partly_known_labels_are_part_of_the_digest() -> None:
    partly = made("[observed=100%]")
    assert partly.splits["train"].observed is not None
    assert partly.digest() != made("[noise=0%]").digest() == small_set().digest()


def test_a_transform_that_cannot_be_made_stops_the_plan(data: Path) -> None:
    with pytest.raises(TransformError, match="100 folds of 60 rows"):
        data_part(found("tiny[fold=1/100]", data))


# --- plug-ins -------------------------------------------------------------------------------------------------------

PLUG_IN = '''"""Rows turned round."""
OPTIONS = ()
EXAMPLES = ("all",)


def transform(dataset, value, random):
    return dataset.changed(lambda part: part.rows(slice(None, None, -1)), {splits})
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of methods with an empty one for transforms; forgotten after the test."""
    monkeypatch.setattr(methods, "_folders", [])
    (tmp_path / "own/transforms").mkdir(parents=True)
    methods.add_folders([tmp_path / "own"])
    yield tmp_path / "own"
    methods.infos.cache_clear()


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (PLUG_IN.format(splits="['train']"), ""),
        (PLUG_IN.format(splits="['train', 'test']"), "small[turned=all]: the transform changes test data"),
        (PLUG_IN.format(splits="1 / 0"), "failed on small: division by zero"),
        ('"""Nothing."""\n', "defines no transform"),
        ('"""Nothing."""\ndef transform(dataset, value, random): pass\n', "returned no Dataset"),
    ],
)
def test_a_transform_of_ones_own(folder: Path, source: str, fault: str) -> None:
    (folder / "transforms/turned.py").write_text(source)
    if not fault:
        turned = made("[turned=all]").splits["train"]
        assert np.array_equal(turned.y, small_set().splits["train"].y[::-1])
        return
    with pytest.raises(TransformError) as error:
        made("[turned=all]")
    assert fault in str(error.value)


def test_a_value_says_what_it_is() -> None:
    assert str(Value("noise", "10%", ("val",), 2)) == "10%,val,r2"
    assert Value("noise", "10%").splits == ("train",)
    assert Value("noise", "10%", ("val",)).splits == ("train", "val")
    assert Value("noise", "12.5%").share(0, 1) == 0.125
    assert Value("labels", "min10").whole(before="min") == 10
    assert transformed(small_set(), dataset_name("small[noise=10%]")).name == "small[noise=10%]"
