"""Mulan's ARFF and XML: real files, and the dialects that people write, whose words decide what a value means."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.parsers import mulan
from bench.datasets.readers import npz
from bench.errors import UsageError


@pytest.mark.parametrize("name", ["birds", "emotions", "flags"])
def test_mulan_files_hold_what_the_npz_files_hold(name: str, shared_data: Path) -> None:
    """Against raw/mulan (original ARFF and XML; birds and flags have nominal features) and multilabel/*.npz."""
    raw = mulan.parse(shared_data / f"raw/mulan/{name}")
    expected = npz.load(name, shared_data / f"multilabel/{name}.npz")
    assert raw.label_names == expected.label_names
    for split, part in raw.splits.items():
        np.testing.assert_array_equal(part.y, expected.splits[split].y)
        np.testing.assert_allclose(np.asarray(part.items), expected.splits[split].x, atol=1e-6)


XML = (
    '<labels xmlns="http://mulan.sourceforge.net/labels"><label name="a"/>'
    '<label name="b"><label name="c"/></label></labels>'
)


def test_sparse_arff_and_label_hierarchies(tmp_path: Path) -> None:
    """An imitation: attributes count from 0, what is left out is 0, a nominal label has its declared value."""
    (tmp_path / "set.xml").write_text(XML)
    (tmp_path / "set.arff").write_text(
        "@relation r\n@attribute x numeric\n@attribute 'y z' numeric\n@attribute a {0,1}\n@attribute b {0,1}\n"
        "@attribute c {0,1}\n@data\n" + "{0 1.5, 2 1}\n{1 2, 3 1, 4 1}\n{0 1, 4 1}\n{2 1}\n{3 1}\n" * 2
    )
    raw = mulan.parse(tmp_path)
    assert raw.label_names == ["a", "b", "c"]
    assert sum(len(part.y) for part in raw.splits.values()) == 10
    table = mulan.read_arff(tmp_path / "set.arff", ["a", "b", "c"])
    np.testing.assert_array_equal(table.x[:3], [[1.5, 0], [0, 2], [1, 0]])
    np.testing.assert_array_equal(table.y[:3], [[1, 0, 0], [0, 1, 1], [0, 0, 1]])


def test_what_a_sparse_arff_leaves_out_is_a_nominal_attributes_first_value(tmp_path: Path) -> None:
    (tmp_path / "set.arff").write_text(
        "@relation r\n@attribute x numeric\n@attribute k {2,0}\n@attribute a {1,0}\n@attribute b {0,1}\n"
        "@data\n{0 3.5, 3 1}\n{1 0, 2 0}\n"
    )
    table = mulan.read_arff(tmp_path / "set.arff", ["a", "b"])
    np.testing.assert_array_equal(table.x, [[3.5, 2], [0, 0]])
    np.testing.assert_array_equal(table.y, [[1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("arff", "message"),
    [
        ("@relation r\n@attribute a {0,1}\n@data\n1\n", "the label 'b' is not among its attributes"),
        ("not an arff", "cannot be read as ARFF"),
        (
            "@relation r\n@attribute a {0,1}\n@attribute b {0,1}\n@attribute c {0,1}\n@attribute x numeric\n"
            "@data\n1,0,1,?\n",
            "line 7: the value of 'x' is missing",
        ),
        (
            "@relation r\n@attribute a numeric\n@attribute b {0,1}\n@attribute c {0,1}\n@data\n2,0,1\n",
            "the label in row 0, column 0 is 2",
        ),
    ],
)
def test_faults_in_arff_are_one_sentence(tmp_path: Path, arff: str, message: str) -> None:
    (tmp_path / "set.xml").write_text(XML)
    (tmp_path / "set.arff").write_text(arff)
    with pytest.raises(UsageError, match=message):
        mulan.parse(tmp_path)


def test_label_lists_do_not_expand_entities(tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><labels><label name="&b;"/></labels>')
    with pytest.raises(UsageError, match=r"the label list .* cannot be read"):
        mulan.parse(tmp_path)


def table(tmp_path: Path, attributes: str, rows: str, labels: list[str] | None = None) -> mulan.Table:
    """The table of a file with these declarations, separated by semicolons, and these rows."""
    declared = "".join(f"@attribute {one.strip()}\n" for one in attributes.split(";"))
    (tmp_path / "set.arff").write_text(f"@relation r\n{declared}@data\n{rows}")
    return mulan.read_arff(tmp_path / "set.arff", labels or ["a", "b"])


def test_the_documented_pairs_are_those_that_are_read() -> None:
    page = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
    rows = page.partition("| a row has the label | it has not |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert [tuple(cell.strip(" `") for cell in row.strip("|").split("|")) for row in rows] == list(mulan.PAIRS)


@pytest.mark.parametrize(("has", "lacks"), mulan.PAIRS)
def test_a_nominal_label_means_what_its_words_say_in_any_order(tmp_path: Path, has: str, lacks: str) -> None:
    for declared in (f"{{{has},{lacks}}}", f"{{{lacks}, {has}}}", f"{{{has.upper()},{lacks.upper()}}}"):
        one, other = (has.upper(), lacks.upper()) if has.upper() in declared and has.isalpha() else (has, lacks)
        found = table(tmp_path, f"x numeric; a {declared}; b {declared}", f"1,{one},{other}\n2,{other},{one}\n")
        np.testing.assert_array_equal(found.y, [[1, 0], [0, 1]])


@pytest.mark.parametrize("values", ["0,1,2", "male,female", "true,no", "low,high", "1,2"])
def test_a_label_of_other_words_is_refused_with_them(tmp_path: Path, values: str) -> None:
    shown = values.replace(",", ", ")
    with pytest.raises(UsageError, match=rf"the label 'a' has the values \{{{shown}\}}; a label's are 1/0, 1/-1, true"):
        table(tmp_path, f"x numeric; a {{{values}}}; b {{0,1}}", f"1,{values.split(',')[0]},1\n")


def test_integer_and_real_attributes_keep_their_fractions(tmp_path: Path) -> None:
    found = table(tmp_path, "x integer; y REAL; z Numeric; a {0,1}; b {0,1}", "0.25,1e-1,-.5,0,1\n2,3,4.,1,0\n")
    np.testing.assert_array_equal(found.x, np.array([[0.25, 0.1, -0.5], [2, 3, 4]], dtype=np.float32))


def test_nominal_features_are_numbers_or_places(tmp_path: Path) -> None:
    """By their place where a value is a word, as Mulan's own sets are used."""
    found = table(tmp_path, "x {3,10}; y {red,'dark green'}; a {0,1}; b {0,1}", "10,red,0,1\n3,'dark green',1,0\n")
    np.testing.assert_array_equal(found.x, [[10, 0], [3, 1]])


def test_quoted_names_and_values(tmp_path: Path) -> None:
    attributes = "'it\\'s x' numeric; \"a b\" {0,1}; 'k, l' {'p,q',\"r's\"}; c\t{0,1}"
    found = table(tmp_path, attributes, "% a comment\n\n1.5, '1', 'p,q' ,0\n{1 1, 2 \"r's\", 3\t1}\n", ["a b", "c"])
    np.testing.assert_array_equal(found.x, [[1.5, 0], [0, 1]])
    np.testing.assert_array_equal(found.y, [[1, 0], [1, 1]])
    assert list(found.attributes) == ["it's x", "a b", "k, l", "c"]


BYTES = "@relation r\n@attribute x numeric\n@attribute música {0,1}\n@attribute año {0,1}\n@data\n1,0,1\n2,1,0\n"


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (BYTES.encode(), ()),
        (b"\xef\xbb\xbf" + BYTES.encode(), ()),
        (BYTES.replace("\n", "\r\n").encode(), ()),
        (BYTES.replace("\n", "\r").encode(), ()),
        (BYTES.encode("latin-1"), ("set.arff is not UTF-8 and was read as Latin-1",)),
    ],
)
def test_utf_8_with_or_without_its_mark_and_latin_1(tmp_path: Path, content: bytes, notes: tuple[str, ...]) -> None:
    (tmp_path / "set.arff").write_bytes(content)
    (tmp_path / "set.xml").write_bytes(
        '<?xml version="1.0" encoding="ISO-8859-1"?><labels><label name="música"/><label name="año"/></labels>'.encode(
            "latin-1"
        )
    )
    labels = mulan.read_label_names(tmp_path / "set.xml")
    found = mulan.read_arff(tmp_path / "set.arff", labels)
    assert (labels, found.notes) == (["música", "año"], notes)
    np.testing.assert_array_equal(found.y, [[0, 1], [1, 0]])


def test_latin_1_values_do_not_become_one(tmp_path: Path) -> None:
    text = "@relation r\n@attribute x {é,è}\n@attribute a {0,1}\n@attribute b {0,1}\n@data\né,0,1\nè,1,0\n"
    (tmp_path / "set.arff").write_bytes(text.encode("latin-1"))
    np.testing.assert_array_equal(mulan.read_arff(tmp_path / "set.arff", ["a", "b"]).x, [[0], [1]])


@pytest.mark.parametrize(
    ("attributes", "rows", "message"),
    [
        (
            "x string; a {0,1}; b {0,1}",
            "'hello',0,1\n",
            "line 2: the attribute 'x' is 'string'; features and labels are",
        ),
        ("x date 'yyyy'; a {0,1}; b {0,1}", "1,0,1\n", "line 2: the attribute 'x' is \"date 'yyyy'\""),
        ("x numeric; x numeric; a {0,1}; b {0,1}", "1,1,0,1\n", "line 3: the attribute 'x' is declared twice"),
        ("x {p,q,p}; a {0,1}; b {0,1}", "p,0,1\n", "line 2: the attribute 'x' declares the value 'p' twice"),
        ("x numeric; a {0,1}; b {0,1}", "{0 1, 0 2, 1 1}\n", "line 6: the column 0 is given twice"),
        ("x numeric; a {0,1}; b {0,1}", "{3 1}\n", "line 6: '3 1' is no column below 3 with its value"),
        ("x numeric; a {0,1}; b {0,1}", "{0}\n", "line 6: '0' is no column below 3 with its value"),
        ("x numeric; a {0,1}; b {0,1}", "nan,0,1\n", "line 6: the value of 'x' is 'nan', no finite number"),
        ("x numeric; a {0,1}; b {0,1}", "1e39,0,1\n", "line 6: the value of 'x' is '1e39', no finite number"),
        ("x numeric; a {0,1}; b {0,1}", "1_000,0,1\n", "line 6: the value of 'x' is '1_000', no finite number"),
        ("x numeric; a {0,1}; b {0,1}", "\u0661,0,1\n", "line 6: the value of 'x' is '\u0661', no finite number"),
        ("x {p,q}; a {0,1}; b {0,1}", "r,0,1\n", "line 6: the value of 'x' is 'r', not declared"),
        ("x numeric; a {0,1}; b {0,1}", "1,0\n", "line 6: 2 values for 3 attributes"),
        ("x numeric; a {0,1}; b {0,1}", "1,'0,1\n", "line 6: a quotation mark is not closed"),
        ("x numeric; a {0,1}; b {0,1}", "", "has no rows after @data"),
        (
            "x numeric; 'a' {0,1}; \"'a'\" {0,1}; \"\\'b\" {0,1}; '\"b' {0,1}",
            "1,0,1,0,1\n",
            "the label 'b' may be several",
        ),
    ],
)
def test_what_an_arff_does_not_say_is_refused(tmp_path: Path, attributes: str, rows: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        table(tmp_path, attributes, rows)


def test_parts_with_other_attributes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text(XML)
    for part, first in (("train", "x"), ("test", "y")):
        second = "y" if first == "x" else "x"
        declared = [f"{first} numeric", f"{second} numeric", *(f"{label} {{0,1}}" for label in "abc")]
        text = "@relation r\n" + "".join(f"@attribute {one}\n" for one in declared) + "@data\n1,2,0,1,0\n"
        (tmp_path / f"set-{part}.arff").write_text(text)
    with pytest.raises(UsageError, match=r"set-train\.arff and .*set-test\.arff declare different attributes"):
        mulan.parse(tmp_path)


def test_a_label_named_twice_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text('<labels><label name="a"/><label name="a"/></labels>')
    with pytest.raises(UsageError, match=r"set\.xml names the label 'a' twice"):
        mulan.read_label_names(tmp_path / "set.xml")
    packed = bytearray(gzip.compress(b"@relation r\n" * 1000))
    packed[20:30] = b"\xff" * 10
    (tmp_path / "set.arff.gz").write_bytes(packed)
    with pytest.raises(UsageError, match=r"set\.arff\.gz cannot be read as a \.gz file"):
        mulan.read_arff(tmp_path / "set.arff.gz", ["a"])


@pytest.mark.parametrize("text", ["'" + "a\\" * 200_000, "'a" * 300_001, "\\'" * 200_001, "a'" * 300_001])
def test_quotation_marks_take_linear_time(tmp_path: Path, text: str) -> None:
    start = time.process_time()
    with pytest.raises(UsageError, match="line 6: a quotation mark is not closed"):
        table(tmp_path, "x numeric; a {0,1}; b {0,1}", text)
    assert time.process_time() - start < 10
