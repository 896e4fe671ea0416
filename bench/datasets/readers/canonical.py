"""The canonical layout, which the FLEM authors use:

    <Name>_<split>_features_<extractor>.npy     [N, D] float32, memory-mapped
    <Name>_<split>_labels.npz                   SciPy CSR [N, c]

for the splits train, val and test; optionally ``<Name>_label_names.txt``, one name a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.datasets.dataset import SPLITS, Dataset, SplitArrays, checked_labels, finished
from bench.datasets.source import Source, Unreadable
from bench.datasets.validation import checked_csr, checked_features, checked_set_name
from bench.errors import UsageError
from bench.system import reading, writing

FEATURES = re.compile(r"(?P<stem>.+)_train_features_(?P<extractor>.+)\.npy", re.DOTALL)
CSR = ("data", "indices", "indptr", "shape")


OWN_NUMBERS = "vector"
"""The extractor's name of features that a user's file gives as numbers, which are of any scale and often few."""
MINILM = "minilm-l6-v2"
"""The extractor's name of sentence features."""
SCALED = (OWN_NUMBERS, MINILM)
"""Extractors whose features are scaled unless a set's entry says otherwise; those of unit length are too small to train
on as they are."""


class FeatureFacts(msgspec.Struct, omit_defaults=True):
    """Facts of the features, as far as a card's readers use them."""

    names: list[str] = []
    network: str | None = None
    own_metrics: dict[str, dict[str, float | None]] = {}


class Card(msgspec.Struct, omit_defaults=True):
    """A prepared set's card."""

    source: str | None = None
    licence: str | None = None
    split_rule: str | None = None
    notes: list[str] = []
    features: FeatureFacts = msgspec.field(default_factory=FeatureFacts)
    sha256: dict[str, str] = {}
    unfinished: bool = False
    """True while the files are put in their places one by one."""


def find(folder: Path) -> list[Source | Unreadable]:
    """The sets of one folder, by their training features; each is named by its stem."""
    sets: list[Source | Unreadable] = []
    for path in sorted(folder.glob("*_train_features_*.npy")):
        if match := FEATURES.fullmatch(path.name):
            stem, extractor = match["stem"], match["extractor"]
            protocol = "small" if extractor in SCALED else "paper"
            try:
                for name in (stem, extractor):
                    checked_set_name(name, path)
                reading.opened(path).close()
            except UsageError as error:
                sets.append(Unreadable.because(stem, error))
            else:
                sets.append(Source(stem, extractor, protocol, files(folder.resolve(), stem, extractor), __name__))
    return sets


def files(folder: Path, stem: str, extractor: str) -> tuple[Path, ...]:
    """A set's files: features and labels of each split, then the label names where they are there."""
    paths = []
    for split in SPLITS:
        paths += [folder / feature_file(stem, split, extractor), folder / label_file(stem, split)]
    names = folder / f"{stem}_label_names.txt"
    return (*paths, names) if names.is_file() else tuple(paths)


def read(name: str, paths: tuple[Path, ...]) -> Dataset:
    """The set of which :func:`files` gave the paths."""
    match = FEATURES.fullmatch(paths[0].name)
    assert match
    return load(name, paths[0].parent, match["stem"], match["extractor"])


def load(name: str, folder: Path, stem: str, extractor: str) -> Dataset:
    """Load a set from its files; features stay memory-mapped.

    Raises
    ------
    UsageError: one sentence for the first fault; also where the files are being prepared, or were not to the end.
    """
    card = read_card(folder, stem, extractor)
    splits = {}
    for split in SPLITS:
        path = folder / feature_file(stem, split, extractor)
        splits[split] = SplitArrays(
            checked_features(reading.array(path, mapped=True), str(path)), load_labels(folder / label_file(stem, split))
        )
    names_file = folder / f"{stem}_label_names.txt"
    names = label_names(names_file) if names_file.is_file() else None
    if read_card(folder, stem, extractor) != card:
        raise UsageError(f"{card_path(folder, stem, extractor)} changed while the set was read; try again.")
    return finished(
        name,
        extractor,
        splits,
        names,
        card.get("split_rule", "as the files give it"),
        (f"{card['source']}; " if "source" in card else "") + f"canonical files {stem}_*_{extractor} in {folder}",
        files(folder, stem, extractor),
    )


def feature_file(stem: str, split: str, extractor: str) -> str:
    """Name of the file with a split's features [N, D]."""
    return f"{stem}_{split}_features_{extractor}.npy"


def label_file(stem: str, split: str) -> str:
    """Name of the file with a split's labels [N, c]."""
    return f"{stem}_{split}_labels.npz"


def card_path(folder: Path, stem: str, extractor: str) -> Path:
    """The file of a prepared set's card: source, licence, split rule, origin of the features."""
    return folder / f"{stem}_card_{extractor}.json"


def save(
    folder: Path, stem: str, extractor: str, splits: dict[str, SplitArrays], label_names: Iterable[str] = ()
) -> None:
    """Write a set in the canonical layout."""
    save_features(folder, stem, extractor, {split: arrays.x for split, arrays in splits.items()})
    save_labels(folder, stem, {split: arrays.y for split, arrays in splits.items()}, list(label_names))


def save_features(folder: Path, stem: str, extractor: str, x: Mapping[str, np.ndarray]) -> None:
    """Write each split's features [N, D] as float32."""
    for split, features in x.items():
        rows = np.ascontiguousarray(features, dtype=np.float32)
        with writing.replacing(folder / feature_file(stem, split, extractor)) as stream:
            np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(rows))
            stream.write(rows.data)  # not rows.tofile(stream), whose error does not say that the disk is full


def save_labels(folder: Path, stem: str, y: Mapping[str, np.ndarray], label_names: Sequence[str]) -> None:
    """Write each split's labels [N, c] as SciPy CSR, and the label names where there are any."""
    from scipy import sparse

    for split, labels in y.items():
        with writing.replacing(folder / label_file(stem, split)) as stream:
            sparse.save_npz(stream, sparse.csr_matrix(labels))
    if label_names:
        save_lines(folder / f"{stem}_label_names.txt", label_names)


def save_lines(path: Path, names: Iterable[str]) -> None:
    """Write names, one a line."""
    writing.write(path, "".join(f"{name}\n" for name in names).encode())


def label_names(path: Path) -> list[str]:
    """The names of a file with one a line; a line ends with a line feed and nothing else."""
    return [name for _, name in reading.lines(path)]


def load_labels(path: Path) -> np.ndarray:
    """[N, c] int8 from a SciPy CSR file.

    Raises
    ------
    UsageError: for a file that is not one, an index beyond its shape, a cell given twice, or a value that is no label.
    """
    parts = reading.arrays(path, (*CSR, "format"))
    form = parts["format"].tolist() if "format" in parts else None
    if form not in ("csr", b"csr") or any(name not in parts for name in CSR):
        raise UsageError(
            f"the label file {path} is no CSR matrix, as scipy.sparse.save_npz writes it of csr_matrix(Y)."
        )
    matrix = checked_csr([parts[name] for name in CSR], f"the arrays of the label file {path}")
    return checked_labels(matrix.toarray(), str(path))


def card(paths: tuple[Path, ...]) -> dict[str, Any]:
    """The card of the set of which :func:`files` gave the paths; empty for files in another layout."""
    match = FEATURES.fullmatch(paths[0].name)
    return read_card(paths[0].parent, match["stem"], match["extractor"]) if match else {}


def read_card(folder: Path, stem: str, extractor: str) -> dict[str, Any]:
    """The card of a prepared set; empty for files that came from elsewhere.

    Raises
    ------
    UsageError: for a card that cannot be read, and for that of a set whose preparation did not come to its end.
    """
    path = card_path(folder, stem, extractor)
    if not path.is_file():
        return {}
    card: Card = reading.json(path, Card)
    if card.unfinished:
        raise UsageError(f"{path}: the set was not prepared to its end, so its files may not agree; prepare it again.")
    facts: dict[str, Any] = msgspec.to_builtins(card)
    return facts


def save_card(folder: Path, stem: str, extractor: str, card: Mapping[str, Any]) -> Path:
    """Write a prepared set's card."""
    path = card_path(folder, stem, extractor)
    writing.write(path, msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    return path
