"""Merging of results folders: one record a job, compared where several folders have it. Imports no torch.

Of equal records the one with the most kept beside it is taken, else the first folder's. Where numbers differ beyond
rounding, the first folder's stay: a difference that another processor, device or library explains is noted, for any
other the later record is refused.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from bench.board.sources import ENDING, Entry, Source, source_of
from bench.config import Config
from bench.errors import UsageError
from bench.plan.probes import SOURCE_PARTS, equal
from bench.records.locks import claimed, manifest_locked
from bench.records.manifests import joined
from bench.records.packed import PACKED, digest_of, pack_into
from bench.records.record import LARGEST_RECORD, JobName, Manifest, Record, encode, readable
from bench.records.store import MANIFEST, Store
from bench.system import reading
from bench.system.writing import replacing, write
from bench.text import counted

MACHINE = ("processor", "device", "libraries", "system")
"""Parts of a record's environment that rounding goes by."""


@dataclass
class Merged:
    """Records that a merge takes, and sentences on the others."""

    sources: list[Source]
    taken: dict[JobName, Entry] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    equal: int = 0
    """Records that another folder has alike."""
    used: set[Path] = field(default_factory=set)
    """Sources of records that were taken, or were equal to those."""

    @property
    def manifest(self) -> Manifest:
        """Manifest of the sources that were of use."""
        found = Manifest()
        for source in self.sources:
            if source.path in self.used:
                # A file of a data set counts where it is.
                own = source.manifest
                here = {name: file for name, file in own.files.items() if name not in found.files or _is_here(file)}
                found = joined(found, replace(own, files=here))
        return found


def _is_here(file: str) -> bool:
    return Path(file).is_file()


def merged(paths: Sequence[Path], target: Path, config: Config, folders: list[Path]) -> Merged:
    """Choose a record for each job of the sources; what lies in the target comes first. Nothing is written.

    Raises
    ------
    UsageError: for a source that is none.
    """
    there = target.is_file() if target.name.endswith(ENDING) else _has_records(target)
    every = {path.resolve(): path for path in ([target] if there else []) + list(paths)}
    found = Merged([source_of(path, config, folders) for path in every.values()])
    for source in found.sources:
        for entry in source.entries:
            _take(entry, found)
    processors = Counter(str(entry.record.environment.get("processor")) for entry in found.taken.values())
    if len(processors) > 1:
        said = ", ".join(f"{processor} ({count})" for processor, count in processors.most_common())
        found.notes.append(f"records of {len(processors)} processors, whose rounding moves some methods: {said}.")
    return found


def _has_records(folder: Path) -> bool:
    return any(path.exists() for path in (folder / PACKED, *Store(folder).paths()))


def _take(entry: Entry, found: Merged) -> None:
    if entry.fault:
        found.refused.append(f"{entry.source}: {entry.fault}")
        return
    track = next(iter(found.taken.values()), entry).record.track
    if entry.record.track != track:
        found.refused.append(f"{entry.source}: {entry.job} is of the {entry.record.track} track, not of {track}.")
        return
    before = found.taken.get(entry.job)
    if before is None:
        found.taken[entry.job] = entry
        found.used.add(entry.source)
        return
    if "failed" in (before.record.status, entry.record.status):
        if before.record.status == "failed":  # a result goes before a failure
            found.taken[entry.job] = entry
            found.used.add(entry.source)
        return
    if said := differing_key(before.record, entry.record):
        found.refused.append(
            f"{entry.source}: {entry.job} is of another {said} than that of {before.source}, and a folder holds one "
            "record of a job."
        )
        return
    said = differing_values(before.record, entry.record)
    if not said:
        found.equal += 1
        found.used.add(entry.source)
        if _kept(entry) > _kept(before):
            found.taken[entry.job] = entry
    elif machines := differing_machines(before.record, entry.record):
        found.notes.append(
            f"{entry.job}: {said} in {before.source} and {entry.source}, {machines}; that of {before.source} is kept."
        )
    else:
        found.refused.append(
            f"{entry.source}: {entry.job} has {said} in {before.source} and here, of the same key and machine; "
            "`bench run --fresh` of that job tells which."
        )


def _kept(entry: Entry) -> tuple[int, bool]:
    """Number of artifacts that are there, and whether there are curves."""
    result = entry.record.result
    files = sum(entry.state.artifact(kind) is not None for kind in entry.record.artifacts)
    return files, result is not None and any(point.curves_json for point in result.grid)


def differing_key(one: Record, other: Record) -> str:
    """Parts of the keys that differ, but for code, which each has been found to compute the same; empty: none."""
    names = dict.fromkeys([*one.key, *other.key])
    return " and ".join(name for name in names if name not in SOURCE_PARTS and one.key.get(name) != other.key.get(name))


def differing_values(one: Record, other: Record) -> str:
    """The first metric in which two records differ beyond rounding, with both values, and how many do; empty: none."""
    mine, theirs = one.result or one.recovered, other.result or other.recovered
    if mine is None or theirs is None or digest_of(mine) == digest_of(theirs):
        return ""
    of_metric = {name: (one.metrics.get(name), other.metrics.get(name)) for name in {**one.metrics, **other.metrics}}
    differ = [name for name, (a, b) in of_metric.items() if not equal({name: a}, {name: b})]
    if not differ:
        return ""
    more = f" (and {counted(len(differ) - 1, 'further metric')})" if len(differ) > 1 else ""
    return f"{differ[0]} {of_metric[differ[0]][0]} and {of_metric[differ[0]][1]}{more}"


def differing_machines(one: Record, other: Record) -> str:
    """Parts of the machines that may explain another rounding, in words; empty: none."""
    said = [
        f"{part} {_short(one.environment.get(part))} and {_short(other.environment.get(part))}"
        for part in MACHINE
        if one.environment.get(part) != other.environment.get(part)
    ]
    if one.cost.stacks_that_did_not_fit != other.cost.stacks_that_did_not_fit:
        said.append("stacks of other sizes")
    return ", ".join(said)


def _short(part: object) -> str:
    return " ".join(f"{name} {version}" for name, version in part.items()) if isinstance(part, dict) else str(part)


def write_folder(found: Merged, folder: Path) -> list[str]:
    """Write what is not there yet: the manifest, then for each job what was kept beside its record, then the record.

    A merge that is stopped leaves whole records, and the same one again completes it. Nothing that it replaces is lost.

    Returns
    -------
    Sentences on records that other processes were at.
    """
    store = Store(folder)
    store.check_writable()
    with manifest_locked(store):
        store.write_manifest(found.manifest)
    left = []
    for entry in found.taken.values():
        _write_source(entry, store)
        if entry.source.resolve() == folder.resolve():
            continue
        with claimed(store, entry.job) as claim:
            if claim is None:
                left.append(f"{entry.job} was left to the run that is at it.")
                continue
            _write(entry, store)
    return left


def _write(entry: Entry, store: Store) -> None:
    store.clear_temporaries(entry.job)
    if store.path(entry.job).exists():
        store.set_aside(entry.job, "replaced")
    for kind in entry.record.artifacts:
        if file := entry.state.artifact(kind):
            with reading.opened(file.path) as content, replacing(store.sidecar(entry.job, kind)) as stream:
                shutil.copyfileobj(content, stream)
    write(store.path(entry.job), _content(entry))


def _content(entry: Entry) -> bytes:
    """The bytes of the record's file as its job wrote them; of a packed one, those that it would have."""
    path = entry.state.path
    if path.is_file() and readable(path) == entry.record:
        return reading.content(path, LARGEST_RECORD)
    return encode(entry.record)


def _write_source(entry: Entry, store: Store) -> None:
    """The source of the record's method, where its folder has it."""
    digest = str(entry.record.key.get("method", "")).partition(" ")[0]
    path = entry.source / "methods" / f"{digest}.py"
    if path.is_file():
        store.keep_source(digest, reading.content(path))


def write_packed(found: Merged, path: Path) -> None:
    """Write one file of all records, without curves and what was kept beside them; a folder's own has its manifest.

    Raises
    ------
    UsageError: where the file is there with records that the merge refuses and has no others of: they would be lost.
    """
    before = [entry for source in found.sources if source.path.resolve() == path.resolve() for entry in source.entries]
    if lost := [entry for entry in before if entry.job not in found.taken]:
        raise UsageError(
            f"{path} would lose {counted(len(lost), 'refused record')}; name another file. Nothing was written."
        )
    pack_into(path, (entry.record for entry in found.taken.values()))
    if path.name == PACKED:
        store = Store(path.parent)
        with manifest_locked(store):
            there = store.manifest() if (store.folder / MANIFEST).exists() else Manifest()
            store.write_manifest(joined(there, found.manifest))
