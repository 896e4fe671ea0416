"""Peak memory of runs: of some methods against the size of their feature files (40000 x 2048), and every method's own
on simulated data of NUS-WIDE's size (146000 x 2048, 81 labels).

There one epoch, and at most ``SECONDS`` a method: the peak comes with the first batches and blocks, which are of equal
size. RAKEL and whatever prepares a graph or a recovery network gets there later, so whether a method finished is said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench import methods
from bench.datasets.dataset import SplitArrays
from bench.datasets.readers import canonical
from bench.records.record import read_record
from perf.cases import large_data

SECONDS = 240.0
SECONDS_BETWEEN_LOOKS = 0.2
LEFT_OUT = ("FCM", "KM", "LP", "ML", "GLLE")
"""They work on matrices of N x N, say so, and refuse: 170 GB each."""
FEW = ["BCE", "FLEM-D", "ML-KNN", "RAKEL"]


def run(full: bool) -> dict[str, object]:
    return {**of_a_run(full), **of_every_method(full)}


def of_every_method(full: bool) -> dict[str, object]:
    names = [name for name in methods.names() if name not in LEFT_OUT] if full else FEW
    with tempfile.TemporaryDirectory() as folder:
        large_data.write(Path(folder))
        found = {name: measured(name, Path(folder)) for name in names}
    return {
        "own_gib": {name: one["own"] for name, one in found.items()},
        "with_mapped_files_gib": {name: one["resident"] for name, one in found.items()},
        "finished": {name: bool(one["finished"]) for name, one in found.items()},
        "seconds": {name: one["seconds"] for name, one in found.items()},
    }


def measured(name: str, folder: Path) -> dict[str, float]:
    """Peaks in GiB: memory of its own, and with the pages of mapped files that happen to be in memory."""
    command = [sys.executable, "-m", "bench", "run", "--datasets", "Large", "--data", str(folder), "--methods", name]
    command += ["--epochs", "1", "--results", str(folder / "results"), "--keep", "none"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    own = resident = 0.0
    while process.poll() is None and time.perf_counter() - started < SECONDS:
        fields = _status(process.pid)
        own = max(own, fields.get("RssAnon", 0) / 2**20)
        resident = max(resident, fields.get("VmRSS", 0) / 2**20)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    finished = process.poll() == 0
    process.kill()
    process.wait()
    seconds = time.perf_counter() - started
    print(f"  {name}: {own:.2f} GiB of its own after {seconds:.0f} s, finished: {finished}", flush=True)
    return {"own": own, "resident": resident, "finished": finished, "seconds": seconds}


def _status(pid: int) -> dict[str, int]:
    """{field: kB} of a process; empty when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value}


ROWS = {"train": 40000, "val": 2000, "test": 8000}
METHODS = ["BCE", "FLEM-D", "ML-KNN", "RAKEL"]


def of_a_run(full: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random = np.random.default_rng(0)
        splits = {
            split: SplitArrays(
                random.random((rows, 2048), dtype=np.float32), (random.random((rows, 20)) < 0.08).astype(np.int8)
            )
            for split, rows in ROWS.items()
        }
        canonical.save(folder / "data", "Simulated", "noise", splits)
        size = sum(path.stat().st_size for path in (folder / "data").glob("*.npy"))
        del splits
        peaks = {}
        chosen = METHODS if full else METHODS[:2]
        for method in chosen:
            command = [sys.executable, "-m", "bench", "run", "--datasets", "Simulated", "--data", str(folder / "data")]
            command += ["--methods", method, "--epochs", "1", "--results", str(folder / "results"), "--keep", "none"]
            subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
            record = folder / f"results/Simulated@noise/{method}/seed-0.json"
            peaks[method] = read_record(record).cost.peak_memory_bytes
    constant = {method: peak - 1.5 * size for method, peak in peaks.items()}
    return {
        "feature_files_mb": size / 2**20,
        "peak_mb": {method: peak / 2**20 for method, peak in peaks.items()},
        "beyond_one_and_a_half_times_the_files_mb": {method: value / 2**20 for method, value in constant.items()},
    }
