"""Reuters-21578 (Lewis 1997): the SGML files, the ModApte split, the 90 topics with training and test documents."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from bench.datasets.parsers import SetParser
from bench.datasets.raw import RawSet, by_ids, held_out, label_matrix, read_ids
from bench.errors import UsageError
from bench.system.archive import bare, members

STEM = "Reuters"
VALIDATION = 1943

SIGNATURES = ("Reuter", "REUTER")
"""A story ends with the agency's name, which says nothing of its topics."""


def parse(raw: Path, ids: Path | None = None) -> RawSet:
    """The 10789 documents of the 90 topics.

    Parameters
    ----------
    raw: the archive (reuters21578.tar.gz) or a folder with the 22 ``reut2-*.sgm`` files.
    ids: a folder with the ids of a split (``reuters_train_ids.txt`` or ``reuters_train.jsonl``, ...); ids are
        ``training/<NEWID>`` and ``test/<NEWID>``. Without it 1943 of the 7770 training documents are held out by
        ``default_rng(0)``.
    """
    documents = {}
    for name, content in members(raw, lambda name: bare(name).startswith("reut2-")):
        for document in between(content.decode("latin-1"), "<REUTERS ", "</REUTERS>"):
            attributes, _, body = document.partition(">")
            given = attributes_of(attributes)
            if given.get("TOPICS") == "YES" and given.get("LEWISSPLIT") in ("TRAIN", "TEST"):
                part = "training" if given["LEWISSPLIT"] == "TRAIN" else "test"
                if "NEWID" not in given:
                    raise UsageError(f"{raw}, {name}: a document has no NEWID.")
                if (key := f"{part}/{given['NEWID']}") in documents:
                    raise UsageError(f"{raw}, {name}: the document {key} occurs twice.")
                documents[key] = (text_of(body), topics_of(body))
    if not documents:
        raise UsageError(f"{raw} holds no documents of Reuters-21578 (files reut2-000.sgm to reut2-021.sgm).")
    used = {
        part: {topic for document, (_, topics) in documents.items() if document.startswith(part) for topic in topics}
        for part in ("training", "test")
    }
    both = used["training"] & used["test"]
    if not both:
        raise UsageError(f"{raw}: no topic has both training and test documents.")
    label_names = sorted(both)
    kept = {
        document: (text, [topic for topic in topics if topic in both])
        for document, (text, topics) in documents.items()
        if both.intersection(topics)
    }
    names = list(kept)
    y = label_matrix([kept[document][1] for document in names], label_names, str(raw))
    if ids is not None:
        wanted, rule = read_ids(ids, "reuters"), f"ModApte; training and validation by the ids in {ids.name}"
    else:
        wanted, rule = _own_split(names)
    texts = [kept[document][0] for document in names]
    return RawSet(
        STEM, "text", label_names, by_ids(names, texts, y, wanted, str(raw)), rule, f"Reuters-21578, {raw.name}"
    )


def _own_split(names: list[str]) -> tuple[dict[str, list[str]], str]:
    training = [document for document in names if document.startswith("training/")]
    count = min(VALIDATION, len(training) // 2)
    train, val = held_out(len(training), count)
    wanted = {
        "train": [training[row] for row in train],
        "val": [training[row] for row in val],
        "test": [document for document in names if document.startswith("test/")],
    }
    rule = (
        f"ModApte; {count} of the {len(training)} training documents held out by default_rng(0).permutation: our rule; "
        "the paper's has the same sizes and is not published"
    )
    return wanted, rule


def between(text: str, begin: str, end: str) -> Iterator[str]:
    """Every part from ``begin`` to the next ``end``, in linear time, which regular expressions do not promise."""
    place = 0
    while (start := text.find(begin, place)) >= 0 and (stop := text.find(end, start + len(begin))) >= 0:
        yield text[start + len(begin) : stop]
        place = stop + len(end)


def attributes_of(tag: str) -> dict[str, str]:
    """{name: value} of ``NAME="value" NAME="value"``."""
    pieces = tag.split('"')
    return {name.strip().removesuffix("="): value for name, value in zip(pieces[::2], pieces[1::2], strict=False)}


def topics_of(body: str) -> list[str]:
    """Topics of a document, in its own order."""
    return list(between(next(between(body, "<TOPICS>", "</TOPICS>"), ""), "<D>", "</D>"))


def text_of(body: str) -> str:
    """Title and body; the text itself where a document has neither."""
    text = body.partition("<TEXT")[2].partition(">")[2].rpartition("</TEXT>")[0]
    parts = [next(between(text, f"<{tag}>", f"</{tag}>"), None) for tag in ("TITLE", "BODY")]
    pieces = [part for part in parts if part is not None] or [text]
    story = "\n".join(html.unescape(piece).strip() for piece in pieces)
    unsigned = story.rstrip()[: -len(SIGNATURES[0])]
    return unsigned.rstrip() if story.rstrip().endswith(SIGNATURES) and unsigned[-1:].isspace() else story


PARSERS = (
    SetParser(
        name="Reuters",
        parse=parse,
        home="kdd.ics.uci.edu/databases/reuters21578, also at archive.ics.uci.edu",
        licence="Reuters Ltd. and Carnegie Group: free distribution for research purposes only",
        steps="download reuters21578.tar.gz; --raw is the archive, or a folder with its reut2-*.sgm files",
        choices=("ids",),
    ),
)
