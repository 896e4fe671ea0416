"""Part f: the program as its user runs it: ``bench run`` on the device and on the CPU, and the metrics side by side."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.records.record import Record
from bench.records.store import Store
from perf.gpu.setting import Line, Setting

METHODS = ("ML-KNN", "FL", "FLEM-D", "BCE")
"""One of each kind of training."""
LONGEST = 100
"""Seconds that a run may take; one that is stopped leaves the records of what it finished."""


def lines(setting: Setting) -> Iterator[Line]:
    yield "yeast", lambda: both(setting)


def both(setting: Setting) -> dict[str, Any]:
    """Per method the four metrics on either device and seconds; exit codes, and the output of what failed."""
    found: dict[str, Any] = {"methods": {}}
    with tempfile.TemporaryDirectory() as name:
        for device in dict.fromkeys((str(setting.device), "cpu")):
            results = Path(name) / device.replace(":", "-")
            command = [
                "run",
                "--datasets",
                "yeast",
                "--methods",
                *METHODS,
                "--device",
                device,
                "--results",
                str(results),
            ]
            if setting.scale < 1:
                command += ["--epochs", "2"]
            begun = time.perf_counter()
            try:
                done = subprocess.run(
                    [sys.executable, "-m", "bench", *command],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd=name,
                    timeout=LONGEST,
                )
                found[f"{device}_exit"], output = done.returncode, done.stdout
            except subprocess.TimeoutExpired as stopped:
                found[f"{device}_exit"], output = f"stopped after {LONGEST} s", stopped.output or b""
            found[f"{device}_seconds"] = time.perf_counter() - begun
            if found[f"{device}_exit"]:
                found[f"{device}_output"] = output.decode(errors="replace")[-1500:]
            for _, record in Store(results).records():
                if isinstance(record, Record) and record.result is not None:
                    metrics = {
                        key: record.metrics[key] for key in ("hamming", "ranking", "coverage", "average_precision")
                    }
                    line = {"seconds": record.cost.seconds, "selected": record.result.selected.epoch, **metrics}
                    found["methods"].setdefault(record.job.variant, {})[device] = line
    return found
