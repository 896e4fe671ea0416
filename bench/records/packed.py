"""Many records in one compressed file, for committing: ``records.jsonl.xz`` in a results folder. Imports no torch.

A packed record lacks the curves of its grid points, which are nine tenths of it; ``result_sha256`` is the digest of the
whole result, curves included, so that a run can be compared with it byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from bench.errors import UsageError
from bench.records.record import (
    CorruptRecordError,
    Record,
    RecoveryResult,
    Result,
    encode_line,
    record_in,
    record_path,
)
from bench.system import reading
from bench.system.writing import compressed, write

PACKED = "records.jsonl.xz"
LARGEST = 2**30
"""Bytes of all records, unpacked."""


def digest_of(result: Result | RecoveryResult) -> str:
    """SHA-256 of a result as sorted compact JSON; a packed one has it already."""
    if isinstance(result.result_sha256, str):
        return result.result_sha256
    return hashlib.sha256(msgspec.json.encode(result, order="sorted")).hexdigest()


def pack(records: Iterable[Record], folder: Path) -> Path:
    """Write the records into the folder's packed file."""
    path = folder / PACKED
    pack_into(path, records)
    return path


def pack_into(path: Path, records: Iterable[Record]) -> None:
    """Write the records into a packed file, one line each with its checksum, ordered by job."""
    lines = []
    for record in sorted(records, key=lambda record: record.job):
        if record.result is not None:
            grid = [replace(point, curves_json=UNSET) for point in record.result.grid]
            record = replace(record, result=replace(record.result, grid=grid, result_sha256=digest_of(record.result)))
        if record.recovered is not None:
            digest = digest_of(record.recovered)
            record = replace(record, recovered=replace(record.recovered, result_sha256=digest))
        lines.append(encode_line(record))
    write(path, compressed(b"\n".join(lines) + b"\n"))


def unpacked(path: Path) -> ItemsView[Path, Record]:
    """The pairs of :func:`by_path`."""
    return by_path(path).items()


def by_path(path: Path) -> Mapping[Path, Record]:
    """The records of a packed file, read once, by the path that each one's own file would have.

    Raises
    ------
    UsageError: for a file that is missing or damaged, or has two records of one job that differ.
    """
    with reading.reading(path, "a file"):
        stat = path.stat()
    return _unpacked(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _unpacked(path: Path, *stamp: int) -> Mapping[Path, Record]:
    found: dict[Path, Record] = {}
    try:
        for number, record in packed_lines(path):
            if isinstance(record, CorruptRecordError):
                raise UsageError(str(record))
            if found.setdefault(record_path(path.parent, record.job), record) != record:
                raise UsageError(f"{path}, line {number} is a second record of {record.job}, and another one.")
    except UsageError as error:
        raise UsageError(f"{str(error).rstrip('.')}; take {path.name} from the repository again.") from error
    return found


def packed_lines(path: Path) -> Iterator[tuple[int, Record | CorruptRecordError]]:
    """(line, from 1, its record or what is wrong with it) of a packed file.

    Records that were packed before lines had checksums have none.

    Raises
    ------
    UsageError: for a file that is missing, damaged or empty.
    """
    lines = reading.unpacked(path, LARGEST).splitlines()
    if not lines:
        raise UsageError(f"{path} holds no record.")
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        try:
            yield number, record_in(line, where, with_checksum=False)
        except UsageError as error:
            yield number, CorruptRecordError(str(error).rstrip("."))
        except CorruptRecordError as error:
            yield number, error
