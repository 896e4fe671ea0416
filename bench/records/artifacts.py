"""Artifacts beside a record, as ``--keep`` asks for them, written and read. Imports no torch.

``scores``: scores and labels of the test split, and of the validation split. ``distributions``: the label distribution
that a method recovers for the training rows, with their logical labels and predicted scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.records.record import Record, readable
from bench.system import reading
from bench.system.writing import packed

SCORES = "scores.npz"
DISTRIBUTIONS = "distributions.npz"


@dataclass(frozen=True)
class KeptFile:
    """An artifact's file, and the digest that its record has of it."""

    path: Path
    sha256: str | None = None
    """None: the record is from before digests were noted, and the file is believed if its shapes agree."""

    @property
    def whole(self) -> bool:
        """True of the file that the job wrote."""
        return self.path.is_file() and self.sha256 in (None, reading.sha256(self.path))


def kept_file(record: Record, path: Path, kind: str) -> KeptFile | None:
    """The artifact of a record whose file is ``path``; None where the job left none of the kind."""
    if kind not in record.artifacts:
        return None
    return KeptFile(path.with_name(record.artifacts[kind]), record.artifact_sha256.get(kind))


@dataclass(frozen=True)
class Scored:
    """Scores [N, c] for labels y [N, c] of the same instances."""

    scores: np.ndarray
    y: np.ndarray


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
    val: Scored | None = None
    """Of the validation instances; files from before decision rules have none."""


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
    arrays = {
        "scores": found.scores,
        "y": found.y,
        "threshold": np.float64(found.threshold),
        "label_names": np.array(found.label_names),
    }
    if found.val is not None:
        arrays |= {"val_scores": found.val.scores, "val_y": found.val.y}
    return packed(arrays)


def read_scores(file: KeptFile) -> KeptScores:
    """Read a ``seed-<n>.scores.npz``.

    Raises
    ------
    UsageError: when it is not there, cannot be read, or is not what the job wrote.
    """
    arrays = _arrays(file, "scores", {"scores": "f", "y": "iu"}, {"val_scores": "f", "val_y": "iu"})
    val = Scored(arrays["val_scores"], arrays["val_y"]) if {"val_scores", "val_y"} <= arrays.keys() else None
    return KeptScores(arrays["scores"], arrays["y"], float(arrays["threshold"]), _names(arrays), val)


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


def read_distribution(file: KeptFile) -> RecoveredDistribution:
    """Read a ``seed-<n>.distributions.npz``.

    Raises
    ------
    UsageError: when it is not there, cannot be read, or is not what the job wrote.
    """
    arrays = _arrays(file, "distributions", {"degrees": "f", "logical": "iu"}, {"scores": "f", "true": "f"})
    threshold = float(arrays["threshold"]) if "threshold" in arrays else None
    return RecoveredDistribution(
        arrays["degrees"], arrays["logical"], _names(arrays), arrays.get("scores"), threshold, arrays.get("true")
    )


def _names(arrays: dict[str, np.ndarray]) -> list[str]:
    return [str(name) for name in arrays["label_names"]]


def _arrays(file: KeptFile, kind: str, needed: dict[str, str], more: dict[str, str] | None = None) -> dict[str, Any]:
    """The arrays of an artifact: matrices [rows, labels] of a kind ("f" real, "iu" whole numbers), all of one shape,
    those of ``more`` where it has them, with a name for every label. Validation data have rows of their own."""
    again = f"run the job again with --keep {kind}"
    if not file.path.exists():
        raise UsageError(f"{file.path} is not there; {again}.")
    if not file.whole:
        record_path = file.path.with_name(f"{file.path.name.partition('.')[0]}.json")
        record = readable(record_path)
        now = kept_file(record, record_path, file.path.name.partition(".")[2]) if isinstance(record, Record) else None
        if now and now.whole:
            raise UsageError(f"{file.path} was replaced by a run since its record was read; start again.")
        raise UsageError(f"{file.path} is not the file that its job wrote (its SHA-256 is not the record's); {again}.")
    try:
        arrays = reading.arrays(file.path)
    except UsageError as error:
        raise UsageError(f"{str(error).rstrip('.')}; {again}.") from error
    expected = {**needed, **{name: form for name, form in (more or {}).items() if name in arrays}}
    absent = [name for name in (*expected, "label_names") if name not in arrays]
    if absent:
        raise UsageError(f"{file.path} holds no {' and no '.join(absent)}; {again}.")
    names = arrays["label_names"]
    by_split = {(name.startswith("val_"), arrays[name].shape) for name in expected}
    shapes = [shape for _, shape in by_split]
    fits = len(dict(by_split)) == len(by_split) and names.ndim == 1
    fits = fits and all(len(shape) == 2 and shape[1] == len(names) for shape in shapes)
    kinds = all(arrays[name].dtype.kind in form for name, form in expected.items())
    threshold = arrays.get("threshold", np.zeros(()))
    needs_threshold = "scores" in expected and "threshold" not in arrays
    if not (fits and kinds) or needs_threshold or threshold.shape != () or threshold.dtype.kind != "f":
        said = ", ".join(f"{name} {arrays[name].dtype} {list(arrays[name].shape)}" for name in expected)
        raise UsageError(f"{file.path} holds arrays that do not belong together ({said}); {again}.")
    if not all(np.isfinite(arrays[name]).all() for name in expected):
        raise UsageError(f"{file.path} holds values that are not finite; {again}.")
    return arrays
