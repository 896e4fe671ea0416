"""The branch that a GPU takes, on the CPU: a stand-in for CUDA graphs lists operations while it "captures" and runs
them again, on the same memory, at each replay. As on a GPU, capturing changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench import methods
from bench.job.build import loop_options
from bench.methods.api import LinearMethod, Split
from bench.protocol import Protocol
from bench.training import cuda_graph, loop
from bench.training import step as training_step
from bench.training.loop import Trained
from tests.conftest import problem_of, random_split


class Capture(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple, dict, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        changes = func._schema.is_mutable
        out = kwargs.get("out", args[0]) if changes else func(*args, **kwargs)
        self.calls.append((func, args, kwargs, out))
        return out if func._schema.returns else None

    def replay(self) -> None:
        for func, args, kwargs, out in self.calls:
            found = func(*args, **kwargs)
            if not func._schema.is_mutable and not func.is_view:
                for place, value in zip(tree_leaves(out), tree_leaves(found), strict=True):
                    if isinstance(place, Tensor):
                        place.copy_(value)


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[Capture]:
    made: list[Capture] = []

    @contextmanager
    def capturing(graph: Capture, device: torch.device) -> Iterator[None]:
        made.append(graph)
        with graph:
            yield

    fork = torch.random.fork_rng
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Capture)
    monkeypatch.setattr(cuda_graph, "capturing", capturing)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: fork(devices=[]))
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # the stand-in writes to its tensors from outside
    return made


OPTIONS = training_step.LoopOptions(epochs=7, batch_size=16)


def trained(name: str, points: int, options: training_step.LoopOptions = OPTIONS) -> Trained:
    data = random_split(75, 6, 5, seed=0, dtype=torch.float64)  # four batches of 16 and an odd one of 11
    numeric = [key for key, value in methods.info(name).defaults.items() if isinstance(value, float)]
    torch.manual_seed(0)
    made = [methods.create(name, problem_of(data), **dict.fromkeys(numeric, 0.1 * (k + 1))) for k in range(points)]
    modules = [module.double() for module in made if isinstance(module, LinearMethod)]
    extra = {
        key: torch.rand(75, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        for key in ("target", "weight", "start")
    }
    extra["row"] = torch.arange(75)
    known = torch.rand(75, 5, generator=torch.Generator().manual_seed(2)) < 0.4
    training = Split(data.x, data.y * known, known) if methods.info(name).family == "partial labels" else data
    return loop.train(modules, training, Split(data.x[:20], data.y[:20]), options, 0, extra=extra)


def test_tf32_is_for_steps_that_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[bool]] = {"step": set(), "metric": set()}
    run, hamming = training_step.Step._run, loop.stacked_hamming

    def step(self: training_step.Step, index: Tensor) -> Tensor:
        seen["step"].add(torch.backends.cuda.matmul.allow_tf32)
        return run(self, index)

    def metric(*args: Any, **kwargs: Any) -> Tensor:
        seen["metric"].add(torch.backends.cuda.matmul.allow_tf32)
        return hamming(*args, **kwargs)

    monkeypatch.setattr(training_step.Step, "_run", step)
    monkeypatch.setattr(loop, "stacked_hamming", metric)
    for asked in (False, True):
        seen["step"].clear()
        options = training_step.LoopOptions(epochs=1, tf32=asked)
        assert loop_options(Protocol(precision="tf32" if asked else "float32"), 75).tf32 is asked
        trained("BCE", 1, options)
        assert seen == {"step": {asked}, "metric": {False}}
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("name", ["BCE", "R-FL", "VALEN", "FLEM-D", "FLEM-S", "FLEM-T", "EM+APL", "ROLE", "LL-Ct"])
def test_captured_steps_equal_launched_ones(name: str, captures: list[Capture]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "is_cuda", False)
        plain = trained(name, 2)
    assert not captures
    found = trained(name, 2)
    assert len(captures) == 2  # full batches, and the odd last one
    assert found.epochs == plain.epochs
    assert found.losses == plain.losses
    for key, value in plain.parameters.items():
        assert torch.equal(found.parameters[key], value), key
