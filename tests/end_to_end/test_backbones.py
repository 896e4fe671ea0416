"""The page on backbones, as a reader follows it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.test_program import ROOT, bench

PAGE = (ROOT / "docs/backbones.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Add a backbone")[2]


def block(kind: str) -> str:
    return SECTION.partition(f"```{kind}\n")[2].partition("```")[0]


def test_a_backbone_is_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "my_methods/backbones"
    folder.mkdir(parents=True)
    (folder / "two_layers.py").write_text(block("python"))
    (tmp_path / "bench.toml").write_text(block("toml"))
    listed = bench("list", "backbones", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["linear", "mlp", "two-layers"]
    assert "Two hidden layers with layer normalisation. Options: width=128." in listed.stdout
    assert '--methods BCE "BCE deep" --epochs 2' in block("sh")
    done = bench("run", "--methods", "BCE", "BCE deep", "--epochs", "2", "--keep", "model", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in sorted((tmp_path / "results/runs").glob("*/*/seed-0.json"))]
    keys = [record["key"]["hyperparameters"].get("classifier", {}) for record in records]
    assert [(key.get("name"), key.get("options")) for key in keys] == [(None, None), ("two-layers", {"width": 32})]
    assert all(record["probe"] for record in records)
    table = bench("table", "--metric", "hamming", "--include", "extra", cwd=tmp_path)
    assert "BCE deep is BCE with the classifier two-layers (width 32)" in table.stdout
    (folder / "two_layers.py").write_text(block("python").replace("nn.ReLU()", "nn.Tanh()"))
    assert "1 stale" in bench("status", cwd=tmp_path).stdout


def test_a_model_is_fitted_and_predicts(tmp_path: Path) -> None:
    quick = '[protocols.small]\nminimum_steps = 0\nepochs = 2\n[methods.Deep]\nbase = "BCE"\nclassifier = "mlp"\n'
    (tmp_path / "bench.toml").write_text(quick)
    done = bench("fit", "yeast", "Deep", "--model", "deep.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "rows.csv").write_text(
        "\n".join([",".join(f"f{j}" for j in range(103)), *[",".join(["0.1"] * 103)] * 3])
    )
    predicted = bench("predict", "deep.safetensors", "rows.csv", cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    assert len(predicted.stdout.splitlines()) == 4
