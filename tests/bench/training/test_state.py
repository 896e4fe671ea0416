"""Objectives with state: what a recording would freeze is noticed, and the numbers are those of plain calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.methods.api import Batch, LinearMethod, Split
from bench.training import loop
from bench.training import stack as stacking
from bench.training.step import LoopOptions
from tests.conftest import problem_of, random_split

OPTIONS = LoopOptions(epochs=8, batch_size=16)
CALLS: list[int] = []


def squares(batch: Batch) -> Tensor:
    return (batch.z - batch.y).square().mean()


def warm_up(self: Any, batch: Batch) -> Tensor:
    self.count = getattr(self, "count", 0) + 1
    return min(1.0, self.count / 20) * squares(batch)


def late_branch(self: Any, batch: Batch) -> Tensor:
    """For the recording's first replays equal, and still noticed: the counter is an attribute."""
    self.count = getattr(self, "count", 0) + 1
    return squares(batch) * (2 if self.count > 30 else 1)


def list_of_calls(self: Any, batch: Batch) -> Tensor:
    self.calls = [*getattr(self, "calls", []), 1]
    return squares(batch) / len(self.calls)


def outer_counter(self: Any, batch: Batch) -> Tensor:
    CALLS.append(1)
    return squares(batch) / len(CALLS)


def python_random(self: Any, batch: Batch) -> Tensor:
    return (batch.z - batch.y - random.random()).square().mean()


def numpy_random(self: Any, batch: Batch) -> Tensor:
    return squares(batch) * float(np.random.rand())  # noqa: NPY002


def buffer_in_place(self: Any, batch: Batch) -> Tensor:
    self.average.mul_(0.9).add_(0.1)
    return self.average * squares(batch)


def buffer_of_data(self: Any, batch: Batch) -> Tensor:
    self.average.mul_(0.9).add_(0.1 * batch.z.detach().mean())
    return (batch.z - batch.y - self.average).square().mean()


STATEFUL = [
    warm_up, late_branch, list_of_calls, outer_counter, python_random, numpy_random, buffer_in_place, buffer_of_data,
]  # fmt: skip


def by_epoch(self: Any, batch: Batch) -> Tensor:
    return squares(batch) * torch.where(batch.epoch > 3, 2.0, 1.0)


def by_step(self: Any, batch: Batch) -> Tensor:
    return squares(batch) * (batch.step / 20).clamp(max=1.0)


def torch_noise(self: Any, batch: Batch) -> Tensor:
    return (batch.z - batch.y - torch.rand(batch.y.shape[-2:], dtype=batch.z.dtype)).square().mean()


def dropout(self: Any, batch: Batch) -> Tensor:
    return (F.dropout(batch.z, 0.5) - batch.y).square().mean()


STATELESS = [by_epoch, by_step, torch_noise, dropout]

Objective = Callable[[Any, Batch], Tensor]


@pytest.fixture
def data() -> Split:
    return random_split(100, 8, 6, 0)


def losses(objective: Objective, data: Split, size: int = 1) -> list[list[float]]:
    """[K][E] losses of ``size`` equal models."""
    CALLS.clear()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    kind = type("Own", (LinearMethod,), {"objective": objective})
    made = []
    for _ in range(size):
        module = kind(problem_of(data))
        module.register_buffer("average", torch.zeros(()))
        loop.initialise_classifier(module, 0)
        made.append(module.double())
    return loop.train(made, data, None, OPTIONS, seed=0).losses


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("objective", [*STATEFUL, *STATELESS], ids=lambda objective: objective.__name__)
def test_losses_are_those_of_plain_calls(
    objective: Objective, size: int, data: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = losses(objective, data, size)
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 10**9)
    assert np.array(found) == pytest.approx(np.array(losses(objective, data, size)), rel=1e-9)


@pytest.mark.parametrize("objective", STATEFUL, ids=lambda objective: objective.__name__)
def test_state_is_said_once(objective: Objective, data: Split, capsys: pytest.CaptureFixture[str]) -> None:
    stacking._say_once.cache_clear()
    for _ in range(2):
        losses(objective, data)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("note: the objective of Own keeps state between steps")
    assert "batch.epoch" in said


@pytest.mark.parametrize("objective", STATELESS, ids=lambda objective: objective.__name__)
def test_schedules_by_epoch_and_step_are_recorded(
    objective: Objective, data: Split, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []
    replayed = stacking.Stack._replayed
    monkeypatch.setattr(stacking.Stack, "_replayed", lambda *args: recorded.append(1) or replayed(*args))
    losses(objective, data)
    steps = OPTIONS.epochs * 7
    assert len(recorded) == steps - 2 * (stacking.CALLS_BEFORE_RECORDING + 1)  # batches of 16 and of 4 rows
    assert not capsys.readouterr().err


def test_state_that_shows_late_fails_the_training(data: Split) -> None:
    """Hidden outside of the module, and equal at first: replays were used, so nothing right is left to go on from."""

    def hidden(self: Any, batch: Batch) -> Tensor:
        CALLS.append(1)
        return squares(batch) * (2 if len(CALLS) > 11 else 1)

    with pytest.raises(stacking.StatefulObjectiveError, match="set stackable = False"):
        losses(hidden, data)
