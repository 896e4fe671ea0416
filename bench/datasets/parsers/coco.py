"""MS COCO 2014 and 2017 (Lin et al. 2014): ``instances_<split><year>.json``. Images without annotations are left out,
as the paper's counts imply."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, RawSplit, held_out
from bench.errors import UsageError
from bench.system.archive import bare, members

VALIDATION = 4000


def parse(raw: Path, year: int, validation: int = VALIDATION) -> RawSet:
    """Official train, of which ``validation`` images are held out by ``default_rng(0)``, and official val as test.

    Parameters
    ----------
    raw: a folder or archive with ``instances_train<year>.json`` and ``instances_val<year>.json`` (gzipped or not).
    """
    wanted = {f"instances_{split}{year}.json": split for split in ("train", "val")}
    read = {}
    for name, content in members(raw, lambda name: bare(name) in wanted):
        file = bare(name)
        read[wanted[file]] = instances(content, f"{raw}, {file}")
    for file, split in wanted.items():
        if split not in read:
            raise UsageError(f"{raw} has no file {file}.")
    names, train_ids, train_files, train_y = read["train"]
    test_names, test_ids, test_files, test_y = read["val"]
    if names != test_names:
        raise UsageError(f"{raw}: the two files have different categories.")
    train, val = held_out(len(train_ids), validation)

    def split_of(rows: np.ndarray) -> RawSplit:
        paths = [raw / f"train{year}" / train_files[row] for row in rows]
        return RawSplit([train_ids[row] for row in rows], paths, train_y[rows])

    test = RawSplit(test_ids, [raw / f"val{year}" / file for file in test_files], test_y)
    rule = (
        f"images with annotations; official val is test; {validation} of official train held out by "
        "default_rng(0).permutation: our draw, the paper's is not published"
    )
    return RawSet(
        f"COCO{year}", "image", names, {"train": split_of(train), "val": split_of(val), "test": test}, rule, raw.name
    )


def instances(content: bytes, where: str) -> tuple[list[str], list[str], list[str], np.ndarray]:
    """(category names by id, image ids, file names, labels [N, c]) of the images that have annotations, by image id.

    Categories that no annotation uses stay; a super-category listed among them ("none" above it) that none uses goes.
    """
    try:
        read: dict[str, Any] = json.loads(content)
        categories = sorted(read["categories"], key=lambda category: category["id"])
        used = {annotation["category_id"] for annotation in read["annotations"]}
        above = {category.get("supercategory") for category in categories}
        categories = [category for category in categories if category["id"] in used or category["name"] not in above]
        place = {category["id"]: column for column, category in enumerate(categories)}
        present: dict[int, set[int]] = {}
        for annotation in read["annotations"]:
            present.setdefault(annotation["image_id"], set()).add(place[annotation["category_id"]])
        images = sorted((image for image in read["images"] if image["id"] in present), key=lambda image: image["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{where} is not in COCO's instances format ({type(error).__name__}: {error}).") from error
    y = np.zeros((len(images), len(categories)), dtype=np.int8)
    for row, image in enumerate(images):
        y[row, sorted(present[image["id"]])] = 1
    return (
        [category["name"] for category in categories],
        [str(image["id"]) for image in images],
        [image["file_name"] for image in images],
        y,
    )


PARSERS = tuple(
    SetParser(
        name=f"COCO{year % 100}",
        parse=partial(parse, year=year),
        home="cocodataset.org, Download",
        licence="annotations CC BY 4.0; images under Flickr's terms of use (cocodataset.org)",
        steps=f"download the {year} train and val images and the train/val annotations; --raw is a folder with "
        f"instances_train{year}.json, instances_val{year}.json, and the image folders train{year} and val{year}",
    )
    for year in (2014, 2017)
)
