"""AAPD, arXiv abstracts with 54 subjects (Yang et al., COLING 2018): line files, or the copies made of them.

Line files: ``text_train``, ``text_val``, ``text_test`` with an abstract a line, ``label_*`` with its subjects.
The widely copied CSV version has 54 columns of 0 and 1 whose header names the subjects alphabetically, which is wrong:
the columns are in the order of the subjects' frequency in the training split.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np

from bench.datasets.archive import members
from bench.datasets.base import SPLITS
from bench.datasets.raw import RawSet, RawSplit, label_matrix
from bench.errors import UsageError

STEM = "AAPD"
LABELS = 54
SIZES = {"train": 53840, "val": 1000, "test": 1000}
LICENCE = "abstracts of arXiv.org, collected by Yang et al.; the authors' page states no licence"


def parse(raw: Path) -> RawSet:
    """The three splits of a folder or archive of line files (gzipped or not), named by the subjects' frequency."""
    files = {name.rsplit("/", 1)[-1]: content for name, content in members(raw, _is_line_file)}
    missing = [f"label_{split}" for split in SPLITS if f"label_{split}" not in files]
    if missing:
        raise UsageError(f"{raw} has no file {missing[0]}; AAPD's line files are text_<split> and label_<split>.")
    labels = {split: [line.split() for line in _lines(files[f"label_{split}"])] for split in SPLITS}
    names = subjects_by_frequency(labels["train"])
    unseen = {subject for split in SPLITS for row in labels[split] for subject in row} - set(names)
    names += sorted(unseen)  # none in the authors' files
    splits, notes = {}, []
    for split in SPLITS:
        y = label_matrix(labels[split], names, f"{raw}, label_{split}")
        texts = _lines(files[f"text_{split}"]) if f"text_{split}" in files else []
        if f"text_{split}" not in files:
            notes.append(f"the texts of {split} are not in {raw.name}")
        elif len(texts) != len(y):
            raise UsageError(f"{raw}: text_{split} has {len(texts)} lines, label_{split} {len(y)}.")
        splits[split] = RawSplit([f"{split}/{row}" for row in range(len(y))], texts, y)
    rule = "the authors' files: " + ", ".join(f"{split} {len(splits[split].y)}" for split in SPLITS)
    return RawSet(STEM, "text", names, splits, rule, f"AAPD line files, {raw.name}", tuple(notes))


def subjects_by_frequency(rows: list[list[str]]) -> list[str]:
    """The training rows' subjects, the most frequent first; equal ones by name."""
    counts = Counter(subject for row in rows for subject in row)
    return sorted(counts, key=lambda subject: (-counts[subject], subject))


def parse_csv(content: str, frequency_order: list[str], where: str) -> tuple[list[str], np.ndarray]:
    """(texts, labels [N, 54]) of one split of the CSV version: the header's names are ignored, the columns are the
    subjects in ``frequency_order``.

    Raises
    ------
    UsageError: for another number of columns, or values other than 0 and 1.
    """
    header, *rows = csv.reader(io.StringIO(content))
    binary = [column for column in range(len(header)) if all(row[column] in ("0", "1") for row in rows)]
    text = [column for column in range(len(header)) if column not in binary]
    if len(binary) != len(frequency_order) or len(text) != 1:
        raise UsageError(
            f"{where}: {len(binary)} columns of 0 and 1 and {len(text)} others; "
            f"there must be {len(frequency_order)} subjects and one text."
        )
    y = np.array([[int(row[column]) for column in binary] for row in rows], dtype=np.int8)
    return [row[text[0]] for row in rows], y


def _is_line_file(name: str) -> bool:
    return name.rsplit("/", 1)[-1] in {f"{kind}_{split}" for kind in ("text", "label") for split in SPLITS}


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8").rstrip("\n").split("\n")
