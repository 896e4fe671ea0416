"""States of jobs: done, incomplete, stale, failed, corrupt or missing. Imports no torch."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.config import Config, effective_protocol
from bench.datasets.catalog import Source
from bench.errors import UsageError
from bench.job.recipe import Recipe
from bench.metrics.catalogue import RESULT_METRICS
from bench.plan.jobs import Job, Plan, data_part
from bench.plan.keys import external_key, metric_digests
from bench.plan.probes import SOURCE_PARTS, current_probes, equal
from bench.plan.tracks import TRACKS
from bench.protocol import Protocol
from bench.records.artifacts import KeptFile, kept_file
from bench.records.coherence import incoherence
from bench.records.manifests import spec_of
from bench.records.probe_request import METRICS_ALONE, ProbeRequest, probe_request
from bench.records.record import (
    CorruptRecordError,
    Further,
    JobName,
    Manifest,
    Probe,
    Provenance,
    Record,
    TrackName,
    job_of,
)
from bench.records.store import Store
from bench.text import counted

IN_RESULTS = frozenset(metric.key for metric in RESULT_METRICS)
"""Metrics that every result has."""
Kind = Literal["done", "incomplete", "stale", "failed", "corrupt", "missing"]


@dataclass(frozen=True)
class JobState:
    """State of a job in a results folder: its record, and whether it may be trusted."""

    job: JobName
    state: Kind
    note: str = ""
    """Why it is not done."""
    record: Record | None = field(default=None, compare=False)
    path: Path = Path()
    parts: tuple[str, ...] = ()
    """Of the key: what changed under a stale record, what an incomplete one lacks."""
    code_changed: bool = False
    """The code has changed since, and the probe says that it computes the same numbers."""
    protocol: Protocol | None = None
    """The protocol that its run asked for, without the variant's own settings; None where that is not known."""

    def value(self, metric: str) -> float | None:
        """A metric's value on test data, or a measure of recovery; None where there is none to trust."""
        if self.state != "done" or self.record is None or self.lacks(metric):
            return None
        values = self.record.metrics
        return (values if metric in values else self.record.further_metrics).get(metric)

    def lacks(self, metric: str) -> bool:
        """True where a record is done and was made without the metric, or with another version of its file."""
        record = self.record
        now = metric_digests()
        if self.state != "done" or record is None or metric not in now or metric in IN_RESULTS:
            return False
        if metric.replace("_", "-") in record.key.get("selection", {}):
            return False  # selected by: in the result, and its code in the key
        code = record.further.code if isinstance(record.further, Further) else {}
        return code.get(metric) != now[metric]

    def fault(self, metric: str) -> str:
        """Why the metric failed when the record was made; empty where it did not."""
        record = self.record
        return record.further.faults.get(metric, "") if record and isinstance(record.further, Further) else ""

    def artifact(self, kind: str) -> KeptFile | None:
        """The file of an artifact; None where the job left none, or a copy of the record left it behind."""
        file = kept_file(self.record, self.path, kind) if self.record else None
        return file if file and file.path.exists() else None


@dataclass(frozen=True)
class Expected:
    """A job's record as it is, and the key and the probe it would have if it were made now."""

    job: JobName
    path: Path
    record: Record | CorruptRecordError | None
    key: dict[str, Any] | None = None
    """None: nothing would be made of that name."""
    request: ProbeRequest | None = None
    protocol: Protocol | None = None
    """The folder's protocol that the key is of, without the variant's own settings."""

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """Names of the key's parts in which the record differs; none where there is no record to compare."""
        if not isinstance(self.record, Record):
            return ()
        return ("its variant",) if self.key is None else changed_parts(self.record, self.key)


UNKNOWN_VARIANT = "its variant is not known here, or cannot be made; a method of your own needs --methods-dir FOLDER"
"""Fault of a record that no key can be computed for."""


def judged(records: Sequence[Expected]) -> list[JobState]:
    """The state of each record: current where its key is, but for source code that gives the same probe."""
    in_doubt = {position: one for position, one in enumerate(records) if _code_alone_changed(one)}
    asked = [(one.request, one.key) for one in in_doubt.values() if one.request and one.key]
    probes = dict(zip(in_doubt, current_probes(asked), strict=True))
    return [_judged(one, probes.get(position)) for position, one in enumerate(records)]


def _code_alone_changed(one: Expected) -> bool:
    if not one.changed or not set(one.changed) <= set(SOURCE_PARTS):
        return False
    return isinstance(one.record, Record) and one.record.probe is not None


def _judged(one: Expected, probe: Probe | None) -> JobState:
    record = one.record
    if record is None:
        return JobState(one.job, "missing", path=one.path)
    if isinstance(record, CorruptRecordError):
        return JobState(one.job, "corrupt", str(record), path=one.path)
    if fault := incoherence(record):
        note = f"the record of {one.job} {fault}; it was made by other software, or edited"
        return JobState(one.job, "corrupt", note, path=one.path)
    same_numbers = probe is not None and record.probe is not None and equal(probe, record.probe)
    if one.changed and not same_numbers:
        changed = f"{', '.join(one.changed)} changed since" if one.key else UNKNOWN_VARIANT
        return JobState(one.job, "stale", changed, record, one.path, one.changed)
    return JobState(
        one.job, record.status, record.problem, record, one.path, code_changed=same_numbers, protocol=one.protocol
    )


def changed_parts(record: Record, key: dict[str, Any]) -> tuple[str, ...]:
    """Names of the key's parts in which a record differs."""
    return tuple(part for part in key if record.key.get(part) != key[part])


def states_of(jobs: Sequence[Job], store: Store) -> list[JobState]:
    """States of planned jobs."""
    return judged(
        [Expected(job.name, store.path(job.name), store.found(job.name), job.key, job.probe_request) for job in jobs]
    )


def state_of(job: Job, store: Store) -> JobState:
    """State of a planned job."""
    return states_of([job], store)[0]


def collect(store: Store, config: Config, folders: list[Path]) -> list[JobState]:
    """Every record of the folder; stale ones name the parts of their key that changed."""
    gc.disable()  # thousands of records leave nothing to collect, and looking costs a tenth of the command
    try:
        return judged(expected_now(store, config, folders))
    finally:
        gc.freeze()  # else the next look would be through all of them
        gc.enable()


def expected_now(store: Store, config: Config, folders: list[Path]) -> list[Expected]:
    """Every record of the folder with the key and the probe it would have if it were made now."""
    return expected_of(store.records(), store.manifest(), config, folders)


def expected_of(
    records: Iterable[tuple[Path, Record | CorruptRecordError]], manifest: Manifest, config: Config, folders: list[Path]
) -> list[Expected]:
    """Records, by the files that they have or would have, as those of a folder with that manifest."""
    now = _Now(manifest, config, folders)
    return [now.expected(path, record) for path, record in records]


def code_note(states: Iterable[JobState]) -> str:
    """A sentence where records are of older code that computes the same numbers; else empty."""
    count = sum(state.code_changed for state in states)
    if not count:
        return ""
    return (
        f"The code has changed since {counted(count, 'record')}; today's computes the same numbers on a small problem."
    )


def unusable(entries: Iterable[JobState]) -> str:
    """The records that give no value, counted, with what changed under stale ones; empty where there are none."""
    counts = Counter((entry.state, entry.note if entry.state == "stale" else "") for entry in entries)
    said = [
        counted(count, f"{state} record") + (f" ({note})" if note else "")
        for (state, note), count in counts.items()
        if state != "done"
    ]
    return ", ".join(said)


class _Made(NamedTuple):
    """A variant by one of the folder's protocols."""

    shared: Protocol
    """Without the variant's own settings."""
    key: dict[str, Any]
    request: Callable[[TrackName, str, str], ProbeRequest]
    """The probe for a track, a method and a data set; made once, as seeds share it."""


class _Now:
    """The keys and the probes that records would have if they were made now."""

    def __init__(self, manifest: Manifest, config: Config, folders: list[Path]) -> None:
        self.manifest = manifest
        self.config = config
        self.folders = folders
        self.track = TRACKS[manifest.track]
        self.variants = self.track.variants(config)
        self._made = cache(self._made_of)
        self._data = cache(self._data_of)

    def expected(self, path: Path, record: Record | CorruptRecordError) -> Expected:
        if isinstance(record, CorruptRecordError):
            return Expected(job_of(path), path, record)
        data, protocol_name = self._data(record.job.full_dataset)
        if isinstance(record.provenance, Provenance):
            key = external_key(record.provenance, record.job.seed, data or record.key.get("data", ""))
            return Expected(record.job, path, record, key, METRICS_ALONE)
        able = self._made(record.job.variant, protocol_name or record.protocol)
        if not able:
            return Expected(record.job, path, record)
        # Runs of several protocols may share a folder; where the record is of none of them, the last one counts.
        own_protocol = (one for one in able if one.key["protocol"] == record.key.get("protocol"))
        made = next(own_protocol, able[0])
        key = {**made.key, "seed": record.job.seed, "data": data or record.key.get("data")}
        request = made.request(record.track, record.base, record.job.dataset)
        return Expected(record.job, path, record, key, request, made.shared)

    def _made_of(self, name: str, protocol_name: str) -> list[_Made]:
        """A variant by each protocol of that name, the last run's first; none where there is no such variant."""
        # The folder's protocols, not bench.toml's: a run with --epochs has its own.
        protocols = self.manifest.protocols_named(protocol_name)
        if not protocols and protocol_name in self.config.protocols:
            protocols = [self.config.protocols[protocol_name]]
        if name not in self.variants:
            return []
        try:
            made = self.track.recipe(self.variants[name])
        except UsageError:
            return []
        found = []
        for shared in protocols:
            protocol = effective_protocol(shared, self.variants[name], made.settings)
            found.append(_Made(shared, self.track.key(made, protocol, 0, ""), cache(partial(_request, made, protocol))))
        return found

    def _data_of(self, full_name: str) -> tuple[str | None, str | None]:
        """Digest and protocol's name; None where the data are not here: then they cannot have changed under us."""
        try:
            source = self.track.source(spec_of(self.manifest, full_name), self.config, self.folders)
            return (data_part(source), source.protocol) if isinstance(source, Source) else (None, None)
        except UsageError:
            return None, None


def _request(made: Recipe, protocol: Protocol, track: TrackName, base: str, dataset: str) -> ProbeRequest:
    return probe_request(
        track,
        base,
        made.info.gradient,
        made.points,
        protocol,
        dataset,
        made.normalisation,
        made.training,
        made.backbone,
    )


def survey(plan: Plan, store: Store, fresh: bool, required: list[str]) -> list[JobState]:
    """The state of every job of the plan; ``fresh`` counts everything as stale, and a record that was not asked to keep
    what is ``required`` counts as incomplete."""
    return [_wanted_again(state, fresh, required) for state in states_of(plan.jobs, store)]


def _wanted_again(state: JobState, fresh: bool, required: list[str]) -> JobState:
    if state.state != "done" or state.record is None:
        return state
    if fresh:
        return replace(state, state="stale", parts=("--fresh",))
    asked = state.record.asked
    lacking = tuple(kind for kind in required if kind not in asked or _gone(kind, state))
    return replace(state, state="incomplete", parts=lacking) if lacking else state


def _gone(kind: str, state: JobState) -> bool:
    """True where an artifact of the kind is not beside its record any more, or is not the file that the job wrote."""
    assert state.record is not None
    names = [what for what in state.record.artifacts if what.partition(".")[0] == kind]
    return not all((file := state.artifact(name)) and file.whole for name in names)


def describe(states: Iterable[JobState]) -> str:
    """The states counted, in words."""
    counts = Counter(state.state for state in states)
    order: tuple[Kind, ...] = ("done", "missing", "incomplete", "stale", "failed", "corrupt")
    return ", ".join(f"{counts[kind]} {kind}" for kind in order if counts[kind]) or "nothing to do"
