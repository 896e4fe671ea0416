"""The canonical layout, which the FLEM authors use:

    <Name>_<split>_features_<extractor>.npy     [N, D] float32, memory-mapped
    <Name>_<split>_labels.npz                   SciPy CSR [N, c]

for the splits train, val and test; optionally ``<Name>_label_names.txt``, one name a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.dataset import SPLITS, Dataset, SplitArrays, checked_labels, finished
from bench.datasets.source import Source
from bench.datasets.validation import check_labels_file
from bench.errors import UsageError

FEATURES = re.compile(r"(?P<stem>.+)_train_features_(?P<extractor>.+)\.npy")


OWN_NUMBERS = "vector"
"""The extractor's name of features that a user's file gives as numbers, which are of any scale and often few."""


def find(folder: Path) -> list[Source]:
    """The sets of one folder, by their training features; each is named by its stem."""
    sets = []
    for path in sorted(folder.glob("*_train_features_*.npy")):
        if match := FEATURES.fullmatch(path.name):
            stem, extractor = match["stem"], match["extractor"]
            protocol = "small" if extractor == OWN_NUMBERS else "paper"
            sets.append(Source(stem, extractor, protocol, files(folder.resolve(), stem, extractor), __name__))
    return sets


def files(folder: Path, stem: str, extractor: str) -> tuple[Path, ...]:
    paths = []
    for split in SPLITS:
        paths += [folder / feature_file(stem, split, extractor), folder / label_file(stem, split)]
    names = folder / f"{stem}_label_names.txt"
    return (*paths, names) if names.is_file() else tuple(paths)


def read(name: str, paths: tuple[Path, ...]) -> Dataset:
    """The set of which :func:`files` gave the paths."""
    match = FEATURES.fullmatch(paths[0].name)
    assert match
    folder, stem = paths[0].parent, match["stem"]
    for split in SPLITS:
        check_labels_file(folder / label_file(stem, split))
    return load(name, folder, stem, match["extractor"])


def load(name: str, folder: Path, stem: str, extractor: str) -> Dataset:
    """Load a set from its files; features stay memory-mapped."""
    splits = {}
    for split in SPLITS:
        x = _features(folder / feature_file(stem, split, extractor))
        labels = folder / label_file(stem, split)
        splits[split] = SplitArrays(x, checked_labels(load_csr(labels), str(labels)))
    card = read_card(folder, stem, extractor)
    names_file = folder / f"{stem}_label_names.txt"
    names = names_file.read_text(encoding="utf-8").splitlines() if names_file.is_file() else None
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
    return f"{stem}_{split}_features_{extractor}.npy"


def label_file(stem: str, split: str) -> str:
    return f"{stem}_{split}_labels.npz"


def card_path(folder: Path, stem: str, extractor: str) -> Path:
    """The file of a prepared set's card: source, licence, split rule, origin of the features."""
    return folder / f"{stem}_card_{extractor}.json"


def save(
    folder: Path, stem: str, extractor: str, splits: dict[str, SplitArrays], label_names: Iterable[str] = ()
) -> None:
    """Write a set in the canonical layout."""
    folder.mkdir(parents=True, exist_ok=True)
    save_features(folder, stem, extractor, {split: arrays.x for split, arrays in splits.items()})
    save_labels(folder, stem, {split: arrays.y for split, arrays in splits.items()}, list(label_names))


def save_features(folder: Path, stem: str, extractor: str, x: Mapping[str, np.ndarray]) -> None:
    for split, features in x.items():
        np.save(folder / feature_file(stem, split, extractor), np.asarray(features, dtype=np.float32))


def save_labels(folder: Path, stem: str, y: Mapping[str, np.ndarray], label_names: Sequence[str]) -> None:
    from scipy import sparse

    for split, labels in y.items():
        sparse.save_npz(folder / label_file(stem, split), sparse.csr_matrix(labels))
    if label_names:
        (folder / f"{stem}_label_names.txt").write_text("\n".join(label_names) + "\n", encoding="utf-8")


def card(paths: tuple[Path, ...]) -> dict[str, Any]:
    """The card of the set of which :func:`files` gave the paths; empty for files in another layout."""
    match = FEATURES.fullmatch(paths[0].name)
    return read_card(paths[0].parent, match["stem"], match["extractor"]) if match else {}


def read_card(folder: Path, stem: str, extractor: str) -> dict[str, Any]:
    """The card of a prepared set; empty for files that came from elsewhere."""
    path = card_path(folder, stem, extractor)
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the card {path} cannot be read ({_short(error)}); remove it or prepare the set again."
        ) from error
    return card if isinstance(card, dict) else {}


def _features(path: Path) -> np.ndarray:
    if not path.is_file():
        raise UsageError(f"the feature file {path} is missing.")
    try:
        # "c": copy on write, so that torch may wrap the array; nothing writes to it
        x = np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UsageError(f"the feature file {path} cannot be read ({_short(error)}); it may be truncated.") from error
    if x.dtype != np.float32:
        if not np.issubdtype(x.dtype, np.number) or np.issubdtype(x.dtype, np.complexfloating):
            raise UsageError(f"the feature file {path} holds {x.dtype} values; features are real numbers.")
        x = x.astype(np.float32)
    return x


def load_csr(path: Path) -> np.ndarray:
    """A dense matrix from a SciPy CSR file."""
    from scipy import sparse

    if not path.is_file():
        raise UsageError(f"the label file {path} is missing.")
    try:
        return sparse.load_npz(path).toarray()
    except Exception as error:  # a damaged archive fails in many ways, all of them the file's fault
        raise UsageError(
            f"the label file {path} cannot be read as a SciPy sparse matrix ({_short(error)}); it may be truncated."
        ) from error


def _short(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
