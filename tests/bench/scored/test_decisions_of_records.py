"""Records hold every rule's decisions, tables show them, and old records get them from kept scores."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from msgspec import UNSET, structs

from bench.cli.main import main
from bench.decisions.rule import FIXED, RULES, TARGETS
from bench.metrics.catalogue import metrics
from bench.records.artifacts import SCORES, KeptFile, KeptScores, Scored, encode_scores, read_scores
from bench.records.record import Decisions, Record, as_json, encode, read_record
from bench.scored.decide import decision_metrics, decisions_of
from bench.scored.rules import rule_codes
from tests import forked
from tests.bench.decisions import naive

DECISION_METRICS = [metric.key for metric in metrics() if metric.decision]
RECORD = Path("results/small@npz/BCE/seed-0.json")
KEPT = RECORD.with_name("seed-0.scores.npz")


def decided(record: Record) -> Decisions:
    assert isinstance(record.decisions, Decisions)
    return record.decisions


def without_decisions(record: Record, **changes: object) -> None:
    RECORD.write_bytes(encode(structs.replace(record, decisions_json=UNSET, **changes)))


def test_a_job_leaves_the_decisions_of_every_rule(work: Path) -> None:
    record = read_record(RECORD)
    found = decided(record)
    assert set(found.rules) == set(RULES.components())
    assert found.code == rule_codes()
    assert not found.faults
    for by_target in found.rules.values():
        assert set(by_target) == set(TARGETS)
        assert all(set(one.test) == set(DECISION_METRICS) for one in by_target.values())
    assert record.result is not None
    for one in found.rules[FIXED].values():
        known = record.result.test
        assert {metric: value for metric, value in one.test.items() if metric in known}.items() <= known.items()
    kept = read_scores(KeptFile(KEPT))
    assert kept.val is not None
    assert len(kept.val.y) == record.result.n_samples["val"]
    t = naive.one_threshold(kept.val.y, kept.val.scores, "macro-f1", kept.threshold)
    outcome = found.rules["global"]["macro-f1"]
    assert outcome.parameters == {"threshold": t}
    expected = naive.value(kept.y, naive.above(kept.scores, [t] * 4), "macro-f1")
    assert outcome.test["macro_f1"] == pytest.approx(float(expected), rel=1e-12)


def test_the_result_itself_is_that_of_before(work: Path) -> None:
    """Fields from before the rules came have their bytes."""
    fields = set(json.loads(RECORD.read_text()))
    assert "decisions" in fields
    without_decisions(read_record(RECORD))
    assert set(json.loads(RECORD.read_text())) == fields - {"decisions"}


def test_tables_show_the_decisions_of_a_rule(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read_record(RECORD)
    for words, rule, target, metric in (
        (["--metric", "macro-f1", "--decision", "per-label"], "per-label", "macro-f1", "macro_f1"),
        (["--metric", "macro-f1", "--decision", "global", "--target", "micro-f1"], "global", "micro-f1", "macro_f1"),
        (["--metric", "subset-accuracy", "--decision", "top-k"], "top-k", "hamming", "subset_accuracy"),
    ):
        assert main(["table", *words, "--results", "results", "--format", "csv"]) == 0
        lines = csv.DictReader(io.StringIO(capsys.readouterr().out))
        (mean,) = [float(line["mean"]) for line in lines if line["variant"] == "BCE"]
        assert mean == decided(record).rules[rule][target].test[metric]
        assert main(["table", *words, "--results", "results"]) == 0
        assert f", decisions {rule} for {target}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--decision", "per-labels"], "there is no decision rule 'per-labels'; did you mean 'per-label'?"),
        (["--decision", "global", "--target", "micro"], "there is no target 'micro' of decision rules; did you mean"),
        (["--target", "hamming"], "--target is of a decision rule; name one with --decision."),
        (["--metric", "ranking", "--decision", "global"], "Ranking loss is of scores, which --decision does not"),
        (["--from", "paper", "--decision", "global"], "--from paper excludes --decision."),
    ],
)
def test_what_no_table_has_is_one_sentence(
    words: list[str], sentence: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "paper" in words else ["--results", "results"]
    assert main(["table", *words, *where]) == 2
    assert sentence in capsys.readouterr().err


def test_an_old_record_is_decided_from_its_kept_scores(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read_record(RECORD)
    without_decisions(record)
    table = ["table", "--metric", "macro-f1", "--results", "results", "--decision"]
    assert main([*table, "per-label"]) == 0
    shown = capsys.readouterr().out
    assert "stale: BCE on small (seed 0): no decisions by per-label; `python -m bench decide` computes them" in shown
    assert main([*table, "fixed"]) == 0  # which every record tells
    assert "stale" not in capsys.readouterr().out
    assert main(["decide", "--results", "results"]) == 0
    assert "2 records decided." in capsys.readouterr().out
    assert read_record(RECORD) == record


def test_decisions_that_cannot_be_read_stop_nothing_but_their_reader(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = as_json({"code": {}, "rules": {"global": []}})
    RECORD.write_bytes(encode(structs.replace(read_record(RECORD), decisions_json=broken)))
    table = ["table", "--metric", "macro-f1", "--results", "results"]
    assert main(table) == 0
    assert "corrupt" not in capsys.readouterr().out
    assert main([*table, "--decision", "global"]) == 2
    assert capsys.readouterr().err == (
        "error: a record is incomplete (Expected `object`, got `array` - at `$.rules[...]`), made by other software, "
        "or edited; `python -m bench check-records FOLDER` names it.\n"
    )


def test_decisions_of_other_code_are_not_shown(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = read_record(RECORD)
    old = structs.replace(decided(record), code={**decided(record).code, "global": "another"})
    RECORD.write_bytes(encode(structs.replace(record, decisions_json=as_json(old))))
    table = ["table", "--metric", "macro-f1", "--results", "results", "--decision"]
    assert main([*table, "global"]) == 0
    assert "the rule global has changed since; `python -m bench decide`" in capsys.readouterr().out
    assert main([*table, "top-k"]) == 0
    assert "stale" not in capsys.readouterr().out


def kept_anew(record: Record, kept: KeptScores) -> None:
    content = encode_scores(kept)
    KEPT.write_bytes(content)
    without_decisions(record, artifact_sha256={SCORES: hashlib.sha256(content).hexdigest()})


def test_what_cannot_be_decided_is_one_sentence(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record, kept = read_record(RECORD), read_scores(KeptFile(KEPT))
    assert kept.val is not None
    again = "run again with --keep scores --fresh"
    rows = len(kept.y)
    cases = {
        "its kept scores are of the test split alone": KeptScores(kept.scores, kept.y, 0.0, kept.label_names),
        f"is of [{rows - 1}, 4] test labels, its record of [{rows}, 4]": KeptScores(
            kept.scores[1:], kept.y[1:], 0.0, kept.label_names, kept.val
        ),
        "other scores or labels": KeptScores(kept.scores, kept.y[::-1].copy(), 0.0, kept.label_names, kept.val),
    }
    for sentence, other in cases.items():
        kept_anew(record, other)
        assert main(["decide", "--results", "results"]) == 2
        said = capsys.readouterr()
        assert "1 record decided." in said.out
        assert "1 record cannot be decided, first small@npz BCE seed 0" in said.err
        assert sentence in said.err
        assert again in said.err
        assert said.err.count("\n") == 1
    without_decisions(record, artifacts={})
    assert main(["decide", "--results", "results"]) == 2
    assert "its scores were not kept" in capsys.readouterr().err


OWN_RULE = '''"""{summary}"""

from bench.decisions.rule import Thresholds


def fit(y, scores, target, threshold):
    {body}
'''


def test_a_rule_of_ones_own_is_one_file_and_its_failure_stops_nothing(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = work / "own/decisions"
    folder.mkdir(parents=True)
    (folder / "none_at_all.py").write_text(OWN_RULE.format(summary="Nothing.", body="return Thresholds((1e9,))"))
    (folder / "broken.py").write_text(OWN_RULE.format(summary="Broken.", body="return 1 / 0"))
    (folder / "odd.py").write_text(OWN_RULE.format(summary="Odd.", body="return lambda scores: scores"))
    program = [
        ["decide", "--results", "results", "--methods-dir", "own"],
        ["list", "decisions", "--methods-dir", "own"],
        ["table", "--metric", "micro-f1", "--decision", "none-at-all", "--results", "results", "--methods-dir", "own"],
        ["table", "--metric", "micro-f1", "--decision", "broken", "--results", "results", "--methods-dir", "own"],
    ]
    done = [forked.python("-m", "bench", *words) for words in program]
    assert [one.returncode for one in done] == [0] * len(program)
    said = [one.stdout for one in done]
    assert "Nothing." in said[1]
    assert "0.0000" in said[2]
    assert "the rule broken failed: ZeroDivisionError: division by zero" in said[3]
    found = decided(read_record(RECORD))
    assert found.rules["broken"] == found.rules["odd"] == {}
    assert found.faults["odd"].startswith("ValueError: it decides float32 [40, 4] of scores [40, 4]")
    assert found.rules["global"]


def test_metrics_of_decisions_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, f1_score, hamming_loss

    random = np.random.default_rng(0)
    y, predicted = (random.random((50, 5)) < 0.3).astype(np.int8), random.random((50, 5)) < 0.4
    found = decision_metrics(KeptScores(random.random((50, 5)), y, 0.5, list("abcde")), predicted)
    assert found["hamming"] == pytest.approx(hamming_loss(y, predicted))
    assert found["subset_accuracy"] == pytest.approx(accuracy_score(y, predicted))
    assert found["micro_f1"] == pytest.approx(f1_score(y, predicted, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(y, predicted, average="macro"))


def test_without_validation_scores_there_are_no_decisions() -> None:
    y, scores = np.eye(3, dtype=np.int8), np.eye(3)
    assert decisions_of(KeptScores(scores, y, 0.0, ["a", "b", "c"])) is UNSET
    assert decisions_of(KeptScores(scores, y, 0.0, ["a", "b", "c"], Scored(scores, y))) is not UNSET
