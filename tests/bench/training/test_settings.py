"""Grid points with settings of training of their own: each is trained as it would be alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.protocol import Protocol
from bench.training.optimiser import Adam, PerModel
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=3, batch_size=16, precision="float64")


def prepared() -> Prepared:
    splits = {"train": random_split(50, 6, 4, seed=1), "val": random_split(20, 6, 4, seed=2)}
    splits["train"].y[:, 0] = 1  # FLEM's estimator starts at a kink on rows without labels
    return Prepared(problem_of(splits["train"]), splits)


def parameters(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"classifier.weight": (3, 4, 5), "classifier.bias": (3, 4)}
    return {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}


def stepped(rate: PerModel, decay: PerModel, decoupled: bool = True) -> dict[str, torch.Tensor]:
    values = parameters()
    adam = Adam(
        values, learning_rate=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay, bias_weight_decay=0.01,
        amsgrad=True, decoupled=decoupled,
    )  # fmt: skip
    for step in range(5):
        adam.step(list(parameters(step + 1).values()))
    return values


@pytest.mark.parametrize("decoupled", [True, False])
def test_each_model_is_updated_as_by_torchs_optimiser(decoupled: bool) -> None:
    rates, decays = (1e-3, 1e-2, 1e-2), (1e-4, 0.0, 0.5)
    found = stepped(rates, decays, decoupled)
    cls = torch.optim.AdamW if decoupled else torch.optim.Adam
    for k in range(3):
        own = {name: value[k].clone() for name, value in parameters().items()}
        groups: list[dict[str, Any]] = [
            {"params": [own["classifier.weight"]], "weight_decay": decays[k]},
            {"params": [own["classifier.bias"]], "weight_decay": 0.01},
        ]
        reference = cls(groups, lr=rates[k], amsgrad=True)
        for step in range(5):
            for name, gradient in parameters(step + 1).items():
                own[name].grad = gradient[k]
            reference.step()
        for name, value in own.items():
            torch.testing.assert_close(found[name][k], value, rtol=1e-12, atol=1e-12)


def test_models_of_equal_settings_have_the_same_bits_as_with_one_setting() -> None:
    one, each = stepped(1e-2, 1e-4), stepped((1e-2,) * 3, (1e-4,) * 3)
    assert all(torch.equal(one[name], each[name]) for name in one)


TRAINING = [
    {"learning_rate": 1e-3, "epochs": 2},
    {"learning_rate": 1e-1, "epochs": 2},
    {"learning_rate": 1e-3, "epochs": 5},
    {"learning_rate": 1e-3, "epochs": 2, "batch_size": 7},
    {"learning_rate": 1e-3, "epochs": 2, "clip": "none", "betas": (0.5, 0.9)},
]


@pytest.mark.parametrize("name", ["BCE", "FLEM-D"])
def test_points_are_trained_by_their_own_protocols(name: str) -> None:
    options = {"alpha": 0.01, "beta": 0.01} if name == "FLEM-D" else {}
    data, points = prepared(), [options] * len(TRAINING)
    fitted = fit_linear(name, points, data, PROTOCOL, 0, training=TRAINING)
    assert sorted(fitted.stacks) == [1, 1, 1, 2]
    assert fitted.epochs == 5
    for own, candidate in zip(TRAINING, fitted.candidates, strict=True):
        alone = fit_linear(name, [options], data, replace(PROTOCOL, **own), 0)
        (expected,) = alone.candidates
        assert (candidate.epochs, candidate.epoch) == (own["epochs"], expected.epoch)
        assert candidate.losses == pytest.approx(expected.losses, rel=1e-8)
        torch.testing.assert_close(
            candidate.parameters["classifier.weight"], expected.parameters["classifier.weight"], rtol=1e-7, atol=1e-8
        )


def test_a_recovery_network_is_trained_by_each_points_protocol() -> None:
    data, options = prepared(), {"epochs": 2, "batch_size": 16}
    training = [{"learning_rate": rate} for rate in (1e-3, 3e-2)]
    fitted = fit_linear("LEVI", [options] * 2, data, PROTOCOL, 0, training=training)
    assert fitted.stacks == [1, 1]
    for own, candidate in zip(training, fitted.candidates, strict=True):
        (alone,) = fit_linear("LEVI", [options], data, replace(PROTOCOL, **own), 0).candidates
        assert torch.equal(candidate.parameters["classifier.weight"], alone.parameters["classifier.weight"])
        assert torch.equal(candidate.distribution(), alone.distribution())  # type: ignore[arg-type]


def test_progress_counts_the_epochs_of_stacks_of_different_lengths() -> None:
    seen: list[tuple[str, int, int]] = []
    training = [{"epochs": 2}, {"epochs": 3}]
    fit_linear("BCE", [{}, {}], prepared(), PROTOCOL, 0, lambda *given: seen.append(given), training=training)
    assert seen == [("epoch", done, 5) for done in range(1, 6)]
