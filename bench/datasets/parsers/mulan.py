"""Mulan's format: ARFF (dense or sparse, gzipped or not) with an XML list of the labels."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, identifier_columns, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit
from bench.errors import UsageError


def parse(raw: Path) -> RawSet:
    """A folder with ``<name>.xml`` and ``<name>-train.arff`` and ``<name>-test.arff``, or ``<name>.arff``.

    Official train and test: 20 % of train are held out for validation; one file: 60/20/20; both by ``default_rng(0)``.
    """
    lists = sorted(raw.glob("*.xml")) if raw.is_dir() else []
    if len(lists) != 1:
        raise UsageError(f"{raw} must be a folder with one .xml list of labels; it has {len(lists)}.")
    stem = lists[0].stem
    label_names = read_label_names(lists[0])
    parts = [_file(raw, f"{stem}-{part}") for part in ("train", "test")]
    paths = parts if all(parts) else [_file(raw, stem)]
    if not all(paths):
        raise UsageError(f"{raw} has neither {stem}-train.arff and {stem}-test.arff nor {stem}.arff (or .gz).")
    tables = [read_arff(path, label_names) for path in paths if path]
    x, y = (np.concatenate([table[i] for table in tables]) for i in (0, 1))
    numbering = identifier_columns(x)
    notes = tuple(f"the feature in column {column} numbers the rows; it is left out" for column in numbering)
    x = np.delete(x, numbering, axis=1)
    given = None
    if len(tables) == 2:
        first = len(tables[0][0])
        given = {"train": np.arange(first), "test": np.arange(first, len(x))}
    index, rule = split_rows(len(x), given)
    splits = {split: RawSplit([str(row) for row in rows], x[rows], y[rows]) for split, rows in index.items()}
    return RawSet(stem, "vector", label_names, splits, rule, f"Mulan files of {stem}", notes)


def read_label_names(path: Path) -> list[str]:
    """The labels in the list's order, those of a hierarchy included; entities are never expanded."""
    from defusedxml import ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except Exception as error:  # malformed, or refused because it declares entities
        raise UsageError(f"the label list {path} cannot be read ({error}).") from error
    assert root is not None
    names = [element.get("name", "") for element in root.iter() if element.tag.rsplit("}", 1)[-1] == "label"]
    if not names:
        raise UsageError(f"the label list {path} names no label.")
    return names


def read_arff(path: Path, label_names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(features [N, D] float32, labels [N, c] int8). Nominal values that are numbers count as these, others
    by their place in the declaration. What a sparse row leaves out is 0, or a nominal attribute's first value.

    Raises
    ------
    UsageError: for a file that is no ARFF, a label that is not among its attributes, or a missing value.
    """
    import arff

    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as stream:
            text = stream.read()
        sparse = any(line.lstrip().startswith("{") for line in text.lower().partition("@data")[2].splitlines()[:50])
        read = arff.loads(text, return_type=arff.LOD if sparse else arff.DENSE)
    except Exception as error:  # the reader's own errors are of many kinds
        raise UsageError(f"{path} cannot be read as ARFF ({error}).") from error
    attributes = [name for name, _ in read["attributes"]]
    place = {_bare(name): column for column, name in enumerate(attributes)}
    missing = [name for name in label_names if _bare(name) not in place]
    if missing:
        raise UsageError(f"{path}: the label {missing[0]!r} is not among its attributes.")
    for name, kind in read["attributes"]:
        if kind == "STRING":
            raise UsageError(f"{path}: the attribute {name!r} is text; features and labels are numbers.")
    numbers = {column: _numbers(kind) for column, (_, kind) in enumerate(read["attributes"]) if isinstance(kind, list)}
    table = np.zeros((len(read["data"]), len(attributes)), dtype=np.float64)
    for column, values in numbers.items():
        table[:, column] = next(iter(values.values()))
    for row, values in enumerate(read["data"]):
        for column, value in values.items() if sparse else enumerate(values):
            if value is None:
                raise UsageError(f"{path}, row {row}: the value of {attributes[column]!r} is missing.")
            table[row, column] = numbers[column][value] if column in numbers else value
    labels = [place[_bare(name)] for name in label_names]
    features = [column for column in range(len(attributes)) if column not in set(labels)]
    return table[:, features].astype(np.float32), checked_labels(table[:, labels], str(path))


def _file(folder: Path, stem: str) -> Path | None:
    return next((path for path in (folder / f"{stem}.arff", folder / f"{stem}.arff.gz") if path.is_file()), None)


def _numbers(values: list[str]) -> dict[str, float]:
    try:
        return {value: float(value) for value in values}
    except ValueError:
        return {value: float(place) for place, value in enumerate(values)}


def _bare(name: str) -> str:
    """Some files quote or escape names in one place and not in the other."""
    return name.replace("\\", "").strip("'\" ")


def _accepts(raw: Path) -> bool:
    return raw.is_dir() and any(raw.glob("*.xml")) and (any(raw.glob("*.arff")) or any(raw.glob("*.arff.gz")))


PARSERS = (FormatParser("a folder with Mulan's .xml and .arff", _accepts, parse),)
