"""Files of one's own, read as they are: label columns that are found or named, delimiters, MEKA, sparse text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from bench import config
from bench.datasets.catalog import Missing, names_meant, notes_of_files, present, resolve
from bench.datasets.parsers import matrix_pair, mulan, parse_raw, sparse_text, tabular
from bench.datasets.raw import RawSet
from bench.errors import UsageError

SETTINGS = config.load(Path("/nonexistent"))
X = np.arange(40.0).reshape(20, 2) / 8
Y = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]] * 5)
HEADER = ["height", "width", "sun", "rain", "wind"]


def table(path: Path, columns: list[str], rows: list[list[object]], delimiter: str = ",") -> Path:
    path.write_text("\n".join(delimiter.join(map(str, line)) for line in [columns, *rows]) + "\n")
    return path


def rows() -> list[list[object]]:
    return [[*x, *y] for x, y in zip(X.tolist(), Y.tolist(), strict=True)]


def arrays(raw: RawSet) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of all rows in the file's order."""
    ids = np.concatenate([[int(one) for one in part.ids] for part in raw.splits.values()])
    x = np.concatenate([np.asarray(part.items) for part in raw.splits.values()])
    y = np.concatenate([part.y for part in raw.splits.values()])
    return x[np.argsort(ids)], y[np.argsort(ids)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_label_columns_at_the_end_are_found_and_said(tmp_path: Path, delimiter: str) -> None:
    raw = tabular.parse(table(tmp_path / "set.csv", HEADER, rows(), delimiter))
    x, y = arrays(raw)
    np.testing.assert_allclose(x, X)
    np.testing.assert_array_equal(y, Y)
    assert (raw.label_names, raw.feature_names) == (["sun", "rain", "wind"], ("height", "width"))
    assert raw.notes == (
        "labels are the last 3 columns, which hold 0 and 1 alone: sun, rain, wind; "
        "`bench data prepare --label-columns` names others",
    )


def test_label_columns_at_the_beginning_and_as_words(tmp_path: Path) -> None:
    turned = [[*(("False", "true")[value] for value in y), *x] for x, y in zip(X.tolist(), Y.tolist(), strict=True)]
    raw = tabular.parse(table(tmp_path / "set.tsv", [*HEADER[2:], *HEADER[:2]], turned, "\t"))
    np.testing.assert_array_equal(arrays(raw)[1], Y)
    assert raw.notes[0].startswith("labels are the first 3 columns")


def test_label_columns_that_are_named_leave_other_binary_columns_features(tmp_path: Path) -> None:
    path = table(tmp_path / "set.csv", HEADER, rows())
    raw = parse_raw("set", path, label_columns=["wind", "sun"])
    assert (raw.label_names, raw.feature_names, raw.notes) == (["wind", "sun"], ("height", "width", "rain"), ())
    np.testing.assert_array_equal(arrays(raw)[1], Y[:, [2, 0]])
    with pytest.raises(UsageError, match=r"set\.csv has no column 'wnid'; did you mean 'wind'"):
        parse_raw("set", path, label_columns=["wnid", "sun"])
    with pytest.raises(UsageError, match=r"line 2: the label 'width' is '0\.125'; a label is 0 or 1"):
        parse_raw("set", path, label_columns=["width", "sun"])
    with pytest.raises(UsageError, match="needs two labels at least"):
        parse_raw("set", path, label_columns=["sun"])


def test_texts_with_a_column_for_each_label(tmp_path: Path) -> None:
    lines = [[f"text {number}", *y] for number, y in enumerate(Y.tolist())]
    raw = tabular.parse(table(tmp_path / "set.csv", ["text", "sun", "rain", "wind"], lines))
    assert (raw.kind, raw.label_names) == ("text", ["sun", "rain", "wind"])
    np.testing.assert_array_equal(arrays(raw)[1], Y)


def test_every_column_binary_is_refused(tmp_path: Path) -> None:
    lines = [list(y) for y in Y.tolist()]
    with pytest.raises(UsageError, match="no column labels, and no two columns of 0 and 1"):
        tabular.parse(table(tmp_path / "set.csv", HEADER[2:], lines))


def test_parquet_is_the_table_that_the_csv_is(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(X, columns=HEADER[:2]).assign(**{name: Y[:, j] == 1 for j, name in enumerate(HEADER[2:])})
    frame.to_parquet(tmp_path / "set.parquet")
    x, y = arrays(tabular.parse(tmp_path / "set.parquet"))
    np.testing.assert_allclose(x, X)
    np.testing.assert_array_equal(y, Y)


def test_a_file_is_a_data_set_by_its_path(tmp_path: Path) -> None:
    path = table(tmp_path / "set.csv", ["id", *HEADER], [[number, *row] for number, row in enumerate(rows())])
    source = present(str(path), SETTINGS, [])
    dataset = source.load()
    assert (source.full_name, source.protocol) == ("set@csv", "small")
    assert {split: len(part.x) for split, part in dataset.splits.items()} == {"train": 12, "val": 4, "test": 4}
    said = notes_of_files([f"{path}[observed=1]", "yeast"], SETTINGS)
    assert [note.partition(": ")[2][:30] for note in said] == [
        "labels are the last 3 columns,",
        "no feature by its name, and le",
    ]
    assert set(dataset.warnings) >= {note.partition(": ")[2].removesuffix(".") for note in said}


def test_a_table_of_too_few_rows_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "set.csv", HEADER, rows()[:3])
    with pytest.raises(UsageError, match=r"the val split has 0 of 3 rows; every split needs two at least"):
        present(str(path), SETTINGS, []).load()


def test_photographs_need_features_first(tmp_path: Path) -> None:
    path = table(tmp_path / "set.csv", ["file", "labels"], [["a.jpg", "x;y"], ["b.jpg", "x"]] * 6)
    with pytest.raises(UsageError, match=r"holds images; `bench data prepare set --raw .*` makes its features"):
        present(str(path), SETTINGS, []).load()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.xlsx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"set\.xlsx is no data set that can be read; give a \.npz, a table"):
        present(str(tmp_path / "set.xlsx"), SETTINGS, [])
    with pytest.raises(UsageError, match=r"missing\.csv is missing"):
        present("missing.csv", SETTINGS, [])


# --- MEKA ------------------------------------------------------------------------------------------------------------


def meka(path: Path, relation: str, order: list[int]) -> Path:
    names = [HEADER[column] for column in order]
    lines = [",".join(str(int(row[column]) if column > 1 else row[column]) for column in order) for row in rows()]  # type: ignore[call-overload]
    attributes = [f"@attribute {name} {'numeric' if name in HEADER[:2] else '{0,1}'}" for name in names]
    path.write_text("\n".join([f"@relation {relation}", *attributes, "@data", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("relation", "order"),
    [("'set: -C 3'", [2, 3, 4, 0, 1]), ("'set: -C -3'", [0, 1, 2, 3, 4]), ('"set: -V -C 3 -x"', [2, 3, 4, 0, 1])],
)
def test_a_meka_file_says_how_many_attributes_are_labels(tmp_path: Path, relation: str, order: list[int]) -> None:
    raw = mulan.parse_meka(meka(tmp_path / "set.arff", relation, order))
    x, y = arrays(raw)
    np.testing.assert_allclose(x, X)
    np.testing.assert_array_equal(y, Y)
    assert raw.label_names == HEADER[2:]


@pytest.mark.parametrize("relation", ["set", "'set: -C 5'", "'set: -C 0'", "'set: -C 1'", "'set: -Cx 3'"])
def test_a_relation_that_does_not_say_it_is_refused(tmp_path: Path, relation: str) -> None:
    with pytest.raises(UsageError, match=r"its @relation (says -?\d+|does not say) how many of the 5 attributes"):
        mulan.parse_meka(meka(tmp_path / "set.arff", relation, [2, 3, 4, 0, 1]))


# --- sparse text ----------------------------------------------------------------------------------------------------


def test_libsvm_counts_features_from_one_unless_one_is_zero(tmp_path: Path) -> None:
    for first in (0, 1):
        lines = [
            ",".join(map(str, np.flatnonzero(y)))
            + "".join(f" {column + first}:{value!r}" for column, value in enumerate(x) if value)
            for x, y in zip(X.tolist(), Y, strict=True)
        ]
        (tmp_path / "set.svm").write_text("\n".join(lines) + "\n")
        x, y = arrays(sparse_text.parse(tmp_path / "set.svm"))
        if first or not X[0, 0]:  # feature 0 must occur to be counted from 0
            np.testing.assert_allclose(x, X)
        np.testing.assert_array_equal(y, Y)


def test_a_folder_of_the_extreme_classification_repository(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("3 4 5\n0,4 0:1.5 3:2\n 1:1\n2 0:1\n")
    (tmp_path / "test.txt").write_text("2 4 5\n1 2:.5\n4 0:1\n")
    raw = parse_raw("xml", tmp_path)
    x, y = arrays(raw)
    assert x.tolist() == [[1.5, 0, 0, 2], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0.5, 0], [1, 0, 0, 0]]
    assert [np.flatnonzero(row).tolist() for row in y] == [[0, 4], [], [2], [1], [4]]
    assert raw.splits["test"].ids == ["3", "4"]
    assert raw.label_names[4] == "label 4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1:1\n", r"line 1: 'a' are no labels"),
        ("0 1:x\n", r"line 1: '1:x' is no feature:value"),
        ("0 1:nan\n", r"line 1: '1:nan' is no feature:value"),
        ("0 1:1 1:2\n", r"line 1: the feature 1 is given twice"),
        ("1 2 3\n0 2:1\n", r"line 2: a number is not below the sizes \(2, 3\)"),
        ("", "has no rows"),
        ("0 4000000000:1\n1 1:1\n", "GiB as the matrix that they become here"),
    ],
)
def test_faults_of_sparse_text_are_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "set.svm").write_text(text)
    with pytest.raises(UsageError, match=message):
        sparse_text.parse(tmp_path / "set.svm")


# --- several sets ----------------------------------------------------------------------------------------------------


def test_all_and_patterns_name_sets_of_the_data_folders(tmp_path: Path) -> None:
    for name in ("rcv1_s1", "rcv1_s2", "other"):
        np.savez(tmp_path / f"{name}.npz", X=X, Y=Y)
    folders = [tmp_path]
    every = names_meant("all[noise=10%]", SETTINGS, folders)
    assert every is not None
    assert every[:2] == ["yeast[noise=10%]", "AAPD[noise=10%]"]
    assert sorted(every[-3:]) == ["other[noise=10%]@npz", "rcv1_s1[noise=10%]@npz", "rcv1_s2[noise=10%]@npz"]
    assert names_meant("RCV1_*", SETTINGS, folders) == ["rcv1_s1@npz", "rcv1_s2@npz"]
    assert names_meant("rcv1_s?[fold=1/2]", SETTINGS, folders) == [
        "rcv1_s1[fold=1of2]@npz",
        "rcv1_s2[fold=1of2]@npz",
    ]
    assert names_meant("other", SETTINGS, folders) is None
    with pytest.raises(UsageError, match=r"no data set here is called 'rvc1_\*'"):
        names_meant("rvc1_*", SETTINGS, folders)


@pytest.mark.parametrize(
    ("columns", "values", "said"),
    [
        (["sun", "rain"], [0, "yes"], "'rain' is 'yes' in line 2 and 'height' is '0.125' in line 2"),
        (["sun", "rain"], [1, ""], "'rain' is '' in line 2"),
        (["sun"], [0], "'sun' is one label alone and 'height' is '0.125' in line 2"),
    ],
)
def test_a_table_without_label_columns_says_what_its_outer_columns_hold(
    tmp_path: Path, columns: list[str], values: list[object], said: str
) -> None:
    path = table(tmp_path / "set.csv", ["height", "width", *columns], [[0.125, 0.25, *values]] * 8)
    with pytest.raises(UsageError) as error:
        tabular.parse(path)
    assert said in str(error.value)


def test_a_feature_that_is_no_number_says_what_to_do(tmp_path: Path) -> None:
    lines = [["0,5", *y] for y in Y.tolist()]
    with pytest.raises(UsageError, match=r"in line 2 a is '0,5', not a finite number; write decimals with a point\."):
        tabular.parse(table(tmp_path / "set.csv", ["a", "sun", "rain", "wind"], lines, ";"))
    lines = [["Oslo", *y] for y in Y.tolist()]
    with pytest.raises(UsageError, match=r"is 'Oslo', not a finite number; remove the column, or code it in numbers"):
        tabular.parse(table(tmp_path / "set.csv", ["a", "sun", "rain", "wind"], lines))


# --- pairs of matrices ----------------------------------------------------------------------------------------------


def saved(path: Path, matrix: np.ndarray, form: str) -> None:
    if form == "npy":
        np.save(path.with_suffix(".npy"), matrix)
    else:
        sparse.save_npz(path, sparse.csr_matrix(matrix).asformat(form))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "npy"])
def test_a_pair_of_matrices_of_every_form(tmp_path: Path, form: str) -> None:
    saved(tmp_path / "weather_X.npz", X, form)
    saved(tmp_path / "weather_Y.npz", Y, form)
    x, y = arrays(matrix_pair.parse(tmp_path))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_pairs_of_three_parts_are_the_splits(tmp_path: Path) -> None:
    bounds = {"train": slice(0, 10), "val": slice(10, 14), "test": slice(14, 20)}
    for part, rows in bounds.items():
        saved(tmp_path / f"{part}-x.npz", X[rows], "csr")
        saved(tmp_path / f"{part}-y.npz", Y[rows], "csc")
    raw = matrix_pair.parse(tmp_path)
    for part, rows in bounds.items():
        np.testing.assert_array_equal(raw.splits[part].items, X[rows])
        np.testing.assert_array_equal(raw.splits[part].y, Y[rows])


def test_pairs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "X.npz", X, "csr")
    saved(tmp_path / "Y.npz", Y[:-1], "csr")
    with pytest.raises(UsageError, match=r"X\.npz has 20 rows, Y\.npz 19; is one of them transposed\?"):
        matrix_pair.parse(tmp_path)
    saved(tmp_path / "Y.npz", Y, "bsr")
    with pytest.raises(UsageError, match=r"Y\.npz is no matrix that scipy\.sparse\.save_npz wrote as csr or csc"):
        matrix_pair.parse(tmp_path)
    (tmp_path / "Y.npz").rename(tmp_path / "Y_train.npz")
    (tmp_path / "X.npz").rename(tmp_path / "X_train.npz")
    with pytest.raises(UsageError, match=r"needs one pair of X and Y, or a pair of train and one of test; it has X"):
        matrix_pair.parse(tmp_path)
    saved(tmp_path / "X_test.npz", X, "csr")
    with pytest.raises(UsageError, match=r"X_test\.npz has no partner Y_test\.npz"):
        matrix_pair.parse(tmp_path)
    with pytest.raises(UsageError, match=r"data, format.*; a matrix of scipy\.sparse\.save_npz goes with its partner"):
        present(str(tmp_path / "X_test.npz"), SETTINGS, []).load()


# --- folders of several sets ----------------------------------------------------------------------------------------


def test_a_folder_of_several_sets_stands_for_all_of_them(tmp_path: Path) -> None:
    table(tmp_path / "weather.csv", HEADER, rows())
    np.savez(tmp_path / "own.npz", X=X, Y=Y)
    (tmp_path / "pair").mkdir()
    saved(tmp_path / "pair" / "X.npz", X, "csr")
    saved(tmp_path / "pair" / "Y.npz", Y, "csr")
    (tmp_path / "notes.txt").write_text("nothing\n")
    attributes = "@attribute p numeric\n@attribute q numeric\n@attribute sun {0,1}\n@attribute rain {0,1}\n@data\n"
    data = "".join(f"{x[0]},{x[1]},{y[0]},{y[1]}\n" for x, y in zip(X, Y, strict=True))
    for name in ("first", "second"):
        (tmp_path / f"{name}.arff").write_text("@relation r\n" + attributes + data)
        (tmp_path / f"{name}.xml").write_text('<labels><label name="sun"/><label name="rain"/></labels>')
    meant = names_meant(f"{tmp_path}/[observed=1]", SETTINGS, [])
    names = ["first.xml", "own.npz", "pair", "second.xml", "weather.csv"]
    assert meant == [f"{tmp_path / name}[observed=1]" for name in names]
    found = [resolve(name, SETTINGS, []) for name in meant]
    assert [one.full_name for one in found if not isinstance(one, Missing)] == [
        "first[observed=1]@arff", "own[observed=1]@npz", "pair[observed=1]@npz", "second[observed=1]@arff",
        "weather[observed=1]@csv",
    ]  # fmt: skip
    assert [note.partition(":")[0] for note in notes_of_files([str(tmp_path)], SETTINGS)] == [
        str(tmp_path / "weather.csv")
    ]
    with pytest.raises(UsageError, match=r"is a folder of several sets; name one: .*first\.xml, .*own\.npz"):
        present(str(tmp_path), SETTINGS, [])
    assert present(str(tmp_path / "second.xml"), SETTINGS, []).load().label_names == ["sun", "rain"]


def test_a_folder_named_like_a_set_says_how_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"the folder of this name is given as \./mine"):
        resolve("mine", SETTINGS, [])
