"""Merged folders: what is taken where several have a job, what is said, and what is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench import config as configuration
from bench.board import merge as merging
from bench.board.merge import Merged, merged, write_folder, write_packed
from bench.errors import UsageError
from bench.records.locks import claimed
from bench.records.packed import PACKED, digest_of
from bench.records.record import Failure, Record
from bench.records.store import Store
from bench.system.writing import write
from tests.bench.board.test_bad_records import BCE, FL, RUNS, record_at, result_of

OTHER, ALL = Path("other"), Path("all")


def merge(*sources: Path, to: Path = ALL) -> Merged:
    found = merged(sources, to, configuration.load(), [])
    assert write_folder(found, to) == []
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def other(work: Path) -> Store:
    """A second folder with the same run."""
    shutil.copytree(RUNS, OTHER)
    return Store(OTHER)


def changed(store: Store, path: Path, hamming: float, **fields: Any) -> Record:
    """The folder's record of another test value, as if its job had given that."""
    record = record_at(path)
    result = result_of(record)
    test = {**result.test, "hamming": hamming}
    grid = [replace(point, test={**(point.test or {}), "hamming": hamming}) for point in result.grid]
    record = replace(record, result=replace(result, test=test, grid=grid), **fields)
    store.write(record)
    return record


def test_equal_records_are_kept_once_and_a_second_merge_changes_nothing(other: Store) -> None:
    found = merge(RUNS, OTHER)
    assert (found.equal, found.refused, found.notes) == (6, [], [])
    before = files(ALL)
    assert before == files(RUNS)
    assert merge(RUNS, OTHER).equal == 12
    assert files(ALL) == before


def test_a_folder_may_be_merged_into_itself(other: Store) -> None:
    shutil.rmtree(RUNS / "yeast@mulan/FL")
    before = files(RUNS)
    merge(OTHER, RUNS, to=RUNS)
    assert {name: files(RUNS)[name] for name in before} == before
    assert files(RUNS).keys() == files(OTHER).keys()


def test_another_value_of_the_same_machine_is_refused_with_both(other: Store) -> None:
    value = result_of(record_at(FL)).test["hamming"]
    changed(other, FL, 0.25)
    (said,) = merge(RUNS, OTHER).refused
    assert said == (
        f"other: yeast@mulan FL seed 1 has hamming {value} and 0.25 in results/runs and here, of the same key and "
        "machine; `bench run --fresh` of that job tells which."
    )
    assert record_at(ALL / FL.relative_to(RUNS)) == record_at(FL)


def test_another_value_of_another_processor_is_noted_and_the_first_folders_kept(other: Store) -> None:
    environment = {**record_at(FL).environment, "processor": "Z80"}
    made = changed(other, FL, 0.25, environment=environment)
    found = merge(OTHER, RUNS)
    assert found.refused == []
    assert "yeast@mulan FL seed 1: hamming 0.25 and " in found.notes[0]
    assert "processor Z80 and " in found.notes[0]
    assert found.notes[0].endswith("; that of other is kept.")
    assert "Z80 (1)" in found.notes[1]
    assert record_at(ALL / FL.relative_to(RUNS)) == made


def test_rounding_is_no_difference(other: Store) -> None:
    value = result_of(record_at(FL)).test["hamming"]
    assert value is not None
    changed(other, FL, value * (1 + 1e-9))
    found = merge(RUNS, OTHER)
    assert (found.refused, found.equal) == ([], 6)


def test_another_protocol_of_both_folders_is_refused(other: Store) -> None:
    record = record_at(FL)
    protocol = {**record.key["protocol"], "epochs": 7}
    other.write(replace(record, key={**record.key, "protocol": protocol}))
    manifest = other.manifest()
    small = {**manifest.protocols["small"], "epochs": 7}
    other.write_manifest(replace(manifest, earlier_protocols={"small": [small]}))
    (said,) = merge(RUNS, OTHER).refused
    assert said.startswith("other: yeast@mulan FL seed 1 is of another protocol than that of results/runs")
    assert len(Store(ALL).manifest().protocols_named("small")) == 2


def test_a_result_goes_before_a_failure_and_what_was_kept_before_what_was_not(other: Store) -> None:
    failure = Failure("WorkerLost", "killed")
    Store(RUNS).write(replace(record_at(FL), status="failed", result=None, failure=failure, artifacts={}))
    BCE.with_name("seed-0.scores.npz").unlink()
    merge(RUNS, OTHER)
    assert record_at(ALL / FL.relative_to(RUNS)).status == "done"
    assert (ALL / "yeast@mulan/BCE/seed-0.scores.npz").is_file()


def test_a_bad_record_of_the_target_makes_way_and_is_kept_under_another_name(other: Store) -> None:
    BCE.write_text("{")
    found = merge(OTHER, to=RUNS)
    assert len(found.refused) == 1
    assert record_at(BCE).status == "done"
    assert [path.read_text() for path in BCE.parent.glob("*.json.old")] == ["{"]


def test_a_stopped_merge_is_completed_by_the_same_one(other: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def stopped(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(merging, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            merge(RUNS, OTHER)
    assert Store(ALL).paths() == sorted(written)
    merge(RUNS, OTHER)
    assert files(ALL) == files(RUNS)


def test_a_job_that_a_run_is_at_is_left_to_it(other: Store) -> None:
    found = merged([RUNS], ALL, configuration.load(), [])
    with claimed(Store(ALL), record_at(FL).job):
        assert write_folder(found, ALL) == ["yeast@mulan FL seed 1 was left to the run that is at it."]
    assert len(list(Store(ALL).records())) == 5


def test_a_packed_file_is_a_source_and_gives_the_same_results(other: Store) -> None:
    file = Path("mine.jsonl.xz")
    write_packed(merged([RUNS], file, configuration.load(), []), file)
    found = merge(file)
    assert len(found.taken) == 6
    for path, record in Store(RUNS).records():
        assert isinstance(record, Record)
        back = record_at(ALL / path.relative_to(RUNS))
        assert digest_of(result_of(back)) == digest_of(result_of(record))
    again = merge(RUNS, to=ALL)  # now with curves and scores, which the file had not
    assert again.equal == 6
    assert {name: files(ALL)[name] for name in files(RUNS) if name.startswith("yeast")} == {
        name: content for name, content in files(RUNS).items() if name.startswith("yeast")
    }


def test_a_folders_packed_file_has_its_manifest_beside_it(work: Path) -> None:
    target = ALL / PACKED
    write_packed(merged([RUNS], target, configuration.load(), []), target)
    assert Store(ALL).manifest() == Store(RUNS).manifest()
    assert len(list(Store(ALL).records())) == 6


def test_a_packed_file_keeps_the_records_that_a_merge_into_it_refuses(other: Store) -> None:
    target = Path("all.jsonl.xz")
    target.write_bytes(b"not packed at all")
    with pytest.raises(UsageError, match=r"all\.jsonl\.xz would lose 1 refused record; name another file"):
        write_packed(merged([RUNS], target, configuration.load(), []), target)
    assert target.read_bytes() == b"not packed at all"


def test_what_is_no_source_is_said(work: Path) -> None:
    Path("empty").mkdir()
    for source, said in (("empty", "holds no record"), ("nowhere", "is not there"), ("bench.toml", "is neither")):
        with pytest.raises(UsageError, match=said):
            merge(Path(source))
