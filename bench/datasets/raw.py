"""A data set before its features: texts, photographs or vectors with their labels, as a source's parser gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from bench.datasets.dataset import SPLITS, identifier_columns
from bench.datasets.validation import LARGEST
from bench.errors import UsageError
from bench.system import reading

Kind = Literal["text", "image", "vector"]


@dataclass(frozen=True)
class RawSplit:
    """The rows of one split, their ids, items and labels in one order."""

    ids: list[str]
    items: Sequence[str] | Sequence[Path] | np.ndarray
    """Texts, image files, or features [N, D]."""
    y: np.ndarray
    """[N, c] int8."""


@dataclass(frozen=True)
class RawSet:
    """A data set as its source gives it, split but without features."""

    stem: str
    """The beginning of the canonical files' names."""
    kind: Kind
    label_names: list[str]
    splits: Mapping[str, RawSplit]
    split_rule: str
    source: str
    """The files that were read, in words, for the card."""
    notes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    """Of a user's numbers, where the file names them."""


def feature(word: str) -> float | None:
    """A feature's value; None where the word is no number that float32 holds."""
    value = reading.number(word)
    return value if value is not None and abs(value) <= LARGEST else None


def without_row_numbers(x: np.ndarray, names: Sequence[str] = ()) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """(features, their names, notes) without the columns that number the rows, which the notes name."""
    numbering = identifier_columns(x)
    notes = tuple(
        f"the feature {names[column]!r} numbers the rows; it is left out"
        if names
        else f"the feature in column {column} numbers the rows; it is left out"
        for column in numbering
    )
    return np.delete(x, numbering, axis=1), [name for j, name in enumerate(names) if j not in numbering], notes


def label_matrix(rows: Sequence[Iterable[str]], label_names: Sequence[str], where: str) -> np.ndarray:
    """[N, c] int8 from each row's label names.

    Raises
    ------
    UsageError: for a name that is not among the labels.
    """
    place = {name: column for column, name in enumerate(label_names)}
    y = np.zeros((len(rows), len(label_names)), dtype=np.int8)
    for number, row in enumerate(rows):
        for name in row:
            if name not in place:
                raise UsageError(f"{where}, row {number}: the label {name!r} is not among the {len(place)} labels.")
            y[number, place[name]] = 1
    return y


def by_ids(
    ids: Sequence[str], items: Sequence, y: np.ndarray, wanted: Mapping[str, Sequence[str]], where: str
) -> dict[str, RawSplit]:
    """The rows of each split by their ids, in the split's own order.

    Raises
    ------
    UsageError: for an id that is not there, or that is in two splits.
    """
    place = {key: row for row, key in enumerate(ids)}
    seen: dict[str, str] = {}
    splits = {}
    for split in SPLITS:
        for key in wanted[split]:
            if key not in place:
                raise UsageError(f"{where}: the {split} split names {key!r}, which is not in the source.")
            if key in seen:
                places = (
                    f"in the splits {seen[key]} and {split}" if seen[key] != split else f"twice in the {split} split"
                )
                raise UsageError(f"{where}: {key!r} is {places}.")
            seen[key] = split
        rows = [place[key] for key in wanted[split]]
        splits[split] = RawSplit([ids[row] for row in rows], [items[row] for row in rows], y[rows])
    return splits


def held_out(rows: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(train, val) row numbers: the first ``count`` of ``default_rng(0).permutation`` are held out, both in order."""
    order = np.random.default_rng(0).permutation(rows)
    return np.sort(order[count:]), np.sort(order[:count])


class _Document(msgspec.Struct):
    id: str | int


def read_ids(folder: Path, stem: str) -> dict[str, list[str]]:
    """{split: ids} from ``<stem>_<split>_ids.txt`` (one a line) or ``<stem>_<split>.jsonl(.gz)`` (key ``id``).

    Raises
    ------
    UsageError: when a split has neither, or for a line without an id.
    """
    wanted = {}
    for split in SPLITS:
        plain = folder / f"{stem}_{split}_ids.txt"
        lines = [folder / f"{stem}_{split}.jsonl", folder / f"{stem}_{split}.jsonl.gz"]
        jsonl = next((path for path in lines if path.is_file()), None)
        if plain.is_file():
            wanted[split] = reading.text(plain).split()
        elif jsonl is not None:
            content = reading.unpacked(jsonl).rstrip().split(b"\n")
            wanted[split] = [
                str(reading.decoded_json(line, f"{jsonl}, line {number}", _Document).id)
                for number, line in enumerate(content, start=1)
            ]
        else:
            raise UsageError(f"{folder} has neither {plain.name} nor {lines[0].name}(.gz) for the split by ids.")
    return wanted
