"""Features without labels: columns are found by name or taken by place, and no row is lost or taken for a header."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.datasets.readers.feature_file import feature_names, read_features
from bench.errors import UsageError

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
BODY = "1,2,3\n4,5,6\n"
NAMES = ("a", "b", "c")


def csv(folder: Path, content: str) -> Path:
    path = folder / "new.csv"
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "names", "columns"),
    [
        ("a,b,c\n" + BODY, (), ["a", "b", "c"]),
        (BODY, (), []),
        (BODY, NAMES, []),
        ("a,b,c\n" + BODY, NAMES, ["a", "b", "c"]),
        ("c,note,a,b\n3,old,1,2\n6,new,4,5\n", NAMES, ["c", "note", "a", "b"]),
        (",a,b,c\nx,1,2,3\ny,4,5,6\n", NAMES, ["", "a", "b", "c"]),
        ("0,1,2\n" + BODY, ("0", "1", "2"), ["0", "1", "2"]),  # pandas' names for columns without any
        ("2,x,0,1\n3,0,1,2\n6,0,4,5\n", ("0", "1", "2"), ["2", "x", "0", "1"]),
        (BODY, ("0", "1", "2"), []),
        ("\ufeffa,b,c\r\n1,2,3\r\n4,5,6\r\n\r\n", NAMES, ["a", "b", "c"]),
        ('a,b,c,"x\ny"\n1,2,3,"p\nq"\n4,5,6,r\n', NAMES, ["a", "b", "c", "x\ny"]),
    ],
)
def test_every_row_of_a_csv_is_there(tmp_path: Path, content: str, names: tuple[str, ...], columns: list[str]) -> None:
    x, found = read_features(csv(tmp_path, content), names)
    assert x.dtype == np.float32
    assert x.tolist() == ROWS
    assert found == columns


@pytest.mark.parametrize(
    ("content", "names", "message"),
    [
        ("NA,2,3\n" + BODY, (), "line 1, column 0 is 'NA', no finite float32 number"),
        (",2,3\n" + BODY, (), "line 1, column 0 is ''"),
        ("nan,nan,nan\n" + BODY, (), "line 1, column 0 is 'nan'"),
        ("1_0,2_0,3_0\n" + BODY, (), "line 1, column 0 is '1_0'"),
        ("x,2,3\n" + BODY, (), "neither a header nor a row of numbers: it holds 'x' and '2'"),
        ("a,b,3\n" + BODY, (), "neither a header nor a row of numbers: it holds 'a' and '3'"),
        ("1,0,2\n" + BODY, ("0", "1", "2"), "which are numbers, in another order"),
        ("a,b\n1,2\n", NAMES, "has no column 'c', which the model was trained on"),
        ("NA,2,3\n" + BODY, NAMES, "line 1, column 0 is 'NA'"),
        ("a,a,b\n" + BODY, (), "two columns of the name 'a'"),
        ("a,b,c,a\n1,2,3,4\n", NAMES, "two columns of the name 'a'"),
        ("a,b,c\n1_000,2,3\n", NAMES, "line 2, column a is '1_000'"),
        ("a,b,c\n1,\uff12,3\n", NAMES, "line 2, column b is '\uff12'"),
        ("a,b,c\n1,2,3\n4,inf,6\n", NAMES, "line 3, column b is 'inf'"),
        ("a,b,c\n1,2,1e300\n", NAMES, "line 2, column c is '1e300'"),
        ("a,b,c\n1,2\n", NAMES, "line 2 has 2 columns, the first has 3"),
        ("a,b,c\n1,2,3\n\n4,5,6\n", NAMES, "line 3 has 0 columns"),
        ("a,b,c\n1,2,3\x1d4,5,6\n", NAMES, "line 2 has 5 columns"),
        ("a,b,c\n1,2," + "9" * 200_000 + "\n", NAMES, "line 2, column c"),
        ('a,b,c\n1,2,"3\n', NAMES, "quotation mark"),
        ("a,b,c\n", NAMES, "features are a matrix"),
        ("", NAMES, "is empty"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, content: str, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_features(csv(tmp_path, content), names)
    assert message in str(caught.value)
    assert "new.csv" in str(caught.value)
    assert len(str(caught.value)) < 400


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "new.npz", **arrays)
    return folder / "new.npz"


def test_columns_of_an_npz_are_found_by_their_names(tmp_path: Path) -> None:
    path = npz(tmp_path, X=np.array(ROWS)[:, ::-1], feature_names=np.array(["c", "b", "a"]))
    assert read_features(path, NAMES)[0].tolist() == ROWS
    x, columns = read_features(path)
    assert x[0].tolist() == [3, 2, 1]
    assert columns == ["c", "b", "a"]
    with pytest.raises(UsageError, match="has no column 'd'"):
        read_features(path, ("a", "d"))


def test_names_stored_as_objects_are_none(tmp_path: Path) -> None:
    path = npz(tmp_path, X=np.array(ROWS), feature_names=np.array(list("abc"), dtype=object))
    assert feature_names(path) == []
    assert read_features(path, NAMES)[1] == []


CSR = {
    "X_data": np.ones(1),
    "X_indices": np.zeros(1, int),
    "X_indptr": np.array([0, 1]),
    "X_shape": np.array([1, 3]),
}


def test_a_sparse_matrix_is_read(tmp_path: Path) -> None:
    assert read_features(npz(tmp_path, **CSR))[0].tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": np.zeros(2)}, "has no array X (features)"),
        ({"X": np.zeros(3)}, "the shape is (3,)"),
        ({"X": np.zeros((0, 3))}, "the shape is (0, 3)"),
        ({"X": np.array([["1_0", "2"]])}, "holds <U3 values"),
        ({"X": np.zeros((2, 3), "datetime64[D]")}, "holds datetime64[D] values"),
        ({"X": np.zeros((2, 3), "timedelta64[D]")}, "holds timedelta64[D] values"),
        ({"X": np.zeros((2, 3), complex)}, "holds complex128 values"),
        ({"X": np.zeros(2, [("a", "f4")])}, "values; features are real numbers"),
        ({"X": np.array([[None]])}, "Python objects"),
        ({"X": np.array([[0, 1e300]])}, "row 0, column 1 is 1e+300, no finite float32 number"),
        ({"X": np.zeros((2, 3)), "feature_names": np.array(["a"])}, "1 feature_names for an X of the shape (2, 3)"),
        ({**CSR, "X_shape": np.int64(3)}, "must be a vector of whole numbers"),
        ({**CSR, "X_shape": np.array([1, np.inf])}, "must be a vector of whole numbers"),
        ({**CSR, "X_shape": np.array([1, 10**13])}, "GB are free"),
        ({**CSR, "X_indices": np.array([7])}, "rows and columns count from 0"),
    ],
)
def test_an_npz_without_usable_features_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_features(npz(tmp_path, **arrays))
    assert message in str(caught.value)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = npz(tmp_path, X=np.array(ROWS))
    whole = path.read_bytes()
    np.save(tmp_path / "new.npy", np.array(ROWS))
    for content in (b"", b"hello", whole[:200], (tmp_path / "new.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"new\.npz"):
            read_features(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"no array")
    with pytest.raises(UsageError, match=r"new\.npz"):
        read_features(path)
    lying = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n" + b"\0" * 64
    (tmp_path / "new.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + lying)
    with pytest.raises(UsageError, match="another size than its header says"):
        read_features(tmp_path / "new.npy")
    with pytest.raises(UsageError, match=r"is not one of \.npz, \.npy, \.csv"):
        read_features(tmp_path / "new.tsv")
