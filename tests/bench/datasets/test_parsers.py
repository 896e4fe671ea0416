"""Parsers of the official formats: on real files where there are any, else on small files in the exact format (each
test says which)."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy import sparse

from bench.datasets.parsers import (
    aapd,
    coco,
    cub,
    matlab,
    nus,
    parse_raw,
    reuters,
    set_parser,
    set_parsers,
    tabular,
    voc,
)
from bench.datasets.raw import RawSet, held_out, read_ids
from bench.errors import UsageError


def sizes(raw: RawSet) -> dict[str, tuple[int, int]]:
    return {split: part.y.shape for split, part in raw.splits.items()}


# --- Reuters: the real archive --------------------------------------------------------------------------------------


def test_reuters_texts_labels_and_ids_are_those_of_the_shared_split(shared_data: Path) -> None:
    """Against raw/reuters21578.tar.gz and text/reuters_*.jsonl.gz: 0 differences in 10789 documents."""
    raw = reuters.parse(shared_data / "raw/reuters21578.tar.gz", shared_data / "text")
    assert sizes(raw) == {"train": (5827, 90), "val": (1943, 90), "test": (3019, 90)}
    assert raw.label_names == (shared_data / "text/reuters_labels.txt").read_text().split()
    for split, part in raw.splits.items():
        with gzip.open(shared_data / f"text/reuters_{split}.jsonl.gz", "rt") as stream:
            for line, one, text, y in zip(stream, part.ids, part.items, part.y, strict=True):
                expected = json.loads(line)
                assert (expected["id"], expected["text"]) == (one, text)
                assert set(expected["labels"]) == {raw.label_names[j] for j in np.flatnonzero(y)}


def test_reuters_without_ids_has_the_same_sizes_by_our_rule(shared_data: Path) -> None:
    raw = reuters.parse(shared_data / "raw/reuters21578.tar.gz")
    assert sizes(raw) == {"train": (5827, 90), "val": (1943, 90), "test": (3019, 90)}
    assert "our rule" in raw.split_rule
    assert not set(raw.splits["train"].ids) & set(raw.splits["val"].ids)


DOCUMENT = """<REUTERS TOPICS="YES" LEWISSPLIT="{split}" CGISPLIT="x" OLDID="1" NEWID="{number}">
<TOPICS>{topics}</TOPICS><TEXT>&#2;
<TITLE>Title {number} &lt;ABC></TITLE><BODY>Body
 Reuter
&#3;</BODY></TEXT></REUTERS>
"""


def write_reuters(folder: Path, documents: list[tuple[str, list[str]]]) -> Path:
    folder.mkdir(exist_ok=True)
    text = "".join(
        DOCUMENT.format(split=split, number=number, topics="".join(f"<D>{topic}</D>" for topic in topics))
        for number, (split, topics) in enumerate(documents)
    )
    (folder / "reut2-000.sgm").write_text(text, encoding="latin-1")
    return folder


def test_reuters_keeps_topics_that_have_training_and_test_documents(tmp_path: Path) -> None:
    """An imitation of three topics, one of them without test documents."""
    documents = [("TRAIN", ["a", "b"]), ("TRAIN", ["b"]), ("TRAIN", ["only"]), ("TRAIN", ["a"]), ("TEST", ["a", "b"])]
    raw = reuters.parse(write_reuters(tmp_path / "raw", documents))
    assert raw.label_names == ["a", "b"]
    assert raw.splits["test"].items == ["Title 4 <ABC>\nBody"]
    assert sum(len(part.ids) for part in raw.splits.values()) == 4


def test_reuters_faults_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no documents of Reuters-21578"):
        reuters.parse(tmp_path / "empty")
    (tmp_path / "torn.tar.gz").write_bytes(b"\x1f\x8b\x08 not an archive")
    with pytest.raises(UsageError, match=r"torn\.tar\.gz cannot be read as an archive"):
        reuters.parse(tmp_path / "torn.tar.gz")
    folder = write_reuters(tmp_path / "raw", [("TRAIN", ["a"]), ("TRAIN", ["a"]), ("TEST", ["a"])])
    for split, one in (("train", "training/0"), ("val", "training/9"), ("test", "test/2")):
        (tmp_path / f"reuters_{split}_ids.txt").write_text(one)
    with pytest.raises(UsageError, match="the val split names 'training/9', which is not in the source"):
        reuters.parse(folder, tmp_path)
    (tmp_path / "reuters_val_ids.txt").write_text("training/0")
    with pytest.raises(UsageError, match="'training/0' is in the splits train and val"):
        reuters.parse(folder, tmp_path)
    (tmp_path / "reuters_train_ids.txt").write_text("training/0\ntraining/0\n")
    with pytest.raises(UsageError, match="'training/0' is twice in the train split"):
        reuters.parse(folder, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "<REUTERS " * 200_000,
        '<REUTERS TOPICS="YES" ' + "a" * 1_000_000 + "></REUTERS>",
        '<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="1"><TOPICS>' + "<D>" * 300_000 + "</TOPICS></REUTERS>",
        '<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="1">' + "<TEXT <TITLE>" * 100_000 + "</REUTERS>",
        '<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="1"><TEXT>' + " " * 1_000_000 + "x</TEXT></REUTERS>",
        '<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="1"><TEXT>' + " Reuter" * 200_000 + " x</TEXT></REUTERS>",
    ],
)
def test_reuters_takes_linear_time(tmp_path: Path, text: str) -> None:
    """On texts for which backtracking would need hours."""
    (tmp_path / "reut2-000.sgm").write_text(text)
    start = time.process_time()
    with pytest.raises(UsageError):
        reuters.parse(tmp_path)
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oil rose.\n Reuter\n", "oil rose."),
        ("oil rose.\n REUTER", "oil rose."),
        ("the news of Reuter", "the news of"),
        ("the news ofReuter", "the news ofReuter"),
        ("Reuter", "Reuter"),
        ("oil\n reuter", "oil\n reuter"),
    ],
)
def test_the_agencys_name_at_the_end_is_no_text(text: str, expected: str) -> None:
    assert reuters.text_of(f"<TEXT><BODY>{text}</BODY></TEXT>") == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("reuters_train_ids.txt", b"\xff\xfe", r"reuters_train_ids\.txt, line 1 is not UTF-8"),
        ("reuters_train.jsonl", b'{"id": "a"}\n{"text": "b"}\n', r"line 2 cannot be read as JSON .*field `id`"),
        ("reuters_train.jsonl", b'{"id": "a"}\nnonsense\n', r"line 2 cannot be read as JSON"),
        ("reuters_train.jsonl", b"[" * 100_000, r"line 1 cannot be read as JSON"),
        ("reuters_train.jsonl.gz", b"\x1f\x8b\x08 torn", r"jsonl\.gz cannot be read as a \.gz file"),
    ],
)
def test_faults_in_ids_are_one_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_ids(tmp_path, "reuters")


# --- AAPD: the real line files --------------------------------------------------------------------------------------


def test_aapd_labels_and_texts_are_the_shared_ones(shared_data: Path) -> None:
    """Against raw/aapd (the original line files, without the training texts) and text/aapd_*."""
    raw = aapd.parse(shared_data / "raw/aapd")
    assert sizes(raw) == {"train": (53840, 54), "val": (1000, 54), "test": (1000, 54)}
    assert raw.label_names == (shared_data / "text/aapd_labels.txt").read_text().split()
    for split in ("val", "test"):
        part = raw.splits[split]
        with gzip.open(shared_data / f"text/aapd_{split}.jsonl.gz", "rt") as stream:
            for line, text, y in zip(stream, part.items, part.y, strict=True):
                expected = json.loads(line)
                assert expected["text"] == text.strip()
                assert set(expected["labels"]) == {raw.label_names[j] for j in np.flatnonzero(y)}
    assert raw.notes == ("the texts of train are not in aapd",)


def test_aapd_csv_columns_are_in_the_order_of_frequency_whatever_the_header_says(shared_data: Path) -> None:
    """An imitation of the copied CSV version, made of the real labels: its header is alphabetical and wrong."""
    raw = aapd.parse(shared_data / "raw/aapd")
    part = raw.splits["val"]
    header = ",".join(["text", *sorted(raw.label_names)])
    lines = [header] + [f'"{text}",' + ",".join(map(str, y)) for text, y in zip(part.items, part.y, strict=True)]
    texts, y = aapd.parse_csv("\n".join(lines), raw.label_names, "x.csv")
    assert (y == part.y).all()
    assert texts[0] == part.items[0]
    counts = Counter()
    for row in raw.splits["train"].y:
        counts.update(np.flatnonzero(row).tolist())
    frequencies = [counts[j] for j in range(54)]
    assert frequencies == sorted(frequencies, reverse=True)
    assert raw.label_names == aapd.SUBJECTS
    with pytest.raises(UsageError, match="53 columns of 0 and 1 and 1 others"):
        aapd.parse_csv("\n".join(line.rsplit(",", 1)[0] for line in lines), raw.label_names, "x.csv")


def test_aapd_as_csv(tmp_path: Path) -> None:
    """An imitation: columns in the order of frequency under an alphabetical header."""
    for name in ("train.csv", "dev.csv", "test.csv"):
        rows = [["a text, with a comma"] + ["1" if j == i else "0" for j in range(54)] for i in range(54)]
        header = ["content", *sorted(aapd.SUBJECTS)]
        lines = [",".join(header), *(f'"{row[0]}",' + ",".join(row[1:]) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    raw = aapd.parse(tmp_path)
    assert sizes(raw) == {"train": (54, 54), "val": (54, 54), "test": (54, 54)}
    assert raw.label_names[int(raw.splits["val"].y[0].argmax())] == "cs.IT"  # the most frequent subject comes first
    assert raw.splits["test"].items[0] == "a text, with a comma"
    assert "alphabetical and wrong" in raw.notes[0]


def test_blank_lines_of_the_csv_version_are_no_rows() -> None:
    texts, y = aapd.parse_csv('text,p,q\n"a, b",1,0\n\nc,0,1\n\n', ["p", "q"], "x.csv")
    assert (texts, y.tolist()) == (["a, b", "c"], [[1, 0], [0, 1]])
    long = "word " * 50_000
    assert aapd.parse_csv(f"text,p,q\n{long},1,0\nc,0,1\n", ["p", "q"], "x.csv")[0][0] == long


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "x.csv has no rows under a header"),
        ("text,p,q\n", "x.csv has no rows under a header"),
        ("text,p,q\na,1,0\nb,1\n", "x.csv, line 3: 2 fields under 3 columns"),
        ("text,p,q\na,1,0\nb,1,2\n", r"1 columns of 0 and 1 and 2 others \('text', 'q'\)"),
        ('text,p,q\n"a,1,0\n', "x.csv cannot be read as CSV"),
    ],
)
def test_faults_in_the_csv_version_are_one_sentence(content: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        aapd.parse_csv(content, ["p", "q"], "x.csv")


def test_aapd_faults_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no file label_train"):
        aapd.parse(tmp_path)
    for split in ("train", "val", "test"):
        (tmp_path / f"label_{split}").write_text("cs.IT math.IT\ncs.LG\n")
        (tmp_path / f"text_{split}").write_text("one\ntwo\n")
    (tmp_path / "text_val").write_text("one\n")
    with pytest.raises(UsageError, match="text_val has 1 lines, label_val 2"):
        aapd.parse(tmp_path)


# --- PASCAL VOC: the real ImageSets, imitated XML -------------------------------------------------------------------


@pytest.mark.parametrize("difficult", ["absent", "present"])
def test_voc2007_labels_are_the_official_matrices(difficult: voc.Difficult, shared_data: Path) -> None:
    """Against raw/voc2007-imagesets.tar.gz and labels_only/VOC2007official_*: 0 differences."""
    raw = voc.parse(shared_data / "raw/voc2007-imagesets.tar.gz", 2007, difficult)
    assert sizes(raw) == {"train": (2501, 20), "val": (2510, 20), "test": (4952, 20)}
    suffix = "" if difficult == "absent" else "_incl_difficult"
    for split, part in raw.splits.items():
        expected = sparse.load_npz(shared_data / f"labels_only/VOC2007official_{split}_labels{suffix}.npz").toarray()
        assert (part.y == expected).all()
        assert part.ids == (shared_data / f"labels_only/VOC2007official_{split}_ids.txt").read_text().split()


ANNOTATION = "<annotation><filename>{one}.jpg</filename>{objects}</annotation>"
OBJECT = "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>1</xmin></bndbox></object>"


def voc_folder(tmp_path: Path, year: int, train: int, val: int) -> tuple[Path, dict[str, list[tuple[str, int]]]]:
    """An imitation of VOCdevkit without class lists: labels come from the XML files."""
    home = tmp_path / f"VOCdevkit/VOC{year}"
    (home / "ImageSets/Main").mkdir(parents=True)
    (home / "Annotations").mkdir()
    (home / "JPEGImages").mkdir()
    ids = [f"2008_{number:06}" for number in range(train + val)]
    (home / "ImageSets/Main/train.txt").write_text("\n".join(ids[:train]) + "\n")
    (home / "ImageSets/Main/val.txt").write_text("\n".join(ids[train:]) + "\n")
    random = np.random.default_rng(0)
    objects = {one: [(str(random.choice(voc.CLASSES)), int(random.random() < 0.3)) for _ in range(3)] for one in ids}
    for one, found in objects.items():
        body = "".join(OBJECT.format(name=name, difficult=difficult) for name, difficult in found)
        (home / f"Annotations/{one}.xml").write_text(ANNOTATION.format(one=one, objects=body))
    return tmp_path, objects


@pytest.mark.parametrize("difficult", ["absent", "present"])
def test_voc2012_from_annotations(tmp_path: Path, difficult: voc.Difficult) -> None:
    folder, objects = voc_folder(tmp_path, 2012, 300, 50)
    raw = voc.parse(folder, 2012, difficult)
    assert sizes(raw) == {"train": (100, 20), "val": (200, 20), "test": (50, 20)}
    assert any("one fewer" in note for note in raw.notes)
    for part in raw.splits.values():
        for one, path, y in zip(part.ids, part.items, part.y, strict=True):
            expected = {name for name, hard in objects[one] if difficult == "present" or not hard}
            assert {voc.CLASSES[j] for j in np.flatnonzero(y)} == expected
            assert path == folder / f"VOCdevkit/VOC2012/JPEGImages/{one}.jpg"


def test_one_devkit_may_hold_both_years(tmp_path: Path) -> None:
    """The ids of these imitations are the same in both years, their objects are not."""
    folder, objects = voc_folder(tmp_path, 2012, 300, 50)
    voc_folder(tmp_path, 2007, 20, 10)
    lists = folder / "VOCdevkit/VOC2007/ImageSets/Main"
    *first, last = (lists / "val.txt").read_text().split()
    (lists / "val.txt").write_text("\n".join(first))
    (lists / "test.txt").write_text(last)
    raw = voc.parse(folder, 2012)
    assert sizes(raw) == {"train": (100, 20), "val": (200, 20), "test": (50, 20)}
    for part in raw.splits.values():
        for one, path, y in zip(part.ids, part.items, part.y, strict=True):
            assert {voc.CLASSES[j] for j in np.flatnonzero(y)} == {name for name, hard in objects[one] if not hard}
            assert path == folder / f"VOCdevkit/VOC2012/JPEGImages/{one}.jpg"
    assert sizes(voc.parse(folder, 2007)) == {"train": (20, 20), "val": (9, 20), "test": (1, 20)}
    with pytest.raises(UsageError, match=r"has no list ImageSets/Main/train\.txt of VOC2008"):
        voc.parse(folder, 2008)


def test_voc_faults_are_one_sentence(tmp_path: Path) -> None:
    folder, _ = voc_folder(tmp_path, 2012, 300, 50)
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><annotation><object><name>&b;</name></object></annotation>'
    path = next((folder / "VOCdevkit/VOC2012/Annotations").glob("*.xml"))
    path.write_text(bomb)
    with pytest.raises(UsageError, match=r"the annotation .*\.xml cannot be read as XML"):
        voc.parse(folder, 2012)
    path.unlink()
    with pytest.raises(UsageError, match="has neither class lists nor Annotations"):
        voc.parse(folder, 2012)
    with pytest.raises(UsageError, match=r"has no list ImageSets/Main/train\.txt of VOC2007"):
        voc.parse(folder, 2007)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<name>[a-z]+</name>", "", r"the annotation 2008_000000\.xml: an object '', difficult '[01]', is not of VOC"),
        ("<name>[a-z]+</name>", "<name>unicorn</name>", "an object 'unicorn'"),
        ("<difficult>[01]</difficult>", "<difficult>yes</difficult>", "difficult 'yes', is not of VOC"),
    ],
)
def test_an_object_that_is_not_of_voc_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    folder, _ = voc_folder(tmp_path, 2012, 300, 50)
    path = folder / "VOCdevkit/VOC2012/Annotations/2008_000000.xml"
    path.write_text(re.sub(old, new, path.read_text()))
    with pytest.raises(UsageError, match=message):
        voc.parse(folder, 2012)


def test_voc_class_lists_say_of_every_photograph(tmp_path: Path) -> None:
    ids = ["000001", "000002"]
    lists = {f"{name}_train.txt": "000001 -1\n000002  1\n" for name in voc.CLASSES}
    assert (voc.from_class_lists(lists, ["train"], ids, "absent", "raw") == [[0] * 20, [1] * 20]).all()  # type: ignore[union-attr]
    lists["cat_train.txt"] = "000001 -1\n"
    with pytest.raises(UsageError, match="the lists of the class cat do not say whether 000002 has it"):
        voc.from_class_lists(lists, ["train"], ids, "absent", "raw")
    lists["cat_train.txt"] = "000001 -1\n000001 1\n"
    with pytest.raises(UsageError, match=r"cat_train\.txt, line 2: 000001 occurs twice"):
        voc.from_class_lists(lists, ["train"], ids, "absent", "raw")


# --- COCO: a real file of its format --------------------------------------------------------------------------------


def test_coco_instances_agree_with_voc_labels_of_the_same_photographs(shared_data: Path) -> None:
    """raw/coco-format holds VOC2007 photographs in COCO's format. Its boxes are those of all objects, but some
    photographs lack persons or others that VOC marks: the provenance counts 4703 equal of 5026."""
    content = gzip.decompress((shared_data / "raw/coco-format/voc2007_instances_val.json.gz").read_bytes())
    read = coco.instances(content, "real file")
    chosen = coco.categories(read)
    images, y = coco.labelled(read, chosen)
    files = [image.file_name for image in images]
    assert [category.name for category in chosen] == voc.CLASSES
    assert y.shape == (len(files), 20)
    official = voc.parse(shared_data / "raw/voc2007-imagesets.tar.gz", 2007, "present")
    known = {one: row for part in official.splits.values() for one, row in zip(part.ids, part.y, strict=True)}
    equal = [bool((known[file[:6]] == row).all()) for file, row in zip(files, y, strict=True)]
    assert sum(equal) / len(equal) > 0.93
    assert all((known[file[:6]] >= row).all() for file, row in zip(files, y, strict=True))  # never a label too many
    annotated = {annotation.image_id for annotation in read.annotations}
    assert len(files) == len(annotated) < len(read.images)  # photographs without boxes are left out


def coco_file(images: int, seed: int) -> dict:
    random = np.random.default_rng(seed)
    return {
        "images": [{"id": 7 * i + 3, "file_name": f"{i:012}.jpg"} for i in range(images)],
        "categories": [{"id": 44, "name": "bottle"}, {"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}],
        "annotations": [
            {"image_id": 7 * i + 3, "category_id": int(random.choice([1, 44]))} for i in range(images) if i % 5
        ],
    }


def test_coco_splits_leave_out_images_without_annotations(tmp_path: Path) -> None:
    """An imitation: categories by id, unused ones kept, val drawn from train."""
    for split, images in (("train", 50), ("val", 20)):
        (tmp_path / f"instances_{split}2017.json").write_text(json.dumps(coco_file(images, 0)))
    raw = coco.parse(tmp_path, 2017, validation=10)
    assert raw.label_names == ["person", "bottle", "toothbrush"]
    assert sizes(raw) == {"train": (30, 3), "val": (10, 3), "test": (16, 3)}
    first = raw.splits["test"]
    source = coco_file(20, 0)["annotations"]
    expected = {44: "bottle", 1: "person"}[source[0]["category_id"]]
    assert raw.label_names[int(first.y[0].argmax())] == expected
    assert first.items[0] == tmp_path / "val2017" / f"{1:012}.jpg"
    (tmp_path / "instances_val2017.json").write_text('{"images": []}')
    with pytest.raises(UsageError, match=r"instances_val2017\.json .*missing required field `annotations`"):
        coco.parse(tmp_path, 2017)


def test_coco_categories_are_those_of_both_files(tmp_path: Path) -> None:
    """A subset: "person", its own super-category, is not used in val; "vehicle" stands above "car" and is no label."""
    categories = [
        {"id": 1, "name": "person", "supercategory": "person"},
        {"id": 2, "name": "vehicle", "supercategory": "none"},
        {"id": 3, "name": "car", "supercategory": "vehicle"},
    ]
    for split, used in (("train", [3, 1, 3, 1]), ("val", [3, 3])):
        images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(len(used))]
        annotations = [{"image_id": number, "category_id": category} for number, category in enumerate(used)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (tmp_path / f"instances_{split}2017.json").write_text(json.dumps(content))
    raw = coco.parse(tmp_path, 2017)
    assert raw.label_names == ["person", "car"]
    assert sizes(raw) == {"train": (2, 2), "val": (2, 2), "test": (2, 2)}
    assert raw.splits["test"].y.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("images", 1, "file_name"), None, r"missing required field `file_name` - at `\$\.images\[1\]`"),
        (("images", 1, "id"), "x", r"Expected `int`, got `str` - at `\$\.images\[1\]\.id`"),
        (("images", 1, "id"), 3, "two images have the id 3"),
        (("categories", 0, "name"), None, "missing required field `name`"),
        (("categories", 0, "id"), 1, "two categories have the id 1"),
        (("annotations", 2, "category_id"), 5, "annotation 2 has the category 5, which is none"),
        (("annotations", 2, "image_id"), None, "missing required field `image_id`"),
    ],
)
def test_faults_in_instances_name_the_field(path: tuple[str, int, str], value: object, message: str) -> None:
    content = coco_file(4, 0)
    section, number, field = path
    if value is None:
        del content[section][number][field]
    else:
        content[section][number][field] = value
    with pytest.raises(UsageError, match=message):
        coco.instances(json.dumps(content).encode(), "x.json")


# --- CUB: the real lists, imitated attribute labels -----------------------------------------------------------------


def test_cub_has_the_papers_sizes(shared_data: Path, tmp_path: Path) -> None:
    """The real images.txt, train_test_split.txt and attributes.txt; image_attribute_labels.txt imitated, with the
    official file's lines that have extra columns."""
    home = shared_data / "labels_only/cub_text"
    for name in ("images.txt", "train_test_split.txt", "attributes.txt"):
        (tmp_path / name).write_text((home / name).read_text())
    images = [line.split()[0] for line in (home / "images.txt").read_text().splitlines()]
    lines = [f"{one} {1 + int(one) % 312} 1 3 12.5" + " 0 0" * (int(one) % 50 == 0) for one in images]
    lines += [f"{one} {1 + (int(one) + 5) % 312} 0 1 2.0" for one in images]
    (tmp_path / "attributes").mkdir()
    (tmp_path / "attributes/image_attribute_labels.txt").write_text("\n".join(lines))
    raw = cub.parse(tmp_path)
    assert sizes(raw) == {"train": (5794, 312), "val": (200, 312), "test": (5794, 312)}  # Table 1
    for part in raw.splits.values():
        assert [int(row.argmax()) for row in part.y] == [int(one) % 312 for one in part.ids]
        assert (part.y.sum(1) == 1).all()
    (tmp_path / "attributes/image_attribute_labels.txt").write_text("1 313 1 3 0.5")
    with pytest.raises(UsageError, match="line 1: there is no attribute 313; there are 312"):
        cub.parse(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train_test_split.txt", "1 1\n", r"train_test_split\.txt: it does not say 0 or 1 of the image 2"),
        ("train_test_split.txt", "1 1\n2 2\n", r"train_test_split\.txt: it does not say 0 or 1 of the image 2"),
        ("images.txt", "1 a.jpg\n1 b.jpg\n", r"images\.txt, line 2: the number 1 occurs twice"),
        ("images.txt", "1 a.jpg\n2\n", r"images\.txt, line 2: '2' is not a number and its value"),
        ("images.txt", b"1 \xff.jpg\n", r"images\.txt, line 1 is not UTF-8"),
        ("attributes/image_attribute_labels.txt", "1 \u00b2 1 3 0.5\n", "line 1: there is no attribute \u00b2"),
        ("attributes/image_attribute_labels.txt", "1 2\n", "line 1: '1 2' is not image, attribute, 0 or 1"),
        (
            "attributes/image_attribute_labels.txt",
            "1 2 1\n1 2 0\n",
            "line 2: the image 1 has attribute 2, and has it not",
        ),
    ],
)
def test_faults_in_cubs_lists_are_one_sentence(tmp_path: Path, file: str, content: str | bytes, message: str) -> None:
    (tmp_path / "attributes").mkdir()
    (tmp_path / "images.txt").write_text("1 a.jpg\n2 b.jpg\n")
    (tmp_path / "train_test_split.txt").write_text("1 1\n2 0\n")
    (tmp_path / "attributes.txt").write_text("1 red\n2 blue\n")
    (tmp_path / "attributes/image_attribute_labels.txt").write_text("1 1 1\n2 2 1\n")
    cub.parse(tmp_path)
    (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError, match=message):
        cub.parse(tmp_path)


def test_attributes_are_found_by_their_numbers() -> None:
    y = cub.attribute_labels("1 7 1\n1 3 0\n", ["1"], ["7", "3"], "x.txt")
    assert y.tolist() == [[1, 0]]


# --- NUS-WIDE: an imitation -----------------------------------------------------------------------------------------


def test_nus_wide(tmp_path: Path) -> None:
    concepts = ["airport", "animal", "beach"]
    (tmp_path / "Concepts81.txt").write_text("\n".join(concepts) + "\n")
    random = np.random.default_rng(0)
    expected = {}
    for part, rows in (("Train", 40), ("Test", 10)):
        names = [f"actor\\000{i}_{part}.jpg" for i in range(rows)]
        (tmp_path / f"{part}Imagelist.txt").write_text("\r\n".join(names) + "\r\n")
        expected[part] = random.integers(0, 2, (rows, 3))
        for column, concept in enumerate(concepts):
            text = "\n".join(map(str, expected[part][:, column])) + "\n"
            (tmp_path / f"Labels_{concept}_{part}.txt").write_text(text)
    raw = nus.parse(tmp_path, validation=8)
    assert sizes(raw) == {"train": (32, 3), "val": (8, 3), "test": (10, 3)}
    assert (raw.splits["test"].y == expected["Test"]).all()
    train, val = held_out(40, 8)
    assert (raw.splits["train"].y == expected["Train"][train]).all()
    assert (raw.splits["val"].y == expected["Train"][val]).all()
    assert raw.splits["test"].items[0] == tmp_path / "Flickr/actor/0000_Test.jpg"
    assert "not published" in raw.notes[0]
    (tmp_path / "Labels_beach_Test.txt").write_text("1\n0\n")
    with pytest.raises(UsageError, match=r"Labels_beach_Test\.txt: 2 lines for 10 images"):
        nus.parse(tmp_path)
    (tmp_path / "Labels_beach_Test.txt").write_text("1\n0\n-1\n" + "0\n" * 7)
    with pytest.raises(UsageError, match=r"Labels_beach_Test\.txt: the value 3, '-1', is neither 0 nor 1"):
        nus.parse(tmp_path)


# --- a user's own CSV -----------------------------------------------------------------------------------------------


def test_csv_of_texts_with_and_without_a_split(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"text {i},{'a;b' if i % 2 else 'b'},{('train', 'val', 'test')[i % 3]}" for i in range(9)]
    path.write_text("text,labels,split\n" + "\n".join(rows) + "\n")
    raw = tabular.parse(path)
    assert (raw.kind, raw.label_names) == ("text", ["a", "b"])
    assert raw.splits["val"].ids == ["1", "4", "7"]
    assert raw.splits["val"].y.tolist() == [[1, 1], [0, 1], [1, 1]]
    path.write_text("text,labels\n" + "\n".join(row.rsplit(",", 1)[0] for row in rows) + "\n")
    assert sizes(tabular.parse(path)) == {"train": (5, 2), "val": (2, 2), "test": (2, 2)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("words,labels\nx,a;b\n", "so its columns are features; in line 2 words is 'x', not a finite number"),
        ("wide,labels\n1,a;b\nnan,b\n", "in line 3 wide is 'nan', not a finite number"),
        ("labels\na;b\n", "or columns of numbers; it has labels"),
        ("wide,sun,rain\n5,0,2\n", "no two columns of 0 and 1 at its end or its beginning"),
        ("wide,sun,rain\n", "it has no row under its first line"),
        ("text,labels\nx,a\n", "names 1 labels"),
        ("text,labels\nbread, oven,food\nx,a;b\n", "line 2: 3 fields under 2 columns; text with commas"),
        ("text,labels,split\nx,a;b\n", "line 2: 2 fields under 3 columns"),
        ('text,labels\n"x,a;b\ny,a\n', "is a quotation mark missing"),
        ("text,labels\n ,a;b\n", "line 2: the column text is empty"),
        ("", "it has no column at all"),
        ("text,labels,split\nx,a;b,training\n", "line 2: the split 'training' is not train, val or test"),
        ("f,f,labels\n1,2,a\n3,4,b\n", "two columns of the name 'f'"),
        ("f,labels\n1,a\n\nx,b\n", "in line 4 f is 'x', not a finite number"),
        ("f,labels\n1_000,a;b\n", "in line 2 f is '1_000', not a finite number"),
        ("f,labels\n2020_01,a;b\n", "in line 2 f is '2020_01', not a finite number"),
        ("f,labels\n\u0661,a;b\n", "in line 2 f is '\u0661', not a finite number"),
        ("f,labels\n1e39,a;b\n", "in line 2 f is '1e39', not a finite number"),
        ("f,labels\n1e400,a;b\n", "in line 2 f is '1e400', not a finite number"),
        ("f,labels\n,a;b\n", "in line 2 f is '', not a finite number"),
    ],
)
def test_faults_in_csv_are_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        tabular.parse(tmp_path / "mine.csv")


def test_a_column_that_numbers_the_rows_is_no_feature(tmp_path: Path) -> None:
    """As pandas writes it, without a name, or with one; in MATLAB files likewise."""
    lines = [f"{row},{row % 7 / 2},{'a;b' if row % 2 else 'b'}" for row in range(120)]
    by_name = "no feature by its name, and left out: {!r}; rename what is one"
    for name, note in (("", by_name), ("id", by_name), ("row", "the feature {!r} numbers the rows; it is left out")):
        (tmp_path / "mine.csv").write_text(f"{name},x,labels\n" + "\n".join(lines) + "\n")
        raw = tabular.parse(tmp_path / "mine.csv")
        assert raw.notes == (note.format(name),)
        assert raw.feature_names == ("x",)
        assert np.asarray(raw.splits["train"].items).shape == (72, 1)
    x = np.array([[float(field) for field in line.split(",")[:2]] for line in lines])
    scipy.io.savemat(tmp_path / "mine.mat", {"data": x, "target": np.arange(240).reshape(120, 2) % 3 % 2})
    raw = matlab.parse(tmp_path / "mine.mat")
    assert raw.notes == ("the feature in column 0 numbers the rows; it is left out",)
    assert np.asarray(raw.splits["train"].items).shape == (72, 1)


def test_csv_with_a_byte_order_mark_and_texts_of_any_length(tmp_path: Path) -> None:
    long = "word " * 50_000
    (tmp_path / "mine.csv").write_bytes(f"\ufefftext,labels\r\n{long},a\r\nshort,b\r\n".encode() * 1 + b"x,a\r\n" * 9)
    raw = tabular.parse(tmp_path / "mine.csv")
    assert long in [text for part in raw.splits.values() for text in part.items]
    (tmp_path / "mine.csv").write_bytes(b"text,labels\nx,a\n\xe9,b\n")
    with pytest.raises(UsageError, match=r"mine\.csv, line 3 is not UTF-8"):
        tabular.parse(tmp_path / "mine.csv")


def test_labels_joined_by_commas_are_noted(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("wide,labels\n" + '1,"a,b"\n2,b\n' * 5)
    (note,) = tabular.parse(tmp_path / "mine.csv").notes
    assert note == "1 label names hold a comma, such as 'a,b': labels are joined by ; here."


def test_csv_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("height,labels,width\n" + "1.5,a;b,2\n0.5,b,1e-1\n" * 5)
    raw = tabular.parse(tmp_path / "mine.csv")
    assert raw.kind == "vector"
    x = np.concatenate([np.asarray(part.items) for part in raw.splits.values()])
    assert sorted(map(tuple, x.tolist()))[-1] == (1.5, 2.0)
    assert x.shape == (10, 2)


# --- MATLAB files: imitations ---------------------------------------------------------------------------------------


def test_matlab_sets_in_their_several_shapes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.random((30, 4)), random.integers(0, 2, (30, 3))
    scipy.io.savemat(tmp_path / "one.mat", {"data": x, "target": 2 * y.T - 1})
    scipy.io.savemat(tmp_path / "two.mat", {"X": sparse.csc_matrix(x), "labels": y.astype(np.uint8)})
    scipy.io.savemat(
        tmp_path / "three.mat",
        {"train_data": x[:20], "train_target": y[:20].T, "test_data": x[20:], "test_target": y[20:].T},
    )
    for name in ("one", "two", "three"):
        raw = matlab.parse(tmp_path / f"{name}.mat")
        for part in raw.splits.values():
            rows = [int(one) for one in part.ids]
            np.testing.assert_allclose(np.asarray(part.items), x[rows], atol=1e-6)
            np.testing.assert_array_equal(part.y, y[rows])
        if name == "three":
            assert raw.splits["test"].ids == [str(row) for row in range(20, 30)]
    scipy.io.savemat(tmp_path / "bad.mat", {"data": x, "target": y[:10]})
    with pytest.raises(UsageError, match=r"30 rows of features, targets of the shape \(10, 3\)"):
        matlab.parse(tmp_path / "bad.mat")
    scipy.io.savemat(tmp_path / "none.mat", {"data": x})
    with pytest.raises(UsageError, match=r"has no features .* with targets"):
        matlab.parse(tmp_path / "none.mat")


def test_the_parts_of_a_matlab_file_lie_one_way(tmp_path: Path) -> None:
    """A square part lies as the other does; where nothing tells, it is refused unless both ways are the same."""
    random = np.random.default_rng(0)
    x, y = random.random((10, 4)), random.integers(0, 2, (10, 3))
    y[7:] = [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    for targets in ({"train_target": y[:7], "test_target": y[7:]}, {"train_target": y[:7].T, "test_target": y[7:].T}):
        scipy.io.savemat(tmp_path / "set.mat", {"train_data": x[:7], "test_data": x[7:], **targets})
        np.testing.assert_array_equal(matlab.parse(tmp_path / "set.mat").splits["test"].y, y[7:])
    scipy.io.savemat(tmp_path / "set.mat", {"data": x[7:], "target": y[7:]})
    with pytest.raises(
        UsageError, match=r"targets of the shape \(3, 3\) may lie as \[rows, labels\] or \[labels, rows\]"
    ):
        matlab.parse(tmp_path / "set.mat")
    scipy.io.savemat(tmp_path / "set.mat", {"data": x[7:], "target": np.eye(3)})
    assert sum(part.y.sum() for part in matlab.parse(tmp_path / "set.mat").splits.values()) == 3


MATRIX = np.arange(20.0).reshape(5, 4)
TARGETS = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": MATRIX + 1j, "target": TARGETS}, "data must be a matrix of real numbers; it is complex128"),
        ({"data": MATRIX, "target": TARGETS * 1j}, "target must be a matrix of real numbers; it is complex128"),
        ({"data": sparse.csc_matrix(MATRIX + 1j), "target": TARGETS}, "data must be a matrix of real numbers"),
        ({"data": np.where(MATRIX == 6, np.nan, MATRIX), "target": TARGETS}, "row 1, column 2 is nan, not finite"),
        ({"data": MATRIX * 1e300, "target": TARGETS}, "too large for float32"),
        ({"data": MATRIX, "target": TARGETS * 2}, "labels are 0 or 1"),
        ({"data": MATRIX, "target": np.where(MATRIX[:, :2] == 0, -1, TARGETS)}, "targets hold -1, 0 and 1"),
        ({"data": MATRIX, "target": np.array(["a", "b"])}, "target must be a matrix of real numbers"),
        ({"data": {"a": MATRIX}, "target": TARGETS}, "data must be a matrix of real numbers"),
        ({"data": np.zeros((0, 4)), "target": np.zeros((0, 2))}, "has no rows"),
        (
            {"train_data": MATRIX, "train_target": TARGETS, "test_data": MATRIX[:, :3], "test_target": TARGETS},
            "train and test have different numbers of features",
        ),
        (
            {"train_data": MATRIX, "train_target": TARGETS, "test_data": MATRIX, "test_target": TARGETS[:, :1]},
            r"5 and 5 rows of features, targets of the shape \(5, 2\) and \(5, 1\)",
        ),
    ],
)
def test_faults_in_matlab_files_are_one_sentence(tmp_path: Path, content: dict, message: str) -> None:
    scipy.io.savemat(tmp_path / "set.mat", content)
    with pytest.raises(UsageError, match=message) as error:
        matlab.parse(tmp_path / "set.mat")
    assert "set.mat" in str(error.value)


# --- the registry of parsers ----------------------------------------------------------------------------------------


def test_every_set_of_the_paper_has_a_parser_with_its_licence_and_steps() -> None:
    from bench import config
    from bench.tables import paper

    registered = [name for name in config.load().datasets if paper.dataset_facts(name)]
    assert set(set_parsers()) >= set(registered)
    for parser in set_parsers().values():
        assert parser.licence
        assert parser.steps
        assert parser.home
        for file in parser.files:
            assert file.note
    with pytest.raises(UsageError, match="did you mean 'VOC07'"):
        set_parser("VOC7")


def test_a_raw_path_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--raw .* does not exist"):
        parse_raw("Reuters", tmp_path / "nothing")


def test_a_file_of_no_known_format_is_what_the_sentence_is_about(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("x")
    with pytest.raises(
        UsageError, match=r"^--raw .*news\.txt is not what a set of your own is made from: a \.mat, a folder"
    ):
        parse_raw("news", tmp_path / "news.txt")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Of which the one in the last folder counted."""
    for folder in (tmp_path, tmp_path / "old"):
        folder.mkdir(exist_ok=True)
        for split in ("train", "val"):
            (folder / f"instances_{split}2017.json").write_text(json.dumps(coco_file(10, 0)))
        (folder / "label_train").write_text("cs.IT")
    with pytest.raises(UsageError, match=r"has two files instances_train2017\.json, the second as old/instances"):
        coco.parse(tmp_path, 2017)
    with pytest.raises(UsageError, match=r"has two files label_train, the second as old/label_train"):
        aapd.parse(tmp_path)


def test_whatever_a_parser_raises_is_one_sentence_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RecursionError("deep\nin the file")

    (tmp_path / "x.csv").write_text("x")
    monkeypatch.setattr(tabular, "_rows", broken)
    with pytest.raises(
        UsageError, match=r"x\.csv cannot be read as a table \(\.csv, \.tsv, \.parquet\) \(it is nested too deeply\)"
    ):
        parse_raw("mine", tmp_path / "x.csv")
    monkeypatch.setattr(reuters, "members", broken)
    with pytest.raises(UsageError, match=r"cannot be read as the files of Reuters \(it is nested too deeply\)"):
        parse_raw("Reuters", tmp_path)
