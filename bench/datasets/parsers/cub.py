"""CUB-200-2011 (Wah et al. 2011): 312 binary attributes of photographs of birds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, by_ids, held_out
from bench.errors import UsageError
from bench.system.archive import bare, texts

VALIDATION = 200
NEEDED = ("images.txt", "train_test_split.txt", "image_attribute_labels.txt", "attributes.txt")


def parse(raw: Path) -> RawSet:
    """Official train, of which 200 images are held out by ``default_rng(0)``, and official test.

    Parameters
    ----------
    raw: a folder or archive with ``images.txt``, ``train_test_split.txt``, ``attributes/image_attribute_labels.txt``
        and ``attributes.txt`` (which the archive keeps above its own folder).
    """
    files = texts(raw, lambda name: bare(name) in NEEDED)
    for name in NEEDED:
        if name not in files:
            raise UsageError(f"{raw} has no file {name}.")
    attributes, images, training = (
        _by_id(files[name], f"{raw}, {name}") for name in ("attributes.txt", "images.txt", "train_test_split.txt")
    )
    ids = list(images)
    for image in ids:
        if training.get(image) not in ("0", "1"):
            raise UsageError(f"{raw}, train_test_split.txt: it does not say 0 or 1 of the image {image}.")
    y = attribute_labels(
        files["image_attribute_labels.txt"], ids, list(attributes), f"{raw}, image_attribute_labels.txt"
    )
    official = [image for image in ids if training[image] == "1"]
    train, val = held_out(len(official), min(VALIDATION, len(official) // 2))
    wanted = {
        "train": [official[row] for row in train],
        "val": [official[row] for row in val],
        "test": [image for image in ids if training[image] == "0"],
    }
    folder = next((path for path in sorted(raw.rglob("images")) if path.is_dir()), raw / "images")
    paths = [folder / images[image] for image in ids]
    rule = f"official train and test; {len(val)} of train held out by default_rng(0).permutation"
    return RawSet("CUB200", "image", list(attributes.values()), by_ids(ids, paths, y, wanted, str(raw)), rule, raw.name)


def _by_id(text: str, where: str) -> dict[str, str]:
    """{id: the rest of its line}."""
    rest = {}
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.strip().split(maxsplit=1)
        if len(parts) == 1:
            raise UsageError(f"{where}, line {number}: {line!r} is not a number and its value.")
        if parts:
            if parts[0] in rest:
                raise UsageError(f"{where}, line {number}: the number {parts[0]} occurs twice.")
            rest[parts[0]] = parts[1]
    return rest


def attribute_labels(text: str, ids: list[str], attributes: list[str], where: str) -> np.ndarray:
    """[N, attributes] from lines "image attribute is_present certainty seconds"; some official lines have more."""
    row_of = {image: row for row, image in enumerate(ids)}
    column_of = {attribute: column for column, attribute in enumerate(attributes)}
    y = np.zeros((len(ids), len(attributes)), dtype=np.int8)
    seen = np.zeros(y.shape, dtype=bool)
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) < 3 or parts[0] not in row_of or parts[2] not in ("0", "1"):
            raise UsageError(f"{where}, line {number}: {line!r} is not image, attribute, 0 or 1, ...")
        if parts[1] not in column_of:
            raise UsageError(f"{where}, line {number}: there is no attribute {parts[1]}; there are {len(attributes)}.")
        place = row_of[parts[0]], column_of[parts[1]]
        if seen[place] and y[place] != int(parts[2]):
            raise UsageError(f"{where}, line {number}: the image {parts[0]} has attribute {parts[1]}, and has it not.")
        seen[place], y[place] = True, int(parts[2])
    return y


PARSERS = (
    SetParser(
        name="CUB",
        parse=parse,
        home="www.vision.caltech.edu/datasets/cub_200_2011",
        licence="images under their photographers' terms; for non-commercial research and education "
        "(vision.caltech.edu)",
        steps="download and unpack CUB_200_2011.tgz; --raw is the folder that holds CUB_200_2011 and attributes.txt",
    ),
)
