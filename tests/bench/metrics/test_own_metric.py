"""A user's metric: docs/add-a-metric.md, from the page's file to a table's value, gap and note."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from bench import config, methods
from bench.cli.listing import list_
from bench.errors import UsageError
from bench.job.evaluation import further
from bench.job.inputs import Prepared
from bench.metrics.catalogue import METRICS, PAPER_METRICS, metric_named, metrics
from bench.metrics.classification import evaluate
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.metrics.measuring import measured
from bench.plan.keys import metric_digests
from bench.plan.states import JobState
from bench.records.record import JobName, Manifest, Record
from bench.tables.comparison import comparison
from tests.bench.records.test_record import RESULTS
from tests.conftest import problem_of, random_split
from tests.records import record

PAGE = (Path(__file__).resolve().parents[3] / "docs/add-a-metric.md").read_text(encoding="utf-8")
SOURCE = PAGE.partition("```python\n")[2].partition("```")[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/rare_f1.py").write_text(SOURCE)
    monkeypatch.setattr(methods, "_folders", [tmp_path])
    return tmp_path


def test_the_pages_metric(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_("metrics") == 0
    assert re.search(r"^rare-f1 +↑ Macro F1 \(rare\) +\[.*rare_f1.py\]$", capsys.readouterr().out, re.MULTILINE)
    rare = metric_named("rare-f1")
    assert rare.decision
    assert metrics() == (*METRICS, rare)
    y, scores = torch.tensor([[1, 0, 1], [0, 1, 1]]), torch.tensor([[1.0, -1, 1], [1, 1, -1]])
    training = TrainingLabels(torch.tensor([3, 10, 11]), 20)
    found = measured(Evaluation(y, scores, 0.0, training=training), [rare])
    assert found == {"rare_f1": pytest.approx((2 / 3 + 1) / 2)}
    assert measured(Evaluation(y, scores, 0.0), [rare]) == {"rare_f1": None}


def test_a_record_has_it_and_a_table_shows_it_until_the_file_changes(folder: Path) -> None:
    (folder / "metrics/broken.py").write_text(
        '"""Broken."""\nTITLE = "Broken"\nLOWER_IS_BETTER = True\ndef metric(evaluation):\n    return 1 / 0\n'
    )
    train, test = random_split(60, 6, 5, seed=0), random_split(30, 6, 5, seed=1)
    scores = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    result = replace(RESULTS["result"], test=evaluate(test.y, scores, 0.0))
    found = further(result, Prepared(problem_of(train), {"test": test}), scores, 0.0, metric_digests())  # type: ignore[arg-type]
    assert set(found.values) == {metric.key for metric in metrics()} - set(result.test) - {"broken"}
    assert found.faults == {"broken": f"the metric 'broken' ({folder}/metrics/broken.py) fails: division by zero."}

    def shown(metric: str, made: Record) -> tuple[str, list[str]]:
        states = [JobState(made.job, "done", record=made)]
        table = comparison(states, metric_named(metric), config.load(), Manifest(), [])
        return table.text("BCE", "emotions"), [note for note in table.notes if note.startswith("Gaps")]

    old = record(JobName("emotions", "npz", "BCE", 0), result)  # type: ignore[arg-type]
    new = replace(old, further=found)
    assert shown("ndcg-at-5", new) == (f"{found.values['ndcg_at_5']:.4f}(1)", [])
    value, notes = shown("ndcg-at-5", old)
    assert value == "–"
    assert "1 record from before nDCG@5 was computed as it is now" in notes[0]
    assert shown("broken", new) == ("–", [f"Gaps: {found.faults['broken']}"])
    for metric in PAPER_METRICS:
        assert shown(metric.option, old) == shown(metric.option, new)
    changed = replace(found, code={**found.code, "rare_f1": "another file"})
    assert shown("rare-f1", replace(old, further=changed))[0] == "–"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('"""No title."""\nLOWER_IS_BETTER = True\n', 'a metric says TITLE = "Micro F1", say'),
        ('"""No direction."""\nTITLE = "A"\n', "a metric says LOWER_IS_BETTER = False, say"),
    ],
)
def test_a_file_that_declares_no_metric(folder: Path, source: str, sentence: str) -> None:
    (folder / "metrics/odd.py").write_text(source)
    with pytest.raises(UsageError, match=sentence):
        metrics()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [("float('nan')", "gives nan; it must give a finite number, or None"), ("'a'", "fails: could not convert string")],
)
def test_a_value_that_is_no_number(folder: Path, body: str, sentence: str) -> None:
    (folder / "metrics/odd.py").write_text(
        f'"""Odd."""\nTITLE = "Odd"\nLOWER_IS_BETTER = True\ndef metric(evaluation):\n    return {body}\n'
    )
    with pytest.raises(UsageError, match=sentence):
        measured(Evaluation(torch.ones(1, 2), torch.zeros(1, 2), 0.0), [metric_named("odd")])
