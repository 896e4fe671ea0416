"""Scores of a model trained elsewhere become a record, or are refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from bench.cli.main import main
from bench.plan import keys
from bench.records.artifacts import KeptFile, read_scores
from bench.records.record import Decisions, Provenance, as_json, encode, read_record

RECORD = Path("results/small@npz/MyNet/seed-0.json")
SCORE = ["score", "own.npz", "--dataset", "small", "--as", "MyNet", "--results", "results", "--threshold", "0.5"]


@pytest.fixture
def arrays(work: Path) -> dict[str, Any]:
    kept = read_scores(KeptFile(Path("results/small@npz/BCE/seed-0.scores.npz")))
    assert kept.val is not None
    return {
        "test": 1 / (1 + np.exp(-kept.scores)),
        "val": 1 / (1 + np.exp(-kept.val.scores)),
        "test_y": kept.y,
        "val_y": kept.val.y,
        "label_names": np.array(kept.label_names),
    }


def test_scores_become_a_record(arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("own.npz", **arrays)
    assert main(SCORE) == 0
    record, trained = read_record(RECORD), read_record(RECORD.parents[1] / "BCE/seed-0.json")
    assert isinstance(record.provenance, Provenance)
    assert (record.provenance.origin, record.provenance.threshold, record.base) == ("external", 0.5, "")
    assert set(record.key) == {"data", "metrics", "file", "threshold", "seed"}
    assert record.key["data"] == trained.key["data"]
    assert record.result
    assert trained.result
    for metric, value in trained.result.test.items():  # a sigmoid changes no order, but it may round
        assert record.result.test[metric] == pytest.approx(value, abs=1e-4)
    assert record.further_metrics["ndcg_at_3"] == pytest.approx(trained.further_metrics["ndcg_at_3"], abs=1e-4)
    assert record.further_metrics["psp_at_1"] == pytest.approx(trained.further_metrics["psp_at_1"], abs=1e-4)
    assert record.further_metrics.keys() == trained.further_metrics.keys()
    assert isinstance(record.decisions, Decisions)
    assert record.decisions.rules["fixed"]["hamming"].test["hamming"] == record.result.test["hamming"]
    capsys.readouterr()
    assert main(["table", "--metric", "hamming", "--results", "results"]) == 0
    shown = capsys.readouterr().out
    assert "External, scores of models trained elsewhere: MyNet (own.npz, decided at 0.5)." in shown
    assert "stale" not in shown
    stats = ["stats", "--metric", "hamming", "--methods", "BCE", "MyNet", "--control", "MyNet", "--results", "results"]
    assert main(stats) == 0
    assert "MyNet is not told apart from BCE" in capsys.readouterr().out
    assert main(["status", "--results", "results"]) == 0
    assert "3 done, 0 running, 0 failed, 0 missing" in capsys.readouterr().out
    assert main(["report", "--results", "results", "--output", "page.html", "--methods", "BCE", "MyNet"]) == 0
    assert "MyNet (own.npz" in Path("page.html").read_text()
    assert main(["decide", "--results", "results"]) == 0


def test_no_code_but_the_metrics_makes_it_stale(
    arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("own.npz", test=arrays["test"])
    assert main(SCORE) == 0
    table = ["table", "--metric", "hamming", "--results", "results", "--methods", "MyNet"]
    monkeypatch.setattr(keys.digests, "code_digest", lambda *_: "other code")  # of the same numbers, by the probe
    assert main(table) == 0
    shown = capsys.readouterr().out
    assert "stale" not in shown
    assert "The code has changed since 1 record; today's computes the same numbers on a small problem." in shown
    record = read_record(RECORD)
    assert record.probe
    changed = dict.fromkeys(record.probe, 0.5)
    RECORD.write_bytes(encode(structs.replace(record, probe_json=as_json(changed))))
    assert main(table) == 0
    assert "metrics changed since" in capsys.readouterr().out


def test_data_that_change_make_it_stale(arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("own.npz", **arrays)
    assert main(SCORE) == 0
    with np.load("data/small.npz") as data:
        np.savez("data/small.npz", X=data["X"] * 2, Y=data["Y"])
    assert main(["table", "--metric", "hamming", "--results", "results", "--methods", "MyNet"]) == 0
    assert "data changed since" in capsys.readouterr().out


def with_nan(test: np.ndarray) -> np.ndarray:
    test = test.copy()
    test[3, 1] = np.nan
    return test


WRONG = {
    "rows": (lambda a: {"test": a["test"][1:]}, "array test: it has 39 rows, the test split of small@npz has 40"),
    "labels": (lambda a: {"test": a["test"][:, 1:]}, "array test: it has 3 labels, the test split of small@npz has 4"),
    "finite": (lambda a: {"test": with_nan(a["test"])}, "array test: the score in row 3, column 1 is nan, not finite"),
    "val": (lambda a: {"test": a["test"], "val": a["test"][:-1]}, "array val: it has 39 rows, the val split"),
    "order": (lambda a: {"test": a["test"], "test_y": a["test_y"][::-1]}, "put the rows into its order"),
    "no scores": (lambda a: {"scores": a["test"]}, "own.npz holds no array test"),
    "text": (lambda a: {"test": a["test"].astype(str)}, "array test must be a matrix [rows, labels] of scores"),
    "names": (
        lambda a: {"test": a["test"], "label_names": a["label_names"][::-1]},
        "array label_names: label 0 is 'label 3', that of small@npz is 'label 0'",
    ),
    "few names": (
        lambda a: {"test": a["test"], "label_names": a["label_names"][:2]},
        "2 names; small@npz has 4 labels",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_other_scores_are_refused(fault: str, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    make, sentence = WRONG[fault]
    np.savez("own.npz", **make(arrays))
    assert main(SCORE) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not RECORD.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--as", "flem-d"], "FLEM-D is a method or variant here; give another name with --as."),
        (["--as", "a/b"], "--as 'a/b' cannot be a folder's name"),
        (["--as", "MyNet", "--threshold", "nan"], "--threshold must be"),
        (["--as", "MyNet", "--dataset", "smal"], "there is no data set 'smal'"),
    ],
)
def test_wrong_words_are_refused(
    words: list[str], sentence: str, arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("own.npz", **arrays)
    given = words if "--dataset" in words else ["--dataset", "small", *words]
    assert main(["score", "own.npz", "--results", "results", *given]) == 2
    assert sentence in capsys.readouterr().err


def test_a_second_scoring_takes_the_firsts_place(arrays: dict[str, Any]) -> None:
    np.savez("own.npz", **arrays)
    assert main(SCORE) == 0
    np.savez("own.npz", test=-arrays["test"])
    assert main(SCORE) == 0
    assert len(list(RECORD.parent.glob("*.old"))) == 2  # the record and its scores
    assert read_record(RECORD).result


def test_a_runs_record_is_not_replaced(arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("own.npz", **arrays)
    trained = read_record(RECORD.parents[1] / "BCE/seed-0.json")
    RECORD.parent.mkdir()
    RECORD.write_bytes(
        encode(structs.replace(trained, job=structs.replace(trained.job, variant="MyNet"), artifacts={}))
    )
    assert main(SCORE) == 2
    assert "a record of small@npz MyNet seed 0 that a run computed" in capsys.readouterr().err


def test_scores_from_0_to_1_want_a_threshold_and_a_plain_array_is_taken(
    arrays: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    scores = arrays["test"]
    np.save("own.npy", scores)
    words = ["score", "own.npy", *SCORE[2:-2]]
    assert main(words) == 2
    assert "all scores lie from 0 to 1" in capsys.readouterr().err
    assert main([*words, "--threshold", "0.5"]) == 0
    np.save("own.npy", scores * 4 - 2)
    assert main(words) == 0
    assert "decided at 0:" in capsys.readouterr().out
