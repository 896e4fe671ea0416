"""Sources of records, results folders and packed files, and what is wrong with each of their records. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from bench import methods
from bench.config import Config
from bench.errors import UsageError
from bench.plan.states import Expected, JobState, expected_of, judged
from bench.protocol import Protocol, value_in_short
from bench.records.packed import PACKED, packed_lines
from bench.records.record import CorruptRecordError, JobName, Manifest, Record, TrackName, readable, record_path
from bench.records.store import Store

ENDING = ".jsonl.xz"
"""Of a packed file."""


@dataclass(frozen=True)
class Entry:
    """One record of a source."""

    state: JobState
    source: Path
    fault: str = ""
    """Why it cannot be trusted here, in a sentence; empty where it can. A failure can be trusted."""

    @property
    def job(self) -> JobName:
        return self.state.job

    @property
    def record(self) -> Record:
        assert self.state.record is not None
        return self.state.record


@dataclass(frozen=True)
class Source:
    """A results folder, a packed file or the file of one record, as it was read."""

    path: Path
    manifest: Manifest
    entries: list[Entry]


def source_of(path: Path, config: Config, folders: list[Path], own_protocols: bool = True) -> Source:
    """Read a results folder, a packed file (``*.jsonl.xz``) or one record's file.

    Parameters
    ----------
    own_protocols: records may be by the protocols of their folder's runs; else by those of the settings alone.

    Raises
    ------
    UsageError: for what is none of them, and a folder or a file without any record.
    """
    manifest = Manifest()
    found: list[tuple[Path, Record | CorruptRecordError]] = []
    if path.is_dir():
        manifest = Store(path).manifest()
        packed = path / PACKED
        own = [(one, record) for one in Store(path).paths() if (record := readable(one)) is not None]
        there = {one for one, _ in own}
        lines = _lines(packed) if packed.exists() else []
        found = [*own, *(line for line in lines if line[0] not in there)]
    elif path.name.endswith(ENDING) and path.is_file():
        found = _lines(path)
    elif path.suffix == ".json" and path.is_file() and len(path.absolute().parts) > 3:
        path = path.absolute()
        record = readable(path)
        manifest, found = Store(path.parents[2]).manifest(), [] if record is None else [(path, record)]
    else:
        fault = "is neither a results folder nor a file of records" if path.exists() else "is not there"
        raise UsageError(f"{path} {fault}; give a folder that `bench run` wrote, or a {ENDING} file of `bench merge`.")
    if not found:
        raise UsageError(f"{path} holds no record.")
    as_run = manifest if own_protocols else replace(manifest, protocols={}, earlier_protocols={})
    every = []
    for track in dict.fromkeys(map(_track, found)):
        of_track = [one for one in found if _track(one) == track]
        every += expected_of(of_track, replace(as_run, track=track or manifest.track), config, folders)
    entries = [Entry(now, path, fault_of(one, now)) for one, now in zip(every, judged(every), strict=True)]
    return Source(path, manifest, entries)


def _track(found: tuple[Path, Record | CorruptRecordError]) -> TrackName | None:
    return found[1].track if isinstance(found[1], Record) else None


def _lines(path: Path) -> list[tuple[Path, Record | CorruptRecordError]]:
    """The records of a packed file, by the files that they would have; a second one of a job is a fault, as is a file
    that cannot be read."""
    found: dict[Path, Record | CorruptRecordError] = {}
    try:
        for number, record in packed_lines(path):
            place = path.parent / f"line@{number}/of/seed-{number}.json"
            if isinstance(record, Record):
                own = record_path(path.parent, record.job)
                if found.get(own, record) == record:
                    place = own
                else:
                    text = f"{path}, line {number} is a second record of {record.job}, and another one"
                    record = CorruptRecordError(text)
            found[place] = record
    except UsageError as error:
        found[path.parent / "line@0/of/seed-0.json"] = CorruptRecordError(str(error).rstrip("."))
    return list(found.items())


def fault_of(one: Expected, state: JobState) -> str:
    """Fault of a record, as a sentence; empty where it is current and whole, or the failure of a job."""
    if state.state == "corrupt":
        return f"{state.note}."
    record = state.record
    assert record is not None
    if state.state == "stale":
        return f"{state.job}: {'; '.join(_changes(record, one, state))}."
    for kind in record.artifacts:
        file = state.artifact(kind)
        if file is not None and not file.whole:
            return f"{state.job}: its {file.path.name} is not the file that its job wrote (another SHA-256)."
    return record.part_fault


def _changes(record: Record, one: Expected, state: JobState) -> list[str]:
    """Parts of a stale record's key that are not as they would be here, in words."""
    if one.key is None:
        if record.base not in methods.infos() and record.track == "classification":
            return [f"its method {record.base!r} is not here; --methods-dir names the folder of its file"]
        return [f"there is no variant {record.job.variant!r} by a protocol {record.protocol!r} here"]
    parts = list(state.parts)
    said = []
    if "versions" in parts:
        then, now = record.key.get("versions"), one.key["versions"]
        said.append(f"it was made by {_versions(then)} of the results, which are {_versions(now)} here")
    if "data" in parts:
        said.append(
            f"its data (digest {record.key.get('data')}) are not the {record.job.full_dataset} that is here "
            f"(digest {one.key['data']})"
        )
    if "protocol" in parts:
        said.append(f"its protocol {record.protocol!r} has {_settings(record, one.key['protocol'])}")
    code = [part for part in ("method", "loop", "metrics", "selection") if part in parts]
    rest = [part for part in parts if part not in ("versions", "data", "protocol", *code)]
    if rest:
        said.append(f"its {' and '.join(rest)} are not those of {record.job.variant} here")
    if code and not said:
        how = "computes other numbers" if record.probe is not None else "it has no probe to compare"
        said.append(f"its code ({', '.join(code)}) is not that of this version, and {how}")
    return said


def _versions(versions: object) -> str:
    if not isinstance(versions, dict):
        return "no version"
    return "version " + ", ".join(f"{value} of the {name}" for name, value in sorted(versions.items()))


def _settings(record: Record, now: dict[str, object]) -> str:
    plain = {name: getattr(Protocol(), name) for name in Protocol.LATER}
    then = {**plain, **record.key.get("protocol", {})}
    here = {**plain, **now}
    names = [name for name in here if then.get(name) != here[name]]
    return ", ".join(f"{name} {value_in_short(then.get(name))} (here {value_in_short(here[name])})" for name in names)
