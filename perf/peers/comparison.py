"""One line: both sides in turns on one set, their quality by our metrics, and the seconds to equal quality."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from bench import methods
from bench.metrics.classification import evaluate
from bench.metrics.distribution import measures, normalised
from bench.system import reading, writing
from perf.peers.data import Given
from perf.peers.environment import ROOT, Environment
from perf.peers.table import Peer

ROUNDS = 3
WALL = 10
"""Times the limit of processor seconds, after which a process is ended too: it waits, or the machine is overrun."""
EQUAL = 1e-3
"""Relative difference of macro AP up to which two are equal."""
QUALITY = ("average_precision", "hamming", "ranking")
RECOVERY = ("kullback_leibler", "chebyshev", "cosine")


@dataclass(frozen=True)
class Limits:
    process: float
    """Processor seconds after which a side's process is ended, and counts as not done."""
    line: float
    """Seconds of a line after which no further round is begun."""


class NotDoneError(Exception):
    """A side's process came to its limit."""


def measured(name: str, peer: Peer, data: Given, environment: Environment, limits: Limits) -> dict[str, Any]:
    """A line's numbers; ``theirs_not_done_in`` where the peer had to be ended, ``error`` where a side failed."""
    line: dict[str, Any] = {
        "ours": peer.ours,
        "simulated": data.simulated,
        "rows": len(data.arrays["train_x"]),
        "load_before": os.getloadavg()[0],
        "rounds": [],
    }
    sides = {
        "ours": ([sys.executable, "-m", "perf.peers.ours", peer.ours], _threshold(peer.ours)),
        "theirs": ([str(environment.python), "-m", peer.module, name], peer.threshold),
    }
    curves: dict[str, dict[str, Any]] = {}
    taken = 0.0
    with tempfile.TemporaryDirectory() as folder:
        writing.write(Path(folder) / "given.npz", writing.packed(data.arrays))
        for number in range(ROUNDS):
            seconds: dict[str, dict[str, float]] = {}
            for side, (command, threshold) in sides.items():
                try:
                    found = _run(command, Path(folder), peer.iterative and number == 0, environment, limits.process)
                except NotDoneError:
                    line[f"{side}_not_done_in"] = limits.process
                    break
                except (subprocess.CalledProcessError, OSError) as error:
                    return line | {"error": f"{side}: {_reason(error)}"}
                fit, predict = found["seconds"].tolist()
                seconds[side] = {"fit": fit, "predict": predict, "wall": float(found["wall"])}
                taken += seconds[side]["wall"]
                if number == 0:
                    line[f"{side}_quality"] = quality(data, found["scores"], threshold)
                if "curve_scores" in found:
                    curves[side] = _curve(data, found)
            line["rounds"].append(seconds)
            if len(seconds) < 2 or taken > limits.line:
                break
    complete = [one for one in line["rounds"] if len(one) == 2]
    if complete:
        line["ratio"] = median(both(one["theirs"]) / both(one["ours"]) for one in complete)
    if len(curves) == 2:
        line["curves"] = curves
        line["to_equal_quality"] = to_equal_quality(curves, line)
    return line


def both(seconds: dict[str, float]) -> float:
    """Processor seconds of fit and prediction."""
    return seconds["fit"] + seconds["predict"]


def _run(
    command: list[str], folder: Path, curve: bool, environment: Environment, limit: float
) -> dict[str, np.ndarray]:
    files = [str(folder / name) for name in ("given.npz", "found.npz")]
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    try:
        subprocess.run(
            [*command, *files, *(["curve"] if curve else [])],
            cwd=ROOT, env=environment.variables(), capture_output=True, text=True, check=True,
            timeout=WALL * limit, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(limit), hard)),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotDoneError from error
    except subprocess.CalledProcessError as error:
        if error.returncode == -signal.SIGXCPU:
            raise NotDoneError from error
        raise
    return reading.arrays(folder / "found.npz")


def _reason(error: Exception) -> str:
    lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
    return lines[-1][:300]


def _threshold(name: str) -> float:
    return methods.method_class(name).decision_threshold


def quality(data: Given, scores: np.ndarray, threshold: float) -> dict[str, float | None]:
    """Of test scores by our metrics; of recovered degrees by their distance from the true ones."""
    if "degrees" in data.arrays:
        true = torch.from_numpy(data.arrays["degrees"])
        found: dict[str, Any] = dict(measures(true, normalised(torch.from_numpy(scores), "sum")))
        return {name: found[name] for name in RECOVERY}
    found = evaluate(torch.from_numpy(data.arrays["test_y"]), torch.from_numpy(scores), threshold)
    return {name: found[name] for name in QUALITY}


def _curve(data: Given, found: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Seconds and macro AP of each checkpoint."""
    values = [quality(data, scores, 0.0)["average_precision"] or 0.0 for scores in found["curve_scores"]]
    return {"seconds": found["curve_seconds"].tolist(), "average_precision": values}


def to_equal_quality(curves: dict[str, dict[str, list[float]]], line: dict[str, Any]) -> dict[str, float | None]:
    """Of either side, the least seconds of training to the macro AP that the other ends with; None: not reached.

    ``least``: of the two ends the lower one, which both reach; ``ratio`` is of the seconds to it.
    """
    ends = {side: line[f"{side}_quality"]["average_precision"] for side in ("ours", "theirs")}
    found: dict[str, float | None] = {
        "ours_to_theirs": reached(curves["ours"], ends["theirs"]),
        "theirs_to_ours": reached(curves["theirs"], ends["ours"]),
    }
    least = {side: reached(curve, min(ends.values())) for side, curve in curves.items()}
    found |= {f"{side}_to_least": seconds for side, seconds in least.items()}
    if least["ours"] and least["theirs"]:
        found["ratio"] = least["theirs"] / least["ours"]
    return found


def reached(curve: dict[str, list[float]], target: float) -> float | None:
    """Seconds of the first checkpoint whose macro AP is the target's or better, up to the relative difference EQUAL."""
    pairs = zip(curve["seconds"], curve["average_precision"], strict=True)
    there = [seconds for seconds, value in pairs if value >= target * (1 - EQUAL)]
    return min(there) if there else None
