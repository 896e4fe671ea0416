"""Records in one compressed file: the same tables, and a digest of what was left out."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from msgspec import UNSET

from bench.errors import UsageError
from bench.records import packed
from bench.records.packed import PACKED, digest_of, pack, unpacked
from bench.records.record import Curves, GridPoint, JobName, Metrics, Record, Result, as_json
from bench.records.store import Store
from tests import records


def result(seed: int, loss: float = 0.3) -> Result:
    test: Metrics = {"hamming": 0.2}
    return records.result(
        test, grid=[GridPoint({}, 2, None, None, test, as_json(Curves([0.1 * seed, loss], [0.5, 0.2])))]
    )


def record(seed: int) -> Record:
    return records.record(JobName("made", "npz", "BCE", seed), result(seed), key={"seed": seed})


def test_packed_records_come_back_without_curves(tmp_path: Path) -> None:
    made = [record(1), record(0)]
    pack(made, tmp_path)
    found = dict(Store(tmp_path).records())
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [f"made@npz/BCE/seed-{i}.json" for i in (0, 1)]
    for original, back in zip(sorted(made, key=lambda one: one.job), found.values(), strict=True):
        assert isinstance(back, Record)
        assert back.result is not None
        assert original.result is not None
        assert back.result.test == original.result.test == {"hamming": 0.2}
        assert original.result.grid[0].curves
        assert back.result.grid[0].curves is UNSET
        assert digest_of(back.result) == digest_of(original.result)


def test_the_digest_tells_a_curve_that_differs() -> None:
    assert digest_of(result(0)) == digest_of(result(0))
    assert digest_of(result(0)) != digest_of(result(0, loss=0.3 + 1e-12))


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = pack([record(0), record(1)], tmp_path).read_bytes()
    assert pack([record(1), record(0)], tmp_path).read_bytes() == first


def test_packing_what_was_packed_keeps_its_digest(tmp_path: Path) -> None:
    pack([record(0)], tmp_path)
    before = (tmp_path / PACKED).read_bytes()
    pack([back for _, back in unpacked(tmp_path / PACKED)], tmp_path)
    assert (tmp_path / PACKED).read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"nothing",
        b"",
        lzma.compress(b'{"job"'),
        lzma.compress(b"\n\n"),
        lzma.compress(b"[" * 100_000),
        lzma.compress(b"{}" * 1000)[:40],
        lzma.compress(bytes(2**21)),
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LARGEST", 2**20)
    (tmp_path / PACKED).write_bytes(content)
    with pytest.raises(UsageError, match=r"records\.jsonl\.xz.*; take records\.jsonl\.xz from the repository again\.$"):
        list(Store(tmp_path).records())


def test_a_packed_record_beside_its_own_file_counts_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in (0, 1):
        store.write(record(seed))
    pack([record(seed) for seed in (0, 2)], tmp_path)
    found = {path.stem: one for path, one in store.records()}
    assert found.keys() == {"seed-0", "seed-1", "seed-2"}
    assert found["seed-0"] == record(0)  # its own file's, with curves


def test_a_packed_record_is_there_for_a_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pack([record(0)], tmp_path)
    found = store.read(record(0).job)
    assert found is not None
    assert found.key == {"seed": 0}
    store.set_aside(record(0).job, "replaced")  # there is no file to set aside
    store.write(records.record(record(0).job, result(0, loss=0.7), key={"seed": 0}))
    assert digest_of(read.result if (read := store.read(record(0).job)) and read.result else result(0)) == digest_of(
        result(0, loss=0.7)
    )


def test_two_packed_records_of_one_job_count_once_or_not_at_all(tmp_path: Path) -> None:
    pack([record(0), record(0)], tmp_path)
    assert len(dict(Store(tmp_path).records())) == 1
    pack([record(0), records.record(record(0).job, result(5), key={"seed": 0})], tmp_path)
    with pytest.raises(UsageError, match="line 2 is a second record of made@npz BCE seed 0, and another one"):
        list(Store(tmp_path).records())
