"""MS COCO 2014 and 2017 (Lin et al. 2014): ``instances_<split><year>.json``. Images without annotations are left out,
as the paper's counts imply."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, RawSplit, held_out
from bench.errors import UsageError
from bench.system import reading
from bench.system.archive import bare, files

VALIDATION = 4000


class Category(msgspec.Struct):
    id: int
    name: str
    supercategory: str | None = None


class Annotation(msgspec.Struct):
    image_id: int
    category_id: int


class Image(msgspec.Struct):
    id: int
    file_name: str


class Instances(msgspec.Struct):
    """The used part of an ``instances`` file."""

    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


def parse(raw: Path, year: int, validation: int = VALIDATION) -> RawSet:
    """Official train, of which ``validation`` images are held out by ``default_rng(0)``, and official val as test.

    Of a subset with fewer images half of train are held out at most.

    Parameters
    ----------
    raw: a folder or archive with ``instances_train<year>.json`` and ``instances_val<year>.json`` (gzipped or not).
    """
    wanted = {f"instances_{split}{year}.json": split for split in ("train", "val")}
    found = files(raw, lambda name: bare(name) in wanted)
    read = {wanted[file]: instances(content, f"{raw}, {file}") for file, content in found.items()}
    for file, split in wanted.items():
        if split not in read:
            raise UsageError(f"{raw} has no file {file}.")
    names = {split: {one.id: one.name for one in file.categories} for split, file in read.items()}
    if names["train"] != names["val"]:
        raise UsageError(f"{raw}: the two files have different categories.")
    chosen = categories(*read.values())
    train_images, train_y = labelled(read["train"], chosen)
    test_images, test_y = labelled(read["val"], chosen)
    train, val = held_out(len(train_images), min(validation, len(train_images) // 2))

    def split_of(images: list[Image], y: np.ndarray, rows: Iterable[int], folder: str) -> RawSplit:
        part = [images[row] for row in rows]
        paths = [raw / f"{folder}{year}" / image.file_name for image in part]
        return RawSplit([str(image.id) for image in part], paths, y)

    splits = {
        "train": split_of(train_images, train_y[train], train, "train"),
        "val": split_of(train_images, train_y[val], val, "train"),
        "test": split_of(test_images, test_y, range(len(test_y)), "val"),
    }
    rule = (
        f"images with annotations; official val is test; {len(val)} of official train held out by "
        "default_rng(0).permutation: our draw, the paper's is not published"
    )
    return RawSet(f"COCO{year}", "image", [one.name for one in chosen], splits, rule, raw.name)


def instances(content: bytes, where: str) -> Instances:
    """The content of a file.

    Raises
    ------
    UsageError: with the place of a field that is missing or of another type, for two categories or images of one id,
        and for an annotation of an unknown category.
    """
    read: Instances = reading.decoded_json(content, where, Instances)
    for kind, ids in (("categories", [one.id for one in read.categories]), ("images", [one.id for one in read.images])):
        if len(set(ids)) != len(ids):
            raise UsageError(f"{where}: two {kind} have the id {next(one for one in ids if ids.count(one) > 1)}.")
    known = {category.id for category in read.categories}
    for number, annotation in enumerate(read.annotations):
        if annotation.category_id not in known:
            raise UsageError(f"{where}: annotation {number} has the category {annotation.category_id}, which is none.")
    return read


def categories(*read: Instances) -> list[Category]:
    """The categories of files that list the same, by id.

    One that no annotation uses stays, unless it stands above another: then it is a group, not a label.
    """
    used = {annotation.category_id for file in read for annotation in file.annotations}
    listed = sorted(read[0].categories, key=lambda category: category.id)
    above = {category.supercategory for category in listed if category.supercategory != category.name}
    return [category for category in listed if category.id in used or category.name not in above]


def labelled(file: Instances, chosen: list[Category]) -> tuple[list[Image], np.ndarray]:
    """(images that have annotations, by id; their labels [N, c])."""
    place = {category.id: column for column, category in enumerate(chosen)}
    annotated = {annotation.image_id for annotation in file.annotations}
    images = sorted((image for image in file.images if image.id in annotated), key=lambda image: image.id)
    row = {image.id: number for number, image in enumerate(images)}
    y = np.zeros((len(images), len(chosen)), dtype=np.int8)
    for annotation in file.annotations:
        if annotation.image_id in row:
            y[row[annotation.image_id], place[annotation.category_id]] = 1
    return images, y


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
