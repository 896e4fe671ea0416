"""GoEmotions (Demszky et al., ACL 2020): Reddit comments with 27 emotions or none, which is the label neutral.

The authors' files ``train.tsv``, ``dev.tsv`` and ``test.tsv``: text, label numbers between commas, id, and quotation
marks as they are; or copies as JSON Lines, ``goemotions_<split>.jsonl``, with ``id``, ``text`` and ``labels`` by name.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.datasets.dataset import SPLITS
from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, RawSplit, label_matrix
from bench.errors import UsageError
from bench.system import reading
from bench.system.archive import bare, texts

STEM = "GoEmotions"
EMOTIONS = [
    *("admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire"),
    *("disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy"),
    *("love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral"),
]
"""In the order of the authors' emotions.txt, whose places are the label numbers."""
TSV = {"train": "train.tsv", "val": "dev.tsv", "test": "test.tsv"}


class Comment(msgspec.Struct):
    """One row."""

    id: str
    text: str
    labels: list[str]


def parse(raw: Path) -> RawSet:
    """The authors' three splits, from a folder or an archive.

    Raises
    ------
    UsageError: for a file that is missing, and for a line that is none of a comment.
    """
    copies = {split: f"goemotions_{split}.jsonl" for split in SPLITS}
    files = texts(raw, lambda name: bare(name) in {*TSV.values(), *copies.values()})
    names = TSV if TSV["train"] in files else copies
    splits = {}
    for split in SPLITS:
        if names[split] not in files:
            raise UsageError(f"{raw} has no file {names[split]}; GoEmotions is {', '.join(TSV.values())}.")
        where = f"{raw}, {names[split]}"
        comment = _of_tsv if names is TSV else _of_json
        rows = [
            comment(line, f"{where}, line {number}")
            for number, line in enumerate(files[names[split]].rstrip("\n").split("\n"), start=1)
        ]
        y = label_matrix([row.labels for row in rows], EMOTIONS, where)
        splits[split] = RawSplit([row.id for row in rows], [row.text for row in rows], y)
    sizes = ", ".join(f"{split} {len(splits[split].y)}" for split in SPLITS)
    return RawSet(STEM, "text", EMOTIONS, splits, f"the authors' files: {sizes}", f"GoEmotions, {raw.name}")


def _of_json(line: str, where: str) -> Comment:
    found: Comment = reading.decoded_json(line, where, Comment)
    return found


def _of_tsv(line: str, where: str) -> Comment:
    fields = line.rstrip("\r").split("\t")
    numbers = [reading.whole_number(word) for word in fields[1].split(",")] if len(fields) == 3 else [None]
    known = [number for number in numbers if number is not None and number < len(EMOTIONS)]
    if len(known) != len(numbers):
        raise UsageError(f"{where} is not a text, numbers of emotions below {len(EMOTIONS)} and an id between tabs.")
    return Comment(fields[2], fields[0], [EMOTIONS[number] for number in known])


PARSERS = (
    SetParser(
        name=STEM,
        parse=parse,
        home="google-research/google-research on GitHub, goemotions/data",
        licence="Apache-2.0, as its authors' repository states",
        steps="download train.tsv, dev.tsv and test.tsv; --raw is the folder with them",
    ),
)
