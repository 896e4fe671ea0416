"""The program as a user runs it."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bench.cli import tables
from bench.cli.main import VERBS
from bench.errors import UsageError
from bench.tables import load
from tests import forked

ROOT = Path(__file__).parent.parent.parent


def bench(
    *arguments: str, cwd: Path, python: str = sys.executable, path: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess:
    """Run the program in a process of its own, whose libraries are imported already where nothing speaks against it."""
    everything = {**os.environ, "PYTHONPATH": str(path), "BENCH_DATA": "", **environment}
    if python == sys.executable and not any(name.startswith("PYTHON") for name in environment):
        return forked.python("-m", "bench", *arguments, cwd=cwd, environment=everything)
    return subprocess.run(
        [python, "-m", "bench", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=everything,
        timeout=600,
    )


def result_of(folder: Path, dataset: str, row: str, seed: int = 0) -> dict:
    return json.loads((folder / dataset / row / f"seed-{seed}.json").read_text())["result"]


SMALL = ("--datasets", "small.npz")


def small_set(folder: Path) -> None:
    """Write small.npz: 200 rows of 6 features and 14 labels, where what is tested holds for any data set."""
    random = np.random.default_rng(0)
    x = random.random((200, 6)).astype(np.float32)
    y = (x @ random.standard_normal((6, 14)) > 0).astype(np.int8)
    np.savez(folder / "small.npz", X=x, Y=y)


RUN = ("run", *SMALL, "--methods", "BCE", "FLEM-II", "ML-KNN", "--epochs", "2")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which three methods ran for two epochs."""
    folder = tmp_path_factory.mktemp("finished")
    small_set(folder)
    done = bench(*RUN, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "3 jobs done, 0 failed" in done.stdout
    return folder


def test_a_second_run_computes_nothing(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*.json")}
    done = bench(*RUN, cwd=finished)
    assert done.returncode == 0
    assert "3 jobs: 3 done." in done.stdout
    records = {path: stamp for path, stamp in before.items() if path.name != "run.json"}
    assert {path: path.stat().st_mtime_ns for path in records} == records


def test_table_shows_what_ran(finished: Path) -> None:
    done = bench("table", cwd=finished)
    assert done.returncode == 0, done.stderr
    value = result_of(finished / "results/runs", "small@npz", "ML-KNN")["test"]["hamming"]
    assert f"{value:.4f}(1)" in done.stdout
    assert done.stdout.count("Avg. Rank") == 4
    assert "2 epochs" in done.stdout
    assert bench("table", "--metric", "micro-f1", "--format", "json", cwd=finished).returncode == 0


def test_records_hold_what_the_schema_promises(finished: Path) -> None:
    result = result_of(finished / "results/runs", "small@npz", "FLEM-II")
    assert set(result) >= {"selected", "val", "test", "grid", "epochs", "stacks"}
    assert result["stacks"] == [4]
    assert len(result["grid"]) == 4
    chosen = result["grid"][result["selected"]["point"]]
    assert chosen["epoch"] == result["selected"]["epoch"]
    assert chosen["test"]["hamming"] == result["test"]["hamming"]
    assert min(point["val"]["hamming"] for point in result["grid"]) == result["val"]["hamming"]
    assert len(chosen["curves"]["loss"]) == len(chosen["curves"]["hamming"]) == 2
    scores = np.load(finished / "results/runs/small@npz/FLEM-II/seed-0.scores.npz")
    assert scores["scores"].shape == (40, 14)


def test_results_are_byte_identical_alone_or_in_parallel(finished: Path, tmp_path: Path) -> None:
    small_set(tmp_path)
    done = bench(*RUN, "--jobs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for row in ("BCE", "FLEM-II", "ML-KNN"):
        first, second = (
            json.dumps(result_of(folder / "results/runs", "small@npz", row)) for folder in (finished, tmp_path)
        )
        assert first == second


def test_another_protocol_in_the_same_folder_is_told(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    done = bench("run", *SMALL, "--methods", "BCE", "--epochs", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stale: protocol (epochs 2 -> 3) changed; they run again, the old records are set aside." in done.stdout
    assert "Not comparable with the rest, by 2 epochs: " in bench("table", "--metric", "hamming", cwd=tmp_path).stdout


def test_fresh_runs_again_and_sets_the_old_aside(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    done = bench("run", *SMALL, "--methods", "BCE", "--epochs", "2", "--fresh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results/runs/small@npz/BCE"
    assert sorted(path.name.partition("-0.")[2].partition("-")[0] for path in folder.glob("*.old")) == ["replaced"] * 2
    assert len({path.name.split(".")[1] for path in folder.glob("*.old")}) == 1  # the record and its scores
    assert (folder / "seed-0.json").exists()


def test_a_corrupt_record_is_said_set_aside_and_run_again(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "results/runs/small@npz/BCE/seed-0.json"
    path.write_text(path.read_text().replace('"done"', '"gone"'))
    shown = bench("table", "--metric", "hamming", cwd=tmp_path)
    assert shown.returncode == 1
    assert "corrupt: BCE on small (seed 0)" in shown.stdout
    assert "does not match its checksum" in shown.stdout
    done = bench("run", *SMALL, "--methods", "BCE", "--epochs", "2", cwd=tmp_path)
    assert done.returncode == 0
    assert "does not match its checksum" in done.stdout
    assert "set aside" in done.stdout
    assert len(list(path.parent.glob("*.corrupt-*.json.old"))) == 1


def test_a_failing_job_is_a_record_and_exit_code_1(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "tiny.npz", X=random.random((12, 3)), Y=(random.random((12, 3)) < 0.5).astype(np.int8))
    done = bench("run", "--datasets", "tiny.npz", "--methods", "ML-KNN", "BCE", "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 job done, 1 failed" in done.stdout
    assert "more than k = 10 training rows" in done.stdout
    record = json.loads((tmp_path / "results/runs/tiny@npz/ML-KNN/seed-0.json").read_text())
    assert record["status"] == "failed"
    assert "Traceback" in record["failure"]["traceback"]
    shown = bench("table", "--metric", "hamming", cwd=tmp_path)
    assert "failed" in shown.stdout
    again = bench("run", "--datasets", "tiny.npz", "--methods", "ML-KNN", "BCE", "--epochs", "1", cwd=tmp_path)
    assert "1 done, 1 failed" in again.stdout


def test_test_labels_change_nothing_but_test_metrics(tmp_path: Path) -> None:
    """Replace the test labels by random ones: same epochs, same grid point, same weights."""
    random = np.random.default_rng(1)
    x = random.random((150, 5)).astype(np.float32)
    y = (x @ random.standard_normal((5, 4)) > 0.4).astype(np.int8)
    split = {"train_idx": np.arange(90), "val_idx": np.arange(90, 120), "test_idx": np.arange(120, 150)}
    shuffled = y.copy()
    shuffled[120:] = random.random((30, 4)) < 0.5
    results, models = [], []
    for name, labels in (("true", y), ("shuffled", shuffled)):
        folder = tmp_path / name
        folder.mkdir()
        np.savez(folder / "s.npz", X=x, Y=labels, **split)  # type: ignore[arg-type]
        arguments = ["run", "--datasets", "s.npz", "--methods", "FLEM-D", "BCE", "--epochs", "6", "--keep", "model"]
        done = bench(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
        for row in ("FLEM-D", "BCE"):
            results.append(result_of(folder / "results/runs", "s@npz", row))
            models.append((folder / f"results/runs/s@npz/{row}/seed-0.model.safetensors").read_bytes())
    for first, second in ((0, 2), (1, 3)):
        one, other = results[first], results[second]
        assert one["selected"] == other["selected"]
        assert one["val"] == other["val"]
        assert [point["curves"] for point in one["grid"]] == [point["curves"] for point in other["grid"]]
        assert one["test"] != other["test"]
        assert models[first] == models[second]


def test_all_lists_what_is_missing_and_shows_gaps(tmp_path: Path) -> None:
    done = bench("run", "--datasets", "all", "--methods", "BCE", "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0
    assert "not here: NUS" in done.stdout
    shown = bench("table", "--metric", "hamming", cwd=tmp_path)
    assert "COCO17" in shown.stdout
    assert "NUS is a gap" in shown.stdout


def test_rows_of_bench_toml(tmp_path: Path) -> None:
    small_set(tmp_path)
    (tmp_path / "bench.toml").write_text('[methods."FL plain"]\nbase = "FL"\ngamma = 0\n')
    done = bench("run", *SMALL, "--methods", "FL plain", "BCE", "--epochs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FL plain" in bench("table", "--metric", "hamming", cwd=tmp_path).stdout


def test_bce_on_yeast_ranks_clearly_better_than_label_frequency(tmp_path: Path) -> None:
    import torch

    from bench.datasets.readers import yeast
    from bench.metrics.classification import evaluate

    done = bench("run", "--methods", "BCE", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    splits = yeast.load("yeast").splits
    truth = torch.from_numpy(splits["test"].y)
    frequency = torch.from_numpy(splits["train"].y.mean(0)).expand(len(truth), -1)
    by_frequency = evaluate(truth, frequency, 0.0)["ranking"]
    assert by_frequency is not None
    assert by_frequency > 0.205
    assert result_of(tmp_path / "results/runs", "yeast@mulan", "BCE")["test"]["ranking"] < 0.19


@pytest.mark.slow
def test_bce_on_voc_photographs_gives_what_the_released_code_gives(shared_data: Path, tmp_path: Path) -> None:
    """Paper protocol, EfficientNet-Lite2 features of VOC 2007 photographs: the released code's numbers there."""
    features = shared_data / "features/VOC07tv_train_features_efficientnet-lite2.npy"
    done = bench("run", "--datasets", "VOC07tv", "--data", str(features.parent), "--methods", "BCE", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    test = result_of(tmp_path / "results/runs", "VOC07tv@efficientnet-lite2", "BCE")["test"]
    assert test["hamming"] == pytest.approx(0.0220, abs=0.0007)
    assert test["ranking"] == pytest.approx(0.0125, abs=0.0006)
    assert test["average_precision"] == pytest.approx(0.873, abs=0.006)


WRONG = {
    "method": (["run", "--methods", "FLEMD"], "did you mean 'FLEM-D'"),
    "data set": (["run", "--datasets", "yaest"], "did you mean 'yeast'"),
    "absent set": (["run", "--datasets", "VOC07"], "the data set VOC07 is not in the data folders"),
    "absent file": (["run", "--datasets", "nothing.npz"], "nothing.npz is missing"),
    "metric": (["table", "--metric", "haming"], "did you mean 'hamming'"),
    "format": (["table", "--format", "word"], "there is no format 'word'"),
    "no records": (["table"], "there are no records in results/runs"),
    "two origins": (["table", "--from", "reference", "--results", "x"], "--from reference and --results exclude"),
    "no value": (["table", "--methods"], "--methods. It needs at least one value"),
    "negative seed": (
        ["fit", "yeast", "BCE", "--model", "m", "--seed", "-1"],
        "--seed must be a whole number from 0",
    ),
    "methods folder": (
        ["list", "methods", "--methods-dir", "nowhere"],
        "the folder of methods nowhere (--methods-dir, or",
    ),
    "data folder": (["run", "--data", "nowhere"], "the data folder nowhere, given by --data, does not exist"),
    "device": (["run", "--device", "gpu0"], "there is no device 'gpu0'"),
    "absent device": (["run", "--device", "cuda:7"], "is not there"),
    "epochs": (["run", "--epochs", "0"], "--epochs must be a whole number from 1"),
    "jobs": (["run", "--jobs", "many"], "--jobs, if not auto, must be a whole number from 1"),
    "seed": (["run", "--seeds", "-1"], ""),
    "option": (["run", "--epoch", "3"], "--epoch"),
    "verb": (["rnu"], "rnu"),
    "keep": (["run", "--keep", "none", "scores"], "cannot be combined"),
    "--source": (["table", "--source", "paper"], "the option --source is called --from now"),
    "--source with figures": (["plot", "ranks", "--source=paper"], "the option --source is called --from now"),
    "--beside": (["compare", "--beside", "VOC07tv=VOC07"], "the option --beside is called --map now"),
    "--fit": (["table", "--fit", "page"], "the option --fit is called --width now"),
    "another verb's former option": (["run", "--source", "paper"], "Unknown option: --source"),
    "paper and results": (
        ["table", "--from", "paper", "--results", "x"],
        "--from paper and --results exclude each other",
    ),
    "paper and choices": (
        ["table", "--from", "paper", "--seeds", "0", "--digits", "3"],
        "taken as printed; --from paper excludes --seeds and --digits",
    ),
    "paper and seeds": (["stats", "--from", "paper", "--seeds", "0"], "--from paper excludes --seeds"),
    "paper and stand-ins": (["plot", "--from", "paper", "--map", "yeast=VOC07"], "--from paper excludes --map"),
    "paper with itself": (["compare", "--from", "paper"], "Choose from: "),
    "paper metric": (["table", "--from", "paper", "--metric", "micro-f1"], "the paper has no table of Micro F1"),
}


def test_an_installation_without_reference_records_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "REFERENCE", tmp_path / "gone")
    with pytest.raises(UsageError, match="without reference records"):
        tables.table(origin="reference")


@pytest.mark.parametrize("mistake", WRONG)
def test_mistakes_are_one_sentence_and_exit_code_2(tmp_path: Path, mistake: str) -> None:
    arguments, sentence = WRONG[mistake]
    done = bench(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_results_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file, not a folder")
    done = bench("run", "--methods", "BCE", cwd=tmp_path)
    assert done.returncode == 2
    assert "the results folder results/runs cannot be written" in done.stderr


def test_a_run_goes_on_when_its_reader_has_seen_enough(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "tiny.npz", X=random.random((40, 3)), Y=(random.random((40, 3)) < 0.5).astype(np.int8))
    reader, no_reader = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    said = "error: standard output could not be written: No space left on device.\n"
    run = ("-m", "bench", "run", "--datasets", "tiny.npz", "--methods", "BCE", "FL", "--epochs", "1", "--results")
    place = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_DATA": ""}
    for number, (stdout, jobs, code) in enumerate([(no_reader, "1", 0), (full, "1", 2), (no_reader, "2", 0)]):
        more = (f"r{number}", "--jobs", jobs)
        done = forked.python(*run, *more, cwd=tmp_path, environment=place, stdout=stdout)
        assert (done.returncode, done.stderr) == (code, said if code else "")
        assert len(list((tmp_path / f"r{number}").rglob("seed-0.json"))) == 2, number
    closed = f"{sys.executable} {' '.join(run)} closed >&-"  # which a process finds as it begins
    done = subprocess.run(["bash", "-c", closed], cwd=tmp_path, env=place, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "closed").rglob("seed-0.json"))) == 2
    os.close(no_reader)
    os.close(full)


def test_help_names_verbs_as_their_docstrings_do() -> None:
    for path, line in VERBS.values():
        module, _, name = path.partition(":")
        verb = getattr(importlib.import_module(module), name)
        if inspect.isfunction(verb):
            assert (inspect.getdoc(verb) or "").partition("\n")[0] == line
        else:  # the sub-application of the data sets, whose name and line main alone gives
            assert (verb.name, line) == (("data",), VERBS["data"][1])


def test_a_latex_table_is_as_wide_as_asked(tmp_path: Path) -> None:
    latex = ("table", "--from", "paper", "--metric", "hamming", "--format", "latex")
    assert r"\begin{table}" in bench(*latex, cwd=tmp_path).stdout
    assert r"\begin{table*}" in bench(*latex, "--width", "page", cwd=tmp_path).stdout


# --- a new method ---------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs/add-a-method.md").read_text(encoding="utf-8")
NEW_METHOD = PAGE.partition("```python\n")[2].partition("```")[0]  # what the page tells a reader to write


def check_new_method(python: str, path: Path, cwd: Path) -> None:
    listed = bench("list", "methods", cwd=cwd, python=python, path=path)
    assert "Hinge" in listed.stdout, listed.stdout + listed.stderr
    assert listed.returncode == 0
    done = bench("run", "--methods", "Hinge", "--epochs", "2", cwd=cwd, python=python, path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hinge" in bench("table", "--metric", "hamming", cwd=cwd, python=python, path=path).stdout


def copied_program(folder: Path) -> Path:
    """The program as a checkout has it, links and compiled files included."""
    copy = folder / "copy"
    copy.mkdir()
    for name in ("bench", "methods"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True)
    shutil.copy(ROOT / "bench.toml", copy)
    return copy


def test_a_method_is_one_file_dropped_into_methods(tmp_path: Path) -> None:
    copy = copied_program(tmp_path)
    assert len(NEW_METHOD.splitlines()) < 40
    (copy / "methods/hinge.py").write_text(NEW_METHOD)
    work = tmp_path / "work"
    work.mkdir()
    check_new_method(sys.executable, copy, work)


def test_records_are_exported_as_flat_tables(finished: Path) -> None:
    done = bench("export", "out/records.sqlite", cwd=finished)
    assert done.returncode == 0, done.stderr
    csv = bench("export", "out/flat", cwd=finished)
    assert csv.stdout.split() == [f"out/flat/{name}.csv" for name in ("jobs", "metrics", "grid", "curves")]
    for path in sorted((finished / "results/runs").glob("*/*/seed-*.json")):
        record = json.loads(path.read_text())
        if record["status"] != "done":
            continue
        where = "variant = ? and seed = ? and dataset = ?"
        key = (record["job"]["variant"], record["job"]["seed"], record["job"]["dataset"])
        with closing(sqlite3.connect(finished / "out/records.sqlite")) as database:
            found = dict(database.execute(f"select metric, value from metrics where split = 'test' and {where}", key))
            assert found == record["result"]["test"]
            (points,) = database.execute(f"select count(distinct point) from grid where {where}", key).fetchone()
            assert points == len(record["result"]["grid"])
            losses = database.execute(f"select loss from curves where point = 0 and {where} order by epoch", key)
            assert [loss for (loss,) in losses] == record["result"]["grid"][0]["curves"]["loss"]
    refused = bench("export", "out/records.sqlite", "--format", "csv", cwd=finished)
    assert refused.returncode == 2
    assert "out/records.sqlite is a file; csv takes a folder" in refused.stderr


def test_statistics_of_records_and_of_the_paper(finished: Path) -> None:
    own = bench("stats", "--metric", "hamming", "--control", "BCE", "--methods", "BCE", "FLEM-II", cwd=finished)
    assert own.returncode == 0, own.stderr
    assert "Nothing can be tested" in own.stdout or "Wilcoxon" in own.stdout
    papers = bench("stats", "--from", "paper", cwd=finished)
    assert papers.stdout.count("mean ranks must differ by 5.89 of 11 possible") == 4
    wrong = bench("stats", "--from", "paper", "--control", "FLEM", cwd=finished)
    assert wrong.returncode == 2
    assert "there is no row 'FLEM'; did you mean" in wrong.stderr
