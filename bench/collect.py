"""From a results folder to the values that tables show, each with whether it may be trusted. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench import provenance, recovery_plan
from bench.config import Config, Row
from bench.datasets import Source, ldl, resolve
from bench.errors import UsageError
from bench.plan import changed_parts, in_force, job_key, recipe, rows_of
from bench.protocol import Protocol
from bench.records import CorruptRecordError, JobName, Manifest, Record, Store, job_of
from bench.wording import counted

SOURCE_PARTS = ("method", "loop", "metrics")

EntryState = Literal["done", "stale", "failed", "corrupt"]


@dataclass(frozen=True)
class Entry:
    """One record as a table sees it."""

    job: JobName
    state: EntryState
    note: str
    record: Record | None
    path: Path
    changed: tuple[str, ...] = ()
    """Parts of the key that differ from what would be computed now."""

    def value(self, metric: str) -> float | None:
        if self.state != "done" or self.record is None or self.record.result is None:
            return None
        found = self.record.result["measures" if self.record.track == "recovery" else "test"].get(metric)
        return None if found is None else float(found)

    def kept(self, name: str) -> Path | None:
        """Where what was kept beside the record lies; None where nothing was, or it was left behind by a copy."""
        if self.record is None or name not in self.record.kept:
            return None
        path = self.path.with_name(self.record.kept[name])
        return path if path.is_file() else None


def collect(store: Store, config: Config, folders: list[Path], committed: bool = False) -> list[Entry]:
    """Every record of the folder; stale ones name the parts of their key that changed.

    ``committed`` records (the reference run) are not stale because sources changed since; ``Entry.changed`` says it.
    """
    expected = _Expected(store.manifest(), config, folders)
    entries = []
    for path, record in store.records():
        if isinstance(record, CorruptRecordError):
            entries.append(Entry(job_of(path), "corrupt", str(record), None, path))
            continue
        changed = expected.changed(record)
        stale = [part for part in changed if not (committed and part in SOURCE_PARTS)]
        state: EntryState = "stale" if stale else record.status
        note = f"{', '.join(stale)} changed since" if stale else (record.failure or {}).get("message", "")
        entries.append(Entry(record.job, state, note, record, path, changed))
    return entries


def unusable(entries: Iterable[Entry]) -> str:
    """The records that give no value, counted, with what changed under stale ones; empty where there are none."""
    counts = Counter((entry.state, entry.note if entry.state == "stale" else "") for entry in entries)
    said = [
        counted(count, f"{state} record") + (f" ({note})" if note else "")
        for (state, note), count in counts.items()
        if state != "done"
    ]
    return ", ".join(said)


class _Expected:
    """The keys that records would have if they were made now."""

    def __init__(self, manifest: Manifest, config: Config, folders: list[Path]) -> None:
        self.manifest = manifest
        self.config = config
        self.folders = folders
        self.recovery = manifest.track == "recovery"
        self.rows = recovery_plan.rows_of(config) if self.recovery else rows_of(config)
        self._parts = cache(self._parts_of)
        self._data = cache(self._data_of)

    def changed(self, record: Record) -> tuple[str, ...]:
        data, protocol = self._data(record.job.full_dataset)
        key = self._parts(record.job.row, protocol or record.protocol)
        if key is None:
            return ("its row",)
        return changed_parts(record, {**key, "seed": record.job.seed, "data": data or record.key.get("data")})

    def _parts_of(self, row_name: str, protocol_name: str) -> dict[str, Any] | None:
        row: Row | None = self.rows.get(row_name)
        if row is None:
            return None
        # The folder's protocol, not bench.toml's: a run with --epochs has its own.
        settings = self.manifest.protocols.get(protocol_name)
        protocol = (
            msgspec.convert(settings, Protocol) if settings is not None else self.config.protocols.get(protocol_name)
        )
        if protocol is None:
            return None
        try:
            if self.recovery:
                return recovery_plan.job_key(recovery_plan.recipe(row, self.config), in_force(protocol, row), 0, "")
            return job_key(recipe(row), in_force(protocol, row), 0, "")
        except UsageError:
            return None

    def _data_of(self, full_name: str) -> tuple[str | None, str | None]:
        """Fingerprint and protocol's name; None where the data are not here: then they cannot have changed under us."""
        try:
            if self.recovery:
                path = ldl.resolve(full_name, self.folders)
                return provenance.data_fingerprint((path,), ldl.__name__), None
            source = resolve(full_name, self.config, self.folders)
        except UsageError:
            return None, None
        if not isinstance(source, Source):
            return None, None
        return provenance.data_fingerprint(source.files, source.module), source.protocol
