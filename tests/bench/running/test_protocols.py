"""Runs of several protocols on one folder: none hides the other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from bench import config
from bench.cli.main import main
from bench.plan.states import collect
from bench.protocol import TRAINING_SETTINGS, Protocol
from bench.records.store import Store

OWN = '[methods."BCE tuned"]\nbase = "BCE"\ngrid = { learning_rate = [1e-3, 1e-1] }\n'


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATA", "")
    x = np.random.default_rng(0).random((60, 5), dtype=np.float32)
    np.savez(tmp_path / "data.npz", X=x, Y=(x[:, :3] > 0.5).astype(np.int8))
    (tmp_path / "bench.toml").write_text(OWN)
    return tmp_path


def run(*more: str) -> None:
    assert main(["run", "--datasets", "data.npz", "--keep", "none", *more]) == 0


def table(capsys: pytest.CaptureFixture, *more: str) -> str:
    capsys.readouterr()
    assert main(["table", "--metric", "hamming", *more]) == 0
    return capsys.readouterr().out


def test_epochs_first_and_others_after(work: Path, capsys: pytest.CaptureFixture) -> None:
    run("--methods", "FL", "BCE", "BCE tuned", "--epochs", "2", "--seeds", "0", "1")
    assert "Not comparable" not in (first := table(capsys))
    assert ", 2 epochs, " in first
    assert "BCE tuned is BCE with learning rate chosen among 0.001, 0.1." in first
    run("--methods", "BCE", "--epochs", "3", "--seeds", "0")
    said = capsys.readouterr().out
    assert "1 stale: protocol (epochs 2 -> 3) changed; they run again, the old records are set aside." in said
    assert len(list((work / "results/runs/data@npz/BCE").glob("*.old"))) == 1
    mixed = table(capsys)
    assert ", 3 epochs, " in mixed
    named = "Not comparable with the rest, by 2 epochs: BCE (seeds 1 of its mean), BCE tuned, FL on data."
    assert named in mixed
    assert main(["stats", "--metric", "hamming", "--methods", "FL", "BCE", "--control", "FL"]) == 0
    assert named.replace(" BCE tuned,", "") in capsys.readouterr().out  # of the rows that are compared
    assert "stale" not in mixed
    assert main(["status"]) == 0
    assert "6 done (5 by the protocol of an earlier run), 0 running, 0 failed, 0 missing" in capsys.readouterr().out
    assert ", 2 epochs, " in (alone := table(capsys, "--methods", "FL", "BCE tuned"))
    assert "Not comparable" not in alone
    run("--methods", "BCE", "--epochs", "2", "--seeds", "0")  # back again: an earlier protocol, not a third
    manifest = Store(work / "results/runs").manifest()
    assert [one.epochs for one in manifest.protocols_named("small")] == [2, 3]
    assert "Not comparable" not in table(capsys)


def test_a_folder_with_one_protocol_for_every_set(work: Path, capsys: pytest.CaptureFixture) -> None:
    one = '[run]\nprotocol = "mine"\n[protocols.mine]\nbase = "paper"\nepochs = 2\n'
    (work / "bench.toml").write_text(one)
    run("--methods", "BCE", "--seeds", "0")
    ((_, record),) = Store(work / "results/runs").records()
    assert record.protocol == "mine"  # type: ignore[union-attr]
    assert list(Store(work / "results/runs").manifest().protocols) == ["mine"]
    said = table(capsys, "--data", ".")
    assert "Protocol mine (data): " in said
    assert "stale" not in said
    run("--methods", "BCE", "--seeds", "0")
    assert "1 done" in capsys.readouterr().out  # and nothing to run
    (work / "bench.toml").write_text(one.replace('protocol = "mine"', 'protocol = "small"'))
    assert "stale: BCE on data (seed 0): protocol changed since." in table(capsys, "--data", ".")


def test_a_variant_whose_settings_change_is_stale_by_every_protocol(work: Path) -> None:
    run("--methods", "BCE tuned", "--epochs", "1")
    run("--methods", "BCE", "--epochs", "2")
    store = Store(work / "results/runs")

    def states() -> dict[str, str]:
        return {state.job.variant: state.state for state in collect(store, config.load(), [])}

    assert states() == {"BCE tuned": "done", "BCE": "done"}
    (work / "bench.toml").write_text(OWN.replace("1e-1", "1e-2"))
    assert states() == {"BCE tuned": "stale", "BCE": "done"}
    (work / "bench.toml").write_text(OWN.replace('"BCE"\n', '"BCE"\nbatch_size = 32\n'))
    assert states() == {"BCE tuned": "stale", "BCE": "done"}


def test_jobs_cut_short_are_listed(work: Path, capsys: pytest.CaptureFixture) -> None:
    run("--methods", "BCE tuned", "ML-KNN", "--epochs", "3")
    (record,) = [found for _, found in Store(work / "results/runs").records() if found.base == "BCE"]  # type: ignore[union-attr]
    assert record.result.selected.epoch == 3  # type: ignore[union-attr]
    capsys.readouterr()
    assert main(["converged"]) == 0
    said = capsys.readouterr().out
    assert "data@npz    BCE tuned    0       3 of 3        2: -" in said
    assert "The kept epoch is among the last 5 % in 1 of 1 job." in said
    assert "in the one job: training may have been cut short" in table(capsys)
    assert main(["converged", "--methods", "ML-KNN"]) == 0
    assert "in 0 of 0 jobs." in capsys.readouterr().out


def test_settings_of_training_that_a_record_has_are_its_keys(work: Path) -> None:
    run("--methods", "BCE tuned", "--epochs", "1")
    ((_, record),) = Store(work / "results/runs").records()
    assert record.key["hyperparameters"]["training_grid"] == {"learning_rate": [1e-3, 1e-1]}  # type: ignore[union-attr]
    assert [point.hyperparameters for point in record.result.grid] == [  # type: ignore[union-attr]
        {"learning_rate": 1e-3},
        {"learning_rate": 1e-1},
    ]
    assert Store(work / "results/runs").manifest().protocols_named("small")[0] == Protocol(epochs=1, scaling="minmax")


def test_the_page_tells_the_lengths_of_the_protocols() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/protocol.md").read_text(encoding="utf-8")
    for name, protocol in config.load(Path("/nonexistent")).protocols.items():
        steps = f", or as many as {protocol.minimum_steps} steps take" if protocol.minimum_steps else ""
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` | ")]
        assert line.split(" | ")[2] == f"{protocol.epochs}{steps}"


PAGE = (Path(__file__).resolve().parents[3] / "docs/tuning.md").read_text(encoding="utf-8")


def block(form: str, number: int = 0) -> str:
    return PAGE.split(f"\n```{form}\n")[1 + number].partition("```")[0]


def test_the_pages_example_runs(work: Path, capsys: pytest.CaptureFixture) -> None:
    (work / "bench.toml").write_text(f'[run]\ndatasets = ["{work / "data.npz"}"]\n{block("toml")}')
    commands = [shlex.split(line)[3:] for line in block("sh").splitlines()]
    assert [command[0] for command in commands] == ["list", "run", "table", "converged"]
    assert [main(command) for command in commands] == [0, 0, 0, 0]
    said = capsys.readouterr().out
    note = next(line for line in PAGE.splitlines() if line.startswith("Variants of bench.toml: "))
    assert note in said
    assert "BCE tuned            BCE with learning rate chosen among 0.001, 0.003, 0.01" in said
    assert "The kept epoch is among the last 5 % in " in said
    (work / "bench.toml").write_text(block("toml").replace("learning_rate", "learn_rate"))
    assert main(["run", "--datasets", "data.npz", "--methods", "BCE tuned"]) == 2
    assert capsys.readouterr().err.strip() == next(line for line in PAGE.splitlines() if line.startswith("error: "))


def test_the_page_names_every_setting_of_training() -> None:
    listed = PAGE.partition("- **Settings of training** are ")[2].partition(", with the meaning")[0]
    assert re.findall(r"`(\w+)`", listed) == list(TRAINING_SETTINGS)
