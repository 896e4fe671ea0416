"""The door in: damaged, lying and odd files of every format give one sentence with the file."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.errors import UsageError
from bench.system import reading


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def npy(shape: tuple[int, ...], data: bytes) -> bytes:
    """An .npy file whose header claims ``shape``."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def zipped(name: str, content: bytes, **changed: int) -> bytes:
    """A zip archive of one member; ``changed`` overwrites fields of its central directory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    raw = bytearray(stream.getvalue())
    at = raw.find(b"PK\x01\x02")
    if "size" in changed:
        raw[at + 24 : at + 28] = struct.pack("<I", changed["size"])
    if "flags" in changed:
        raw[6] |= changed["flags"]
        raw[at + 8] |= changed["flags"]
    if "method" in changed:
        raw[8:10] = raw[at + 10 : at + 12] = struct.pack("<H", changed["method"])
    return bytes(raw)


X = np.random.default_rng(0).random((60, 50))
DEFLATED = bytearray(npz(X=X))
DEFLATED[3000:3400] = bytes(byte ^ 0xA5 for byte in DEFLATED[3000:3400])
XZ_BOMB = lzma.compress(b"0" * 10_000, preset=0) * 3

FAULTS: dict[str, tuple[Callable[[Path], Any], bytes, str]] = {
    "text in Latin-1": (reading.text, "eins\nfünf".encode("latin-1"), "line 2 is not UTF-8"),
    "lines in Latin-1": (lambda path: list(reading.lines(path)), "a\nb\nü".encode("latin-1"), "line 3 is not UTF-8"),
    "no JSON": (reading.json, b"{", "as JSON"),
    "JSON nested deeply": (reading.json, b"[" * 100_000, "nested too deeply"),
    "JSON of another type": (lambda path: reading.json(path, dict[str, int]), b'{"a": "b"}', "Expected `int`"),
    "no TOML": (reading.toml, b"a = ", "as TOML"),
    "TOML nested deeply": (reading.toml, b"a = " + b"[" * 100_000, "nested too deeply"),
    "CSV with an open quotation mark": (lambda p: list(reading.csv_rows(reading.text(p), p)), b'a,"b', "quotation"),
    "XML with entities": (
        lambda p: reading.xml(reading.content(p), p),
        b'<!DOCTYPE a [<!ENTITY b "c">]><a/>',
        "as XML",
    ),
    "no archive": (reading.arrays, b"hello", "as an .npz file"),
    "damaged deflate stream": (reading.arrays, bytes(DEFLATED), "as an .npz file"),
    "an encrypted member": (reading.arrays, zipped("X.npy", npy((2,), bytes(8)), flags=1), "encrypted"),
    "an unknown compression": (reading.arrays, zipped("X.npy", npy((2,), bytes(8)), method=77), "not supported"),
    "a header of 4 TB": (reading.arrays, zipped("X.npy", npy((10**12,), bytes(8))), "another size than its header"),
    "a claim of 4 GB": (reading.arrays, zipped("X.npy", npy((10**9,), bytes(8)), size=4 * 10**9), "claims 4000000000"),
    "Python objects": (reading.arrays, npz(X=np.array([{}], dtype=object)), "Python objects"),
    "an .npy that claims 4 TB": (reading.array, npy((10**12,), bytes(8)), "another size than its header"),
    "a truncated .npy": (lambda p: reading.array(p, mapped=True), npy((100, 5), bytes(8)), "truncated"),
    "no MATLAB file": (reading.matlab, b"hello" * 100, "MATLAB"),
    "no safetensors file": (reading.tensors, b"hello", "safetensors"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_gives_one_sentence_with_its_name(fault: str, tmp_path: Path) -> None:
    read, raw, said = FAULTS[fault]
    path = tmp_path / "given.file"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=r"given\.file") as caught:
        read(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [reading.text, reading.json, reading.arrays, reading.array, reading.matlab])
def test_what_is_no_file_is_refused_and_never_waited_for(read: Callable[[Path], Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "gone", "is missing"), (tmp_path, "folder"), (tmp_path / "pipe", "pipe")):
        with pytest.raises(UsageError, match=said):
            read(path)


def test_compressed_files_are_bounded_and_checked_to_their_end(tmp_path: Path) -> None:
    bomb, torn = tmp_path / "bomb.xz", tmp_path / "torn.gz"
    bomb.write_bytes(XZ_BOMB)
    with pytest.raises(UsageError, match="over"):
        reading.unpacked(bomb, most=20_000)
    raw = bytearray(gzip.compress(b"one word, another word"))
    raw[-8] ^= 1
    torn.write_bytes(bytes(raw))
    with pytest.raises(UsageError, match="CRC"):
        reading.unpacked(torn)


def test_only_the_arrays_asked_for_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mixed.npz"
    path.write_bytes(npz(X=X, names=np.array([{}], dtype=object)))
    assert np.array_equal(reading.arrays(path, ["X", "absent"])["X"], X)
    assert reading.array_headers(path)["X"].shape == X.shape


@pytest.mark.parametrize("word", ["1", " 1.5 ", "-2e-3", ".5", "7."])
def test_decimal_numbers_are_numbers(word: str) -> None:
    assert reading.number(word) == float(word)


@pytest.mark.parametrize("word", ["1_000", "2020_01", "٣", "²", "nan", "inf", "0x1", "", "1,5", "1 2"])
def test_other_words_are_none(word: str) -> None:
    assert reading.number(word) is None
    assert reading.whole_number(word) is None


def test_json_is_converted_to_the_type_asked_for(tmp_path: Path) -> None:
    class Card(msgspec.Struct):
        source: str

    (tmp_path / "card.json").write_text('{"source": "here"}')
    assert reading.json(tmp_path / "card.json", Card) == Card("here")
