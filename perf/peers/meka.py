"""MEKA as a side: a Java program of its own, its files in and its printed scores out. Not yet run with MEKA."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.system import writing
from perf.peers.handover import Arrays, Predict, Side

JARS = "PEER_JARS"
"""The environment variable with the class path of MEKA and what it needs."""
LEARNER = "weka.classifiers.functions.Logistic"
DECIMALS = 6
VERBOSITY = 5 + DECIMALS
"""MEKA prints scores with so many decimals above 5."""


def meka(data: Arrays, classifier: str, *options: str) -> Side:
    """A classifier over logistic regression; seconds are those that MEKA prints for building and testing."""
    labels = data["train_y"].shape[1]
    folder = Path(tempfile.mkdtemp())
    for part in ("train", "test"):
        writing.write(folder / f"{part}.arff", arff(data[f"{part}_x"], data[f"{part}_y"]).encode())
    files = ["-t", f"{folder}/train.arff", "-T", f"{folder}/test.arff"]
    program = ["java", "-Duser.language=en", "-XX:ActiveProcessorCount=1", "-cp", os.environ[JARS], classifier]
    command = [*program, *options, *files, "-verbosity", str(VERBOSITY), "-W", LEARNER]
    seconds: list[tuple[float, float]] = []

    def fit() -> Predict:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "== Individual Errors" not in done.stdout:
            raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
        seconds.append((_number(done.stdout, "Build Time"), _number(done.stdout, "Test Time")))
        return lambda: scores_of(done.stdout, labels)

    last: Callable[[], tuple[float, float]] = lambda: seconds[-1]  # noqa: E731
    return Side(fit, own_clock=last)


def arff(x: np.ndarray, y: np.ndarray) -> str:
    """MEKA's file: the labels first, their number in the relation's name."""
    head = [f"@relation 'peers: -C {y.shape[1]}'", ""]
    head += [f"@attribute label{j} {{0,1}}" for j in range(y.shape[1])]
    head += [f"@attribute feature{j} numeric" for j in range(x.shape[1])]
    rows = (",".join([*map(str, own), *map(repr, map(float, row))]) for row, own in zip(x, y.tolist(), strict=True))
    return "\n".join([*head, "", "@data", *rows, ""])


def scores_of(printed: str, labels: int) -> np.ndarray:
    """[N, c] of the lines between "PREDICTIONS" and the closing one: number, true labels and scores in brackets."""
    body = printed.split("==== PREDICTIONS", 1)[1].split("|=====", 1)[0]
    found = [re.findall(r"\[([^\]]*)\]", line)[-1] for line in body.splitlines()[1:]]
    scores = np.array([[float(word) for word in re.split(r"[\s,]+", row.strip())] for row in found])
    if scores.shape[1] != labels:
        raise RuntimeError(f"MEKA printed {scores.shape[1]} scores a row; there are {labels} labels")
    return scores


def _number(printed: str, name: str) -> float:
    found = re.search(rf"^{name}\s+([0-9.]+)", printed, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"MEKA printed no {name}")
    return float(found[1])
