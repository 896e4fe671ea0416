"""Runs over Dask and Ray: real schedulers and workers on loopback, one worker killed on the way, the results of one
process."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cli.main import main
from bench.records.locks import running
from bench.records.store import Store
from bench.running.cluster import what_is_missing
from tests.end_to_end.test_program import ROOT, bench
from tests.end_to_end.test_runner import results_of, start, wait_for

RUN = ("run", "--methods", "BCE", "FL", "CB", "R-FL", "--epochs", "60")
DASK = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert bench(*RUN, "--jobs", "1", cwd=folder).returncode == 0
    return results_of(folder / "results/runs")


@pytest.fixture
def dask_address(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("distributed", reason="needs the Python package distributed (the extra dask)")
    program = tmp_path / "scheduler.py"
    program.write_text(DASK)
    process = subprocess.Popen(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.communicate("", timeout=60)


def needs_ray() -> None:
    """Skip the test where ray is not installed; it is not imported, which takes seconds."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs the Python package ray (the extra ray)")


@pytest.fixture
def ray_address(tmp_path: Path) -> Iterator[str]:
    needs_ray()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("ray")
    begin = f"start --head --node-ip-address 127.0.0.1 --port {port} --num-cpus 2 --include-dashboard false"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([program, *begin.split()], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    yield f"127.0.0.1:{port}"
    subprocess.run([program, "stop", "--force"], capture_output=True, check=False)


def with_a_worker_killed(folder: Path, backend: str, address: str) -> str:
    store = Store(folder / "results/runs")
    process = start(folder, *RUN, "--backend", backend, "--address", address)
    wait_for(lambda: any(one.total for one in running(store)) or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    os.kill(running(store)[0].pid, signal.SIGKILL)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert "4 jobs done, 0 failed" in out
    assert running(store) == []
    return out


@pytest.mark.slow
def test_dask_with_a_worker_killed(tmp_path: Path, dask_address: str, undisturbed: dict) -> None:
    with_a_worker_killed(tmp_path, "dask", dask_address)
    assert results_of(tmp_path / "results/runs") == undisturbed


@pytest.mark.slow
def test_ray_with_a_worker_killed(tmp_path: Path, ray_address: str, undisturbed: dict) -> None:
    out = with_a_worker_killed(tmp_path, "ray", ray_address)
    assert results_of(tmp_path / "results/runs") == undisturbed
    assert re.search(r"the worker of yeast@mulan \S+ seed 0 was lost; the job is tried again", out)


def test_workers_must_see_the_same(tmp_path: Path) -> None:
    token, data = tmp_path / ".shared", tmp_path / "data.npy"
    data.write_bytes(b"1234")
    elsewhere = what_is_missing(token, {}, {}) or ""
    assert f"the results folder {tmp_path} is another one or is not there" in elsewhere
    token.touch()
    assert what_is_missing(token, {data: 4}, {}) is None
    assert f"the data file {data} is missing or another one" in (what_is_missing(token, {data: 5}, {}) or "")
    other = what_is_missing(token, {}, {"BCE": "0000"}) or ""
    assert "the method BCE has other code or is not installed" in other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "dask"], "--backend dask needs --address"),
        (["--backend", "ray", "--address", "127.0.0.1:1"], "there is no Ray cluster at 127.0.0.1:1"),
        (["--address", "tcp://127.0.0.1:1"], "--address goes with --backend dask or ray"),
        (["--backend", "ray", "--timeout", "5"], "--timeout stops processes of this machine"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    if "ray" in arguments and "--address" in arguments:
        needs_ray()
    done = bench("run", "--methods", "BCE", "--epochs", "1", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_dask_scheduler_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the program does, but waiting less long for an answer."""
    distributed = pytest.importorskip("distributed", reason="needs the Python package distributed (the extra dask)")
    connect = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: connect(address, timeout=0.2))
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--methods", "BCE", "--backend", "dask", "--address", "tcp://127.0.0.1:1"]) == 2
    assert "error: there is no Dask scheduler at tcp://127.0.0.1:1" in capsys.readouterr().err
