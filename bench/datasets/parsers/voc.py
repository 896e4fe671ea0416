"""PASCAL VOC 2007 and 2012 (Everingham et al. 2010, 2015): ImageSets/Main lists, or Annotations in XML.

An object marked ``difficult`` can count as absent (the default: the label files that the field shares are made so) or
present. In the class lists of ImageSets/Main 1 is present, 0 only difficult, -1 absent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from bench.datasets.parsers import File, SetParser
from bench.datasets.raw import RawSet, by_ids, held_out, label_matrix
from bench.errors import UsageError
from bench.system import archive, reading

CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
]
VOC12_VALIDATION = 200
Difficult = Literal["absent", "present"]


def parse(raw: Path, year: int, difficult: Difficult = "absent") -> RawSet:
    """VOC2007: official train, val, test. VOC2012, whose test labels are not public: official val is the test split,
    and 200 of train are held out by ``default_rng(0)``, as the paper's sizes imply.

    Parameters
    ----------
    raw: a folder or archive with ``ImageSets/Main`` and, for photographs or XML labels, ``JPEGImages``/``Annotations``;
        folders above them do not matter, except that what lies in another year's (``VOC2012``) is left out.
    """
    files = archive.texts(
        raw, lambda name: "ImageSets/Main/" in name and name.endswith(".txt") and _of_year(name, year)
    )
    lists = {split: files.get(f"{split}.txt", "").split() for split in ("train", "val", "test")}
    needed = ("train", "val", "test") if year == 2007 else ("train", "val")
    for split in needed:
        if not lists[split]:
            raise UsageError(f"{raw} has no list ImageSets/Main/{split}.txt of VOC{year}.")
    ids = [image for split in needed for image in lists[split]]
    y = from_class_lists(files, needed, ids, difficult, str(raw))
    if y is None:
        y = from_annotations(raw, year, ids, difficult)
    notes: tuple[str, ...] = (f"objects marked difficult count as {difficult}",)
    if year == 2007:
        wanted, rule = lists, "the official train, val and test"
    else:
        train, val = held_out(len(lists["train"]), VOC12_VALIDATION)
        wanted = {
            "train": [lists["train"][row] for row in train],
            "val": [lists["train"][row] for row in val],
            "test": lists["val"],
        }
        rule = f"official val is test; {VOC12_VALIDATION} of official train held out by default_rng(0).permutation"
        notes += ("the paper has 5516 training images, one fewer than the official list leaves",)
    images = image_paths(raw, year, ids)
    return RawSet(f"VOC{year}", "image", CLASSES, by_ids(ids, images, y, wanted, str(raw)), rule, raw.name, notes)


def from_class_lists(
    files: dict[str, str], splits: Sequence[str], ids: Sequence[str], difficult: Difficult, where: str
) -> np.ndarray | None:
    """[N, 20] labels from ``<class>_<split>.txt``; None where these lists are not there."""
    if not all(f"{name}_{split}.txt" in files for name in CLASSES for split in splits):
        return None
    lowest = 1 if difficult == "absent" else 0
    place = {image: row for row, image in enumerate(ids)}
    y = np.zeros((len(ids), len(CLASSES)), dtype=np.int8)
    for column, name in enumerate(CLASSES):
        seen = set()
        for split in splits:
            for number, line in enumerate(files[f"{name}_{split}.txt"].splitlines(), start=1):
                parts = line.split()
                if len(parts) != 2 or parts[0] not in place or parts[1] not in ("1", "0", "-1"):
                    raise UsageError(f"{where}, {name}_{split}.txt, line {number}: {line!r} is no id with 1, 0 or -1.")
                if parts[0] in seen:
                    raise UsageError(f"{where}, {name}_{split}.txt, line {number}: {parts[0]} occurs twice.")
                seen.add(parts[0])
                y[place[parts[0]], column] = int(parts[1]) >= lowest
        if len(seen) != len(place):
            lacking = next(image for image in ids if image not in seen)
            raise UsageError(f"{where}: the lists of the class {name} do not say whether {lacking} has it.")
    return y


def from_annotations(raw: Path, year: int, ids: Sequence[str], difficult: Difficult) -> np.ndarray:
    """[N, 20] labels from ``Annotations/<id>.xml``; entities are never expanded."""
    names: dict[str, list[str]] = {}
    annotations = archive.files(
        raw, lambda name: "Annotations/" in name and name.endswith(".xml") and _of_year(name, year)
    )
    for name, content in annotations.items():
        root = reading.xml(content, f"{raw}, the annotation {name}")
        found = names.setdefault(name.removesuffix(".xml"), [])
        for marked in root.iter("object"):
            label, hard = marked.findtext("name", "").strip(), marked.findtext("difficult", "0").strip()
            if label not in CLASSES or hard not in ("0", "1"):
                raise UsageError(
                    f"{raw}, the annotation {name}: an object {label!r}, difficult {hard!r}, is not of VOC."
                )
            if difficult == "present" or hard == "0":
                found.append(label)
    missing = [image for image in ids if image not in names]
    if missing:
        raise UsageError(f"{raw} has neither class lists nor Annotations/{missing[0]}.xml.")
    return label_matrix([names[image] for image in ids], CLASSES, f"{raw}, Annotations")


def image_paths(raw: Path, year: int, ids: Sequence[str]) -> list[Path]:
    """The photographs of a folder, by id; in an archive there are none yet, and the paths are where they would be."""
    folders = sorted(raw.rglob("JPEGImages")) if raw.is_dir() else []
    of_year = (path for path in folders if path.is_dir() and _of_year(path.relative_to(raw).as_posix(), year))
    folder = next(of_year, None)
    return [(folder or raw / "JPEGImages") / f"{image}.jpg" for image in ids]


def _of_year(name: str, year: int) -> bool:
    """True of a path in the year's own folder, or in none of any year: both may be in one VOCdevkit."""
    return all(int(other) == year for other in re.findall(r"(?:^|/)VOC(\d{4})/", name))


THOR = "https://thor.robots.ox.ac.uk/pascal/VOC"
CITED = "address and checksum as in torchvision's torchvision/datasets/voc.py; the address was never reached from here"
FILES = {
    2007: (
        File(f"{THOR}/voc2007/VOCtrainval_06-Nov-2007.tar", "md5:c52e279531787c972589f7e41ab4ae64", CITED),
        File(f"{THOR}/voc2007/VOCtest_06-Nov-2007.tar", "md5:b6e924de25625d8de591ea690078ad9f", CITED),
    ),
    2012: (File(f"{THOR}/voc2012/VOCtrainval_11-May-2012.tar", "md5:6cd6e144f989b92b3379bac3b3de84fd", CITED),),
}
PARSERS = tuple(
    SetParser(
        name=f"VOC{year % 100:02}",
        parse=partial(parse, year=year),
        home="host.robots.ox.ac.uk/pascal/VOC",
        licence="images from Flickr under its terms of use; annotations for research (host.robots.ox.ac.uk/pascal/VOC)",
        steps=f"unpack the archives; --raw is the folder VOCdevkit or VOCdevkit/VOC{year}",
        files=files,
        choices=("difficult",),
    )
    for year, files in FILES.items()
)
