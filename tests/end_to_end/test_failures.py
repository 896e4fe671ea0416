"""What a disk or a file does wrong: a sentence and an exit code, never a wrong number."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench.records.store import Store
from tests import forked
from tests.end_to_end.test_program import ROOT, SMALL, bench, small_set
from tests.end_to_end.test_runner import results_of

RUN = ("run", *SMALL, "--methods", "BCE", "FL", "--epochs", "2")
# Everything that is flushed to a file of a matching name finds the disk full.
FULL_DISK = """
import errno, os
flush = os.fsync
def full(descriptor):
    if {part!r} in os.readlink(f"/proc/self/fd/{{descriptor}}"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    flush(descriptor)
os.fsync = full
"""
SLOW_DISK = """
import errno, glob, os, time
flush = os.fsync
def full(descriptor):
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    while "/FL/.seed-0.json" in path:
        time.sleep(0.1)
    if "/BCE/.seed-0.json" in path:
        while not glob.glob(path.split("/BCE/")[0] + "/FL/.seed-0.json.*.tmp"):
            time.sleep(0.1)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    flush(descriptor)
os.fsync = full
"""


def on_a_full_disk(folder: Path, flushing: str, *arguments: str) -> subprocess.CompletedProcess:
    small_set(folder)
    (folder / "full").mkdir(exist_ok=True)
    (folder / "full/sitecustomize.py").write_text(flushing)
    place = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "full"), str(ROOT)]), "BENCH_DATA": ""}
    return forked.python("-m", "bench", *arguments, cwd=folder, environment=place, timeout=120)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_full_disk_ends_the_run_with_a_sentence(tmp_path: Path, jobs: str) -> None:
    done = on_a_full_disk(tmp_path, FULL_DISK.format(part="seed-0.json"), *RUN, "--jobs", jobs)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "seed-0.json cannot be written: No space left on device.\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert results_of(tmp_path / "results/runs") == {}
    assert not list((tmp_path / "results").rglob("*.tmp"))
    assert bench(*RUN, cwd=tmp_path).returncode == 0  # with space again, the same command goes on
    assert len(results_of(tmp_path / "results/runs")) == 2


def test_what_a_stopped_job_had_half_written_goes_with_the_run(tmp_path: Path) -> None:
    """BCE finds the disk full while FL flushes its record, which does not end."""
    done = on_a_full_disk(tmp_path, SLOW_DISK, *RUN, "--jobs", "2")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert not list((tmp_path / "results").rglob("*.tmp"))


def test_a_checkpoint_that_does_not_fit_costs_nothing_but_itself(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text("[run]\ncheckpoint_seconds = 0.001\n")
    done = on_a_full_disk(tmp_path, FULL_DISK.format(part=".checkpoint"), *RUN)
    assert done.returncode == 0, done.stderr
    assert "goes on without a checkpoint" in done.stderr
    assert "cannot be written: No space left on device" in done.stderr
    assert len(results_of(tmp_path / "results/runs")) == 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a whole run."""
    folder = tmp_path_factory.mktemp("finished")
    small_set(folder)
    assert bench(*RUN, cwd=folder).returncode == 0
    return folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text.replace('"schema": 2', '"schema": 99'), "has schema 99; this version reads schema 2"),
        (lambda text: text[: len(text) // 2], "cannot be read as JSON"),
        (lambda text: text.replace('"status": "done"', '"status": "failed"'), "does not match its checksum"),
        (lambda text: "", "cannot be read as JSON"),
    ],
    ids=["another schema", "torn", "edited", "empty"],
)
def test_a_record_that_cannot_be_trusted_is_said_and_replaced(
    finished: Path, tmp_path: Path, change, sentence: str
) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    store = Store(tmp_path / "results/runs")
    good = results_of(store.folder)
    path = next(path for path in store.paths() if "BCE" in path.parts)
    path.write_text(change(path.read_text()))

    table = bench("table", "--metric", "hamming", cwd=tmp_path)
    assert table.returncode == 1
    assert sentence in table.stdout + table.stderr
    status = bench("status", cwd=tmp_path)
    assert "1 done, 0 running, 0 failed, 1 missing, 1 corrupt" in status.stdout
    assert sentence in status.stdout

    again = bench(*RUN, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"{sentence}" in again.stdout
    assert "it is set aside and its job runs again" in again.stdout
    assert results_of(store.folder) == good
    assert len(list(path.parent.glob("*.corrupt-*.json.old"))) == 1


def test_doctor_names_what_is_in_the_way(tmp_path: Path) -> None:
    fine = bench("doctor", "--methods", "BCE", "FLEM-D", cwd=tmp_path)
    assert fine.returncode == 0, fine.stdout
    assert "yeast@mulan: 1200/300/917 rows, 103 features, 14 labels; every value checked" in fine.stdout
    assert "0 problems" in fine.stdout
    (tmp_path / "file").write_text("")
    ill = bench("doctor", "--results", "file/runs", "--device", "cuda:7", "--datasets", "all", cwd=tmp_path)
    assert ill.returncode == 1
    assert "problem  device     the device 'cuda:7' is not there" in ill.stdout
    assert "problem  results    the results folder file/runs cannot be written" in ill.stdout
    assert "warning  data       AAPD is not here" in ill.stdout


def test_a_dry_run_says_what_it_would_take(tmp_path: Path) -> None:
    first = bench("run", "--methods", "BCE", "FLEM-D", "--dry-run", "--jobs", "2", cwd=tmp_path)
    assert first.returncode == 0
    assert "2 jobs to run: about " in first.stdout
    assert "on 2 processes" in first.stdout
    assert not (tmp_path / "results").exists()
    assert bench("run", "--methods", "BCE", cwd=tmp_path).returncode == 0
    record = json.loads((tmp_path / "results/runs/yeast@mulan/BCE/seed-0.json").read_text())
    again = bench("run", "--methods", "BCE", "--dry-run", "--fresh", cwd=tmp_path)
    assert "stale (--fresh)\tyeast@mulan BCE seed 0" in again.stdout
    seconds = float(again.stdout.splitlines()[0].split("\t")[-1].removesuffix(" s"))
    assert abs(seconds - record["cost"]["seconds"]) <= 0.5  # the record's own time, rounded


def test_doctor_finds_a_set_that_was_named_by_its_path(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.random((60, 4), dtype=np.float32)
    np.savez(tmp_path / "mine.npz", X=x, Y=(x[:, :3] > 0.5).astype(np.int8))
    found = bench("doctor", "--datasets", str(tmp_path / "mine.npz"), "--methods", "BCE", cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    assert "ok       data       mine@npz: " in found.stdout
