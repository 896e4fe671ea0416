"""On a GPU no step may wait for the device, so no step may look at a tensor's value.

Run on the CPU, on the branch that a GPU takes, under a mode that refuses every operation that reads a value back.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench import methods
from bench.methods.api import LinearMethod
from bench.training import stack as stacking
from bench.training import step as training_step
from tests.conftest import problem_of, random_split

NAMES = [name for name in methods.names() if methods.info(name).gradient]
ATEN = torch.ops.aten
READS = {ATEN._local_scalar_dense.default, ATEN.equal.default, ATEN.nonzero.default, ATEN.masked_select.default}


class ReadError(Exception):
    pass


class NoReads(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READS:
            raise ReadError(func)
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def _as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    fork = torch.random.fork_rng
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    monkeypatch.setattr(
        training_step, "CapturedFunction", lambda function, example: function
    )  # tested in test_cuda_graph
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: fork(devices=[]))
    # A few replays, ever fewer, are compared with the objective: that waits for the device.
    monkeypatch.setattr(stacking, "_equal", lambda found, expected: True)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # it would hide what composite operations run


def steps(name: str, points: int, count: int) -> torch.Tensor:
    split = random_split(40, 6, 5, seed=0, dtype=torch.float32)
    models = [methods.create(name, problem_of(split)) for _ in range(points)]
    modules = [model.float() for model in models if isinstance(model, LinearMethod)]
    stack = stacking.Stack(modules, linear=True, stackable=True, device=torch.device("cpu"), dtype=torch.float32)
    extra = {key: torch.rand(40, 5) for key in ("target", "weight", "start")}
    extra["row"] = torch.arange(40)
    step = training_step.Step(stack, training_step.LoopOptions(), split, extra)
    index = torch.arange(16)
    total = torch.zeros(points, dtype=torch.float64)
    with NoReads():
        for _ in range(count):  # as the loop does it
            total += step(index) * len(index)
    return total


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("points", [1, 3])
def test_no_step_reads_a_value(name: str, points: int) -> None:
    found = steps(name, points, stacking.CALLS_BEFORE_RECORDING + 3)  # as it is, recorded, and replayed
    assert torch.isfinite(found).all()


def test_a_read_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = training_step.NormQueue.scale

    def reads(self: training_step.NormQueue, norm: torch.Tensor) -> torch.Tensor:
        return scale(self, norm) if float(norm.sum()) >= 0 else norm

    monkeypatch.setattr(training_step.NormQueue, "scale", reads)
    with pytest.raises(ReadError):
        steps("BCE", 1, 1)
