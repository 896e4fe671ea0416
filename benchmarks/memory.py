"""Peak memory of a run against the size of its feature files: a simulated set, 40000 x 2048, in canonical files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.datasets import canonical
from bench.datasets.base import SplitArrays

ROWS = {"train": 40000, "val": 2000, "test": 8000}
METHODS = ["BCE", "FLEM-D", "ML-KNN", "RAKEL"]


def run(full: bool) -> dict[str, object]:
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
            peaks[method] = json.loads(record.read_text())["cost"]["peak_memory_bytes"]
    constant = {method: peak - 1.5 * size for method, peak in peaks.items()}
    return {
        "feature_files_mb": size / 2**20,
        "peak_mb": {method: peak / 2**20 for method, peak in peaks.items()},
        "beyond_one_and_a_half_times_the_files_mb": {method: value / 2**20 for method, value in constant.items()},
    }
