"""A run that nothing loses: killed workers, stuck jobs, Ctrl-C, two runs at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.records.locks import claimed, running
from bench.records.record import JobName
from bench.records.store import Store
from bench.text import duration
from tests import forked
from tests.end_to_end.test_program import ROOT, bench

ROWS = ("BCE", "FL", "CB", "R-FL")
RUN = ("run", "--methods", *ROWS, "--epochs", "30")


def start(cwd: Path, *arguments: str, path: Path = ROOT) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(path), "BENCH_DATA": ""}
    return forked.start("-m", "bench", *arguments, cwd=cwd, environment=environment)


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def results_of(folder: Path) -> dict[str, dict]:
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())["result"] for path in folder.rglob("seed-*.json")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = bench(*RUN, cwd=folder)
    assert done.returncode == 0, done.stderr
    return results_of(folder / "results/runs")


def test_a_killed_worker_costs_its_own_job_which_is_tried_again(tmp_path: Path, undisturbed: dict) -> None:
    store = Store(tmp_path / "results/runs")
    process = start(tmp_path, *RUN, "--jobs", "2")
    wait_for(lambda: len(running(store)) == 2)
    victim = running(store)[0]
    os.kill(victim.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert f"the process of {victim.job} was killed; the job is tried again after the others." in out
    assert "4 jobs done, 0 failed" in out
    assert results_of(store.folder) == undisturbed
    assert running(store) == []
    assert not list(store.folder.rglob("*.tmp"))


def test_a_killed_run_leaves_no_process_and_goes_on(tmp_path: Path, undisturbed: dict) -> None:
    store = Store(tmp_path / "results/runs")
    process = start(tmp_path, *RUN, "--jobs", "2")
    wait_for(lambda: len(running(store)) == 2)
    workers = [one.pid for one in running(store)]
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)
    assert running(store) == []
    again = bench(*RUN, cwd=tmp_path)
    assert again.returncode == 0
    assert results_of(store.folder) == undisturbed


BAD_METHOD = '''
"""Methods that behave badly."""
import ctypes, os, signal
from bench.methods.api import Method, register

@register("Dies", family="test", paper="none")
class Dies(Method):
    def fit(self, train, seed):
        os.kill(os.getpid(), signal.SIGKILL)
    def scores(self, x):
        return x[:, :14]

@register("Hangs", family="test", paper="none")
class Hangs(Method):
    def fit(self, train, seed):
        ctypes.PyDLL(None).sleep(600)  # native code that never lets Python run
    def scores(self, x):
        return x[:, :14]
'''


@pytest.fixture
def bad(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/bad.py").write_text(BAD_METHOD)
    return "--methods-dir", "own"


@pytest.mark.slow
def test_a_job_that_kills_its_process_twice_is_a_failed_record(tmp_path: Path, bad: tuple[str, str]) -> None:
    run = ("run", "--methods", "Dies", "BCE", "FL", "--epochs", "2", *bad)
    done = bench(*run, "--jobs", "2", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "2 jobs done, 1 failed" in done.stdout
    record = json.loads((tmp_path / "results/runs/yeast@mulan/Dies/seed-0.json").read_text())
    assert record["failure"]["message"] == "its process was killed twice, the second time running alone"
    table = bench("table", "--metric", "hamming", *bad, cwd=tmp_path).stdout
    assert "failed: Dies on yeast (seed 0): its process was killed twice" in table
    retried = bench(*run, "--retry", "failed", "--jobs", "2", cwd=tmp_path)
    assert retried.returncode == 1
    assert "0 jobs done, 1 failed" in retried.stdout


@pytest.mark.slow
def test_a_job_stuck_in_native_code_is_stopped(tmp_path: Path, bad: tuple[str, str]) -> None:
    begin = time.monotonic()
    done = bench("run", "--methods", "Hangs", "BCE", "--epochs", "2", "--timeout", "15", *bad, cwd=tmp_path)
    assert time.monotonic() - begin < 120
    assert done.returncode == 1, done.stderr
    assert "it took longer than --timeout 15 seconds and was stopped" in done.stdout
    assert "1 job done, 1 failed" in done.stdout


def test_ctrl_c_once_finishes_what_runs(tmp_path: Path, undisturbed: dict) -> None:
    store = Store(tmp_path / "results/runs")
    process = start(tmp_path, *RUN, "--jobs", "2")
    wait_for(lambda: len(running(store)) == 2)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, out + err
    assert "stopping: the running jobs are finished first" in out
    assert "2 of 4 jobs are not done; the same command goes on from here" in out
    assert len(results_of(store.folder)) == 2
    assert bench(*RUN, cwd=tmp_path).returncode == 0
    assert results_of(store.folder) == undisturbed


def test_ctrl_c_twice_stops_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "results/runs")
    process = start(tmp_path, "run", "--methods", *ROWS, "--epochs", "100000", "--jobs", "2")
    wait_for(lambda: len(running(store)) == 2)
    workers = [one.pid for one in running(store)]
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "4 of 4 jobs are not done" in out
    assert results_of(store.folder) == {}
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)


@pytest.mark.slow
def test_two_runs_on_one_folder_share_the_work(tmp_path: Path, undisturbed: dict) -> None:
    both = [start(tmp_path, *RUN, "--jobs", "2") for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    done = sum(int(out.rsplit(" done, ", 1)[0].split()[-2]) for out, _ in outputs)
    assert done == 4, outputs  # no job was computed twice
    assert results_of(tmp_path / "results/runs") == undisturbed
    assert not list((tmp_path / "results").rglob("*.old"))


def test_status_shows_who_is_at_what(tmp_path: Path) -> None:
    empty = bench("status", cwd=tmp_path)
    assert empty.returncode == 2
    assert "there are no records in results/runs" in empty.stderr
    process = start(tmp_path, "run", "--methods", *ROWS[:2], "--epochs", "150", "--jobs", "2")
    store = Store(tmp_path / "results/runs")
    wait_for(lambda: any(one.total for one in running(store)))
    shown = bench("status", cwd=tmp_path).stdout
    assert "running  yeast@mulan" in shown
    assert "epoch" in shown
    process.communicate(timeout=300)
    assert "results/runs: 2 done, 0 running, 0 failed, 0 missing" in bench("status", cwd=tmp_path).stdout


def test_shards_are_disjoint_and_together_everything(tmp_path: Path, undisturbed: dict) -> None:
    for part in ("1/3", "2/3", "3/3"):
        done = bench(*RUN, "--shard", part, "--results", f"results/part-{part[0]}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    parts = [results_of(tmp_path / f"results/part-{number}") for number in (1, 2, 3)]
    assert [len(part) for part in parts] == [2, 1, 1]
    merged = {name: result for part in parts for name, result in part.items()}
    assert merged == undisturbed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "4/3"], "K of --shard K/N must be a whole number from 1 to 3"),
        (["--shard", "2"], "--shard takes K/N"),
        (["--timeout", "0"], "--timeout must be a number of seconds above 0"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = bench("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


# --- claims ---------------------------------------------------------------------------------------------------------


def test_a_claim_excludes_others_and_goes_with_its_process(tmp_path: Path) -> None:
    store, job = Store(tmp_path), JobName("a", "b", "c", 0)
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        "from bench.records.locks import claimed\nfrom bench.records.record import JobName\n"
        "from bench.records.store import Store\n"
        f"with claimed(Store(Path({str(tmp_path)!r})), JobName('a', 'b', 'c', 0)) as claim:\n"
        "    claim.note('epoch', 3, 7)\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with claimed(store, job) as mine:
        assert mine is None
    (seen,) = running(store)
    assert (seen.job, seen.pid, seen.done, seen.total) == ("a@b c seed 0", process.pid, 3, 7)
    process.kill()
    process.wait()
    assert running(store) == []
    with claimed(store, job) as mine:
        assert mine is not None
        with claimed(store, job) as second:
            assert second is None
    assert not list(tmp_path.rglob("*.lock"))


def test_durations_read_well() -> None:
    assert [duration(seconds) for seconds in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


def test_records_of_another_protocol_are_stale(tmp_path: Path) -> None:
    lines = [f"{i % 7},{i % 5},{'a;b' if i % 3 else 'b'}" for i in range(60)]
    (tmp_path / "things.csv").write_text("\n".join(["x,y,labels", *lines]))
    assert bench("data", "prepare", "things", "--raw", "things.csv", "--to", "data", cwd=tmp_path).returncode == 0
    assert bench("run", "--datasets", "things", "--data", "data", "--methods", "BCE", cwd=tmp_path).returncode == 0
    assert "stale" not in bench("status", cwd=tmp_path).stdout
    (tmp_path / "bench.toml").write_text('data = ["data"]\n[datasets.things]\nprotocol = "paper"\n')
    status = bench("status", cwd=tmp_path).stdout
    assert "0 done, 0 running, 0 failed, 0 missing, 1 stale" in status
    assert "stale    things@vector BCE seed 0: protocol changed since" in status
    assert "stale" in bench("table", cwd=tmp_path).stdout
    assert (
        "stale (protocol)" in bench("run", "--datasets", "things", "--methods", "BCE", "--dry-run", cwd=tmp_path).stdout
    )
