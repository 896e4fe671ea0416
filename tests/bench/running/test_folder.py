"""Two runs on one folder, file systems without locks, output that nobody reads."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench import config
from bench.cli.main import main
from bench.cli.records import describe, time_left
from bench.plan import digests
from bench.plan.jobs import Job, Plan
from bench.plan.states import collect
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.records import locks
from bench.records.locks import Running, claimed, running
from bench.records.record import JobName, Manifest
from bench.records.store import Store
from bench.running import manifest, pool
from bench.running.options import RunOptions
from tests import records

NAME = JobName("data", "npz", "BCE", 0)
OPTIONS = RunOptions("cpu", 1, [], keep_required=False, fresh=False, epochs=1)


def plan(folder: Path, *names: str, seeds: tuple[int, ...] = (0,)) -> Plan:
    x = np.random.default_rng(0).random((60, 5), dtype=np.float32)
    np.savez(folder / "data.npz", X=x, Y=(x[:, :3] > 0.5).astype(np.int8))
    settings = config.load(folder)
    return make_plan(settings, [], [str(folder / "data.npz")], chosen_variants(settings, names), list(seeds), epochs=1)


def test_runs_that_start_at_once_both_stand_in_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, settings, write = Store(tmp_path / "results"), config.load(tmp_path), Store.write_manifest

    def slow(self: Store, found: Manifest) -> None:
        time.sleep(0.05)
        write(self, found)

    monkeypatch.setattr(Store, "write_manifest", slow)
    plans = [plan(tmp_path, name, seeds=(seed,)) for seed, name in enumerate(["BCE", "FL", "ML-KNN", "CB"])]
    threads = [
        threading.Thread(target=manifest.settle_manifest, args=(one, settings, store, OPTIONS, {})) for one in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.manifest()
    assert (sorted(found.variants), found.seeds) == (["BCE", "CB", "FL", "ML-KNN"], [0, 1, 2, 3])
    assert [path.name for path in store.folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, code: int
) -> None:
    def refuse(descriptor: Any, how: int) -> None:
        raise OSError(code, os.strerror(code))

    plan(tmp_path, "BCE")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert main(["run", "--datasets", "data.npz", "--methods", "BCE", "--epochs", "1"]) == 2
    said = capsys.readouterr().err
    assert f"cannot be locked: {os.strerror(code)}. Locks keep two runs from computing one job twice" in said
    assert said.count("\n") == 1


def test_a_lock_that_another_process_holds_is_held(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with claimed(store, NAME) as mine:
        assert mine is not None
        with claimed(store, NAME) as second:
            assert second is None


@pytest.mark.parametrize(
    "note", [b"\xff\xfegarbage", b"", b'{"job": "data@npz BCE seed 0", "pid": "many"}', b'{"future": 1}']
)
def test_lock_notes_of_another_version_are_of_a_job_that_runs(tmp_path: Path, note: bytes) -> None:
    store = Store(tmp_path)
    with claimed(store, NAME) as claim:
        assert claim is not None
        os.ftruncate(claim.descriptor, 0)
        os.pwrite(claim.descriptor, note, 0)
        (found,) = running(store)
        assert found.job == str(NAME)


def test_a_job_of_a_long_name_is_shown(tmp_path: Path) -> None:
    long = JobName("d" * 200, "npz", "v" * 200, 0)
    with claimed(Store(tmp_path), long) as claim:
        assert claim is not None
        claim.note("epoch", 3, 7)
        (found,) = running(Store(tmp_path))
        assert (found.job, found.done) == (str(long), 3)


def test_a_full_disk_leaves_a_job_without_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(locks.os, "pwrite", full)
    with claimed(Store(tmp_path), NAME) as claim:
        assert claim is not None


def test_no_duration_is_negative_after_a_step_of_the_clock() -> None:
    assert describe(Running("job", "host", 1, time.time() + 34560)) == "job: 0 s on host, process 1"
    done = records.record(NAME)
    assert time_left([done], [NAME], [], {str(NAME): -5.0}) == -5.0 * 1.0


def test_data_named_by_path_that_change_are_stale(tmp_path: Path) -> None:
    store, settings = Store(tmp_path / "results"), config.load(tmp_path)
    made = plan(tmp_path, "BCE")
    manifest.settle_manifest(made, settings, store, OPTIONS, {})
    (job,) = made.jobs
    store.write(msgspec.structs.replace(records.record(job.name, records.result({"hamming": 0.1})), key=job.key))
    assert store.manifest().files == {"data@npz": str(tmp_path / "data.npz")}
    (before,) = collect(store, settings, [])
    np.savez(tmp_path / "data.npz", X=np.ones((60, 5), np.float32), Y=np.eye(60, 3, dtype=np.int8))
    (after,) = collect(store, settings, [])
    assert (before.state, after.state, after.parts) == ("done", "stale", ("data",))


def test_equal_size_and_time_are_trusted_unless_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_verified", None)
    path = tmp_path / "data.bin"
    path.write_bytes(b"one")
    stamp = path.stat().st_mtime_ns
    reader = "bench.datasets.readers.npz"
    assert digests.data_digest((path,), reader, lambda: "first") == "first"
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp, stamp))
    assert digests.data_digest((path,), reader, lambda: "second") == "first"
    digests.verify()
    assert digests.data_digest((path,), reader, lambda: "second") == "second"
    assert digests.data_digest((path,), reader, lambda: "a third time") == "second"
    monkeypatch.setattr(digests, "_verified", None)
    assert digests.data_digest((path,), reader, lambda: "third") == "second"


def hangs(job: Job, device: str) -> None:
    time.sleep(600)


def test_a_job_stopped_after_its_commit_is_done(tmp_path: Path) -> None:
    one, other = plan(tmp_path, "BCE", seeds=(0, 1)).jobs
    looks: list[bool] = []
    found = pool.fan_out(
        [one, other],
        hangs,
        ["cpu"],
        0.5,
        print,
        lambda job: None,
        lambda job: "done" if job is one else None,  # as of a worker that is stopped between its commit and its end
        lambda: looks.append(True),
    )
    first, second = found
    assert first == "done"
    assert isinstance(second, pool.Lost)
    assert "it took longer than --timeout 0.5 seconds and was stopped" in second.message
    assert looks


def dies(job: Job, device: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_job_whose_process_dies_is_tried_once_more_unless_it_was_committed(tmp_path: Path) -> None:
    one, other = plan(tmp_path, "BCE", seeds=(0, 1)).jobs
    said: list[str] = []
    started: list[Job] = []
    first, second = pool.fan_out(
        [one, other], dies, ["cpu"], None, said.append, started.append, lambda job: job is one or None, lambda: None
    )
    assert first is True
    assert isinstance(second, pool.Lost)
    assert second.message == "its process was killed twice, the second time running alone"
    assert started == [one, other, other]
    assert said == [f"the process of {other.name} was killed; the job is tried again after the others."]


def ignores_ctrl_c(job: Job, device: str) -> bool:
    """Read from the system, which knows what was inherited."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return bool(int(status["SigIgn"], 16) >> (signal.SIGINT - 1) & 1)


def test_ctrl_c_never_reaches_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = plan(tmp_path, "BCE").jobs
    arguments = (None, print, lambda job: None, lambda job: None, lambda: None)
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(pool, "begin", print)
    assert list(pool.fan_out([job], ignores_ctrl_c, ["cpu"], *arguments)) == [True]
    assert signal.getsignal(signal.SIGINT) == before
