"""Mulan's format: ARFF (dense or sparse, gzipped or not) with an XML list of the labels; and MEKA's, one ARFF whose
relation says how many attributes are labels: ``-C 6``, the first six, or ``-C -6``, the last.

A file is UTF-8, or Latin-1 where it is not. An attribute is a number (``numeric``, ``real``, ``integer``) or nominal
(``{a,b}``); values that cannot be one of these are refused. A label's values are 0 and 1, or one of ``PAIRS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from glob import escape
from pathlib import Path

import numpy as np

from bench.datasets.dataset import checked_labels, split_rows
from bench.datasets.parsers import FormatParser
from bench.datasets.raw import RawSet, RawSplit, feature, without_row_numbers
from bench.datasets.validation import repeated
from bench.errors import UsageError
from bench.system import reading

PAIRS = (
    *(("1", "0"), ("1", "-1"), ("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("+", "-"), ("on", "off")),
    *(("present", "absent"), ("positive", "negative"), ("pos", "neg")),
)
"""Words of a nominal label, in either case and declared in any order: (a row has it, a row has it not)."""
MEKA = re.compile(r"(?<!\S)-C\s+(-?\d+)")
NUMERIC = ("numeric", "real", "integer")
NAME = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,{}'"][^\s,{}]*""")
FIELD = re.compile(r"""((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,'"])*),""")
"""Names and fields are quoted where they hold spaces or signs. No two alternatives begin alike: time is linear."""


def parse(raw: Path) -> RawSet:
    """A label list ``<name>.xml``, or the folder of one, beside ``<name>-train.arff`` and ``<name>-test.arff``, or
    ``<name>.arff``.

    Official train and test: 20 % of train are held out for validation; one file: 60/20/20; both by ``default_rng(0)``.
    """
    lists = sorted(raw.glob("*.xml")) if raw.is_dir() else [raw]
    if len(lists) != 1:
        names = " or ".join(str(one) for one in lists[:6])
        raise UsageError(f"{raw} is a folder of {len(lists)} lists of labels (.xml){names and f'; give {names}'}.")
    stem, raw = lists[0].stem, lists[0].parent
    label_names = read_label_names(lists[0])
    parts = [_file(raw, f"{stem}-{part}") for part in ("train", "test")]
    paths = parts if all(parts) else [_file(raw, stem)]
    if not all(paths):
        raise UsageError(f"{raw} has neither {stem}-train.arff and {stem}-test.arff nor {stem}.arff (or .gz).")
    tables = [read_arff(path, label_names) for path in paths if path]
    if any(list(table.attributes.items()) != list(tables[0].attributes.items()) for table in tables):
        raise UsageError(f"{paths[0]} and {paths[-1]} declare different attributes, or in different orders.")
    x, y = np.concatenate([table.x for table in tables]), np.concatenate([table.y for table in tables])
    x, _, notes = without_row_numbers(x)
    given = None
    if len(tables) == 2:
        first = len(tables[0].x)
        given = {"train": np.arange(first), "test": np.arange(first, len(x))}
    index, rule = split_rows(len(x), given)
    splits = {split: RawSplit([str(row) for row in rows], x[rows], y[rows]) for split, rows in index.items()}
    notes += tuple(note for table in tables for note in table.notes)
    return RawSet(stem, "vector", label_names, splits, rule, f"Mulan files of {stem}", notes)


def parse_meka(path: Path) -> RawSet:
    """One ARFF file of MEKA, 60/20/20 by ``default_rng(0)``.

    Raises
    ------
    UsageError: where the relation does not say how many attributes are labels.
    """
    content, _ = _decoded(path)
    lines = _lines(content)
    relation = next((line for _, line in lines if line.lower().startswith("@relation")), "")
    names = list(_attributes(path, lines))
    found = MEKA.search(relation)
    count = int(found[1]) if found else 0
    if not 1 < abs(count) < len(names):
        said = f"says {count}" if found else "does not say"
        raise UsageError(
            f"{path}: its @relation {said} how many of the {len(names)} attributes are labels (-C N, the first N; "
            "-C -N, the last N); a file of Mulan stands in a folder with its .xml."
        )
    labels = names[:count] if count > 0 else names[count:]
    table = read_arff(path, labels)
    x, _, notes = without_row_numbers(table.x)
    index, rule = split_rows(len(x), None)
    splits = {split: RawSplit([str(row) for row in rows], x[rows], table.y[rows]) for split, rows in index.items()}
    return RawSet(path.stem, "vector", labels, splits, rule, path.name, table.notes + notes)


def read_label_names(path: Path) -> list[str]:
    """The labels in the list's order, those of a hierarchy included; entities are never expanded."""
    root = reading.xml(reading.content(path), f"the label list {path}")
    names = [element.get("name", "") for element in root.iter() if element.tag.rsplit("}", 1)[-1] == "label"]
    if not names:
        raise UsageError(f"the label list {path} names no label.")
    if (twice := repeated(names)) is not None:
        raise UsageError(f"the label list {path} names the label {twice!r} twice.")
    return names


# --- ARFF -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """The rows of an ARFF file."""

    attributes: Mapping[str, Mapping[str, float] | None]
    """{name: the number of each nominal value, or None of numbers} in the file's order."""
    x: np.ndarray
    """[N, D] float32."""
    y: np.ndarray
    """[N, c] int8."""
    notes: tuple[str, ...]


def read_arff(path: Path, label_names: list[str]) -> Table:
    """Features and labels of one file. A nominal feature whose values are numbers counts as these, another as its
    values' places in the declaration, from 0. What a sparse row leaves out is 0, or a nominal attribute's first value.

    Raises
    ------
    UsageError: with the line, for what is no ARFF, an attribute of text, a value that is missing, not finite, not
        declared or given twice, and for a label that is not among the attributes or whose values are no known pair.
    """
    text, notes = _decoded(path)
    lines = _lines(text)
    attributes = _attributes(path, lines)
    names = list(attributes)
    labels = [_column(path, names, label) for label in label_names]
    for label, column in zip(label_names, labels, strict=True):
        if attributes[names[column]] is not None:
            attributes[names[column]] = _pair(path, label, attributes[names[column]] or {})
    table = _rows(path, lines, attributes)
    features = np.setdiff1d(np.arange(len(names)), labels)
    y = checked_labels(table[:, labels], str(path))
    return Table(attributes, table[:, features].astype(np.float32), y, notes)


def _decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    """(text, notes) of a file."""
    content = reading.unpacked(path)
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:  # no two bytes of Latin-1 become one character, so nothing merges
        return content.decode("latin-1"), (f"{path.name} is not UTF-8 and was read as Latin-1",)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of those that are neither blank nor a comment."""
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if (line := line.strip()) and not line.startswith("%"):
            yield number, line


def _attributes(path: Path, lines: Iterator[tuple[int, str]]) -> dict[str, dict[str, float] | None]:
    """The declarations, up to ``@data``."""
    attributes: dict[str, dict[str, float] | None] = {}
    for number, line in lines:
        keyword, _, rest = line.replace("\t", " ").partition(" ")
        if keyword.lower() == "@data":
            return attributes
        found = NAME.match(rest := rest.strip())
        if keyword.lower() not in ("@relation", "@attribute") or (keyword.lower() == "@attribute" and not found):
            raise UsageError(f"{path} cannot be read as ARFF: line {number} is {line[:60]!r}, no declaration.")
        if keyword.lower() == "@relation" or not found:
            continue
        name, kind = _plain(found[0]), rest[found.end() :].strip()
        if name in attributes:
            raise UsageError(f"{path}, line {number}: the attribute {name!r} is declared twice.")
        if kind.startswith("{") and kind.endswith("}"):
            attributes[name] = _nominal(
                path, number, name, [_plain(value) for value in _fields(path, number, kind[1:-1])]
            )
        elif kind.lower() in NUMERIC:
            attributes[name] = None
        else:
            raise UsageError(
                f"{path}, line {number}: the attribute {name!r} is {kind[:40] or 'of no type'!r}; features and labels "
                f"are numbers ({', '.join(NUMERIC)}) or nominal ({{a,b}})."
            )
    raise UsageError(f"{path} cannot be read as ARFF: it has no line @data.")


def _nominal(path: Path, number: int, name: str, values: list[str]) -> dict[str, float]:
    if (twice := repeated(values)) is not None:
        raise UsageError(f"{path}, line {number}: the attribute {name!r} declares the value {twice!r} twice.")
    numbers = [feature(value) for value in values]
    return {
        value: float(place) if None in numbers else found  # type: ignore[misc]  # none of them is None then
        for place, (value, found) in enumerate(zip(values, numbers, strict=True))
    }


def _column(path: Path, names: list[str], label: str) -> int:
    """The place of a label among the attributes; some files quote or escape it in one of the two and not in both."""
    found = (
        [names.index(label)] if label in names else [j for j, name in enumerate(names) if _bare(name) == _bare(label)]
    )
    if len(found) != 1:
        fault = "is not among its attributes" if not found else "may be several of its attributes"
        raise UsageError(f"{path}: the label {label!r} {fault}.")
    return found[0]


def _pair(path: Path, label: str, values: Mapping[str, float]) -> dict[str, float]:
    """{value: 1 or 0} of a nominal label, by its words."""
    for has, lacks in PAIRS:
        meaning = {has: 1.0, lacks: 0.0}
        if values and {value.lower() for value in values} <= set(meaning):
            return {value: meaning[value.lower()] for value in values}
    raise UsageError(
        f"{path}: the label {label!r} has the values {{{', '.join(values)}}}; a label's are "
        f"{', '.join('/'.join(pair) for pair in PAIRS)}."
    )


def _rows(
    path: Path, lines: Iterator[tuple[int, str]], attributes: Mapping[str, Mapping[str, float] | None]
) -> np.ndarray:
    """[N, attributes] float64."""
    names, kinds = list(attributes), list(attributes.values())
    left_out = [next(iter(kind.values())) if kind else 0.0 for kind in kinds]
    table = []
    for number, line in lines:
        if line.startswith("{") and line.endswith("}"):
            row, given = left_out.copy(), _sparse(path, number, line[1:-1], len(names))
        else:
            values = [_plain(value) for value in _fields(path, number, line)]
            if len(values) != len(names):
                raise UsageError(f"{path}, line {number}: {len(values)} values for {len(names)} attributes.")
            row, given = left_out.copy(), dict(enumerate(values))
        for column, word in given.items():
            kind = kinds[column]
            value = feature(word) if kind is None else kind.get(word)
            if value is None:
                fault = (
                    "missing"
                    if word == "?"
                    else f"{word[:60]!r}, " + ("no finite number" if kind is None else "not declared")
                )
                raise UsageError(f"{path}, line {number}: the value of {names[column]!r} is {fault}.")
            row[column] = value
        table.append(np.array(row))
    if not table:
        raise UsageError(f"{path} has no rows after @data.")
    return np.stack(table)


def _sparse(path: Path, number: int, line: str, columns: int) -> dict[int, str]:
    """{column: value} of ``0 1.5, 3 red``."""
    given: dict[int, str] = {}
    for entry in _fields(path, number, line) if line.strip() else ():
        place, _, word = entry.replace("\t", " ").partition(" ")
        column = reading.whole_number(place)
        if column is None or column >= columns or not word:
            raise UsageError(f"{path}, line {number}: {entry[:60]!r} is no column below {columns} with its value.")
        if column in given:
            raise UsageError(f"{path}, line {number}: the column {column} is given twice.")
        given[column] = _plain(word.strip())
    return given


def _fields(path: Path, number: int, text: str) -> list[str]:
    """Fields between commas, with their quotation marks."""
    if "'" not in text and '"' not in text:
        return [field.strip() for field in text.split(",")]
    fields, place, text = [], 0, text + ","
    while place < len(text):
        found = FIELD.match(text, place)
        if found is None:
            raise UsageError(f"{path}, line {number}: a quotation mark is not closed.")
        fields.append(found[1].strip())
        place = found.end()
    return fields


def _plain(word: str) -> str:
    """A word without its quotation marks and the escapes in them."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _bare(name: str) -> str:
    return name.replace("\\", "").strip("'\" ")


def _file(folder: Path, stem: str) -> Path | None:
    return next((path for path in (folder / f"{stem}.arff", folder / f"{stem}.arff.gz") if path.is_file()), None)


def _accepts(raw: Path) -> bool:
    lists = [raw] if raw.suffix == ".xml" and raw.is_file() else sorted(raw.glob("*.xml")) if raw.is_dir() else []
    return len(lists) == 1 and any(lists[0].parent.glob(f"{escape(lists[0].stem)}*.arff*"))


PARSERS = (
    FormatParser("a folder with Mulan's .xml and .arff, or the .xml", _accepts, parse),
    FormatParser(
        "an .arff of MEKA", lambda raw: raw.name.endswith((".arff", ".arff.gz")) and raw.is_file(), parse_meka
    ),
)
