"""Independent data sets among a table's columns: one function says which columns count as one set, and why.

Averages over data sets and all tests over them take one value a set. Imports neither torch nor methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.dataset_name import dataset_name
from bench.text import counted

NAMED = 6
"""Columns that a note names before it counts the rest."""


@dataclass(frozen=True)
class IndependentSet:
    """Columns that depend on each other: together they are one observation."""

    name: str
    """Of the family, else of the data set; a column by itself has its own name."""
    columns: list[str]
    """In their order, copies too."""
    copies: dict[str, str] = field(default_factory=dict)
    """{column: the first with the same arrays}: such a column is shown and not counted."""

    @property
    def counted(self) -> list[str]:
        """Columns without copies; the set's value is the mean over them."""
        return [column for column in self.columns if column not in self.copies]


def independent_sets(
    columns: Sequence[str], families: Mapping[str, Collection[str]], arrays: Mapping[str, Collection[str]]
) -> list[IndependentSet]:
    """Columns by independent set, in the order of each set's first column.

    Columns are one set where they share a data set (folds, repeats, other transforms, extractors), a family, or arrays;
    and where a third column joins them.

    Parameters
    ----------
    columns: NAME[transforms] or NAME[transforms]@extractor.
    families: {family: names of data sets that depend on each other, such as samples of one corpus}.
    arrays: {column: digests of its arrays}, as records' keys hold them.
    """
    groups: list[tuple[set[tuple[str, str]], list[str]]] = []
    for column in columns:
        base = dataset_name(column).base
        ties = {("set", base), *(("arrays", digest) for digest in arrays.get(column, ()))}
        ties |= {("family", family) for family, names in families.items() if base in names or column in names}
        joined = [group for group in groups if group[0] & ties]
        merged = [name for _, names in joined for name in names]
        place = groups.index(joined[0]) if joined else len(groups)
        groups = [group for group in groups if group not in joined]
        groups.insert(place, (ties.union(*(theirs for theirs, _ in joined)), [*merged, column]))
    order = {column: place for place, column in enumerate(columns)}
    return [_set_of(ties, sorted(names, key=order.__getitem__), families, arrays) for ties, names in groups]


def _set_of(
    ties: set[tuple[str, str]],
    columns: list[str],
    families: Mapping[str, Collection[str]],
    arrays: Mapping[str, Collection[str]],
) -> IndependentSet:
    of_family = [family for family in families if ("family", family) in ties]
    name = columns[0] if len(columns) == 1 else " and ".join(of_family) or dataset_name(columns[0]).base
    first: dict[tuple[str, object], str] = {}
    copies: dict[str, str] = {}
    for column in columns:
        # With its transforms: folds of one file may carry the digest of the whole of it.
        same = [(digest, dataset_name(column).transforms) for digest in arrays.get(column, ())]
        original = next((first[one] for one in same if one in first), None)
        if original is not None:
            copies[column] = original
        for one in same:
            first.setdefault(one, column)
    return IndependentSet(name, columns, copies)


def copies_notes(sets: Sequence[IndependentSet]) -> list[str]:
    """Sentences on columns with equal arrays; none where there are none."""
    notes = []
    for one in sets:
        for original in dict.fromkeys(one.copies.values()):
            same = [column for column, first in one.copies.items() if first == original]
            verb = "have" if len(same) > 1 else "has"
            notes.append(
                f"{', '.join(same)} {verb} the same arrays as {original}; they count once, by the values of {original}."
            )
    return notes


def counting_notes(sets: Sequence[IndependentSet]) -> list[str]:
    """Sentences on columns that count as one and the number of data sets counted; none where all are independent."""
    notes = copies_notes(sets)
    for one in sets:
        if len(one.counted) > 1:
            more = len(one.counted) - NAMED
            named = ", ".join(one.counted[:NAMED]) + (f" and {more} more" if more > 0 else "")
            notes.append(
                f"{one.name} counts as one data set, by the mean over its {len(one.counted)} columns: {named}."
            )
    if notes:
        columns = sum(len(one.columns) for one in sets)
        notes.append(
            f"So {counted(len(sets), 'data set')} of {columns} columns; averages and tests are over those without gaps."
        )
    return notes
