"""The store: one JSON file per job, written atomically, with a checksum inside. Imports neither torch nor methods.

    <results>/<data set>@<extractor>/<row>/seed-<n>.json          the record
    <results>/<data set>@<extractor>/<row>/seed-<n>.scores.npz    what was kept beside it
    <results>/run.json                                            protocols of the folder, what runs asked for

The schema is described in results/README.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.errors import UsageError
from bench.files import write_atomically
from bench.packed import PACKED, unpacked

SCHEMA = 1
Status = Literal["done", "failed"]
Track = Literal["classification", "recovery"]
"""What is compared: classifiers on test data, or recovered label distributions."""
Probe = dict[str, float | None]
"""{what: number} (``bench.probe``)."""
MANIFEST = "run.json"


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


def job_of(path: Path) -> JobName:
    """The job that a record's file is named after; seed -1 where the name holds no number."""
    number = path.stem.removeprefix("seed-")
    return JobName(*path.parts[-3].partition("@")[::2], path.parts[-2], int(number) if number.isdigit() else -1)


class Store:
    """A results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, job: JobName) -> Path:
        return self.folder / job.full_dataset / job.row / f"seed-{job.seed}.json"

    def sidecar(self, job: JobName, kind: str) -> Path:
        return self.path(job).with_name(f"seed-{job.seed}.{kind}")

    def checkpoints(self, job: JobName) -> Path:
        """The folder of what an unfinished job has computed so far."""
        return self.path(job).with_name(f".seed-{job.seed}.checkpoints")

    def clear_temporaries(self, job: JobName) -> None:
        """Remove what killed processes left half written; only for the process that holds the job."""
        for path in self.path(job).parent.glob(f".seed-{job.seed}.*.tmp"):
            path.unlink(missing_ok=True)

    def clear_unfinished(self, job: JobName) -> None:
        """Remove that and the checkpoints, once there is a record; only for the process that holds the job."""
        self.clear_temporaries(job)
        shutil.rmtree(self.checkpoints(job), ignore_errors=True)

    def read(self, job: JobName) -> Record | None:
        """The job's record, None without one.

        Raises
        ------
        CorruptRecordError: one sentence naming the file and the fault.
        """
        path = self.path(job)
        return read_record(path) if path.exists() else None

    def write(self, record: Record) -> Path:
        """Commit a record: it is either wholly there or not at all."""
        path = self.path(record.job)
        write_atomically(path, encode(record))
        return path

    def records(self) -> Iterator[tuple[Path, Record | CorruptRecordError]]:
        """Every record of the folder, packed ones first, with what is wrong in place of one that cannot be trusted."""
        if (packed := self.folder / PACKED).is_file():
            yield from unpacked(packed)
        for path in self.paths():
            yield path, readable(path)

    def paths(self) -> list[Path]:
        """The files of all records, readable or not; :func:`job_of` says whose each is."""
        return sorted(self.folder.glob("*@*/*/seed-*.json"))

    def set_aside(self, job: JobName, reason: str) -> Path:
        """Move a record that is about to be replaced out of the way; nothing is lost."""
        path = self.path(job)
        stamp = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        aside = path.with_name(f"{path.stem}.{reason}-{stamp}.json.old")
        path.replace(aside)
        return aside

    def manifest(self) -> Manifest:
        path = self.folder / MANIFEST
        if not path.exists():
            return Manifest()
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (msgspec.DecodeError, OSError) as error:
            raise UsageError(f"{path} cannot be read ({error}); mend or remove it.") from error

    def write_manifest(self, manifest: Manifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write_atomically(self.folder / MANIFEST, text)

    def check_writable(self) -> None:
        """Fail before computing, not after."""
        probe = self.folder / f".write-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"the results folder {self.folder} cannot be written: {error.strerror or error}."
            ) from error


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
    if path != Store(path.parents[2]).path(record.job):  # a copy beside its original would count as another seed
        raise CorruptRecordError(f"the record {path} is that of {record.job}, which its name is not; remove it")
    return record


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
