"""Records are whole or not there; keys say what changed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from bench import config, methods
from bench.errors import UsageError
from bench.plan import digests, jobs, tracks, variants
from bench.plan.costs import recorded_protocol
from bench.plan.states import JobState, state_of
from bench.protocol import Protocol
from bench.records import record as records_record
from bench.records.record import (
    CorruptRecordError,
    Cost,
    Curves,
    Failure,
    GridPoint,
    JobName,
    Manifest,
    Record,
    Result,
    Selected,
    as_json,
)
from bench.records.store import Store
from bench.system.writing import WriteError

NAME = JobName("yeast", "mulan", "FL", 0)


RESULT = Result(
    selected=Selected(0, 3, {}),
    val={"hamming": 0.2},
    test={"hamming": 0.1 + 0.2},
    grid=[GridPoint({}, 3, None, {"hamming": 0.2}, {"hamming": 0.1 + 0.2}, as_json(Curves([0.7, None], [0.3, 0.2])))],
    epochs=3,
    stacks=[1],
    n_samples={"train": 6, "val": 2, "test": 2},
    n_features=4,
    n_labels=2,
)


def record(key: dict | None = None, status: str = "done") -> Record:
    return Record(
        job=NAME,
        base="FL",
        protocol="small",
        key=key or {"seed": 0},
        status=status,  # type: ignore[arg-type]
        cost=Cost(seconds=1.0),
        environment={},
        result=RESULT if status == "done" else None,
        failure=Failure("MemoryError", "out of memory") if status == "failed" else None,
    )


@pytest.fixture
def settings() -> config.Config:
    return config.load(Path("/nonexistent"))


def test_round_trip(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read(NAME) is None
    path = store.write(record())
    assert path == tmp_path / "yeast@mulan/FL/seed-0.json"
    read = store.read(NAME)
    assert read == record()
    assert read is not None
    assert read.metrics == {"hamming": 0.30000000000000004}
    assert [one for _, one in store.records()] == [record()]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[:-30], "cannot be read as JSON"),
        (lambda text: text.replace("0.30000000000000004", "0.25"), "does not match its checksum"),
        (lambda text: text.replace('"schema": 2', '"schema": 7'), "has schema 7; this version reads schema 2"),
        (lambda text: "[]", "is not a record of this harness"),
        (lambda text: "", "cannot be read as JSON"),
    ],
)
def test_damaged_records_are_one_sentence(tmp_path: Path, damage: object, sentence: str) -> None:
    store = Store(tmp_path)
    path = store.write(record())
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(CorruptRecordError) as error:
        store.read(NAME)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)


def sealed(**changes: object) -> bytes:
    """A record with other fields and a checksum that fits."""
    body = msgspec.json.decode(records_record.encode(record()))
    del body["checksum"]
    body = {name: value for name, value in {**body, **changes}.items() if value is not msgspec.UNSET}
    body["checksum"] = records_record._checksum(body)
    return msgspec.json.encode(body)


FAILED = {"type": "MemoryError", "message": "out of memory"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[" * 100_000, "cannot be read as JSON (it is nested too deeply)"),
        (b'{"schema": 2, "a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b'{"schema": true}', "has schema True"),
        (b'{"schema": 2, "checksum": 5}', "does not match its checksum"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (sealed(result=None), "is done, but has 0 results"),
        (sealed(failure=FAILED), "is done, but has 1 results and a failure"),
        (sealed(status="failed", result=None), "is that of a failure, but has no failure"),
        (sealed(status="failed", failure=FAILED), "is that of a failure, but has a result"),
        (sealed(status="paused"), "is incomplete"),
        (sealed(cost={}), "is incomplete: Object missing required field `seconds`"),
        (sealed(key=msgspec.UNSET), "is incomplete: Object missing required field `key`"),
        (sealed(key=[]), "is incomplete"),
        (sealed(result={}), "is incomplete"),
        (sealed(job={"dataset": "yeast", "extractor": "mulan", "variant": "FL", "seed": -1}), "is incomplete"),
        (sealed(artifacts={"scores.npz": "../../../etc/passwd"}), "has an artifact 'scores.npz' of the name '../"),
        (sealed(artifacts={"scores.npz": ""}), "has an artifact 'scores.npz' of the name ''"),
    ],
)
def test_records_that_cannot_be_are_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    store = Store(tmp_path)
    path = store.write(record())
    path.write_bytes(content)
    ((found, one),) = store.records()
    assert found == path
    assert isinstance(one, CorruptRecordError)
    assert sentence in str(one)
    assert str(path) in str(one)


def test_a_newer_versions_further_fields_are_no_fault(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record()).write_bytes(sealed(future=1))
    assert store.read(NAME) == record()


def test_whatever_has_a_records_name_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "yeast@mulan/FL"
    folder.mkdir(parents=True)
    names = {"seed-²": -1, "seed-x": -1, f"seed-{'9' * 200}": -1, "seed-5": 5, "seed-6": 6, "seed-7": 7}
    for name in list(names)[:3]:
        (folder / f"{name}.json").write_bytes(b"{}")
    (folder / "seed-5.json").mkdir()
    os.mkfifo(folder / "seed-6.json")
    (folder / "seed-7.json").symlink_to(folder)
    (folder / "seed-8.json").symlink_to(tmp_path / "nothing")  # as good as none
    found = {path.stem: one for path, one in Store(tmp_path).records()}
    assert all(isinstance(one, CorruptRecordError) for one in found.values())
    assert {name: records_record.job_of(folder / f"{name}.json").seed for name in found} == names
    store = Store(tmp_path)
    store.set_aside(JobName("yeast", "mulan", "FL", 5), "corrupt")
    assert store.read(JobName("yeast", "mulan", "FL", 5)) is None
    assert len(list(folder.glob("seed-5.corrupt-*.json.old"))) == 1


def test_a_record_that_a_run_replaces_meanwhile_is_not_corrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    gone = store.write(record()).with_name("seed-1.json")
    there = store.paths()
    monkeypatch.setattr(Store, "paths", lambda self: [*there, gone])
    assert dict(store.records()) == {there[0]: record()}


def test_a_forecast_leaves_out_what_another_version_wrote() -> None:
    ours = {"protocol": msgspec.to_builtins(Protocol())}
    for protocol, known in (({"warmup": 3}, False), ("small", False), (None, False), (ours["protocol"], True)):
        one = msgspec.structs.replace(record(), key={"protocol": protocol})
        assert (recorded_protocol(one) is not None) == known
    assert recorded_protocol(msgspec.structs.replace(record(), key={})) is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"[" * 100_000, b"\xff", b'{"seeds": ["0"]}', b'{"protocols": []}',
        b'{"protocols": {"small": {"warmup": 3}}}', b'{"protocols": {"small": {"epochs": "x"}}}', b'{"track": "other"}',
    ],
)  # fmt: skip
def test_a_manifest_of_any_content_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"run\.json.*; mend or remove run\.json\.$"):
        Store(tmp_path).manifest()


def test_a_record_under_another_name_does_not_count(tmp_path: Path) -> None:
    """A file manager's copy is no other seed, and another row's record not this one's."""
    store = Store(tmp_path)
    path = store.write(record())
    copies = (path.with_name("seed-0 (1).json"), tmp_path / "yeast@mulan/BCE/seed-0.json")
    for copy in copies:
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    read = dict(store.records())
    assert read.pop(path) == record()
    assert set(read) == set(copies)
    assert all("is that of yeast@mulan FL seed 0, which its name is not" in str(one) for one in read.values())


def test_a_registered_name_keeps_its_method(settings: config.Config) -> None:
    own = msgspec.structs.replace(settings, variants={"BCE": config.Variant(name="BCE", base="FL")})
    with pytest.raises(UsageError, match=r"methods\.BCE is a registered method's name, and cannot have the base 'FL'"):
        variants.variants_of(own)


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write(record())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"seed-0\.json cannot be written: No space left on device\."):
        store.write(record(status="failed"))
    assert store.read(NAME) == record()
    assert [path.name for path in (tmp_path / "yeast@mulan/FL").iterdir()] == ["seed-0.json"]


def test_set_aside_keeps_the_old_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record())
    store.sidecar(NAME, "scores.npz").write_bytes(b"kept")
    store.set_aside(NAME, "stale")
    names = sorted(path.name for path in store.path(NAME).parent.iterdir())
    assert [name.rpartition(".stale-")[2][8:] for name in names] == [".json.old", ".scores.npz.old"]
    assert store.read(NAME) is None
    assert list(store.records()) == []


def test_manifest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.manifest() == Manifest()
    store.write_manifest(Manifest(datasets=["a@b"], missing={"VOC07": "get it"}))
    assert store.manifest().missing == {"VOC07": "get it"}
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UsageError, match=r"run\.json cannot be read"):
        store.manifest()


def make(settings: config.Config, rows: list[config.Variant] | None = None, **changes: object) -> jobs.Plan:
    arguments: dict = {"datasets": ["yeast"], "seeds": [0], "epochs": None, **changes}
    chosen = rows or variants.chosen_variants(settings, ["FL"])
    return tracks.make_plan(settings, [], arguments["datasets"], chosen, arguments["seeds"], arguments["epochs"])


def state_after(settings: config.Config, tmp_path: Path, job: jobs.Job, now: jobs.Job) -> JobState:
    store = Store(tmp_path)
    store.write(Record(**{**msgspec.structs.asdict(record()), "key": job.key, "job": job.name}))
    return state_of(now, store)


def test_a_current_record_is_done_and_a_changed_part_is_named(
    settings: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(settings).jobs[0]
    assert state_after(settings, tmp_path, job, job).state == "done"
    shorter = make(settings, epochs=3).jobs[0]
    assert state_after(settings, tmp_path, job, shorter).parts == ("protocol",)
    softer = make(settings, [config.Variant("FL", "FL", {"gamma": 1})]).jobs[0]
    assert state_after(settings, tmp_path, job, softer).parts == ("hyperparameters",)
    clipped = make(settings, [config.Variant("FL", "FL", clip="separate")]).jobs[0]
    assert state_after(settings, tmp_path, job, clipped).parts == ("protocol",)
    monkeypatch.setattr(digests, "data_digest", lambda files, reader, digest: "other")
    assert state_after(settings, tmp_path, job, make(settings).jobs[0]).parts == ("data",)


def test_source_changes_are_told_apart(
    settings: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(settings).jobs[0]
    original = digests.code_digest
    for changed, part in (
        ("bench.methods.focal", "method"),
        ("bench.job.fit_linear", "loop"),
        ("bench.metrics.classification", "metrics"),
    ):

        def digest(module: str, file: Path | None = None, changed: str = changed) -> str:
            return original(module, file) + ("x" if module == changed else "")

        monkeypatch.setattr(digests, "code_digest", digest)
        assert state_after(settings, tmp_path, job, make(settings).jobs[0]).parts == (part,)


def test_failures_and_damage_are_states(settings: config.Config, tmp_path: Path) -> None:
    job, store = make(settings).jobs[0], Store(tmp_path)
    assert state_of(job, store).state == "missing"
    store.write(Record(**{**msgspec.structs.asdict(record(status="failed")), "key": job.key}))
    failed = state_of(job, store)
    assert (failed.state, failed.note) == ("failed", "out of memory")
    store.path(job.name).write_text("{")
    assert state_of(job, store).state == "corrupt"


def test_grid_is_the_product_and_fixed_options_leave_it(settings: config.Config) -> None:
    whole = make(settings, variants.chosen_variants(settings, ["FLEM-D"])).jobs[0]
    assert len(whole.points) == 16
    assert [(point["alpha"], point["beta"]) for point in whole.points[:5]] == [
        (1e-4, 1e-4), (1e-4, 1e-3), (1e-4, 1e-2), (1e-4, 1e-1), (1e-3, 1e-4),
    ]  # fmt: skip
    fixed = make(settings, [config.Variant("x", "FLEM-D", {"alpha": 0.5})]).jobs[0]
    assert len(fixed.points) == 4
    assert {point["alpha"] for point in fixed.points} == {0.5}
    own = make(settings, [config.Variant("x", "FL", {}, {"gamma": [0, 1, 2]})]).jobs[0]
    assert [point["gamma"] for point in own.points] == [0.0, 1.0, 2.0]


def test_rakel_depends_on_the_version_of_scikit_multilearn(settings: config.Config) -> None:
    job = make(settings, variants.chosen_variants(settings, ["RAKEL"])).jobs[0]
    assert "scikit-multilearn-ng 0.0" in job.key["method"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (
            config.Variant("x", "FL", {"gama": 1.0}),
            "variant 'x': the method 'FL' has no option 'gama'; did you mean 'gamma'?",
        ),
        (config.Variant("x", "FLL"), "variant 'x': there is no method 'FLL'"),
        (config.Variant("x", "FL", {"gamma": "high"}), "must be like its default 2.0, not 'high'"),
        (config.Variant("x", "FL", {}, {"gamma": 3}), "the grid of 'gamma' must be a list"),
        (config.Variant("a/b", "FL"), "'a/b' cannot be a folder's name"),
    ],
)
def test_mistakes_in_rows_are_one_sentence(settings: config.Config, row: config.Variant, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        make(settings, [row])
    assert sentence in str(error.value)


def test_all_means_registered_and_names_what_is_missing(settings: config.Config) -> None:
    made = make(settings, datasets=["all"])
    assert made.datasets == ["yeast@mulan"]
    assert [one.name for one in made.missing] == list(settings.datasets)[1:]
    with pytest.raises(UsageError, match=r"VOC07 is not in the data folders.*ResNet-50"):
        make(settings, datasets=["VOC07"])


def test_row_order_is_the_papers_then_extra_then_others(settings: config.Config) -> None:
    names = list(variants.variants_of(settings))
    paper = [name for name in settings.tables.ranked if name in methods.names()]
    assert names[: len(paper)] == paper
    assert names[len(paper) : len(paper) + 3] == ["BCE", "FLEM-I", "FLEM-II"]
    with pytest.raises(UsageError, match="no method or variant 'FLEMD'; did you mean 'FLEM-D'"):
        variants.chosen_variants(settings, ["FLEMD"])
    assert records_record.SCHEMA == 2
