"""Tables of labels: values by scikit-learn, means over seeds, counts, gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as reference

from bench.analysis.label_table import label_frame, render_labels
from bench.errors import UsageError
from bench.plan.states import JobState
from bench.records.artifacts import SCORES, KeptScores, encode_scores
from bench.records.record import JobName
from tests.records import record, result

Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=np.int8)
NAMES = ["a", "b", "c"]


def state(folder: Path, seed: int, scores: np.ndarray | None, y: np.ndarray = Y) -> JobState:
    name = f"seed-{seed}.{SCORES}"
    made = record(JobName("s", "npz", "BCE", seed), result({}), artifacts={SCORES: name} if scores is not None else {})
    if scores is not None:
        (folder / name).write_bytes(encode_scores(KeptScores(scores, y, 0.0, NAMES)))
    return JobState(made.job, "done", record=made, path=folder / f"seed-{seed}.json")


def test_values_are_means_over_seeds_with_counts(tmp_path: Path) -> None:
    scores = [np.round(np.random.default_rng(seed).standard_normal(Y.shape)).astype(np.float32) for seed in range(2)]
    states = [state(tmp_path, seed, one) for seed, one in enumerate(scores)]
    frame = label_frame([*states, state(tmp_path, 2, None)], {"a": 7, "b": 0, "c": 1})
    assert frame["label"].tolist() == NAMES
    assert frame["train"].tolist() == [7, 0, 1]
    assert frame["test"].tolist() == [2, 2, 0]
    for j in range(2):
        ap = np.mean([reference.average_precision_score(Y[:, j], one[:, j]) for one in scores])
        auc = np.mean([reference.roc_auc_score(Y[:, j], one[:, j]) for one in scores])
        f1 = np.mean([reference.f1_score(Y[:, j], one[:, j] > 0, zero_division=0) for one in scores])
        assert frame.loc[j, ["BCE AP", "BCE F1", "BCE AUC"]].tolist() == pytest.approx([ap, f1, auc])
    assert frame.loc[2, ["BCE AP", "BCE AUC"]].isna().all()
    text = render_labels(label_frame(states, None), "Labels of s", ["a note"], "terminal", 4)
    assert text.splitlines()[0] == "Labels of s"
    assert text.splitlines()[-1] == "a note"
    assert "  –       0         –" in text  # no data set here; a label without test positives


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has kept scores; `python -m bench run --keep scores` keeps them"):
        label_frame([state(tmp_path, 0, None)], None)
    scores = np.zeros(Y.shape, dtype=np.float32)
    with pytest.raises(UsageError, match=r"seed-1.scores.npz has other test labels"):
        label_frame([state(tmp_path, 0, scores), state(tmp_path, 1, scores, 1 - Y)], None)
