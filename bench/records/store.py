"""The store: one JSON file per job, written atomically, with a checksum inside. Imports neither torch nor methods.

    <results>/<data set>@<extractor>/<variant>/seed-<n>.json          the record
    <results>/<data set>@<extractor>/<variant>/seed-<n>.scores.npz    what was kept beside it
    <results>/run.json                                            protocols of the folder, what runs asked for

The schema is described in results/README.md.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.errors import UsageError
from bench.records.packed import PACKED, unpacked
from bench.records.record import (
    CorruptRecordError,
    JobName,
    Manifest,
    Record,
    encode,
    read_record,
    readable,
    record_path,
)
from bench.system.writing import write

MANIFEST = "run.json"


class Store:
    """A results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, job: JobName) -> Path:
        return record_path(self.folder, job)

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
        write(path, encode(record))
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
        write(self.folder / MANIFEST, text)

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


DEFAULT_RESULTS = "results/runs"
