"""Artifacts are those that the job wrote, or refused in one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bench.errors import UsageError
from bench.plan.states import JobState, _wanted_again
from bench.records.artifacts import (
    SCORES,
    KeptFile,
    KeptScores,
    Scored,
    encode_distribution,
    encode_scores,
    read_distribution,
    read_scores,
)
from bench.records.record import JobName
from bench.records.store import Store
from bench.system.writing import packed
from tests import records

KEPT = KeptScores(
    np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3), np.eye(4, 3, dtype=np.int8), 0.0, ["a", "b", "c"]
)


def written(folder: Path, content: bytes, digest: bool) -> KeptFile:
    path = folder / "seed-0.scores.npz"
    path.write_bytes(content)
    return KeptFile(path, hashlib.sha256(encode_scores(KEPT)).hexdigest() if digest else None)


@pytest.mark.parametrize("digest", [True, False], ids=["digest", "older record"])
def test_what_was_kept_is_read(tmp_path: Path, digest: bool) -> None:
    found = read_scores(written(tmp_path, encode_scores(KEPT), digest))
    np.testing.assert_array_equal(found.scores, KEPT.scores)
    np.testing.assert_array_equal(found.y, KEPT.y)
    assert (found.threshold, found.label_names) == (0.0, KEPT.label_names)


def test_validation_scores_are_kept_beside_them(tmp_path: Path) -> None:
    val = Scored(np.zeros((7, 3), dtype=np.float32), np.ones((7, 3), dtype=np.int8))
    path = tmp_path / "seed-0.scores.npz"
    path.write_bytes(encode_scores(replace(KEPT, val=val)))
    found = read_scores(KeptFile(path)).val
    assert found is not None
    np.testing.assert_array_equal(found.scores, val.scores)
    np.testing.assert_array_equal(found.y, val.y)
    path.write_bytes(encode_scores(replace(KEPT, val=Scored(val.scores, val.y[:6]))))
    with pytest.raises(UsageError, match="do not belong together"):
        read_scores(KeptFile(path))
    path.write_bytes(encode_scores(KEPT))
    assert read_scores(KeptFile(path)).val is None


CHANGES: dict[str, Callable[[], bytes]] = {
    "inverted": lambda: encode_scores(replace(KEPT, scores=-KEPT.scores)),
    "of another row": lambda: encode_scores(replace(KEPT, scores=KEPT.scores[::-1].copy())),
    "edited": lambda: encode_scores(replace(KEPT, threshold=0.5)),
    "truncated": lambda: encode_scores(KEPT)[:-30],
}


@pytest.mark.parametrize("change", CHANGES)
def test_scores_that_the_job_did_not_write_are_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(
        UsageError, match=r"seed-0\.scores\.npz is not the file that its job wrote .* run the job again"
    ):
        read_scores(written(tmp_path, CHANGES[change](), digest=True))


def test_scores_that_a_run_replaced_meanwhile_are_not_blamed(tmp_path: Path) -> None:
    store, job = Store(tmp_path), JobName("set", "npz", "BCE", 0)
    path = store.sidecar(job, SCORES)
    made = records.record(job, records.result({}), artifacts={SCORES: path.name})
    store.write(
        msgspec.structs.replace(made, artifact_sha256={SCORES: hashlib.sha256(encode_scores(KEPT)).hexdigest()})
    )
    path.write_bytes(encode_scores(KEPT))
    with pytest.raises(UsageError, match="was replaced by a run since its record was read; start again"):
        read_scores(KeptFile(path, "of the record before"))


def changed(**arrays: Any) -> bytes:
    whole = {"scores": KEPT.scores, "y": KEPT.y, "threshold": np.float64(0), "label_names": np.array(list("abc"))}
    return packed({name: value for name, value in {**whole, **arrays}.items() if value is not None})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as an .npz file"),
        (changed()[:-30], "cannot be read as an .npz file"),
        (changed(y=None), "holds no y"),
        (changed(scores=KEPT.scores[:, :2]), "holds arrays that do not belong together"),
        (changed(y=KEPT.y[:2]), "holds arrays that do not belong together"),
        (changed(scores=KEPT.scores[0], y=KEPT.y[0]), "holds arrays that do not belong together"),
        (changed(label_names=np.array("a")), "holds arrays that do not belong together"),
        (changed(label_names=np.array(["a"])), "holds arrays that do not belong together"),
        (changed(scores=KEPT.scores.astype(str)), "holds arrays that do not belong together"),
        (changed(scores=KEPT.scores.astype(complex)), "holds arrays that do not belong together"),
        (changed(threshold=None), "holds arrays that do not belong together"),
        (changed(threshold=np.zeros(2)), "holds arrays that do not belong together"),
        (changed(scores=KEPT.scores * np.nan), "holds values that are not finite"),
    ],
)
def test_scores_of_an_older_record_are_checked_against_each_other(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(UsageError) as error:
        read_scores(written(tmp_path, content, digest=False))
    assert sentence in str(error.value)
    assert str(error.value).endswith("; run the job again with --keep scores.")


def test_distributions_are_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.distributions.npz"
    degrees = np.full((4, 3), 1 / 3, dtype=np.float32)
    path.write_bytes(encode_distribution(degrees, KEPT.y, KEPT.label_names, true=degrees))
    assert read_distribution(KeptFile(path)).true is not None
    path.write_bytes(encode_distribution(degrees, KEPT.y, KEPT.label_names, true=degrees[:2]))
    with pytest.raises(UsageError, match="do not belong together"):
        read_distribution(KeptFile(path))
    with pytest.raises(UsageError, match=r"is not there; run the job again with --keep distributions\."):
        read_distribution(KeptFile(tmp_path / "nothing.npz"))


def test_a_file_that_the_job_did_not_write_is_made_again_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.scores.npz"
    path.write_bytes(encode_scores(KEPT))
    made = records.record(JobName("set", "npz", "BCE", 0), artifacts={SCORES: path.name})
    made = msgspec.structs.replace(made, asked=["scores"], artifact_sha256={SCORES: KeptFile(path).sha256 or ""})
    good = msgspec.structs.replace(made, artifact_sha256={SCORES: hashlib.sha256(path.read_bytes()).hexdigest()})
    for record, state in ((good, "done"), (made, "incomplete")):
        found = JobState(record.job, "done", record=record, path=tmp_path / "seed-0.json")
        assert _wanted_again(found, False, ["scores"]).state == state
