"""Door in: every file is read here, and nothing that is wrong with one leaves as anything but one sentence.

Sizes are checked before memory is taken for them, whatever a reader raises becomes a :class:`UsageError` with the file
and its format (:func:`reading`), and JSON is converted to the type its caller asks for. NumPy, SciPy and safetensors
are imported by the functions that need them, because records and configuration are read without.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import lzma
import math
import os
import re
import stat
import sys
import tomllib
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from bench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
MOST_TEXT = 4 * 2**30
"""Bytes of a text, or of one compressed file once it is unpacked."""
DEFLATE_RATIO = 1032
"""The format's largest: a zip member that claims more has a false header."""
BLOCK = 1 << 22


@contextmanager
def reading(path: Path | str, form: str, advice: str = "it may be damaged or truncated") -> Iterator[None]:
    """Inside, whatever a reader of ``path`` raises becomes one sentence with the file and what it was read as.

    Raises
    ------
    UsageError: from the error itself, which ``--debug`` shows.
    """
    try:
        yield
    except UsageError:
        raise
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing.") from error
    except Exception as error:  # readers fail in ways that nobody has listed: zlib, recursion, memory, encodings
        raise UsageError(f"{path} cannot be read as {form} ({in_short(error)}); {advice}.") from error


def in_short(error: BaseException) -> str:
    """An error's first line, or its kind where it has none."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    if isinstance(error, MemoryError | RecursionError):
        return "there is not enough memory" if isinstance(error, MemoryError) else "it is nested too deeply"
    return lines[0] if lines else type(error).__name__


# --- folders, bytes and text ----------------------------------------------------------------------------------------


SEARCH_DEPTH = 4


def walk(top: Path) -> Iterator[Path]:
    """A data folder and those below it, four levels deep, by name; hidden ones hold what is unfinished."""
    for root, folders, _ in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if len(Path(root).relative_to(top).parts) >= SEARCH_DEPTH:
            folders.clear()
        yield Path(root)


def stamps(files: Iterable[Path]) -> list[tuple[int, ...]]:
    """Whatever of a file changes with its content: arrays may be mapped, and follow what is written over them."""
    stats = [path.stat() for path in files if path.exists()]
    return [(one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in stats]


def opened(path: Path | str) -> BinaryIO:
    """A regular file opened for reading; a folder, a pipe or a device is refused, for these may never end.

    Raises
    ------
    UsageError: also where it is missing or may not be read.
    """
    with reading(path, "a file", "check the path and its permissions"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UsageError(f"{path} is a folder, a pipe or a device, not a file.")
        return os.fdopen(descriptor, "rb")


def content(path: Path | str, most: int = MOST_TEXT) -> bytes:
    """All bytes of a file of at most ``most``."""
    with opened(path) as stream, reading(path, "a file"):
        _bounded(path, os.fstat(stream.fileno()).st_size, most)
        return stream.read()


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content."""
    state = hashlib.sha256()
    with opened(path) as stream, reading(path, "a file"):
        while block := stream.read(BLOCK):
            state.update(block)
    return state.hexdigest()


def text(path: Path | str) -> str:
    """A UTF-8 file, with or without a byte order mark."""
    return decoded(content(path), path)


def decoded(raw: bytes, where: Path | str) -> str:
    """UTF-8 bytes as text, without a byte order mark.

    Raises
    ------
    UsageError: with the line of the first byte that is no UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{where}, line {line} is not UTF-8 ({error.reason}); save the file as UTF-8.") from error


def lines(path: Path | str) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of a UTF-8 text of any size."""
    with opened(path) as stream:
        number, mark = 0, b"\xef\xbb\xbf"
        with reading(path, "a text"):
            for raw in stream:
                number += 1
                raw = raw.removeprefix(mark) if number == 1 else raw
                try:
                    line = raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise UsageError(f"{path}, line {number} is not UTF-8 ({error.reason}).") from error
                yield number, line.rstrip("\r\n")


def unpacked(path: Path | str, most: int = MOST_TEXT) -> bytes:
    """The content of a ``.gz`` or ``.xz`` file, checked to its end; of another, the file itself."""
    suffix = Path(path).suffix
    if suffix not in (".gz", ".xz"):
        return content(path, most)
    opener: Any = gzip.open if suffix == ".gz" else lzma.open
    with opened(path) as raw, reading(path, f"a {suffix} file"), opener(raw) as stream:
        found: bytes = stream.read(most + 1)
        _bounded(path, len(found), most)
        return found


def _bounded(where: Path | str, size: int, most: int) -> None:
    if size > most:
        raise UsageError(f"{where} is refused: it would be over {most / 1e9:.1f} GB.")


# --- JSON, TOML, CSV, XML, numbers ----------------------------------------------------------------------------------


def json(path: Path | str, kind: type[T] | Any = Any, most: int = MOST_TEXT) -> T:
    """The JSON of a file as ``kind``, a msgspec type."""
    return decoded_json(content(path, most), path, kind)


def decoded_json(raw: bytes | str, where: Path | str, kind: type[T] | Any = Any) -> T:
    """JSON as ``kind``, a msgspec type: fields that are missing or of another type are named."""
    import msgspec

    with reading(where, "JSON"):
        found: T = msgspec.json.decode(raw, type=kind)
        return found


def toml(path: Path | str) -> dict[str, Any]:
    source = text(path)
    with reading(path, "TOML", "mend it where it says"):
        return tomllib.loads(source)


def csv_rows(source: str, where: Path | str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of delimited text; fields of any length, quotation marks checked."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(io.StringIO(source, newline=""), strict=True, delimiter=delimiter)
    with reading(where, "CSV", "is a quotation mark missing?"):
        for fields in reader:
            yield reader.line_num, fields


def xml(raw: bytes, where: Path | str) -> Any:
    """The root element; entities are refused, not expanded."""
    from defusedxml import ElementTree

    with reading(where, "XML"):
        return ElementTree.fromstring(raw)


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE = re.compile(r"\d{1,18}", re.ASCII)


def number(word: str) -> float | None:
    """A decimal number, with spaces around it or none; None for anything else, ``1_000`` and ``nan`` among it."""
    word = word.strip()
    return float(word) if NUMBER.fullmatch(word) else None


def whole_number(word: str) -> int | None:
    """A number of at most 18 ASCII digits; None for anything else."""
    return int(word) if WHOLE.fullmatch(word) else None


# --- arrays ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Header:
    """An array's shape and type, before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def size(self) -> int:
        """Bytes of the array's data."""
        return math.prod(self.shape) * self.dtype.itemsize


def is_archive(path: Path) -> bool:
    """True of a regular file that begins and ends as a zip archive does."""
    return path.is_file() and zipfile.is_zipfile(path)


def array_names(path: Path | str) -> set[str]:
    """Names of the arrays of an ``.npz`` file, by its table of contents alone."""
    with opened(path) as raw, reading(path, "an .npz file"), zipfile.ZipFile(raw) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}


def array_headers(path: Path | str) -> dict[str, Header]:
    """{name: shape and type} of an ``.npz`` file, without reading the arrays."""
    with opened(path) as raw, reading(path, "an .npz file"), zipfile.ZipFile(raw) as archive:
        return _headers(archive, path, None)


def arrays(path: Path | str, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, or those of ``names`` that it has; the others are not looked at.

    Raises
    ------
    UsageError: for a damaged or encrypted file, an array of Python objects, or one that does not fit into memory.
    """
    from numpy.lib import format as npy

    found = {}
    with opened(path) as raw, reading(path, "an .npz file"), zipfile.ZipFile(raw) as archive:
        headers = _headers(archive, path, names)
        check_fits(path, sum(header.size for header in headers.values()))
        for name, header in headers.items():
            if header.dtype.hasobject:
                raise UsageError(f"{path}: the array {name} holds Python objects; save it as numbers or text.")
            with archive.open(f"{name}.npy") as stream:
                found[name] = npy.read_array(stream, allow_pickle=False)
                stream.read()  # to its end, where the checksum is
    return found


def _headers(archive: zipfile.ZipFile, path: Path | str, names: Collection[str] | None) -> dict[str, Header]:
    headers = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name == info.filename or (names is not None and name not in names):
            continue
        if info.compress_type == zipfile.ZIP_DEFLATED and info.file_size > DEFLATE_RATIO * (info.compress_size + 1):
            raise UsageError(f"{path}: the array {name} claims {info.file_size} bytes, more than its data can hold.")
        with archive.open(info) as stream:
            headers[name] = _header(stream)
            if not headers[name].dtype.hasobject and stream.tell() + headers[name].size != info.file_size:
                raise UsageError(f"{path}: the array {name} has another size than its header says; it is damaged.")
    return headers


def _header(stream: Any) -> Header:
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    return Header(shape, dtype)


def array_header(path: Path | str) -> Header:
    """Shape and type of an ``.npy`` file."""
    with opened(path) as stream, reading(path, "an .npy file"):
        header = _header(stream)
        if header.dtype.hasobject:
            raise UsageError(f"{path} holds Python objects; save it as numbers.")
        if stream.tell() + header.size != os.fstat(stream.fileno()).st_size:
            raise UsageError(f"{path} has another size than its header says; it is truncated or damaged.")
        return header


def array(path: Path | str, mapped: bool = False) -> np.ndarray:
    """The array of an ``.npy`` file; ``mapped`` leaves it on the disk, where writing to it changes nothing."""
    import numpy as np

    header = array_header(path)
    if not mapped:
        check_fits(path, header.size)
    with reading(path, "an .npy file"):
        found: np.ndarray = np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
        return found


def matlab_names(path: Path | str) -> set[str]:
    """Names of the variables of a MATLAB file, by their headers alone."""
    from scipy.io import whosmat

    with opened(path) as stream, reading(path, "a MATLAB file before version 7.3"):
        return {name for name, _, _ in whosmat(stream)}


def matlab(path: Path | str) -> dict[str, np.ndarray]:
    """The variables of a MATLAB file before version 7.3."""
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import matfile_version
    from scipy.sparse import issparse

    from bench.system.matlab_format import checked_variables

    raw = content(path)
    with reading(path, "a MATLAB file before version 7.3"):
        readable = checked_variables(raw, MOST_TEXT) if matfile_version(io.BytesIO(raw))[0] == 1 else None
        dense = [math.prod(shape) * 8 for _, shape, kind in whosmat(io.BytesIO(raw)) if kind not in ("sparse", "char")]
        check_fits(path, sum(dense))
        found = loadmat(io.BytesIO(raw), variable_names=readable)
        for value in found.values():
            if issparse(value) and value.format == "csc":
                value.check_format(full_check=True)
        return {name: value for name, value in found.items() if not name.startswith("__")}


def parquet(path: Path | str) -> Any:
    """The data frame of a Parquet file."""
    import pandas as pd

    with reading(path, "a Parquet file"):
        return pd.read_parquet(path)


def tensors(
    path: Path | str, advice: str = "it may be damaged or truncated"
) -> tuple[Mapping[str, str], dict[str, Any]]:
    """(description, {name: torch tensor}) of a safetensors file."""
    from safetensors import safe_open

    with opened(path) as stream:
        check_fits(path, os.fstat(stream.fileno()).st_size)
    with reading(path, "a safetensors file", advice), safe_open(path, "pt") as archive:
        return archive.metadata() or {}, {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118


def check_fits(where: Path | str, size: int) -> None:
    """Refuse what the memory that is free does not hold, before it is asked for."""
    if size > (free := free_memory()):
        raise UsageError(f"{where} would take {size / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free.")


def free_memory() -> int:
    """Bytes that the system can give; where it does not say, no limit."""
    try:
        with open("/proc/meminfo", encoding="ascii") as stream:
            return next(int(line.split()[1]) * 1024 for line in stream if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return sys.maxsize
