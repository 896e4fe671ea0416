"""One suite that every parser and every reader passes, each on a small source written in its format."""

from __future__ import annotations

import gzip
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from bench import config
from bench.datasets import parsers as registry
from bench.datasets import readers
from bench.datasets.catalog import resolve
from bench.datasets.parsers import FormatParser, SetParser, parsers
from bench.datasets.raw import RawSet
from bench.datasets.readers import canonical, feature_file, ldl, npz, yeast
from bench.errors import UsageError
from tests.bench.datasets.test_arff import XML
from tests.bench.datasets.test_parsers import voc_folder, write_reuters

ROOT = Path(__file__).parents[3]
BROKEN = b"\xff\xfe\x00 {broken"
Rows = list[tuple[object, set[str]]]
"""(text, photograph or features, label names) of every row."""


def damaged(path: Path, damage: str) -> None:
    """Remove a file, or put nonsense in its place."""
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(BROKEN)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


# --- parsers --------------------------------------------------------------------------------------------------------


class RawFiles(NamedTuple):
    raw: Path
    rows: Rows
    needed: Path
    """A file without which, or with nonsense in which, nothing can be parsed."""


LABELS = [{"b"}, {"a", "c"}, {"a"}, {"c", "b"}, {"c"}] * 4
"""Of the rows of those imitations whose labels are free to choose."""
NUMBERS = [(row / 2, row % 3) for row in range(len(LABELS))]


def aapd(folder: Path) -> RawFiles:
    rows: Rows = []
    for split, subjects in (("train", ["cs.IT math.IT", "cs.LG"]), ("val", ["cs.LG"]), ("test", ["math.IT cs.IT"])):
        texts = [f"abstract {number} of {split}" for number in range(len(subjects))]
        (folder / f"text_{split}").write_text("\n".join(texts) + "\n")
        (folder / f"label_{split}").write_text("\n".join(subjects) + "\n")
        rows += [(text, set(line.split())) for text, line in zip(texts, subjects, strict=True)]
    return RawFiles(folder, rows, folder / "label_train")


def reuters(folder: Path) -> RawFiles:
    documents = [("TRAIN", ["a"]), ("TRAIN", ["a", "b"]), ("TRAIN", ["b"]), ("TEST", ["b", "a"])]
    write_reuters(folder, documents)
    rows: Rows = [(f"Title {number} <ABC>\nBody", set(topics)) for number, (_, topics) in enumerate(documents)]
    return RawFiles(folder, rows, folder / "reut2-000.sgm")


def goemotions(folder: Path) -> RawFiles:
    labels = {"0": {"admiration"}, "27,2": {"neutral", "anger"}, "2": {"anger"}}
    rows: Rows = []
    for name in ("train.tsv", "dev.tsv", "test.tsv"):
        texts = [f'""{name}"" {row}\u2028 \u4f60' for row in range(len(labels))]
        lines = [f"{text}\t{numbers}\t{name} {numbers}" for text, numbers in zip(texts, labels, strict=True)]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows += zip(texts, labels.values(), strict=True)
    return RawFiles(folder, rows, folder / "dev.tsv")


def voc(folder: Path, year: int) -> RawFiles:
    _, objects = voc_folder(folder, year, 210, 5)
    home = folder / f"VOCdevkit/VOC{year}"
    if year == 2007:
        ids = (home / "ImageSets/Main/train.txt").read_text().split()
        (home / "ImageSets/Main/train.txt").write_text("\n".join(ids[:200]))
        (home / "ImageSets/Main/test.txt").write_text("\n".join(ids[200:]))
    rows: Rows = [
        (home / f"JPEGImages/{one}.jpg", {name for name, difficult in marked if not difficult})
        for one, marked in objects.items()
    ]
    return RawFiles(folder, rows, home / "ImageSets/Main/train.txt")


def coco(folder: Path, year: int) -> RawFiles:
    categories = [{"id": 10 * number, "name": name} for number, name in enumerate("abc")]
    rows: Rows = []
    for split in ("train", "val"):
        images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(len(LABELS))]
        annotations = [
            {"image_id": number, "category_id": 10 * "abc".index(name)}
            for number, labels in enumerate(LABELS)
            for name in labels
        ]
        content = {"images": images, "categories": categories, "annotations": annotations}
        (folder / f"instances_{split}{year}.json").write_text(json.dumps(content))
        rows += [(folder / f"{split}{year}/{number}.jpg", labels) for number, labels in enumerate(LABELS)]
    return RawFiles(folder, rows, folder / f"instances_train{year}.json")


def cub(folder: Path) -> RawFiles:
    ids = range(1, len(LABELS) + 1)
    (folder / "images").mkdir()
    (folder / "attributes").mkdir()
    (folder / "images.txt").write_text("".join(f"{one} kind/bird {one}.jpg\n" for one in ids))
    (folder / "train_test_split.txt").write_text("".join(f"{one} {int(one % 3 > 0)}\n" for one in ids))
    (folder / "attributes.txt").write_text("1 a\n2 b\n3 c\n")
    lines = [
        f"{one} {column} {int(name in labels)} 3 1.5\n"
        for one, labels in zip(ids, LABELS, strict=True)
        for column, name in enumerate("abc", start=1)
    ]
    (folder / "attributes/image_attribute_labels.txt").write_text("".join(lines))
    rows: Rows = [(folder / f"images/kind/bird {one}.jpg", labels) for one, labels in zip(ids, LABELS, strict=True)]
    return RawFiles(folder, rows, folder / "attributes/image_attribute_labels.txt")


def nus(folder: Path) -> RawFiles:
    (folder / "Concepts81.txt").write_text("a\nb\nc\n")
    rows: Rows = []
    for part in ("Train", "Test"):
        names = [f"actor/{number}_{part}.jpg" for number in range(len(LABELS))]
        (folder / f"{part}Imagelist.txt").write_text("\n".join(names))
        for name in "abc":
            text = "\n".join(str(int(name in labels)) for labels in LABELS)
            (folder / f"Labels_{name}_{part}.txt").write_text(text)
        rows += [(folder / "Flickr" / name, labels) for name, labels in zip(names, LABELS, strict=True)]
    return RawFiles(folder, rows, folder / "Labels_b_Test.txt")


def mulan(folder: Path) -> RawFiles:
    (folder / "set.xml").write_text(XML)
    attributes = "".join(f"@attribute {name} {kind}\n" for name, kind in zip("xyabc", KINDS, strict=True))
    lines = [
        ",".join(map(str, (*numbers, *(int(name in labels) for name in "abc"))))
        for numbers, labels in zip(NUMBERS, LABELS, strict=True)
    ]
    (folder / "set.arff").write_text("@relation r\n" + attributes + "@data\n" + "\n".join(lines) + "\n")
    return RawFiles(folder, list(zip(NUMBERS, LABELS, strict=True)), folder / "set.arff")


KINDS = ["numeric", "numeric", "{0,1}", "{0,1}", "{0,1}"]


def matlab(folder: Path) -> RawFiles:
    y = [[int(name in labels) for labels in LABELS] for name in "abc"]
    scipy.io.savemat(folder / "set.mat", {"data": np.array(NUMBERS), "target": np.array(y)})
    named: Rows = [
        (numbers, {f"label {'abc'.index(name)}" for name in labels})
        for numbers, labels in zip(NUMBERS, LABELS, strict=True)
    ]
    return RawFiles(folder / "set.mat", named, folder / "set.mat")


def tabular(folder: Path) -> RawFiles:
    lines = [f"{x},{';'.join(labels)},{y}" for (x, y), labels in zip(NUMBERS, LABELS, strict=True)]
    (folder / "set.csv").write_text("\n".join(["height,labels,width", *lines]) + "\n")
    return RawFiles(folder / "set.csv", list(zip(NUMBERS, LABELS, strict=True)), folder / "set.csv")


def meka(folder: Path) -> RawFiles:
    attributes = "".join(f"@attribute {name} {kind}\n" for name, kind in zip("xyabc", KINDS, strict=True))
    lines = [
        ",".join(map(str, (*numbers, *(int(name in labels) for name in "abc"))))
        for numbers, labels in zip(NUMBERS, LABELS, strict=True)
    ]
    (folder / "set.arff").write_text("@relation 'r: -C -3'\n" + attributes + "@data\n" + "\n".join(lines) + "\n")
    return RawFiles(folder / "set.arff", list(zip(NUMBERS, LABELS, strict=True)), folder / "set.arff")


def sparse_text(folder: Path) -> RawFiles:
    lines = [
        f"{','.join(str('abc'.index(name)) for name in sorted(labels))} 1:{x} 2:{y}"
        for (x, y), labels in zip(NUMBERS, LABELS, strict=True)
    ]
    (folder / "set.svm").write_text("\n".join(lines) + "\n")
    named: Rows = [
        (numbers, {f"label {'abc'.index(name)}" for name in labels})
        for numbers, labels in zip(NUMBERS, LABELS, strict=True)
    ]
    return RawFiles(folder / "set.svm", named, folder / "set.svm")


def matrix_pair(folder: Path) -> RawFiles:
    home = folder / "set"
    home.mkdir()
    y = np.array([[int(name in labels) for name in "abc"] for labels in LABELS])
    for name, matrix in (("X", np.array(NUMBERS, dtype=np.float32)), ("Y", y)):
        for part, rows in (("train", slice(0, len(y) // 2)), ("test", slice(len(y) // 2, None))):
            scipy.sparse.save_npz(home / f"{name}_{part}.npz", scipy.sparse.csr_matrix(matrix[rows]))
    named: Rows = [
        (numbers, {f"label {'abc'.index(name)}" for name in labels})
        for numbers, labels in zip(NUMBERS, LABELS, strict=True)
    ]
    return RawFiles(home, named, home / "X_train.npz")


IMITATIONS: dict[str, Callable[[Path], RawFiles]] = {
    "AAPD": aapd,
    "Reuters": reuters,
    "GoEmotions": goemotions,
    "VOC07": lambda folder: voc(folder, 2007),
    "VOC12": lambda folder: voc(folder, 2012),
    "COCO14": lambda folder: coco(folder, 2014),
    "COCO17": lambda folder: coco(folder, 2017),
    "CUB": cub,
    "NUS": nus,
    "a folder with Mulan's .xml and .arff, or the .xml": mulan,
    "a folder with X and Y of scipy.sparse.save_npz or numpy.save": matrix_pair,
    "a .mat": matlab,
    "a table (.csv, .tsv, .parquet)": tabular,
    "an .arff of MEKA": meka,
    "sparse text (.svm, .libsvm, or a folder with train and test)": sparse_text,
}
"""A source in each parser's format, by the parser's name or form."""
DEFAULTS = {"ids": None, "difficult": "absent"}


def key(parser: SetParser | FormatParser) -> str:
    return parser.name if isinstance(parser, SetParser) else parser.form


def parsed(parser: SetParser | FormatParser, raw: Path) -> RawSet:
    if isinstance(parser, FormatParser):
        return parser.parse(raw)
    return parser.parse(raw, **{choice: DEFAULTS[choice] for choice in parser.choices})


def every_row(raw: RawSet) -> list[tuple[object, list[str]]]:
    """Items and label names of all splits, in one order."""
    rows = []
    for part in raw.splits.values():
        for item, y in zip(part.items, part.y, strict=True):
            shown = tuple(item.tolist()) if isinstance(item, np.ndarray) else item
            rows.append((shown, sorted(raw.label_names[j] for j in np.flatnonzero(y))))
    return sorted(rows, key=str)


def test_no_two_parsers_have_one_name() -> None:
    keys = [key(parser) for parser in parsers()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("parser", parsers(), ids=key)
def test_a_parser_gives_the_rows_that_were_written(parser: SetParser | FormatParser, tmp_path: Path) -> None:
    files = IMITATIONS[key(parser)](tmp_path)
    raw = parsed(parser, files.raw)
    expected = [(item, sorted(labels)) for item, labels in files.rows]
    assert every_row(raw) == sorted(expected, key=str)
    for part in raw.splits.values():
        assert (part.y.dtype, part.y.shape) == (np.int8, (len(part.ids), len(raw.label_names)))
    formats = [other for other in parsers() if isinstance(other, FormatParser) and other.accepts(files.raw)]
    assert formats == ([parser] if isinstance(parser, FormatParser) else [])


@pytest.mark.parametrize("damage", ["missing", "broken"])
@pytest.mark.parametrize("parser", parsers(), ids=key)
def test_a_parser_names_the_file_that_it_cannot_use(
    parser: SetParser | FormatParser, damage: str, tmp_path: Path
) -> None:
    files = IMITATIONS[key(parser)](tmp_path)
    damaged(files.needed, damage)
    assert files.needed.name in refusal(lambda: parsed(parser, files.raw))


def test_the_pages_parser_needs_nothing_but_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/add-a-dataset.md").read_text(encoding="utf-8")
    code = page.partition("<!-- parser -->\n```python\n")[2].partition("```")[0]
    (tmp_path / "recipes_of_the_page.py").write_text(code)
    monkeypatch.setattr(registry, "__path__", [*registry.__path__, str(tmp_path)])
    registry.parsers.cache_clear()
    try:
        assert refusal(lambda: registry.parse_raw("recipes", tmp_path)) == f"{tmp_path} has no file train.tsv."
        for split in ("train", "val", "test"):
            (tmp_path / f"{split}.tsv").write_text(f"soup vegan\tleeks of {split}\ndessert\tplums\n")
        raw = registry.parse_raw("recipes", tmp_path)
    finally:
        registry.parsers.cache_clear()
    assert every_row(raw)[:2] == [("leeks of test", ["soup", "vegan"]), ("leeks of train", ["soup", "vegan"])]
    assert every_row(raw)[3:] == [("plums", ["dessert"])] * 3


def test_listing_the_parsers_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom bench.datasets.parsers import parsers\nparsers()\n"
        "heavy = [name for name in ('torch', 'pandas', 'sklearn', 'scipy', 'river') if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- readers --------------------------------------------------------------------------------------------------------


X = np.arange(30, dtype=np.float32).reshape(10, 3) / 4
Y = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 1]] * 2, dtype=np.int8)


class DataFiles(NamedTuple):
    load: Callable[[], tuple[np.ndarray, np.ndarray | None]]
    """(features [N, D], labels [N, c] or None) of the source that was found, its splits one after the other."""
    needed: Path
    x: np.ndarray = X
    y: np.ndarray = Y


INDEX = {"train": np.arange(6), "val": np.arange(6, 8), "test": np.arange(8, 10)}


def loaded(source: canonical.Source) -> tuple[np.ndarray, np.ndarray]:
    splits = source.load().splits
    parts = [splits[split] for split in INDEX]
    return np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])


def of_canonical(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    splits = {split: canonical.SplitArrays(X[rows], Y[rows]) for split, rows in INDEX.items()}
    canonical.save(folder, "Tiny", "e1", splits)
    (source,) = canonical.find(folder)
    assert source.full_name == "Tiny@e1"
    return DataFiles(lambda: loaded(source), folder / "Tiny_val_features_e1.npy")


def of_npz(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    np.savez(folder / "Tiny.npz", X=X, Y=Y, **{f"{split}_idx": rows for split, rows in INDEX.items()})  # type: ignore[arg-type]
    (source,) = npz.find(folder)
    assert source.full_name == "Tiny@npz"
    return DataFiles(lambda: loaded(source), folder / "Tiny.npz")


def of_yeast(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    """A package river whose file has the set's size: feature j of row i is i + j, label j is row i's binary digit j."""
    (folder / "river/datasets").mkdir(parents=True)
    (folder / "river/__init__.py").touch()
    path = folder / "river/datasets/yeast.csv.gz"
    header = [f"Att{j}" for j in range(103)] + [f"Class{j}" for j in range(14)]
    lines = [[i + j for j in range(103)] + [i >> j & 1 for j in range(14)] for i in range(2417)]
    path.write_bytes(gzip.compress("\n".join(",".join(map(str, line)) for line in [header, *lines]).encode()))
    patch.syspath_prepend(folder)
    patch.delitem(sys.modules, "river", raising=False)
    source = yeast.find()
    assert source.files == (path,)
    order = np.random.default_rng(0).permutation(2417)[:, None]
    return DataFiles(lambda: loaded(source), path, order + np.arange(103), order >> np.arange(14) & 1)


def of_ldl(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    degrees = np.tile([0.25, 0.75], (len(X), 1))
    np.savez(folder / "ldl_Tiny.npz", X=X, D=degrees, L=Y)
    assert ldl.find([folder]) == {"Tiny": folder / "ldl_Tiny.npz"}

    def load() -> tuple[np.ndarray, np.ndarray]:
        one = ldl.read("Tiny", (folder / "ldl_Tiny.npz",))
        np.testing.assert_array_equal(one.degrees, degrees)
        return one.x, one.y

    return DataFiles(load, folder / "ldl_Tiny.npz")


def of_feature_file(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    path = folder / "features.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in X.tolist()) + "\n")
    return DataFiles(lambda: (feature_file.read_features(path)[0], None), path)


def of_raw_file(folder: Path, patch: pytest.MonkeyPatch) -> DataFiles:
    path = folder / "Tiny.csv"
    splits = [split for split, rows in INDEX.items() for _ in rows]
    lines = [",".join(map(str, (*x, split, *y))) for x, split, y in zip(X.tolist(), splits, Y.tolist(), strict=True)]
    path.write_text("\n".join(["p,q,r,split,a,b", *lines]) + "\n")
    source = resolve(str(path), config.load(Path("/nonexistent")), [])
    assert isinstance(source, canonical.Source)
    assert source.full_name == "Tiny@csv"
    return DataFiles(lambda: loaded(source), path)


SOURCES: dict[str, Callable[[Path, pytest.MonkeyPatch], DataFiles]] = {
    "canonical": of_canonical,
    "npz": of_npz,
    "yeast": of_yeast,
    "ldl": of_ldl,
    "feature_file": of_feature_file,
    "raw_file": of_raw_file,
}
EVERY_READER = [module.name for module in pkgutil.iter_modules(readers.__path__)]


@pytest.mark.parametrize("reader", EVERY_READER)
def test_a_reader_gives_the_arrays_that_were_written(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = SOURCES[reader](tmp_path, monkeypatch)
    x, y = files.load()
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, files.x)
    if y is not None:
        assert y.dtype == np.int8
        np.testing.assert_array_equal(y, files.y)


@pytest.mark.parametrize("damage", ["missing", "broken"])
@pytest.mark.parametrize("reader", EVERY_READER)
def test_a_reader_names_the_file_that_it_cannot_use(
    reader: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = SOURCES[reader](tmp_path, monkeypatch)
    damaged(files.needed, damage)
    assert files.needed.name in refusal(files.load)


def randomly_damaged(raw: bytes, random: np.random.Generator) -> bytes:
    """Bytes that are cut off, changed or put between."""
    place, some = random.integers(len(raw)), random.bytes(random.integers(1, 9))
    return [raw[:place], raw[:place] + some + raw[place + len(some) :], raw[:place] + some + raw[place:]][
        random.integers(3)
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("reader", ["canonical", "npz", "ldl"])
def test_random_damage_is_one_sentence_or_other_values(
    reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = SOURCES[reader](tmp_path, monkeypatch)
    load = (lambda: ldl.load(files.needed)) if reader == "ldl" else files.load
    random = np.random.default_rng(0)
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        for _ in range(40):
            path.write_bytes(randomly_damaged(whole, random))
            with suppress(UsageError):
                load()
        path.write_bytes(whole)
    load()
