"""One side's process: arrays in, fit and prediction timed, scores out. Needs NumPy alone, for peers' own interpreter.

Times are the process's own processor seconds: with one thread they are the wall time of a core that nothing else is on.

PYTHON -m MODULE SIDE ARRAYS.npz SCORES.npz [curve]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.system import reading, writing

SHORT = 5.0
"""Processor seconds; what takes less is run once before it is timed: imports and compilers are done by then."""
ENOUGH = 0.2
"""Processor seconds that are timed together, of runs that take less."""
LEAST = 1e-3
"""Seconds that a run is taken to last at least: no more are made than ``ENOUGH`` has of these."""

Arrays = Mapping[str, np.ndarray]
"""train_x, train_y, val_x, val_y, test_x, test_y (x float32, y int8); of a set of label distributions train_* alone."""
Predict = Callable[[], np.ndarray]
Curve = Iterator[tuple[float, np.ndarray]]
"""(seconds of training so far, scores) of each checkpoint."""


@dataclass(frozen=True)
class Side:
    """A side whose packages are imported and whose data are at hand; imports are not timed."""

    fit: Callable[[], Predict]
    curve: Callable[[], Curve] | None = None
    own_clock: Callable[[], tuple[float, float]] | None = None
    """(fit, prediction) seconds of the last run by the package's own clock, where it is a program of its own."""


def main(sides: Mapping[str, Callable[[Arrays], Side]]) -> None:
    name, given, out, *curve = sys.argv[1:]
    side = sides[name](reading.arrays(given))
    found = timed(side)
    if curve and side.curve:
        seconds, scores = zip(*side.curve(), strict=True)
        found |= {"curve_seconds": np.array(seconds), "curve_scores": np.stack(scores).astype(np.float32)}
    writing.write(Path(out), writing.packed(found))


def timed(side: Side) -> dict[str, np.ndarray]:
    """Processor seconds of fit and of prediction, wall seconds of both, and the scores [N, c]."""
    runs = [_run(side)]
    if runs[0][1].sum() < SHORT:
        runs = [_run(side)]
        while sum(seconds.sum() for _, seconds, _ in runs) < ENOUGH and len(runs) < ENOUGH / LEAST:
            runs.append(_run(side))
    scores, _, wall = runs[-1]
    return {"seconds": np.mean([seconds for _, seconds, _ in runs], axis=0), "wall": np.array(wall), "scores": scores}


def _run(side: Side) -> tuple[np.ndarray, np.ndarray, float]:
    """(scores, processor seconds of fit and of prediction, wall seconds of both)."""
    wall, start = time.perf_counter(), time.process_time()
    predict = side.fit()
    middle = time.process_time()
    scores = np.asarray(predict(), dtype=np.float64)
    end = time.process_time()
    seconds = side.own_clock() if side.own_clock else (middle - start, end - middle)
    return scores, np.array(seconds), time.perf_counter() - wall


def fit_seconds(fit: Callable[[], Predict]) -> tuple[float, Predict]:
    """Processor seconds of a fit, the mean of as many as take long enough to be timed together."""
    start, times = time.process_time(), 0
    while times == 0 or (time.process_time() - start < ENOUGH and times < ENOUGH / LEAST):
        predict = fit()
        times += 1
    return (time.process_time() - start) / times, predict
