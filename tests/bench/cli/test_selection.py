"""`run --selection`, `--also-select` and `--patience`, and `table --selected-by`, as docs/selection.md tells them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import config as configuration
from bench import methods
from bench.cli.main import main
from bench.cli.run import _with_protocols
from bench.errors import UsageError
from bench.plan import digests

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = (ROOT / "docs/selection.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small set: labels that depend on features, with noise."""
    generator = np.random.default_rng(0)
    x = generator.random((120, 6)).astype(np.float32)
    y = (x[:, :4] + 0.4 * generator.random((120, 4)) > 0.8).astype(np.int8)
    np.savez(tmp_path / "data.npz", X=x, Y=y)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", "")
    return tmp_path


def result(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text(encoding="utf-8"))["result"]


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_commands_of_the_page_do_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    commands = PAGE.partition("```sh\n")[2].partition("```")[0].splitlines()
    assert len(commands) == 4
    printed = [shown(capsys, *shlex.split(command.removeprefix("python -m bench "))) for command in commands]
    record = result("results/runs/yeast@mulan/BCE/seed-0.json")
    assert list(record["also_selected"]) == ["average-precision", "micro-f1"]
    assert f"{record['test']['micro_f1']:.4f}" in printed[1]
    assert f"{record['also_selected']['micro-f1']['test']['micro_f1']:.4f}" in printed[2]
    assert "by validation Hamming loss." in printed[1]
    assert "by validation micro-f1." in printed[2]
    (point,) = result("results/patient/yeast@mulan/BCE/seed-0.json")["grid"]
    assert point["stopped"] == point["epoch"] + 2 == len(point["curves"]["loss"])


def test_a_table_says_which_records_lack_the_selection(capsys: pytest.CaptureFixture[str]) -> None:
    common = ("run", "--datasets", "data.npz", "--epochs", "3")
    assert main([*common, "--methods", "BCE", "FL", "--also-select", "ranking"]) == 0
    plain = shown(capsys, "table", "--metric", "ranking")
    for name in ("BCE", "FL"):
        path = Path(f"results/runs/data@npz/{name}/seed-0.json")
        assert f"{result(str(path))['test']['ranking']:.4f}" in plain
    by_ranking = shown(capsys, "table", "--metric", "ranking", "--selected-by", "ranking")
    assert f"{result('results/runs/data@npz/FL/seed-0.json')['also_selected']['ranking']['test']['ranking']:.4f}" in (
        by_ranking
    )
    assert shown(capsys, "table", "--metric", "ranking", "--selected-by", "hamming") == plain
    assert main(["table", "--selected-by", "coverage"]) == 2
    assert capsys.readouterr().err == (
        "error: no record in results/runs is selected by Coverage; `bench run --also-select coverage` keeps what it "
        "selects.\n"
    )


def test_records_that_lack_it_beside_others_are_gaps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from msgspec.structs import replace

    from bench.metrics.catalogue import metric_named
    from bench.plan.states import JobState
    from bench.records.record import AlsoSelected, JobName, Manifest
    from bench.tables import load as loading
    from tests.records import record
    from tests.records import result as made

    def state(name: str, also: bool) -> JobState:
        job = JobName("data", "npz", name, 0)
        found = made({"ranking": 0.5})
        if also:
            found = replace(found, also_selected={"ranking": AlsoSelected(0, 1, {}, {}, {"ranking": 0.25})})
        return JobState(job, "done", record=record(job, found))

    records = loading.Records(
        loading.Selection(), [state("BCE", True), state("FL", False)], Manifest(variants=["BCE", "FL"])
    )
    found = loading._selected_by(metric_named("ranking"), records)
    assert [(one.job.variant, one.value("ranking")) for one in found.states] == [("BCE", 0.25)]
    assert found.note == (
        "Not selected by Ranking loss, and so gaps: data@npz FL seed 0; `bench run --also-select ranking` keeps what "
        "it selects."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--selection", "micro-f2"),
            "--selection and --also-select: nothing can be selected by 'micro-f2', which is no",
        ),
        (("--also-select", "hamming"), "--selection and --also-select: 'hamming' is named twice among selection and"),
        (("--also-select",), "It needs at least one value."),
        (("--patience", "-1"), "--patience must be a whole number from 0 to 1000000, not '-1'."),
        (("--select-every", "0"), "--select-every must be a whole number from 1 to 1000000, not '0'."),
    ],
)
def test_mistakes_are_one_sentence(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str) -> None:
    assert main(["run", "--datasets", "data.npz", "--methods", "BCE", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_the_options_do_not_go_with_the_papers_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--from", "paper", "--selected-by", "ranking"]) == 2
    assert "--from paper excludes --selected-by" in capsys.readouterr().err


def test_another_selection_in_the_same_folder_is_another_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    common = ["run", "--datasets", "data.npz", "--methods", "BCE", "--epochs", "2"]
    assert main(common) == 0
    assert main([*common, "--also-select", "ranking"]) == 0
    assert "protocol (also_select [] -> ['ranking']) changed" in capsys.readouterr().out
    assert "also_selected" in result("results/runs/data@npz/BCE/seed-0.json")
    assert main(common) == 0
    assert "(also_select ['ranking'] -> [])" in capsys.readouterr().out


@pytest.fixture
def own(work: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of methods that this test alone knows."""
    (work / "own").mkdir()
    monkeypatch.setattr(methods, "_folders", [])
    yield work / "own"
    methods.infos.cache_clear()


def test_a_grid_whose_point_diverges_beside_others_is_read_again(capsys: pytest.CaptureFixture[str], own: Path) -> None:
    (own / "late.py").write_text(LATE, encoding="utf-8")
    words = ["--methods-dir", "own", "run", "--datasets", "data.npz", "--methods", "Late", "--epochs", "6"]
    assert main(words) == 0, capsys.readouterr().err
    points = result("results/runs/data@npz/Late/seed-0.json")["grid"]
    assert [point["diverged"] for point in points] == [1, None]
    assert [len(point["curves"]["hamming"]) for point in points] == [0, 6]
    assert "corrupt" not in shown(capsys, "--methods-dir", "own", "table", "--metric", "hamming", "--include", "extra")


LATE = """
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.methods.api import LinearMethod, register


@register("Late", family="test", paper="none", grid={"scale": [1e300, 1.0]}, scale=1.0)
class Late(LinearMethod):
    def objective(self, batch):
        return binary_cross_entropy_with_logits(batch.z, batch.y) * self.scale * self.scale
"""


def test_a_metric_of_ones_own_selects_and_its_code_is_part_of_the_key(
    capsys: pytest.CaptureFixture[str], own: Path
) -> None:
    (own / "metrics").mkdir()
    (own / "metrics/size.py").write_text(SIZE, encoding="utf-8")
    command = ["--methods-dir", "own", "run", "--datasets", "data.npz", "--methods", "FL", "ML-KNN"]
    assert main([*command, "--epochs", "4", "--selection", "size", "--also-select", "ranking"]) == 0
    for name in ("FL", "ML-KNN"):
        path = f"results/runs/data@npz/{name}/seed-0.json"
        found, key = result(path), json.loads(Path(path).read_text(encoding="utf-8"))["key"]
        assert found["val"]["size"] == found["grid"][0]["val"]["size"] > 0
        assert set(key["selection"]) == {"size", "ranking"}
    assert "stale" not in shown(capsys, "--methods-dir", "own", "table", "--metric", "ranking")
    # Another text with the same numbers is current, by the probe; other numbers are stale.
    (own / "metrics/size.py").write_text(SIZE.replace("abs().mean()", "abs().mean() * 2 / 2"), encoding="utf-8")
    digests.forget_sources()
    assert "the same numbers on a small problem" in shown(
        capsys, "--methods-dir", "own", "table", "--metric", "ranking"
    )


def test_the_metrics_that_select_are_shown_and_others_are_not_taken_from_another_selection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    common = ("run", "--datasets", "data.npz", "--methods", "BCE", "--epochs", "3", "--also-select", "micro-f1")
    assert main([*common, "ndcg-at-3"]) == 0
    found = result("results/runs/data@npz/BCE/seed-0.json")
    for option, metrics in (("hamming", found["test"]), ("micro-f1", found["also_selected"]["micro-f1"]["test"])):
        words = ("table", "--metric", "ndcg-at-3", "--include", "extra", "--selected-by", option)
        assert f"{metrics['ndcg_at_3']:.4f}" in (printed := shown(capsys, *words))
        assert "Gaps" not in printed
    other = ("table", "--metric", "precision-at-1", "--include", "extra", "--selected-by")
    assert "Gaps" not in shown(capsys, *other, "hamming")
    assert (
        "Gaps: Precision@1 is not computed for what micro-f1 selects unless it is selected by as well; `bench run "
        "--also-select micro-f1 precision-at-1` does both.\n"
    ) in shown(capsys, *other, "micro-f1")


@pytest.mark.parametrize("words", [("--selected-by", "ranking"), ("--decision", "top-k")])
def test_values_of_labels_are_of_one_selection_and_threshold(
    capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    assert main(["table", "--per-label", "data", *words]) == 2
    assert "excludes --number, --metric, --datasets, --decision and --selected-by." in capsys.readouterr().err


SIZE = '''
"""Mean absolute score."""

TITLE = "Size"
LOWER_IS_BETTER = False


def metric(evaluation):
    return float(evaluation.scores.abs().mean())
'''


def test_what_selects_does_not_select_besides() -> None:
    """The protocol converged also selects by ranking loss."""
    protocol = configuration.load().protocols["converged"]
    assert "ranking" in protocol.also_select
    chosen = _with_protocols(configuration.load(), {"selection": "ranking"}).protocols["converged"]
    assert chosen.criteria == ("ranking", *(one for one in protocol.also_select if one != "ranking"))
    with pytest.raises(UsageError, match="'ranking' is named twice"):
        _with_protocols(configuration.load(), {"selection": "ranking", "also_select": ("ranking",)})
