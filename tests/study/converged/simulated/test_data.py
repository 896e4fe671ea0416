"""Simulated sets against what is said of them, and the control that is given their true distributions."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.datasets.readers import npz
from bench.job.inputs import prepare
from bench.methods.api import Batch, Problem
from bench.system import reading
from study.controls.simulated.true_distributions import TrueDistributions
from study.converged.simulated import data
from study.converged.simulated.data import Setting, made

SETTING = Setting(2.0, 0.0, 200, 0)


@pytest.mark.parametrize("setting", [SETTING, replace(SETTING, strength=0.5), replace(SETTING, correlation=0.6)])
def test_a_name_says_what_a_set_is_made_from(setting: Setting) -> None:
    assert data.setting_of(str(setting)) == setting
    assert data.setting_of(f"{setting}-further") is None


def test_the_studys_sets_have_names_of_their_own_and_all_strengths_in_every_group() -> None:
    assert len(set(map(str, data.SETTINGS))) == len(data.SETTINGS)
    groups = {(one.correlation, one.rows, one.draw) for one in data.SETTINGS}
    assert len(data.SETTINGS) == len(groups) * len(data.STRENGTHS)


def test_degrees_are_distributions_over_the_relevant_labels_alone() -> None:
    simulated = made(SETTING)
    assert simulated.degrees.sum(1) == pytest.approx(np.ones(len(simulated.y)))
    assert ((simulated.degrees > 0) == (simulated.y > 0)).all()
    assert simulated.y.any(1).all()


def test_without_strength_relevant_labels_are_alike_and_with_it_the_largest_degree_grows() -> None:
    alike = made(replace(SETTING, strength=0.0))
    for y, degrees in zip(alike.y.tolist(), alike.degrees.tolist(), strict=True):
        assert degrees == pytest.approx([label / sum(y) for label in y])
    largest = [made(replace(SETTING, strength=strength)).degrees.max(1).mean() for strength in data.STRENGTHS]
    assert largest == sorted(largest)


def test_strengths_of_a_draw_differ_in_their_degrees_alone() -> None:
    weak, strong = (made(replace(SETTING, strength=strength)) for strength in (0.5, 4.0))
    assert (weak.y == strong.y).all()
    # Features move by the change of the degrees times the prototypes, which least squares find, but for rounding.
    degrees, features = strong.degrees - weak.degrees, (strong.x - weak.x).astype(np.float64)
    prototypes = np.linalg.lstsq(degrees, features, rcond=1e-8)[0]
    assert np.abs(features).max() > 1
    assert np.abs(features - degrees @ prototypes).max() < 0.002


def test_draws_and_sizes_are_independent_sets() -> None:
    other = made(replace(SETTING, draw=1))
    assert (made(SETTING).y != other.y).any()
    assert (made(SETTING).y[: SETTING.rows] != made(replace(SETTING, rows=400)).y[: SETTING.rows]).any()


def test_labels_of_a_group_are_correlated_where_asked() -> None:
    correlations = []
    for correlation in (0.0, 0.6):
        y = made(Setting(1.0, correlation, 5000, 0)).y
        correlations.append(np.corrcoef(y.T)[: data.GROUP, : data.GROUP][np.triu_indices(data.GROUP, 1)].min())
    assert correlations[1] > correlations[0] + 0.2


def test_a_made_file_is_read_whole_and_holds_nothing_of_the_degrees(tmp_path: Path) -> None:
    (path,) = data.make(tmp_path, [SETTING])
    simulated, loaded = made(SETTING), npz.load(str(SETTING), path)
    for split, rows in simulated.splits.items():
        assert (loaded.splits[split].x == simulated.x[rows]).all()
        assert (loaded.splits[split].y == simulated.y[rows]).all()
    assert reading.array_names(path) == {"X", "Y", "train_idx", "val_idx", "test_idx"}
    assert loaded.splits["train"].x.shape == (SETTING.rows, data.FEATURES)


@pytest.mark.parametrize("scaling", ["none", "minmax"])
def test_the_oracle_is_given_the_degrees_of_its_training_rows(tmp_path: Path, scaling: str) -> None:
    (path,) = data.make(tmp_path, [SETTING])
    prepared = prepare(npz.load(str(SETTING), path), scaling, "official", torch.device("cpu"), torch.float32)
    method = TrueDistributions(prepared.problem, beta=0.1)
    given = method.prepare(prepared.splits["train"], lambda *_, **__: None)["distribution"]
    simulated = made(SETTING)
    assert (given.numpy() == simulated.degrees[simulated.splits["train"]]).all()


@pytest.mark.parametrize(
    ("name", "said"), [("yeast", "not simulated"), (str(replace(SETTING, draw=1)), "not those that its name")]
)
def test_the_oracle_refuses_rows_whose_degrees_it_does_not_know(tmp_path: Path, name: str, said: str) -> None:
    (path,) = data.make(tmp_path, [SETTING])
    prepared = prepare(npz.load(name, path), "minmax", "official", torch.device("cpu"), torch.float32)
    method = TrueDistributions(prepared.problem, beta=0.1)
    with pytest.raises(ValueError, match=said):
        method.prepare(prepared.splits["train"], lambda *_, **__: None)


@pytest.mark.parametrize("beta", [0.0, 0.25, 1.0])
def test_the_oracles_loss_is_flems_with_the_true_distribution(beta: float) -> None:
    y = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    z = torch.tensor([[0.3, -1.2, 0.8], [2.0, 0.1, -0.4]], dtype=torch.float64)
    d = torch.tensor([[0.9, 0.0, 0.1], [0.0, 1.0, 0.0]], dtype=torch.float64)
    distribution = consistency = 0.0
    for logits, labels, degrees in zip(z.tolist(), y.tolist(), d.tolist(), strict=True):
        whole = sum(map(exp, logits))
        distribution -= sum(degree * log(exp(one) / whole) for one, degree in zip(logits, degrees, strict=True)) / 2
        consistency += sum(log(1 + exp(-one if label else one)) for one, label in zip(logits, labels, strict=True)) / 6
    method = TrueDistributions(Problem("", 2, 1, 3, y.sum(0)), beta=beta).double()
    value = method.objective(Batch(torch.zeros(2, 1), y, z, {"distribution": d}))
    assert float(value) == pytest.approx(beta * distribution + (1 - beta) * consistency)
