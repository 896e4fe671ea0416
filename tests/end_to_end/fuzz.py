"""Random damage to everything that is read: ``python -m tests.end_to_end.fuzz [--minutes M] [--seed S] [--format F]``.

A whole file of each format is damaged as bytes (flipped, cut, doubled, overwritten by extreme numbers), as text (odd
tokens in place of words) or in its structure (other types, shapes and values in JSON and arrays, with a right
checksum), and read. A reader gives what it reads or one sentence; anything else is printed with the seed that makes the
input again, and kept. The first inputs of every format are part of the tests.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import lzma
import resource
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError

SECONDS_FOR_ONE = 20
BYTES_OF_MEMORY = 12 * 2**30
Random = np.random.Generator
TOKENS = [
    "", " ", "nan", "inf", "-1", "0", "1e400", "1_000", "\u00b2", "\u0663", "\0", "\n", "\r", "\u2028", "\x1b[31m",
    "9" * 400, "{", "}", "[" * 5000, "'", '"', ",", ";", "@data", "@attribute x {a,b}", "true", "null", "../../x",
    "\ud800", "\U0001f600", "%s", "{0}", "[/0]", "=1+1",
]  # fmt: skip
VALUES: list[Any] = [None, True, -1, 0, 2**70, 1.5, 1e308, "", "x", "../x", "\u00b2", [], [[]], {}, {"a": 1}, [None]]


@dataclass(frozen=True)
class Format:
    """One kind of file: a whole one, its reader, and how it is damaged."""

    name: str
    """The file's name."""
    whole: bytes
    read: Callable[[Path], Any]
    """Of a path; raises UsageError for what cannot be read."""
    damages: tuple[Callable[[bytes, Random], bytes], ...]


# --- damage ---------------------------------------------------------------------------------------------------------


def bytes_changed(whole: bytes, random: Random) -> bytes:
    """A few of: a byte flipped, an end cut off, a piece removed or doubled, a number overwritten by an extreme one."""
    found = bytearray(whole)
    for _ in range(random.integers(1, 4)):
        at, size = int(random.integers(len(found) + 1)), int(random.integers(1, 64))
        match random.integers(6):
            case 0:
                found[at : at + 1] = bytes([random.integers(256)])
            case 1:
                del found[at:]
            case 2:
                del found[at : at + size]
            case 3:
                found[at:at] = found[at : at + size]
            case 4:
                found[at : at + 4] = random.choice([b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0"])
            case 5:
                found[at : at + 8] = random.choice([b"\xff" * 7 + b"\x7f", b"\xff" * 8, bytes(8)])
    return bytes(found)


def words_changed(whole: bytes, random: Random) -> bytes:
    """Some words of a text replaced, doubled or removed."""
    words = whole.decode("utf-8").replace(",", " , ").replace("\n", " \n ").split(" ")
    for _ in range(random.integers(1, 6)):
        at = int(random.integers(len(words)))
        words[at : at + 1] = [[], [words[at]] * 2, [TOKENS[random.integers(len(TOKENS))]]][random.integers(3)]
    return " ".join(words).replace(" , ", ",").replace(" \n ", "\n").encode("utf-8", "surrogatepass")


def json_changed(whole: bytes, random: Random) -> bytes:
    """One or two values of a JSON document replaced or removed, or a key added."""
    body = json.loads(whole)
    for _ in range(random.integers(1, 3)):
        places = list(_places(body))
        holder, key = places[random.integers(len(places))]
        match random.integers(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder["future"] = 1
            case _:
                holder[key] = VALUES[random.integers(len(VALUES))]
        if not body:
            break
    return json.dumps(body).encode()


def _places(body: Any) -> Iterator[tuple[Any, Any]]:
    items = list(body.items()) if isinstance(body, dict) else list(enumerate(body)) if isinstance(body, list) else []
    for key, value in items:
        yield body, key
        yield from _places(value)


def arrays_changed(whole: bytes, random: Random) -> bytes:
    """An array of an ``.npz`` file in another shape or type, with other values, under another name, or gone."""
    with np.load(io.BytesIO(whole)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = list(arrays)[random.integers(len(arrays))]
    old = arrays.pop(name)
    odd: list[Any] = [
        old.reshape(-1), old[None], old[:0], old[:-1], old[..., :0], old.T, np.array(0), np.array(None),
        old.astype(str), old.astype(object), np.array(["a", "b\n"]), old.astype("S"), np.array([1 + 2j]),
        np.full(old.shape, np.nan), np.full(old.shape, -1), np.full(old.shape, 1e300), np.full(old.shape, 2**62),
        np.zeros(old.shape, "M8[s]"), np.zeros(2, [("a", "i4")]), np.array([2**40, 2**40]), np.array([-1, 5]),
    ]  # fmt: skip
    if random.integers(8):
        arrays["x" if random.integers(9) == 0 else name] = odd[random.integers(len(odd))]
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def record_changed(whole: bytes, random: Random) -> bytes:
    """A record with other contents and their right checksum."""
    from bench.records.record import _checksum

    try:
        body = json.loads(json_changed(whole, random))
        body.pop("checksum", None)
        return json.dumps({**body, "checksum": _checksum(body)}).encode()
    except Exception:  # what cannot be sealed, a number too large say
        return whole[:-20]


def model_changed(whole: bytes, random: Random) -> bytes:
    """A model file whose description or header says something else."""
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    about = header["__metadata__"]["flem-bench"]
    if random.integers(2):
        header["__metadata__"]["flem-bench"] = json_changed(about.encode(), random).decode()
    else:
        header = json.loads(json_changed(json.dumps(header).encode(), random))
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw + whole[8 + size :]


# --- formats --------------------------------------------------------------------------------------------------------


def formats(folder: Path) -> list[Format]:
    """Every format, with a whole file of each; ``folder`` is for making these."""
    from bench import config
    from bench.classifier import MultiLabelClassifier, load
    from bench.datasets.features.word_vectors import word_vectors
    from bench.datasets.parsers import parse_raw
    from bench.datasets.readers import ldl, npz
    from bench.datasets.readers.feature_file import read_features
    from bench.plan.states import collect
    from bench.records.packed import PACKED, pack
    from bench.records.record import JobName
    from bench.records.store import Store
    from bench.system import archive, reading
    from tests.records import record, result

    random = np.random.default_rng(0)
    x, y = random.random((40, 4)).astype(np.float32), (random.random((40, 3)) < 0.5).astype(np.int8)
    y[0], y[1] = 1, 0
    degrees = y + 0.5
    degrees = degrees / degrees.sum(1, keepdims=True)
    names = np.array(["a", "b", "c"])

    def packed(**arrays: Any) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()

    def plain(array: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()

    def matlab(**arrays: Any) -> bytes:
        from scipy.io import savemat

        stream = io.BytesIO()
        savemat(stream, arrays)
        return stream.getvalue()

    def table(header: list[str], rows: list[list[Any]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        return text.getvalue().encode()

    numbers = table(
        [*"pqrs", "labels"], [[*map(str, row), ";".join(names[on > 0])] for row, on in zip(x, y, strict=True)]
    )
    attributes = [f"@attribute {name} numeric" for name in "pqrs"] + [f"@attribute {name} {{0,1}}" for name in names]
    rows = [",".join(map(str, [*row, *on])) for row, on in zip(x, y, strict=True)]
    arff = "\n".join(["@relation r", *attributes, "@data", *rows]).encode()
    columns = table([*"pqrs", *names], [[*map(str, row), *on] for row, on in zip(x, y, strict=True)])
    svm = "\n".join(
        ",".join(map(str, np.flatnonzero(on)))
        + "".join(f" {place}:{value}" for place, value in enumerate(row, start=1))
        for row, on in zip(x, y, strict=True)
    ).encode()
    xml = b'<labels xmlns="http://x.org"><label name="a"/><label name="b"/><label name="c"/></labels>'
    sparse_x = packed(
        data=x.ravel(), row=np.repeat(np.arange(len(x)), x.shape[1]), col=np.tile(np.arange(x.shape[1]), len(x)),
        shape=np.array(x.shape), format=np.array(b"coo"),
    )  # fmt: skip
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("one.txt", "word " * 100)

    def of_own(path: Path) -> Any:
        return parse_raw("own", path)

    def of_arff(path: Path) -> Any:
        (path.parent / "own.xml").write_bytes(xml)
        return parse_raw("own", path.parent)

    def of_xml(path: Path) -> Any:
        (path.parent / "own.arff").write_bytes(arff)
        return parse_raw("own", path.parent)

    def of_pair(path: Path) -> Any:
        np.save(path.parent / "Y.npy", y)
        return parse_raw("own", path.parent)

    def of_packed(path: Path) -> Any:
        path.write_bytes(lzma.compress(path.read_bytes()))
        return collect(Store(path.parent), config.load(), [])

    def of_record(path: Path) -> Any:
        return collect(Store(path.parents[2]), config.load(), [])

    Store(folder).write(record(JobName("s", "npz", "BCE", 0), result({"hamming_loss": 0.1})))
    (stored,) = folder.rglob("seed-*.json")
    together = lzma.decompress(
        pack([record(JobName("s", "npz", "BCE", 0), result({"hamming_loss": 0.1}))], folder).read_bytes()
    )
    MultiLabelClassifier("BCE").fit(x, y).save(folder / "linear.safetensors")
    MultiLabelClassifier("ML-KNN").fit(x, y).save(folder / "rows.safetensors")
    toml = (Path(__file__).parents[2] / "bench.toml").read_bytes()
    words = "\n".join(f"w{row} " + " ".join(map(str, values)) for row, values in enumerate(x)).encode()
    run = json.dumps({"protocols": {"small": {"epochs": 3}}, "datasets": ["s@npz"], "variants": ["BCE"], "seeds": [0]})
    npz_set = packed(X=x, Y=y, label_names=names, train_idx=np.arange(30), test_idx=np.arange(30, 40))
    as_bytes, as_text, as_arrays = (bytes_changed,), (bytes_changed, words_changed), (bytes_changed, arrays_changed)
    return [
        Format("own.npz", npz_set, lambda path: npz.read("own", (path,)), as_arrays),
        Format("distributions.npz", packed(X=x, D=degrees, L=y), ldl.load, as_arrays),
        Format("distributions.mat", matlab(features=x, labelDistribution=degrees), ldl.load, as_bytes),
        Format("own.mat", matlab(data=x, target=y.T), of_own, as_bytes),
        Format("own.csv", numbers, of_own, as_text),
        Format("own.arff", arff, of_arff, as_text),
        Format("meka.arff", arff.replace(b"@relation", b"@relation 'r: -C -3' ", 1), of_own, as_text),
        Format("columns.csv", columns, of_own, as_text),
        Format("pair/X.npz", sparse_x, of_pair, as_bytes),
        Format("own.svm", svm, of_own, as_text),
        Format("own.xml", xml, of_xml, as_text),
        Format("new.csv", table([*"pqrs"], [list(row) for row in x]), read_features, as_text),
        Format("new.npy", plain(x), read_features, as_bytes),
        Format("new.npz", packed(X=x), read_features, as_arrays),
        Format("vectors.txt", words, lambda path: word_vectors(str(path)), as_text),
        Format("archive.zip", zipped.getvalue(), lambda path: list(archive.members(path, bool)), as_bytes),
        Format("bench.toml", toml, lambda path: config.load(path.parent), as_text),
        Format(stored.relative_to(folder).as_posix(), stored.read_bytes(), of_record, (bytes_changed, record_changed)),
        Format(PACKED, together, of_packed, (bytes_changed, json_changed)),
        Format("run.json", run.encode(), lambda path: Store(path.parent).manifest(), (bytes_changed, json_changed)),
        Format("card.json", b'{"source": "x", "sha256": {}}', reading.json, (bytes_changed, json_changed)),
        Format("linear.st", (folder / "linear.safetensors").read_bytes(), load, (bytes_changed, model_changed)),
        Format("rows.st", (folder / "rows.safetensors").read_bytes(), load, (bytes_changed, model_changed)),
    ]  # fmt: skip


# --- the run --------------------------------------------------------------------------------------------------------


def damaged(form: Format, seed: int) -> bytes:
    """Input number ``seed`` of a format."""
    random = np.random.default_rng([seed, *form.name.encode()])
    return form.damages[seed % len(form.damages)](form.whole, random)


def fault(form: Format, seed: int, folder: Path) -> str:
    """The traceback of what a reader raised beside a UsageError of one line, or of its taking too long; else empty."""
    path = folder / form.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(damaged(form, seed))
    try:
        with _seconds(SECONDS_FOR_ONE):
            form.read(path)
    except UsageError as error:
        return "" if "\n" not in str(error) and str(error) else f"not one line: {error}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return traceback.format_exc()
    return ""


@contextmanager
def _seconds(most: int) -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"it took over {most} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(most)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the first input")
    parser.add_argument("--format", help="only this one, by its file's name")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES_OF_MEMORY, BYTES_OF_MEMORY))
    end, seed, found = time.monotonic() + 60 * arguments.minutes, arguments.seed, set()
    with tempfile.TemporaryDirectory() as made:
        every = [form for form in formats(Path(made)) if arguments.format in (None, form.name)]
    while time.monotonic() < end:
        for form in every:
            with tempfile.TemporaryDirectory() as folder:
                said = fault(form, seed, Path(folder))
            place = said.strip().splitlines()[-1:] + [line for line in said.splitlines() if "/bench/" in line][-1:]
            if said and (form.name, *place) not in found:
                found.add((form.name, *place))
                print(f"--- {form.name}, --seed {seed}\n{said}", flush=True)
        seed += 1
    print(f"{(seed - arguments.seed) * len(every)} inputs of {len(every)} formats; {len(found)} kinds of fault")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
