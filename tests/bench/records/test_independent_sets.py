"""Which columns count as one data set: by name, by declared family, by equal arrays, and by a chain of these."""

from __future__ import annotations

import itertools
import random

from bench.dataset_name import dataset_name
from bench.records.independent_sets import IndependentSet, copies_notes, counting_notes, independent_sets

COLUMNS = ["yeast[fold=1of2]", "yeast[fold=2of2]", "emotions@a", "emotions@b", "rcv1_s1", "scene", "rcv1_s2", "copy"]
FAMILIES = {"RCV1": ["rcv1_s1", "rcv1_s2", "rcv1_s3"]}
ARRAYS = {"scene": ["1f"], "copy": ["1f"], "rcv1_s1": ["2e"]}


def names(sets: list[IndependentSet]) -> list[tuple[str, list[str]]]:
    return [(one.name, one.columns) for one in sets]


def test_folds_extractors_families_and_equal_arrays_are_one_set_each() -> None:
    sets = independent_sets(COLUMNS, FAMILIES, ARRAYS)
    assert names(sets) == [
        ("yeast", ["yeast[fold=1of2]", "yeast[fold=2of2]"]),
        ("emotions", ["emotions@a", "emotions@b"]),
        ("RCV1", ["rcv1_s1", "rcv1_s2"]),
        ("scene", ["scene", "copy"]),
    ]
    assert sets[3].counted == ["scene"]
    assert sets[3].copies == {"copy": "scene"}
    assert counting_notes(sets) == [
        "copy has the same arrays as scene; they count once, by the values of scene.",
        "yeast counts as one data set, by the mean over its 2 columns: yeast[fold=1of2], yeast[fold=2of2].",
        "emotions counts as one data set, by the mean over its 2 columns: emotions@a, emotions@b.",
        "RCV1 counts as one data set, by the mean over its 2 columns: rcv1_s1, rcv1_s2.",
        "So 4 data sets of 8 columns; averages and tests are over those without gaps.",
    ]


def test_what_is_independent_is_not_spoken_of() -> None:
    sets = independent_sets(["yeast", "scene@a"], {"RCV1": ["rcv1_s1"]}, {"yeast": ["1"], "scene@a": ["2"]})
    assert names(sets) == [("yeast", ["yeast"]), ("scene@a", ["scene@a"])]
    assert counting_notes(sets) == copies_notes(sets) == []


def test_five_copies_of_a_file_count_as_one_and_are_named() -> None:
    copies = ["a", "b", "c", "d", "e"]
    (one,) = independent_sets(copies, {}, {column: ["1f"] for column in copies})
    assert one.counted == ["a"]
    assert copies_notes([one]) == ["b, c, d, e have the same arrays as a; they count once, by the values of a."]


def test_folds_that_carry_their_files_digest_are_no_copies_of_each_other() -> None:
    folds = ["yeast[fold=1of2]", "yeast[fold=2of2]", "again[fold=2of2]"]
    (one,) = independent_sets(folds, {}, {column: ["1f"] for column in folds})
    assert one.counted == folds[:2]
    assert one.copies == {"again[fold=2of2]": "yeast[fold=2of2]"}


def test_a_later_column_joins_earlier_ones() -> None:
    """Equal arrays join two sets, and with them their families."""
    arrays = {"a[fold=1of2]": ["1"], "b": ["2"], "a[fold=2of2]": ["2"]}
    (one,) = independent_sets(["a[fold=1of2]", "b", "a[fold=2of2]"], {}, arrays)
    assert one.columns == ["a[fold=1of2]", "b", "a[fold=2of2]"]
    assert not one.copies  # another transform: both are kept, in one set
    two = independent_sets(["a", "b", "c", "d"], {"F": ["a", "b"], "G": ["c", "d"]}, {"b": ["1"], "c": ["1"]})
    assert names(two) == [("F and G", ["a", "b", "c", "d"])]


def test_groups_are_the_connected_components_of_dependence() -> None:
    """Against a naive closure: two columns are one set where a chain of pairwise ties leads from one to the other."""
    draw = random.Random(0)
    for _ in range(200):
        bases = [f"{base}[fold={fold}of9]" for base in "abcd" for fold in range(1, 4)]
        columns = draw.sample(bases, draw.randint(1, 9))
        families = {f"F{i}": draw.sample("abcd", draw.randint(0, 2)) for i in range(2)}
        arrays = {column: [str(draw.randint(0, 12))] for column in columns}

        def tied(one: str, other: str, families: dict = families, arrays: dict = arrays) -> bool:
            x, y = dataset_name(one).base, dataset_name(other).base
            return x == y or arrays[one] == arrays[other] or any({x, y} <= set(f) for f in families.values())

        reach = {one: {one} for one in columns}
        for _, one, other in itertools.product(columns, columns, columns):
            if tied(one, other):
                both = reach[one] | reach[other]
                for member in both:
                    reach[member] = both
        expected = {frozenset(group) for group in reach.values()}
        assert {frozenset(one.columns) for one in independent_sets(columns, families, arrays)} == expected
