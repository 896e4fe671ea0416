"""NUS-WIDE (Chua et al. 2009): 81 concepts of Flickr photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, RawSplit, held_out
from bench.errors import UsageError
from bench.system.archive import bare, texts

VALIDATION = 4000
PARTS = {"train": ("TrainImagelist.txt", "Train"), "test": ("TestImagelist.txt", "Test")}


def parse(raw: Path, validation: int = VALIDATION) -> RawSet:
    """The official train and test lists; ``validation`` of train are held out by ``default_rng(0)``.

    The paper's 150 000 / 60 260 images are not the official 161 789 / 107 859, and its rule is not published.

    Parameters
    ----------
    raw: a folder or archive with ``Concepts81.txt``, ``TrainImagelist.txt``, ``TestImagelist.txt`` and
        ``Labels_<concept>_Train.txt``, ``Labels_<concept>_Test.txt``; photographs below ``Flickr``.
    """
    files = texts(raw, _is_wanted)
    if "Concepts81.txt" not in files:
        raise UsageError(f"{raw} has no file Concepts81.txt.")
    concepts = files["Concepts81.txt"].split()
    folder = next((path for path in sorted(raw.rglob("Flickr")) if path.is_dir()), raw / "Flickr")
    read = {}
    for split, (list_name, part) in PARTS.items():
        if list_name not in files:
            raise UsageError(f"{raw} has no file {list_name}.")
        images = [line.strip().replace("\\", "/") for line in files[list_name].splitlines() if line.strip()]
        read[split] = (images, _labels(files, concepts, part, len(images), raw))
    images, y = read["train"]
    train, val = held_out(len(images), min(validation, len(images) // 2))
    splits = {
        name: RawSplit([images[row] for row in rows], [folder / images[row] for row in rows], y[rows])
        for name, rows in (("train", train), ("val", val))
    }
    test_images, test_y = read["test"]
    splits["test"] = RawSplit(test_images, [folder / image for image in test_images], test_y)
    rule = f"the official train and test lists; {len(val)} of train held out by default_rng(0).permutation: our rule"
    note = "the paper's 150000 training and 60260 test images are not the official lists; its rule is not published"
    return RawSet("NUS-WIDE", "image", concepts, splits, rule, raw.name, (note,))


def _labels(files: dict[str, str], concepts: list[str], part: str, rows: int, raw: Path) -> np.ndarray:
    y = np.zeros((rows, len(concepts)), dtype=np.int8)
    for column, concept in enumerate(concepts):
        name = f"Labels_{concept}_{part}.txt"
        if name not in files:
            raise UsageError(f"{raw} has no file {name}.")
        values = files[name].split()
        if len(values) != rows:
            raise UsageError(f"{raw}, {name}: {len(values)} lines for {rows} images.")
        if odd := set(values) - {"0", "1"}:
            number = 1 + next(row for row, value in enumerate(values) if value in odd)
            raise UsageError(f"{raw}, {name}: the value {number}, {values[number - 1]!r}, is neither 0 nor 1.")
        y[:, column] = np.array(values, dtype=np.int8)
    return y


def _is_wanted(name: str) -> bool:
    tail = bare(name)
    return tail in ("Concepts81.txt", *(file for file, _ in PARTS.values())) or (
        tail.startswith("Labels_") and tail.endswith(("_Train.txt", "_Test.txt"))
    )


PARSERS = (
    SetParser(
        name="NUS",
        parse=parse,
        home="lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html",
        licence="labels for research (lms.comp.nus.edu.sg); images under their photographers' terms",
        steps="request and download the image lists, the concept list, the ground truth and the photographs; --raw is "
        "the folder that holds them",
    ),
)
