"""Submitted records beside committed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench import config as configuration
from bench.board.merge import merged, write_packed
from bench.board.submission import verdicts
from bench.records.coherence import incoherence
from bench.records.packed import PACKED, unpacked
from bench.records.record import Record
from bench.records.store import REFERENCE, Store
from tests.bench.board.test_bad_records import FL, RUNS, record_at, result_of
from tests.bench.board.test_merge import changed

REFERENCE_OF_TEST = Path("reference")


@pytest.fixture
def committed(work: Path) -> Path:
    """The run, as the committed records."""
    pack(REFERENCE_OF_TEST / PACKED)
    return REFERENCE_OF_TEST


def pack(path: Path) -> None:
    write_packed(merged([RUNS], path, configuration.load(), []), path)


def refused(path: Path, committed: Path) -> list[str]:
    return [one.text for one in verdicts([path], None, committed) if not one.accepted]


def test_what_is_committed_is_accepted_and_said_to_be_equal(committed: Path) -> None:
    found = list(verdicts([RUNS], None, committed))
    assert len(found) == 6
    assert all(one.accepted and one.text.endswith("(equal to the committed record)") for one in found)


def test_another_value_of_what_is_committed_is_refused(committed: Path) -> None:
    value = result_of(record_at(FL)).test["hamming"]
    changed(Store(RUNS), FL, 0.25, artifacts={})
    (said,) = refused(RUNS, committed)
    assert said == (
        f"yeast@mulan FL seed 1: the committed record of it has another value: hamming {value} and 0.25, of the same "
        "key and machine."
    )


def test_an_earlier_submission_counts_as_committed(committed: Path) -> None:
    pack(Path("submissions/mine.jsonl.xz"))
    changed(Store(RUNS), FL, 0.25, artifacts={})
    assert len(refused(RUNS, Path("none"))) == 1
    assert refused(Path("submissions/mine.jsonl.xz"), Path("none")) == []


def test_data_that_are_not_here_must_be_those_of_the_committed_records(committed: Path) -> None:
    """The same run, said to be of a set that is not here."""
    store = Store(Path("elsewhere"))
    for _, record in Store(RUNS).records():
        assert isinstance(record, Record)
        store.write(replace(record, job=replace(record.job, dataset="far", extractor="npz"), artifacts={}))
    path = Path("far/records.jsonl.xz")
    write_packed(merged([store.folder], path, configuration.load(), []), path)
    (first, *_) = [record for _, record in store.records() if isinstance(record, Record)]
    assert first.result is not None
    assert refused(store.folder, path.parent) == []
    store.write(replace(first, key={**first.key, "data": "0" * 16}))
    (said,) = refused(store.folder, path.parent)
    assert said.startswith(
        f"{first.job}: its data (digest {'0' * 16}) are not those of the committed records of far@npz"
    )
    store.write(replace(first, result=replace(first.result, n_labels=3)))
    (said,) = refused(store.folder, path.parent)
    assert (
        said == f"{first.job}: it has other numbers of rows, features or labels than the committed records of its data."
    )


def test_settings_beside_a_file_name_its_variants(work: Path) -> None:
    record = record_at(FL)
    Store(Path("mine")).write(replace(record, job=replace(record.job, variant="Focal of mine"), artifacts={}))
    assert len(refused(Path("mine"), Path("none"))) == 1
    Path("mine/bench.toml").write_text(Path("bench.toml").read_text() + '[methods."Focal of mine"]\nbase = "FL"\n')
    assert refused(Path("mine"), Path("none")) == []


def test_the_committed_reference_has_no_record_that_contradicts_itself() -> None:
    faults = {
        str(record.job): fault
        for path in REFERENCE.rglob(PACKED)
        for _, record in unpacked(path)
        if (fault := incoherence(record))
    }
    assert faults == {}
