"""A job's record: its fields, checksum, file name and reading. Imports neither torch nor methods."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec

SCHEMA = 1
Status = Literal["done", "failed"]
Track = Literal["classification", "recovery"]
"""What is compared: classifiers on test data, or recovered label distributions."""
Probe = dict[str, float | None]
"""{what: number} (``bench.job.probe``)."""


class JobName(msgspec.Struct, frozen=True, order=True):
    """What a record is the record of."""

    dataset: str
    extractor: str
    row: str
    seed: int

    @property
    def full_dataset(self) -> str:
        return f"{self.dataset}@{self.extractor}"

    def __str__(self) -> str:
        return f"{self.full_dataset} {self.row} seed {self.seed}"


class Record(msgspec.Struct, frozen=True):
    job: JobName
    base: str
    """The registered method behind the row."""
    protocol: str
    """The protocol's name; its settings are in the key."""
    key: dict[str, Any]
    status: Status
    cost: dict[str, Any]
    environment: dict[str, Any]
    result: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    kept: dict[str, str] = {}
    asked: list[str] = []
    """What ``--keep`` asked for; some methods have nothing to keep of a kind."""
    probe: Probe | None = None
    """What the same code and options gave on a fixed tiny problem; None of a failure, or where that failed."""
    track: Track = "classification"
    schema: int = SCHEMA


class Manifest(msgspec.Struct, frozen=True):
    """What runs into a folder asked for, so that a table can name its gaps."""

    protocols: dict[str, dict[str, Any]] = {}
    datasets: list[str] = []
    rows: list[str] = []
    seeds: list[int] = []
    missing: dict[str, str] = {}
    track: Track = "classification"
    expected_seconds: dict[str, float] = {}
    """{job: what it was forecast to take when it was last planned}."""


class CorruptRecordError(Exception):
    """A record that cannot be trusted: torn, edited, or of another schema."""


def record_path(folder: Path, job: JobName) -> Path:
    """The file of a job's record in a results folder."""
    return folder / job.full_dataset / job.row / f"seed-{job.seed}.json"


def job_of(path: Path) -> JobName:
    """The job that a record's file is named after; seed -1 where the name holds no number."""
    number = path.stem.removeprefix("seed-")
    return JobName(*path.parts[-3].partition("@")[::2], path.parts[-2], int(number) if number.isdigit() else -1)


def readable(path: Path) -> Record | CorruptRecordError:
    """The record, or what is wrong with it."""
    try:
        return read_record(path)
    except CorruptRecordError as error:
        return error


def encode(record: Record) -> bytes:
    """The record as JSON with its checksum."""
    body = msgspec.json.decode(msgspec.json.encode(record))
    body["checksum"] = _checksum(body)
    return msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=1) + b"\n"


def read_record(path: Path) -> Record:
    try:
        body = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise CorruptRecordError(f"the record {path} cannot be read: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise CorruptRecordError(f"the record {path} is torn or no JSON: {error}") from error
    if not isinstance(body, dict) or "schema" not in body:
        raise CorruptRecordError(f"{path} is not a record of this harness")
    if body["schema"] != SCHEMA:
        raise CorruptRecordError(f"the record {path} has schema {body['schema']}; this version reads schema {SCHEMA}")
    checksum = body.pop("checksum", None)
    if checksum != _checksum(body):
        raise CorruptRecordError(f"the record {path} does not match its checksum; it was edited or damaged")
    try:
        record = msgspec.convert(body, Record)
    except msgspec.ValidationError as error:
        raise CorruptRecordError(f"the record {path} is incomplete: {error}") from error
    if path != record_path(path.parents[2], record.job):  # a copy beside its original would count as another seed
        raise CorruptRecordError(f"the record {path} is that of {record.job}, which its name is not; remove it")
    return record


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
