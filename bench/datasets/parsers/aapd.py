"""AAPD, arXiv abstracts with 54 subjects (Yang et al., COLING 2018): line files, or the copies made of them.

Line files: ``text_train``, ``text_val``, ``text_test`` with an abstract a line, ``label_*`` with its subjects.
The widely copied CSV version has 54 columns of 0 and 1 whose header names the subjects alphabetically, which is wrong:
the columns are in the order of the subjects' frequency in the training split.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from bench.datasets.dataset import SPLITS
from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, RawSplit, label_matrix
from bench.errors import UsageError
from bench.system import reading
from bench.system.archive import bare, texts

STEM = "AAPD"
SUBJECTS = [
    *("cs.IT", "math.IT", "cs.LG", "cs.AI", "stat.ML", "cs.DS", "cs.DM", "cs.SI", "cs.LO", "math.CO"),
    *("physics.soc-ph", "cs.NI", "cs.CC", "math.OC", "cs.CL", "cs.CV", "cs.CR", "cs.DC", "cs.SY"),
    *("cs.NE", "cs.IR", "cs.GT", "quant-ph", "cs.CY", "cs.PL", "cs.DB", "cs.SE", "math.PR", "cs.CG"),
    *("cs.NA", "cs.HC", "cs.MA", "math.NA", "cs.CE", "cs.RO", "cs.FL", "math.ST", "stat.TH", "cs.DL"),
    *("cmp-lg", "cs.MM", "cs.PF", "math.LO", "cond-mat.stat-mech", "stat.AP", "stat.ME", "cs.MS"),
    *("cond-mat.dis-nn", "q-bio.NC", "cs.SC", "math.NT", "physics.data-an", "q-bio.QM", "nlin.AO"),
]
"""arXiv's names of the 54, the most frequent of the training split first."""


def parse(raw: Path) -> RawSet:
    """The three splits of a folder or archive: of line files (gzipped or not) if they are there, else of the CSV
    version (``train.csv``, ``val.csv`` or ``dev.csv``, ``test.csv``)."""
    files = texts(raw, _is_wanted)
    if any(name.startswith("label_") for name in files):
        return _from_line_files(files, raw)
    if any(name.endswith(".csv") for name in files):
        return _from_csv(files, raw)
    raise UsageError(f"{raw} has no file label_train; AAPD's line files are text_<split> and label_<split>.")


def _from_line_files(files: dict[str, str], raw: Path) -> RawSet:
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
        abstracts = _lines(files[f"text_{split}"]) if f"text_{split}" in files else []
        if f"text_{split}" not in files:
            notes.append(f"the texts of {split} are not in {raw.name}")
        elif len(abstracts) != len(y):
            raise UsageError(f"{raw}: text_{split} has {len(abstracts)} lines, label_{split} {len(y)}.")
        splits[split] = RawSplit([f"{split}/{row}" for row in range(len(y))], abstracts, y)
    return RawSet(STEM, "text", names, splits, _rule(splits), f"AAPD line files, {raw.name}", tuple(notes))


def _from_csv(files: dict[str, str], raw: Path) -> RawSet:
    splits = {}
    for split in SPLITS:
        name = next((file for file in CSV_NAMES[split] if file in files), None)
        if name is None:
            raise UsageError(f"{raw} has no file {CSV_NAMES[split][0]}.")
        abstracts, y = parse_csv(files[name], SUBJECTS, f"{raw}, {name}")
        splits[split] = RawSplit([f"{split}/{row}" for row in range(len(y))], abstracts, y)
    note = "columns named by the subjects' frequency; the CSV's own header is alphabetical and wrong"
    return RawSet(STEM, "text", SUBJECTS, splits, _rule(splits), f"AAPD as CSV, {raw.name}", (note,))


def _rule(splits: dict[str, RawSplit]) -> str:
    return "the authors' files: " + ", ".join(f"{split} {len(splits[split].y)}" for split in SPLITS)


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
    (_, header), *records = [record for record in reading.csv_rows(content, where) if record[1]] or [(0, [])]
    if not records:
        raise UsageError(f"{where} has no rows under a header.")
    for line, row in records:
        if len(row) != len(header):
            raise UsageError(f"{where}, line {line}: {len(row)} fields under {len(header)} columns.")
    rows = [row for _, row in records]
    binary = [column for column in range(len(header)) if all(row[column] in ("0", "1") for row in rows)]
    text = [column for column in range(len(header)) if column not in binary]
    if len(binary) != len(frequency_order) or len(text) != 1:
        raise UsageError(
            f"{where}: {len(binary)} columns of 0 and 1 and {len(text)} others "
            f"({', '.join(repr(header[column][:40]) for column in text[:3]) or 'none'}); "
            f"there must be {len(frequency_order)} subjects and one text."
        )
    y = np.array([[int(row[column]) for column in binary] for row in rows], dtype=np.int8)
    return [row[text[0]] for row in rows], y


CSV_NAMES = {"train": ("train.csv",), "val": ("val.csv", "dev.csv"), "test": ("test.csv",)}


def _is_wanted(name: str) -> bool:
    line_files = {f"{kind}_{split}" for kind in ("text", "label") for split in SPLITS}
    return bare(name) in line_files | {file for names in CSV_NAMES.values() for file in names}


def _lines(content: str) -> list[str]:
    return content.rstrip("\n").split("\n")


PARSERS = (
    SetParser(
        name="AAPD",
        parse=parse,
        home="the page of SGM (Yang et al., COLING 2018), lancopku/SGM on GitHub",
        licence="abstracts of arXiv.org, collected by Yang et al.; the authors' page states no licence",
        steps="download the data set from its authors' page; --raw is the folder with text_train, label_train, "
        "text_val, label_val, text_test and label_test",
    ),
)
