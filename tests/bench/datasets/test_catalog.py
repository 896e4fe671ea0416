"""Sources of data: what is found, how it is split, and one sentence for every fault."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bench import config
from bench.datasets import validation
from bench.datasets.catalog import IN_PACKAGES, Missing, Source, available, data_folders, resolve
from bench.datasets.dataset import SplitArrays
from bench.datasets.readers import canonical, npz, yeast
from bench.datasets.shape import Shape, shape_of
from bench.datasets.source import Unreadable
from bench.errors import UsageError
from bench.tables.dataset_table import dataset_frame
from bench.text import shown


@pytest.fixture
def settings() -> config.Config:
    return config.load(Path("/nonexistent"))


def arrays(rows: int = 8, features: int = 3, labels: int = 4, seed: int = 0) -> SplitArrays:
    random = np.random.default_rng(seed)
    y = (random.random((rows, labels)) < 0.5).astype(np.int8)
    y[0, :], y[1, :] = 0, 1
    return SplitArrays(random.random((rows, features)).astype(np.float32), y)


def write(folder: Path, stem: str = "Tiny", extractor: str = "e1", names: tuple = ()) -> dict[str, SplitArrays]:
    splits = {split: arrays(seed=seed) for seed, split in enumerate(("train", "val", "test"))}
    canonical.save(folder, stem, extractor, splits, names)
    return splits


def write_npz(path: Path, **changes: np.ndarray) -> Path:
    base = arrays(rows=50)
    np.savez(path, **{"X": base.x, "Y": base.y, **changes})  # type: ignore[arg-type]
    return path


def found(name: str, settings: config.Config, folder: Path) -> Source:
    source = resolve(name, settings, [folder])
    assert isinstance(source, Source)
    return source


# --- what is found --------------------------------------------------------------------------------------------------


def test_one_protocol_in_place_of_each_sets_own(settings: config.Config, tmp_path: Path) -> None:
    write(tmp_path, "Folder")
    path = write_npz(tmp_path / "Archive.npz")
    names = ["Folder", "Archive", "Archive[fold=1/2]", str(path), "yeast"]
    assert {found(name, settings, tmp_path).protocol for name in names} == {"paper", "small"}
    shared = replace(settings, run=replace(settings.run, protocol="converged"))
    listed = [one for one in available(shared, [tmp_path]) if isinstance(one, Source)]
    assert {one.protocol for one in [*listed, *(found(name, shared, tmp_path) for name in names)]} == {"converged"}
    assert {"Folder", "Archive", "yeast"} <= {one.name for one in listed}


def test_a_set_that_comes_later_and_one_that_is_mended_are_found(settings: config.Config, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no data set 'Later'"):
        resolve("Later", settings, [tmp_path])
    (tmp_path / "Later.npz").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"Later\.npz"):
        resolve("Later", settings, [tmp_path])
    write_npz(tmp_path / "Later.npz")
    assert found("Later", settings, tmp_path).full_name == "Later@npz"


def test_yeast_is_the_mulan_set_in_its_fixed_split() -> None:
    dataset = yeast.load("yeast")
    assert {split: part.x.shape for split, part in dataset.splits.items()} == {
        "train": (1200, 103),
        "val": (300, 103),
        "test": (917, 103),
    }
    assert sum(int(part.y.sum()) for part in dataset.splits.values()) == 10241  # 2417 rows x 4.237 labels
    order = np.random.default_rng(0).permutation(2417)
    assert len(set(order[:1200]) & set(order[1500:])) == 0


def test_yeast_has_the_rows_of_the_shared_copy(shared_data: Path) -> None:
    """The copies order rows and labels differently."""
    splits = yeast.load("yeast").splits.values()
    ours = np.concatenate([np.hstack([part.x, part.y]) for part in splits]).round(5)
    with np.load(shared_data / "multilabel/yeast.npz") as other:
        by_name = {name: j for j, name in enumerate(other["label_names"])}
        labels = other["Y"][:, [by_name[f"Class{j}"] for j in range(1, 15)]]
        theirs = np.hstack([other["X"], labels]).round(5)
    np.testing.assert_allclose(ours[np.lexsort(ours.T[::-1])], theirs[np.lexsort(theirs.T[::-1])], atol=2e-5)


def test_canonical_files_are_found_by_name_memory_mapped_and_need_no_registration(
    tmp_path: Path, settings: config.Config
) -> None:
    splits = write(tmp_path / "deep" / "er", names=("a", "b", "c", "d"))
    source = found("Tiny", settings, tmp_path)
    dataset = source.load()
    assert (source.full_name, source.protocol) == ("Tiny@e1", "paper")
    assert isinstance(dataset.splits["train"].x, np.memmap)
    assert dataset.label_names == ["a", "b", "c", "d"]
    for split, part in splits.items():
        np.testing.assert_array_equal(dataset.splits[split].x, part.x)
        np.testing.assert_array_equal(dataset.splits[split].y, part.y)


def test_paper_sets_are_found_under_the_authors_stems(tmp_path: Path, settings: config.Config) -> None:
    assert isinstance(resolve("VOC07", settings, [tmp_path]), Missing)
    write(tmp_path, "VOC2007", "imagenet_resnet50")
    source = found("voc07", settings, tmp_path)
    assert (source.full_name, source.protocol) == ("VOC07@imagenet_resnet50", "paper")
    listed = available(settings, [tmp_path])
    assert [one.full_name for one in listed if isinstance(one, Source)] == ["yeast@mulan", "VOC07@imagenet_resnet50"]


def test_several_extractors_must_be_chosen_among(tmp_path: Path, settings: config.Config) -> None:
    write(tmp_path, extractor="e1")
    write(tmp_path, extractor="e2")
    with pytest.raises(UsageError, match="2 extractors; choose Tiny@e1 or Tiny@e2"):
        resolve("Tiny", settings, [tmp_path])
    assert found("Tiny@e2", settings, tmp_path).extractor == "e2"
    with pytest.raises(UsageError, match=r"no features 'e3'; did you mean 'e[12]'"):
        resolve("Tiny@e3", settings, [tmp_path])


def test_a_folder_inside_another_that_is_named_too_gives_its_sets_once(tmp_path: Path, settings: config.Config) -> None:
    (tmp_path / "inside").mkdir()
    write_npz(tmp_path / "inside/own.npz")
    source = resolve("own", settings, [tmp_path, tmp_path / "inside"])
    assert isinstance(source, Source)
    (tmp_path / "beside").mkdir()
    write_npz(tmp_path / "beside/own.npz")
    with pytest.raises(UsageError, match="own@npz lies in 2 folders"):
        resolve("own", settings, [tmp_path])


def test_a_registered_set_without_stems_is_found_by_its_name(tmp_path: Path, settings: config.Config) -> None:
    write(tmp_path)
    entries = {**settings.datasets, "Tiny": config.DatasetEntry(protocol="small")}
    registered = replace(settings, datasets=entries)
    assert found("Tiny", registered, tmp_path).protocol == "small"
    absent = resolve("Tiny", registered, [])
    assert isinstance(absent, Missing)
    assert "Tiny_<split>_features_<extractor>.npy" in absent.get


def test_a_users_own_numbers_are_scaled_and_trained_long_enough(tmp_path: Path, settings: config.Config) -> None:
    write(tmp_path, extractor=canonical.OWN_NUMBERS)
    assert found("Tiny", settings, tmp_path).protocol == "small"


def test_registered_name_wins_over_a_file_which_its_path_reaches(tmp_path: Path, settings: config.Config) -> None:
    path = write_npz(tmp_path / "yeast.npz")
    assert found("yeast", settings, tmp_path).full_name == "yeast@mulan"
    assert found(str(path), settings, tmp_path).full_name == "yeast@npz"


def test_unknown_name_has_a_suggestion(tmp_path: Path, settings: config.Config) -> None:
    write_npz(tmp_path / "emotions.npz")
    with pytest.raises(UsageError, match=r"no data set 'emotion'.*did you mean 'emotions'"):
        resolve("emotion", settings, [tmp_path])


def test_data_folder_by_option_environment_or_file(
    tmp_path: Path, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENCH_DATA", raising=False)
    assert data_folders(settings, None) == [Path("data")]
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert data_folders(settings, None) == [tmp_path]
    with pytest.raises(UsageError, match="nowhere, given by --data, does not exist"):
        data_folders(settings, "nowhere")
    for name, sentence in (("", "--data is empty"), ("x" * 5000, "does not exist"), ("nul\0", "does not exist")):
        with pytest.raises(UsageError, match=sentence):
            data_folders(settings, name)


# --- splits ---------------------------------------------------------------------------------------------------------


def test_npz_without_official_split_is_cut_60_20_20(tmp_path: Path) -> None:
    dataset = npz.load("a", write_npz(tmp_path / "a.npz"))
    assert [len(dataset.splits[split].x) for split in ("train", "val", "test")] == [30, 10, 10]
    marked = {"train_idx": np.arange(50), "test_idx": np.arange(0), "has_official_split": np.bool_(False)}
    again = npz.load("a", write_npz(tmp_path / "a.npz", **marked))
    np.testing.assert_array_equal(again.splits["train"].x, dataset.splits["train"].x)
    assert "60/20/20" in again.split_rule


def test_npz_with_official_split_gives_a_fifth_of_train_to_val(tmp_path: Path) -> None:
    base = arrays(rows=50)
    path = write_npz(tmp_path / "a.npz", train_idx=np.arange(40), test_idx=np.arange(40, 50))
    dataset = npz.load("a", path)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_array_equal(dataset.splits["val"].x, base.x[order[:8]])
    np.testing.assert_array_equal(dataset.splits["train"].x, base.x[order[8:]])
    np.testing.assert_array_equal(dataset.splits["test"].x, base.x[40:])


def test_every_shared_npz_loads(shared_data: Path) -> None:
    files = sorted((shared_data / "multilabel").glob("*.npz"))
    assert len(files) == 22
    for path in files:
        dataset = npz.load(path.stem, path)
        with np.load(path) as archive:
            assert sum(len(part.y) for part in dataset.splits.values()) == len(archive["Y"])


# --- faults ---------------------------------------------------------------------------------------------------------


def overwrite(folder: Path, split: str, x: np.ndarray | None = None, y: np.ndarray | None = None) -> None:
    from scipy import sparse

    if x is not None:
        np.save(folder / f"Tiny_{split}_features_e1.npy", x)
    if y is not None:
        sparse.save_npz(folder / f"Tiny_{split}_labels.npz", sparse.csr_matrix(y))


def nan_at(row: int, column: int) -> np.ndarray:
    x = arrays().x.copy()
    x[row, column] = np.nan
    return x


FAULTS = {
    "not a number": (lambda f: overwrite(f, "val", x=nan_at(5, 2)), "e1.npy: the feature in row 5, column 2 is nan"),
    "label 2": (lambda f: overwrite(f, "test", y=arrays().y + 1), "row 1, column 0 is 2; labels are 0 or 1"),
    "label counts": (
        lambda f: overwrite(f, "test", y=arrays(labels=5).y),
        "different numbers of labels: train 4, val 4, test 5",
    ),
    "feature counts": (lambda f: overwrite(f, "val", x=arrays(features=9).x), "different numbers of features"),
    "row counts": (lambda f: overwrite(f, "val", x=arrays(rows=9).x), "9 rows of features but 8 rows of labels"),
    "vector": (lambda f: overwrite(f, "train", x=np.zeros(8, np.float32)), "must be a matrix"),
    "objects": (lambda f: overwrite(f, "train", x=np.array([["a", {}]], dtype=object)), "holds Python objects"),
    "text": (lambda f: overwrite(f, "train", x=np.array([["a"]] * 8)), "features are real numbers"),
    "missing": (lambda f: (f / "Tiny_val_labels.npz").unlink(), "Tiny_val_labels.npz is missing"),
    "truncated features": (lambda f: truncate(f / "Tiny_val_features_e1.npy"), "it is truncated or damaged"),
    "truncated labels": (lambda f: truncate(f / "Tiny_val_labels.npz"), "it may be damaged or truncated"),
    "names": (lambda f: (f / "Tiny_label_names.txt").write_text("a\nb\n"), "2 label names for 4 labels"),
    "names in Latin-1": (lambda f: (f / "Tiny_label_names.txt").write_bytes(b"\xe9\nb\nc\nd\n"), "line 1 is not UTF-8"),
    "line of its own kind": (lambda f: (f / "Tiny_label_names.txt").write_text("a\nb\x85\nc\nd\n"), "'b\\x85' holds"),
    "label formats": (lambda f: save_csc(f / "Tiny_val_labels.npz"), "is no CSR matrix"),
    "label twice": (lambda f: save_twice(f / "Tiny_val_labels.npz"), "the cell in row 1, column 0 is given twice"),
    "label name": (lambda f: (f / "Tiny_val_labels.npz").write_bytes(b""), "Tiny_val_labels.npz cannot be read as"),
    "card": (
        lambda f: (f / "Tiny_card_e1.json").write_text('{"notes": 3}'),
        "got `int` - at `$.notes`",
    ),
    "unfinished": (lambda f: (f / "Tiny_card_e1.json").write_text('{"unfinished": true}'), "not prepared to its end"),
    "name twice": (lambda f: (f / "Tiny_label_names.txt").write_text("a\nb\na\nc\n"), "'a' occurs twice"),
    "no positives": (lambda f: overwrite(f, "train", y=np.zeros((8, 4), np.int8)), "no positive label at all"),
    "no negatives": (lambda f: overwrite(f, "train", y=np.ones((8, 4), np.int8)), "no negative label at all"),
}


def save_csc(path: Path) -> None:
    from scipy import sparse

    sparse.save_npz(path, sparse.csc_matrix(arrays().y))


def save_twice(path: Path) -> None:
    """Row 1, column 0 in two entries."""
    np.savez(
        path,
        data=np.ones(5, np.int8),
        indices=np.array([0, 0, 1, 2, 3]),
        indptr=np.array([0, 0, *[5] * 7]),
        shape=np.array([8, 4]),
        format=np.array(b"csr"),
    )


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("fault", FAULTS)
def test_canonical_faults_are_one_sentence(tmp_path: Path, settings: config.Config, fault: str) -> None:
    write(tmp_path)
    damage, sentence = FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(UsageError) as error:
        found("Tiny", settings, tmp_path).load()
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_one_label_is_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "one.npz", Y=arrays(rows=50, labels=1).y)
    with pytest.raises(UsageError, match="1 label; multi-label learning needs at least two"):
        npz.load("one", path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Y": np.full((50, 4), 0.5)}, "the label in row 0, column 0 is 0.5"),
        ({"X": np.array([["a"]] * 50)}, "features are real numbers"),
        ({"X": np.zeros((49, 3))}, "49 rows of features but 50 rows of labels"),
        ({"Y": np.array([[{}]], dtype=object)}, "Y holds Python objects"),
        ({"train_idx": np.arange(40), "test_idx": np.arange(39, 50)}, "row 39 is in two splits"),
        ({"train_idx": np.arange(40), "test_idx": np.array([50])}, "test_idx names a row outside 0 to 49"),
        ({"train_idx": np.array([0.5]), "test_idx": np.array([1])}, "train_idx must be a vector of row numbers"),
        (
            {"train_idx": np.arange(50) < 40, "test_idx": np.arange(50) > 39},
            "as numpy.flatnonzero makes them",
        ),
        ({"train_idx": np.int64(3), "test_idx": np.arange(9)}, "train_idx must be a vector of row numbers"),
        ({"has_official_split": np.array([True, False])}, "must be True or False; it is [True, False]"),
        ({"has_official_split": np.array("False")}, "must be True or False; it is 'False'"),
        ({"Y": arrays(rows=50).y.T}, "50 rows of features but 4 rows of labels; is Y transposed?"),
        ({"Y": arrays(rows=50).y * 2 - 1}, "row 0, column 0 is -1; labels are 0 or 1; of -1 and 1, Y > 0 makes them"),
        (
            {"Y": np.full(50, -1)},
            "Y must be a matrix [rows, labels] of 0 and 1; it holds int64 values in the shape (50",
        ),
        ({"Y": np.ones((50, 3, 1))}, "in the shape (50, 3, 1)"),
        ({"Y": np.int8(1)}, "in the shape ()"),
        ({"Y": np.zeros((50, 2), dtype=[("a", "i4")])}, "Y must be a matrix"),
        ({"X": np.float32(1)}, "X must be a matrix"),
        ({"X": np.arange(200.0), "Y": arrays(rows=200).y}, "X must be a matrix"),
        ({"X": np.full((50, 3), 1e300)}, "the feature in row 0, column 0 is 1e+300, too large for float32"),
        ({"X": np.full((50, 2), 3e38) * [[-1, 1]] * np.sign(np.arange(50) - 9)[:, None]}, "range from -3e+38 to 3e+38"),
        ({"label_names": np.array("a")}, "label_names must be a vector of names"),
        ({"label_names": np.array(list("abcd"), dtype=object)}, "label_names holds Python objects; save it as"),
        ({"label_names": np.array(["a", "b", "c", "new\nline"])}, "name 3, 'new\\nline' holds the character '\\n'"),
        ({"X_data": np.ones(3)}, "either X or X_data (features), not both"),
    ],
)
def test_npz_faults_are_one_sentence(tmp_path: Path, changes: dict, sentence: str) -> None:
    path = write_npz(tmp_path / "bad.npz", **changes)
    with pytest.raises(UsageError) as error:
        npz.load("bad", path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def csr(**changes: np.ndarray) -> dict[str, np.ndarray]:
    from scipy import sparse

    x = sparse.csr_matrix(arrays(rows=50).x)
    parts = {"X_data": x.data, "X_indices": x.indices, "X_indptr": x.indptr, "X_shape": np.array(x.shape)}
    return {**parts, **changes}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (csr(X_indices=csr()["X_indices"] + 1), "indices must be < 3"),
        (csr(X_indices=csr()["X_indices"] - 1), "indices must be >= 0"),
        (csr(X_indptr=csr()["X_indptr"][np.r_[0, 2, 1, 3:51]]), "indptr must be a non-decreasing sequence"),
        (csr(X_shape=np.array([50, 2])), "indices must be < 2"),
        (csr(X_shape=np.array([50, 10**12])), "takes 200000.0 GB"),
        (csr(X_shape=np.array([50, np.inf])), "shape must be a vector of whole numbers"),
        (csr(X_shape=np.int64(50)), "shape must be a vector of whole numbers"),
        (csr(X_shape=np.array([50, 3, 1])), "shape must be the numbers of rows and columns; it is [50, 3, 1]"),
        (csr(X_indices=np.where(np.arange(150) == 4, 0, csr()["X_indices"])), "row 1, column 0 is given twice"),
        (csr(X_data=csr()["X_data"] + 1j), "data must be a vector of real numbers"),
        ({"X": np.zeros((0, 3)), "Y": np.zeros((0, 4))}, "has no rows"),
        ({"X": np.full((50, 3), 1j)}, "features are real numbers; it holds complex128 values"),
        ({"test_idx": np.arange(5)}, "has test_idx but no train_idx"),
        ({"train_idx": np.arange(40), "val_idx": np.arange(40, 50)}, "has train_idx and val_idx but no test_idx"),
        ({"val_idx": np.arange(5)}, "has val_idx but no train_idx and test_idx"),
    ],
)
def test_what_a_reader_would_misread_is_refused(
    tmp_path: Path, settings: config.Config, changes: dict, sentence: str
) -> None:
    base = {} if "X_data" in changes else {"X": arrays(rows=50).x}
    np.savez(tmp_path / "bad.npz", **{"Y": arrays(rows=50).y, **base, **changes})
    with pytest.raises(UsageError) as error:
        found(str(tmp_path / "bad.npz"), settings, tmp_path).load()
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_whole_archives_pass(tmp_path: Path, settings: config.Config) -> None:
    """CSR features; and all rows listed as train beside an empty test split, as files without an official one do."""
    np.savez(tmp_path / "sparse.npz", Y=arrays(rows=50).y, **csr())  # type: ignore[arg-type]
    write_npz(tmp_path / "dense.npz", train_idx=np.arange(50), test_idx=np.arange(0))
    sparse, dense = (found(str(tmp_path / f"{name}.npz"), settings, tmp_path).load() for name in ("sparse", "dense"))
    np.testing.assert_array_equal(sparse.splits["test"].x, dense.splits["test"].x)
    assert "60/20/20" in dense.split_rule


def test_the_place_of_a_value_is_that_of_the_file(tmp_path: Path) -> None:
    """The rows of the splits are drawn, and a user looks into the file."""
    for row in (7, 5000):
        base = arrays(rows=6000)
        base.x[row, 2] = np.inf
        path = write_npz(tmp_path / "a.npz", X=base.x, Y=base.y)
        with pytest.raises(UsageError, match=rf"a\.npz, X: the feature in row {row}, column 2 is inf, not finite"):
            npz.load("a", path)


def test_what_nobody_needs_is_not_looked_at_and_what_can_be_read_is(tmp_path: Path) -> None:
    base = arrays(rows=50)
    path = write_npz(
        tmp_path / "a.npz",
        X=base.x.astype(np.float16),
        Y=base.y.astype(bool),
        feature_names=np.array(["a", "b", {}], dtype=object),
        groups=np.array([{}], dtype=object),
        label_names=np.array([b"a", "\xe9".encode(), b"c", b"d"]),
        train_idx=np.arange(40, dtype=np.uint64),
        test_idx=np.arange(42, 50),
        val_idx=np.array([]),
    )
    dataset = npz.load("a", path)
    assert dataset.label_names == ["a", "\xe9", "c", "d"]
    assert dataset.splits["test"].y.dtype == np.int8
    np.testing.assert_array_equal(dataset.splits["test"].x, base.x[42:].astype(np.float16).astype(np.float32))
    assert "2 of 50 rows are in no split." in dataset.warnings
    assert npz.feature_names(path) == []


def test_whatever_escapes_a_reader_names_the_file_and_the_reader(
    tmp_path: Path, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = found(str(write_npz(tmp_path / "a.npz")), settings, tmp_path)
    monkeypatch.setattr(npz, "load", lambda *_: [][1])
    with pytest.raises(UsageError, match=r"a\.npz cannot be read as data of the reader npz \(list index out of"):
        source.load()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (" ", "' ' is blank"),
        ("a" * 201, "has 201 characters, more than 200"),
        ("nul\0", "'nul\\x00' holds"),
        ("a\x85b", "holds the character '\\x85'"),
        ("a\u2028b", "holds the character '\\u2028'"),
        ("\x1b[31mred", "holds the character '\\x1b'"),
        ("caf\udce9", "holds the character '\\udce9'"),
        ("a/b", "holds the character '/'"),
    ],
)
def test_names_from_outside_have_one_rule(name: str, fault: str) -> None:
    with pytest.raises(UsageError) as error:
        validation.checked_names(["a", name], "here", "/")
    assert str(error.value).startswith(f"here: name 1, {name[:40]!r}")
    assert fault in str(error.value)
    assert str(error.value).isprintable()
    assert shown(str(error.value)) == str(error.value)


def test_names_in_any_script_pass() -> None:
    names = ["caf\xe9", "\u4e16\u754c", "l_1 & 50%", "\u0645\u06cc\u200c\u062e", "\xa0x"]
    assert validation.checked_names(names, "here") == names


ODD = {
    "fifo": lambda f: os.mkfifo(f / "fifo.npz"),
    "folder": lambda f: (f / "folder.npz").mkdir(),
    ".#lock": lambda f: (f / ".#lock.npz").symlink_to("somebody@host.123"),
    "._x": lambda f: (f / "._x.npz").write_bytes(b"\0\5\x16\7"),
    "torn": lambda f: truncate(write_npz(f / "torn.npz")),
    "a@b": lambda f: write_npz(f / "a@b.npz"),
    "a|b": lambda f: write_npz(f / "a|b.npz"),
    "caf\\udce9": lambda f: write_npz(f / "caf\udce9.npz"),
    "pipe": lambda f: os.mkfifo(f / "pipe_train_features_e1.npy"),
}
"""A file that cannot be a set, by the name under which it is left out."""


def test_one_odd_file_is_named_and_stops_no_other(tmp_path: Path, settings: config.Config) -> None:
    for make in ODD.values():
        make(tmp_path)
    (tmp_path / ".tmp").mkdir()
    write_npz(tmp_path / ".tmp/good.npz")
    write_npz(tmp_path / "good.npz")
    write(tmp_path)
    sets = available(settings, [tmp_path])
    assert {one.full_name for one in sets if isinstance(one, Source)} == {"yeast@mulan", "Tiny@e1", "good@npz"}
    assert {one.name for one in sets if isinstance(one, Unreadable)} == set(ODD)
    assert all(one.fault.isprintable() for one in sets if isinstance(one, Unreadable))
    assert len(found("good", settings, tmp_path).load().splits["test"].x) == 10
    with pytest.raises(UsageError, match=r"fifo\.npz is a folder, a pipe or a device, not a file"):
        resolve("fifo", settings, [tmp_path])
    with pytest.raises(UsageError, match=r"holds the character '\\udce9'; rename it"):
        resolve("caf\udce9", settings, [tmp_path])
    with pytest.raises(UsageError, match=r"a\|b\.npz: 'a\|b' cannot name the folder of its records: leave out"):
        resolve(str(tmp_path / "a|b.npz"), settings, [])
    frame = dataset_frame(settings, [tmp_path]).set_index("dataset")
    assert "fifo.npz" in frame.loc["fifo", "fault"]
    assert frame.loc["good", "labels"] == 4


def test_a_package_that_is_missing_stops_no_other_set(
    tmp_path: Path, settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> Source:
        raise UsageError("yeast comes with the package river, which is not installed; pip install river.")

    monkeypatch.setitem(IN_PACKAGES, "river", absent)
    write_npz(tmp_path / "good.npz")
    assert [one.full_name for one in available(settings, [tmp_path]) if isinstance(one, Source)] == ["good@npz"]
    missing = resolve("yeast", settings, [tmp_path])
    assert isinstance(missing, Missing)
    assert missing.get.endswith("pip install river")


def test_the_size_of_a_set_before_it_is_loaded(tmp_path: Path, settings: config.Config) -> None:
    write(tmp_path)
    source = found("Tiny", settings, tmp_path)
    assert shape_of(source.files, source.load) == Shape(8, 16, 3, 4)
    overwrite(tmp_path, "test", x=np.zeros(8, np.float32))
    with pytest.raises(UsageError, match="must be a matrix"):
        shape_of(source.files, source.load)


def test_labels_out_of_bounds_are_refused(tmp_path: Path, settings: config.Config) -> None:
    write(tmp_path)
    path = tmp_path / "Tiny_val_labels.npz"
    with np.load(path) as archive:
        parts = dict(archive)
    np.savez(path, **{**parts, "indices": parts["indices"] + 1})
    with pytest.raises(UsageError, match=r"Tiny_val_labels\.npz cannot be read .*indices must be < 4"):
        found("Tiny", settings, tmp_path).load()


def test_npz_without_labels_or_features_and_torn_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 2)))
    with pytest.raises(UsageError, match="no array Y"):
        npz.load("x", tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", Y=arrays().y)
    with pytest.raises(UsageError, match="needs either X or X_data"):
        npz.load("y", tmp_path / "y.npz")
    truncate(write_npz(tmp_path / "z.npz"))
    with pytest.raises(UsageError, match="it may be damaged or truncated"):
        npz.load("z", tmp_path / "z.npz")
    with pytest.raises(UsageError, match="is missing"):
        resolve(str(tmp_path / "none.npz"), config.load(Path("/nonexistent")), [])


def test_labels_without_training_positives_are_warned_of(tmp_path: Path) -> None:
    y = arrays(rows=50).y.copy()
    y[:, 2] = 0
    dataset = npz.load("a", write_npz(tmp_path / "a.npz", Y=y))
    assert any("1 of 4 labels have no train positives (label 2)" in warning for warning in dataset.warnings)


def test_a_column_that_numbers_the_rows_is_left_out_and_said(shared_data: Path) -> None:
    """genbase's first feature names the protein (one of them twice)."""
    from bench.datasets.readers import npz

    found = npz.load("genbase", shared_data / "multilabel/genbase.npz")
    assert found.splits["train"].x.shape[1] == 1185
    assert "the feature protein numbers the rows; it is left out." in found.warnings
    for name in ("scene", "yeast", "birds", "enron"):
        assert not [
            warning
            for warning in npz.load(name, shared_data / f"multilabel/{name}.npz").warnings
            if "numbers" in warning
        ]
