"""A job's record: its fields, checksum, file name and reading. Imports neither torch nor methods."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from bench.errors import UsageError
from bench.protocol import Protocol
from bench.system import reading

T = TypeVar("T")
SCHEMA = 2
CHECKSUM = b'"checksum":"'
LARGEST_RECORD = 2**30
"""Bytes."""
Status = Literal["done", "failed"]
TrackName = Literal["classification", "recovery"]
"""Classifiers on test data, or recovered label distributions."""
Metrics = dict[str, float | None]
"""{metric's key: value, None where it is not defined}."""
Probe = dict[str, float | None]
"""{what: number} (``bench.job.probe``)."""


def as_json(part: object) -> Raw | UnsetType:
    """A part of a record that most readers pass over, as records hold it: JSON, decoded when it is asked for. UNSET and
    None are left out."""
    return UNSET if part is UNSET or part is None else Raw(msgspec.json.encode(part, order="sorted"))


def _decoded(part: Raw | UnsetType, decoder: msgspec.json.Decoder[T]) -> T | UnsetType:
    if part is UNSET:
        return UNSET
    try:
        return decoder.decode(part)
    except msgspec.ValidationError as error:
        how = "made by other software, or edited; `python -m bench check-records FOLDER` names it"
        raise UsageError(f"a record is incomplete ({error}), {how}.") from error


class JobName(msgspec.Struct, frozen=True, order=True):
    """Name of a job: data set, variant and seed."""

    dataset: str
    extractor: str
    variant: str
    seed: Annotated[int, Meta(ge=0, lt=10**18)]

    @property
    def full_dataset(self) -> str:
        return f"{self.dataset}@{self.extractor}"

    def __str__(self) -> str:
        return f"{self.full_dataset} {self.variant} seed {self.seed}"


class Curves(msgspec.Struct, frozen=True):
    """Per epoch: mean training loss (None where it was not finite) and validation Hamming loss."""

    loss: list[float | None]
    hamming: list[float]


class GridPoint(msgspec.Struct, frozen=True):
    """One point of a job's hyper-parameter grid."""

    hyperparameters: dict[str, Any]
    epoch: int | None
    """The epoch that was kept, from 1; None where nothing is trained in epochs."""
    diverged: int | None
    """The epoch in which its loss stopped being finite."""
    val: Metrics | None
    """The paper's four; None of a point without a usable model."""
    test: Metrics | None
    curves_json: Raw | UnsetType = msgspec.field(name="curves", default=UNSET)
    """Its training and validation loss by epoch (``curves``); left out of packed records."""
    epochs: int | UnsetType = UNSET
    """Epochs that its training may last, where they are not the result's."""
    stopped: int | UnsetType = UNSET
    """The epoch in which it ran out of patience; left out where it did not."""
    also_epochs: dict[str, int | None] | UnsetType = UNSET
    """{metric: the epoch that was kept by it}, of the metrics that were selected by besides."""

    @property
    def curves(self) -> Curves | UnsetType:
        return _decoded(self.curves_json, CURVES)


class Selected(msgspec.Struct, frozen=True):
    """The grid point and epoch chosen on validation data."""

    point: int | None
    """None where nothing was chosen."""
    epoch: int | None
    hyperparameters: dict[str, Any]


class AlsoSelected(Selected, frozen=True):
    """The grid point and epoch chosen by a further metric, and its metrics."""

    val: Metrics
    test: Metrics


class Result(msgspec.Struct, frozen=True):
    """Result of a job of the classification track; the same bytes when it runs twice on one machine."""

    selected: Selected
    val: Metrics
    test: Metrics
    grid: list[GridPoint]
    epochs: int | None
    """Epochs that a training may last: the longest one, where grid points differ."""
    stacks: list[int]
    """Sizes of the stacks that were trained."""
    n_samples: dict[str, int] = msgspec.field(name="rows")
    """{split: rows}."""
    n_features: int = msgspec.field(name="features")
    n_labels: int = msgspec.field(name="labels")
    result_sha256: str | UnsetType = UNSET
    """Of a packed record: the digest of the whole result, curves included."""
    also_selected: dict[str, AlsoSelected] | UnsetType = UNSET
    """{metric, by its name in `list metrics`: what it selects}, of the protocol's ``also_select``."""


class Further(msgspec.Struct, frozen=True):
    """Metrics on test data beyond those of ``Result``: the other built-in ones and users' own."""

    values: Metrics
    code: dict[str, str]
    """{metric's key: digest of its file}: a value counts while it is the same."""
    faults: dict[str, str]
    """{metric's key: why there is no value}, of metrics that failed."""


class RecoveryResult(msgspec.Struct, frozen=True):
    """Result of a job of the recovery track."""

    measures: Metrics
    epochs: int | None
    """Of the classifier, where one had to be trained."""
    n_samples: int = msgspec.field(name="rows")
    n_features: int = msgspec.field(name="features")
    n_labels: int = msgspec.field(name="labels")
    logical_labels: str
    """Origin of the logical labels."""
    result_sha256: str | UnsetType = UNSET


class Decided(msgspec.Struct, frozen=True):
    """Result of a decision rule for one target."""

    test: Metrics
    """The metrics that depend on decisions."""
    parameters: dict[str, Any]
    """Parameters chosen on validation data; of several thresholds the lowest, the median and the highest."""


class Decisions(msgspec.Struct, frozen=True):
    """Decision rules on the chosen model's scores."""

    code: dict[str, str]
    """{rule: digest of the code that computed it}."""
    rules: dict[str, dict[str, Decided]]
    """{rule: {target: outcome}}; empty of a rule that failed."""
    faults: dict[str, str] = {}
    """{rule: why it failed}."""


class Provenance(msgspec.Struct, frozen=True):
    """Origin of scores that no job of this harness computed."""

    origin: Literal["external"]
    file: str
    sha256: str
    threshold: float
    """A label is predicted where its score exceeds this."""


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed."""

    type: str
    message: str
    traceback: str = ""
    device: str = ""
    peak_memory_bytes: int | None = None


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """Time and memory of a job."""

    seconds: float
    load_seconds: float | None = None
    fit_seconds: float | None = None
    evaluate_seconds: float | None = None
    peak_memory_bytes: int | None = None
    """Of the process, during the job."""
    peak_device_bytes: int | None = None
    stacks_that_did_not_fit: list[int] = []
    """Stack sizes for which memory ran out; smaller ones, which round otherwise in float32, were taken."""


class Record(msgspec.Struct, frozen=True):
    """Record of one job: its result or failure, cost and environment."""

    job: JobName
    base: str
    """The registered method behind the variant; empty of external scores."""
    protocol: str
    """The protocol's name; its settings are in the key. Empty of external scores."""
    key: dict[str, Any]
    status: Status
    cost: Cost
    environment: dict[str, Any]
    result: Result | None = None
    recovered: RecoveryResult | None = None
    """In place of ``result`` in the recovery track."""
    failure: Failure | None = None
    further: Further | UnsetType = UNSET
    """Left out of records from before there were any, and of failures."""
    artifacts: dict[str, str] = {}
    """{kind: file beside the record}."""
    artifact_sha256: dict[str, str] = {}
    """{kind: SHA-256 of the file}; records from before it was noted have none."""
    asked: list[str] = []
    """Artifacts that ``--keep`` asked for; some methods have none of a kind."""
    probe_json: Raw | UnsetType = msgspec.field(name="probe", default=UNSET)
    track: TrackName = "classification"
    decisions_json: Raw | UnsetType = msgspec.field(name="decisions", default=UNSET)
    provenance: Provenance | UnsetType = UNSET
    """Of a model trained elsewhere."""
    schema: int = SCHEMA

    @property
    def probe(self) -> Probe | None:
        """Numbers of the same code and options on a fixed tiny problem; None of a failure, or where that failed."""
        found = _decoded(self.probe_json, PROBE)
        return None if found is UNSET else found

    @property
    def decisions(self) -> Decisions | UnsetType:
        """Not part of the result, which is the same whatever rules there are."""
        return _decoded(self.decisions_json, DECISIONS)

    @property
    def metrics(self) -> Metrics:
        """Metrics that tables show: those on test data, or measures of recovery; none of a failure."""
        if self.recovered is not None:
            return self.recovered.measures
        return {} if self.result is None else self.result.test

    @property
    def further_metrics(self) -> Metrics:
        """Values of metrics that are not among ``metrics``."""
        return self.further.values if isinstance(self.further, Further) else {}

    @property
    def part_fault(self) -> str:
        """Fault of a part that is decoded when it is asked for; empty where all of them can be."""
        try:
            _ = self.probe, self.decisions, [point.curves for point in (self.result.grid if self.result else ())]
        except UsageError as error:
            return f"{self.job}: it is incomplete: {error.__cause__}; it was made by other software, or edited."
        return ""

    @property
    def problem(self) -> str:
        """Why it failed, in a sentence; empty where it did not."""
        return self.failure.message if self.failure else ""


CURVES = msgspec.json.Decoder(Curves)
DECISIONS = msgspec.json.Decoder(Decisions)
PROBE = msgspec.json.Decoder(Probe | None)


class Manifest(msgspec.Struct, frozen=True):
    """Manifest of a results folder: what runs into it asked for, so that a table can name its gaps."""

    protocols: dict[str, dict[str, Any]] = {}
    datasets: list[str] = []
    variants: list[str] = []
    seeds: list[int] = []
    missing: dict[str, str] = {}
    track: TrackName = "classification"
    expected_seconds: dict[str, float] = {}
    """{job: what it was forecast to take when it was last planned}."""
    files: dict[str, str] = {}
    """{data set: its file}, where one file is the set: it need not lie in a data folder."""
    earlier_protocols: dict[str, list[dict[str, Any]]] = {}
    """Those of the same names that runs before the last one had, the latest first; records may be of them."""

    def protocols_named(self, name: str) -> list[Protocol]:
        """The protocols that runs had under a name, the last run's first."""
        found = [self.protocols[name]] if name in self.protocols else []
        return [msgspec.convert(settings, Protocol) for settings in (*found, *self.earlier_protocols.get(name, []))]


class CorruptRecordError(Exception):
    """A record that cannot be trusted: torn, edited, or of another schema."""


def record_path(folder: Path, job: JobName) -> Path:
    """The file of a job's record in a results folder."""
    return folder.joinpath(*_names(job))


def _names(job: JobName) -> tuple[str, str, str]:
    return job.full_dataset, job.variant, f"seed-{job.seed}.json"


def job_of(path: Path) -> JobName:
    """The job that a record's file is named after; seed -1 where the name holds no number."""
    number = reading.whole_number(path.stem.removeprefix("seed-"))
    return JobName(*path.parts[-3].partition("@")[::2], path.parts[-2], -1 if number is None else number)


def readable(path: Path) -> Record | CorruptRecordError | None:
    """The record, or what is wrong with it; None without one, as while a run replaces it."""
    try:
        return read_record(path)
    except CorruptRecordError as error:
        return error if path.exists() else None


def artifact_name(seed: int, kind: str) -> str:
    """The name of an artifact's file, which is beside its record."""
    return f"seed-{seed}.{kind}"


def encode(record: Record) -> bytes:
    """The record as JSON with its checksum."""
    return msgspec.json.format(encode_line(record), indent=1) + b"\n"


def encode_line(record: Record) -> bytes:
    """The same in one line."""
    body = msgspec.json.decode(msgspec.json.encode(record))
    body["checksum"] = _checksum(body)
    return msgspec.json.encode(body, order="sorted")


def read_record(path: Path) -> Record:
    """The record of a file.

    Raises
    ------
    CorruptRecordError: one sentence naming the file and the fault.
    """
    try:
        raw = reading.content(path, LARGEST_RECORD)
        record = record_in(raw, f"the record {path}")
    except UsageError as error:
        raise CorruptRecordError(str(error).rstrip(".")) from error
    if path.parts[-3:] != _names(record.job):  # a copy beside its original would count as another seed
        raise CorruptRecordError(f"the record {path} is that of {record.job}, which its name is not; remove it")
    return record


def record_in(raw: bytes, where: str, with_checksum: bool = True) -> Record:
    """The record of JSON, else a CorruptRecordError or UsageError that begins with ``where``; ``with_checksum``: one
    without is refused, too."""
    record = _as_written(raw)
    if record is None:
        record = _record_of(reading.decoded_json(raw, where), where, with_checksum)
    if fault := _contradiction(record):
        raise CorruptRecordError(f"{where} {fault}; it was made by other software, or edited")
    return record


def _as_written(raw: bytes) -> Record | None:
    """The record of bytes that :func:`encode` wrote; None of any others, whose fault the longer way names.

    The checksum is that of the bytes themselves then, so that nothing has to be decoded and encoded again for it.
    """
    try:
        compact = msgspec.json.format(raw, indent=-1)
        before = compact.find(CHECKSUM)
        after = before + len(CHECKSUM) + 64 + len('",')
        view = memoryview(compact)  # of which slices are no copies
        state = hashlib.sha256(view[: max(before, 0)])
        state.update(view[after:])
        if compact[before:after] != b'%b%b",' % (CHECKSUM, state.hexdigest().encode()):
            return None
        record = msgspec.json.decode(compact, type=Record)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return record if record.schema == SCHEMA and compact.rfind(b'"schema":') > 0 else None  # near the end


def _record_of(body: Any, where: str, with_checksum: bool) -> Record:
    if not isinstance(body, dict) or "schema" not in body:
        raise CorruptRecordError(f"{where.removeprefix('the record ')} is not a record of this harness")
    if body["schema"] != SCHEMA:
        raise CorruptRecordError(f"{where} has schema {body['schema']}; this version reads schema {SCHEMA}")
    checksum = body.pop("checksum", None)
    if (with_checksum or checksum is not None) and checksum != _checksum(body):
        raise CorruptRecordError(f"{where} does not match its checksum; it was edited or damaged")
    try:
        return msgspec.json.decode(msgspec.json.encode(body, order="sorted"), type=Record)
    except msgspec.ValidationError as error:
        raise CorruptRecordError(f"{where} is incomplete: {error}") from error


def _contradiction(record: Record) -> str:
    """Contradiction within a record, in a sentence; empty where there is none."""
    results = [found for found in (record.result, record.recovered) if found is not None]
    if record.status == "done" and (len(results) != 1 or record.failure is not None):
        return f"is done, but has {len(results)} results" + (" and a failure" if record.failure else "")
    if record.status == "failed" and (results or record.failure is None):
        return "is that of a failure, but has " + ("a result" if results else "no failure")
    for kind, name in record.artifacts.items():
        if name != artifact_name(record.job.seed, kind):
            return f"has an artifact {kind!r} of the name {name!r}"
    return ""


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="sorted")).hexdigest()
