"""The store: one JSON file per job, written atomically, with a checksum inside. Imports neither torch nor methods.

    <results>/<data set>@<extractor>/<variant>/seed-<n>.json          the record
    <results>/<data set>@<extractor>/<variant>/seed-<n>.scores.npz    what was kept beside it
    <results>/methods/<digest>.py                                     the source of a method that records are of
    <results>/run.json                                            protocols of the folder, what runs asked for

The schema is described in results/README.md.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from bench.errors import UsageError
from bench.records.packed import PACKED, by_path
from bench.records.record import (
    CorruptRecordError,
    JobName,
    Manifest,
    Record,
    artifact_name,
    encode,
    readable,
    record_path,
)
from bench.system import reading
from bench.system.writing import WriteError, make_folder, rename, write

MANIFEST = "run.json"


class Store:
    """A results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, job: JobName) -> Path:
        return record_path(self.folder, job)

    def sidecar(self, job: JobName, kind: str) -> Path:
        return self.path(job).with_name(artifact_name(job.seed, kind))

    def checkpoints(self, job: JobName) -> Path:
        """The folder of what an unfinished job has computed so far."""
        return self.path(job).with_name(f".seed-{job.seed}.checkpoints")

    def clear_temporaries(self, job: JobName) -> None:
        """Remove what killed processes left half written; only for the process that holds the job."""
        for path in self.path(job).parent.glob(f".seed-{job.seed}.*.tmp"):
            with suppress(OSError):
                path.unlink()

    def clear_unfinished(self, job: JobName) -> None:
        """Remove that and the checkpoints, once there is a record; only for the process that holds the job."""
        self.clear_temporaries(job)
        shutil.rmtree(self.checkpoints(job), ignore_errors=True)

    def found(self, job: JobName) -> Record | CorruptRecordError | None:
        """The job's record, from its own file or packed, or what is wrong with it; None without one."""
        path = self.path(job)
        return readable(path) or self.packed().get(path)

    def read(self, job: JobName) -> Record | None:
        """The job's record, None without one.

        Raises
        ------
        CorruptRecordError: one sentence naming the file and the fault.
        """
        found = self.found(job)
        if isinstance(found, CorruptRecordError):
            raise found
        return found

    def packed(self) -> Mapping[Path, Record]:
        """The folder's packed records, by the path that each one's own file would have."""
        path = self.folder / PACKED
        return by_path(path) if path.exists() else {}

    def write(self, record: Record) -> Path:
        """Commit a record: it is either wholly there or not at all."""
        path = self.path(record.job)
        write(path, encode(record))
        return path

    def records(self) -> Iterator[tuple[Path, Record | CorruptRecordError]]:
        """Every job's record once, with what is wrong in place of one that cannot be trusted. A packed record does not
        count where the job has a file of its own."""
        own = {path: found for path in self.paths() if (found := readable(path)) is not None}
        yield from {**self.packed(), **own}.items()

    def paths(self) -> list[Path]:
        """The files of all records, readable or not; :func:`job_of` says whose each is."""
        return sorted(self.folder.glob("*@*/*/seed-*.json"), key=lambda path: path.parts)

    def set_aside(self, job: JobName, reason: str) -> None:
        """Move a record that is about to be replaced out of the way, with its artifacts; nothing is lost."""
        path = self.path(job)
        try:
            stamp = hashlib.sha256(reading.content(path)).hexdigest()[:8]
        except UsageError:  # no file: a folder, say
            stamp = secrets.token_hex(4)
        # The record last: one that a kill leaves in its place is set aside again, under the same name as its artifacts.
        own = f"seed-{job.seed}."
        artifacts = [one for one in path.parent.glob(f"{own}*") if one != path and one.suffix not in (".json", ".old")]
        for one in [*artifacts, path]:
            rename(one, path.with_name(f"{own}{reason}-{stamp}.{one.name.removeprefix(own)}.old"))

    def keep_source(self, digest: str, source: bytes) -> None:
        """Store a method's source once, beside the records that were computed by it."""
        path = self.folder / "methods" / f"{digest}.py"
        if not path.exists():
            write(path, source)

    def manifest(self) -> Manifest:
        """The manifest: what runs into the folder asked for.

        Raises
        ------
        UsageError: for one that cannot be read, or that another version wrote.
        """
        path = self.folder / MANIFEST
        if not path.exists():
            return Manifest()
        try:
            found: Manifest = reading.json(path, Manifest)
            for name in found.protocols:
                with reading.reading(f"{path}, protocol {name!r},", "this version's protocol", "see its versions"):
                    found.protocols_named(name)
            return found
        except UsageError as error:
            raise UsageError(f"{str(error).rstrip('.')}; mend or remove {MANIFEST}.") from error

    def write_manifest(self, manifest: Manifest) -> None:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        write(self.folder / MANIFEST, text)

    def check_writable(self) -> None:
        """Fail before computing, not after.

        Raises
        ------
        UsageError: where records cannot be written to the folder.
        """
        try:
            make_folder(self.folder)
        except WriteError as error:
            raise UsageError(f"the results folder {error}") from error


DEFAULT_RESULTS = "results/runs"
REFERENCE = Path(__file__).resolve().parent.parent.parent / "results/reference"
"""The committed records."""
