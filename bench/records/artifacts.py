"""Artifacts beside a record, as ``--keep`` asks for them, written and read. Imports no torch.

``scores``: the test split's scores and labels. ``distributions``: the label distribution that a method recovers for the
training rows, with their logical labels and predicted scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.system.writing import packed

SCORES = "scores.npz"
DISTRIBUTIONS = "distributions.npz"


@dataclass(frozen=True)
class KeptScores:
    """Scores of one job's chosen model for the N test instances."""

    scores: np.ndarray
    """[N, c] float32, or float64 where the method's scores are (ML-KNN, RAKEL)."""
    y: np.ndarray
    """[N, c] int8, positive where 1."""
    threshold: float
    """A label is predicted where its score exceeds this."""
    label_names: list[str]


@dataclass(frozen=True)
class RecoveredDistribution:
    """Label distribution recovered for the N training rows of one job."""

    degrees: np.ndarray
    """[N, c] float32, as the method gives them: not negative; they sum to 1 unless the method says otherwise."""
    logical: np.ndarray
    """[N, c] int8: the labels it was given."""
    label_names: list[str]
    scores: np.ndarray | None = None
    """[N, c] float32: what the trained classifier predicts for the same rows; none in the recovery track."""
    threshold: float | None = None
    """A label is predicted where its score exceeds this."""
    true: np.ndarray | None = None
    """[N, c] float32: the true distribution, in the recovery track."""


def encode_scores(found: KeptScores) -> bytes:
    return packed(
        {
            "scores": found.scores,
            "y": found.y,
            "threshold": np.float64(found.threshold),
            "label_names": np.array(found.label_names),
        }
    )


def read_scores(path: Path) -> KeptScores:
    """Read a ``seed-<n>.scores.npz``.

    Raises
    ------
    UsageError: when it is not there or cannot be read.
    """
    arrays = _arrays(path, "scores", ("scores", "y", "threshold", "label_names"))
    return KeptScores(
        arrays["scores"], arrays["y"], float(arrays["threshold"]), [str(n) for n in arrays["label_names"]]
    )


def encode_distribution(
    degrees: Any,
    logical: np.ndarray,
    label_names: list[str],
    *,
    scores: Any = None,
    threshold: float | None = None,
    true: np.ndarray | None = None,
) -> bytes:
    arrays = {
        "degrees": np.asarray(degrees, dtype=np.float32),
        "logical": np.asarray(logical, dtype=np.int8),
        "label_names": np.array(label_names),
    }
    if scores is not None:
        arrays["scores"] = np.asarray(scores, dtype=np.float32)
        arrays["threshold"] = np.float64(threshold)
    if true is not None:
        arrays["true"] = np.asarray(true, dtype=np.float32)
    return packed(arrays)


def read_distribution(path: Path) -> RecoveredDistribution:
    """Read a ``seed-<n>.distributions.npz``.

    Raises
    ------
    UsageError: when it is not there or cannot be read.
    """
    arrays = _arrays(path, "distributions", ("degrees", "logical", "label_names"))
    return RecoveredDistribution(
        arrays["degrees"],
        arrays["logical"],
        [str(name) for name in arrays["label_names"]],
        arrays.get("scores"),
        float(arrays["threshold"]) if "threshold" in arrays else None,
        arrays.get("true"),
    )


def _arrays(path: Path, kind: str, needed: tuple[str, ...]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UsageError(f"{path} is not there; run the job again with --keep {kind}.") from error
    except Exception as error:  # a damaged archive fails in many ways
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path} cannot be read ({first}); run the job again with --keep {kind}.") from error
    absent = [name for name in needed if name not in arrays]
    if absent:
        raise UsageError(f"{path} holds no {' and no '.join(absent)}; run the job again with --keep {kind}.")
    return arrays
