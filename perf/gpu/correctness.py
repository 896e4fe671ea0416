"""Part a: the numbers of a GPU. Every gradient method on a small problem: CPU against GPU, launched step by step
against captured as a CUDA graph, twice; another backbone, further selections; a model that diverges, memory that runs
out."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from bench import config as configuration
from bench import methods
from bench.config import LINEAR, Backbone, Variant
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.job.selection import Fitted
from bench.methods.api import Split
from bench.plan.tracks import make_plan
from bench.protocol import Protocol
from bench.records.store import Store
from bench.running.worker import JobOptions, run_job
from bench.system import writing
from bench.training.cuda_graph import CapturedFunction
from bench.training.loop import DivergedError
from bench.training.seeding import Streams
from bench.training.stack import Stack
from bench.training.step import Step
from perf.gpu.setting import Line, Setting, gradient_methods

ROWS, FEATURES, LABELS = 75, 12, 6
PROTOCOL = Protocol(epochs=12, batch_size=16, precision="float64")
"""Four full batches and an odd one of 11 rows; enough epochs for both to be captured."""
SELECTION = replace(PROTOCOL, also_select=("macro-f1", "average-precision", "ranking"), select_every=2, patience=4)
PENALISED = replace(PROTOCOL, l2=1.0)
NETWORK = Backbone("mlp", {"width": 32, "dropout": 0.5})
LIMIT = 1000 * 2**20
"""Bytes: room for a stack of four of its models of 7 million parameters, not for eight."""


def lines(setting: Setting) -> Iterator[Line]:
    for name in gradient_methods():
        yield name, partial(agreement, Training(name), setting)
    for name in ("BCE", "FLEM-D"):
        yield f"{name} (mlp)", partial(agreement, Training(name, backbone=NETWORK), setting)
        yield f"{name} (patience, further metrics)", partial(agreement, Training(name, SELECTION), setting)
        yield f"{name} (L2 penalty)", partial(agreement, Training(name, PENALISED), setting)
    yield "diverging model", lambda: diverging(setting)
    yield "out of memory", lambda: out_of_memory(setting)


@dataclass(frozen=True)
class Training:
    """A method's grid as the shared loop trains it."""

    method: str
    protocol: Protocol = PROTOCOL
    backbone: Backbone = LINEAR
    points: int = 3

    def fitted(self, device: str | torch.device, dtype: torch.dtype = torch.float64) -> Fitted:
        """A grid of points whose numbers differ, but not by orders of magnitude: nothing diverges. Losses on partly
        known labels are given such."""
        info = methods.info(self.method)
        defaults, tuned = info.defaults, set(info.grid) or set(info.defaults)
        numbers = [option for option, value in defaults.items() if isinstance(value, float) and option in tuned]
        grid = [
            methods.options(self.method, defaults, {option: defaults[option] * (1 + 0.1 * k) for option in numbers})
            for k in range(self.points if numbers else 1)
        ]
        prepared = problem(device, dtype, partly_known=info.family == "partial labels")
        return fit_linear(self.method, grid, prepared, self.protocol, 0, backbone=self.backbone)


def agreement(training: Training, setting: Setting) -> dict[str, Any]:
    """Largest differences of a trained grid's parameters and losses, relative to the largest value of each tensor."""
    on_cpu = training.fitted("cpu")
    with captures() as made:
        captured = training.fitted(setting.device)
    again = training.fitted(setting.device)
    with patch.object(Step, "__call__", Step._run):
        launched = training.fitted(setting.device)
    with shifted_noise():
        draws = difference(on_cpu, training.fitted("cpu")) > 0
    found: dict[str, Any] = {
        "graphs_captured": made[0],
        "captured_equals_launched": difference(captured, launched) == 0,
        "captured_to_launched": difference(captured, launched),
        "twice_equal": difference(captured, again) == 0,
        "draws_noise": draws,
    }
    if not draws:  # generators of a CPU and of a GPU give other numbers
        found["cpu_to_gpu"] = difference(on_cpu, captured)
        single = [training.fitted(device, torch.float32) for device in ("cpu", setting.device)]
        found["cpu_to_gpu_float32"] = difference(*single)
    return found


def problem(device: str | torch.device, dtype: torch.dtype, partly_known: bool = False) -> Prepared:
    """Simulated rows; ``partly_known``: of the training rows' labels all positives and a third of the negatives."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, FEATURES, generator=generator, dtype=torch.float64)
    y = (x @ torch.randn(FEATURES, LABELS, generator=generator, dtype=torch.float64) > 2).to(torch.int8)
    # A row without labels leaves FLEM's first layer at the rectifier's kink (its biases are 0), where rounding decides.
    y[y.sum(1) == 0, 0] = 1
    known = (y > 0) | (torch.rand(y.shape, generator=generator) < 1 / 3)
    split = Split(x.to(device, dtype), y.to(device), known.to(device) if partly_known else None)
    splits = {"train": split, "val": Split(split.x[:30], split.y[:30])}
    return Prepared(problem_of("simulated", splits, "official"), splits)


def difference(one: Fitted, other: Fitted) -> float:
    """Largest relative difference of parameters and losses; infinite where epochs differ in what is finite."""
    largest = 0.0
    for a, b in zip(one.candidates, other.candidates, strict=True):
        values = [(a.parameters[key], b.parameters[key]) for key in a.parameters]
        values.append((torch.tensor(a.losses).double(), torch.tensor(b.losses).double()))
        largest = max(largest, *(relative(x.cpu().double(), y.cpu().double()) for x, y in values))
    return largest


def relative(x: Tensor, y: Tensor) -> float:
    if bool((x.isfinite() != y.isfinite()).any()):
        return math.inf
    scale = float(x.nan_to_num(0, 0, 0).abs().max()) or 1.0
    return float((x - y).nan_to_num(0, 0, 0).abs().max()) / scale


@contextmanager
def captures() -> Iterator[list[int]]:
    """[the number of graphs captured meanwhile]."""
    count, original = [0], CapturedFunction.__init__

    def counted(self: CapturedFunction, *arguments: Any) -> None:
        count[0] += 1
        original(self, *arguments)

    with patch.object(CapturedFunction, "__init__", counted):
        yield count


@contextmanager
def shifted_noise() -> Iterator[None]:
    """Other random numbers in each step; those of the initial weights and of the batches' order stay."""
    original = Streams.seed_noise

    def shifted(self: Streams, epoch: int, number: int, device: torch.device) -> None:
        original(self, epoch + 1000, number, device)

    with patch.object(Streams, "seed_noise", shifted):
        yield


def diverging(setting: Setting) -> dict[str, Any]:
    """A grid in which one model overflows: its epoch must be the same on both, the other's numbers must be finite."""
    defaults = methods.info("FLEM-D").defaults
    grid = [methods.options("FLEM-D", defaults, {"alpha": value}) for value in (0.01, 1e38)]
    found: dict[str, Any] = {}
    for device in ("cpu", str(setting.device)):
        try:
            fitted = fit_linear("FLEM-D", grid, problem(device, torch.float32), PROTOCOL, 0)
            found[device] = [candidate.diverged for candidate in fitted.candidates]
        except DivergedError as error:
            found[device] = str(error)
    return {"epochs": found, "equal": len({str(value) for value in found.values()}) == 1}


def out_of_memory(setting: Setting) -> dict[str, Any]:
    """A job whose grid does not fit as one stack: it must be done in smaller ones, and say so."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = np.random.default_rng(0).standard_normal((200, 20_000), dtype=np.float32)
        labels = (rows[:, :200] > 1).astype(np.int8)
        writing.write(folder / "large.npz", writing.packed({"X": rows, "Y": labels}))
        grid = {"alpha": [0.01, 0.02, 0.03, 0.04], "beta": [0.01, 0.02]}
        variant = Variant(name="FLEM-D", base="FLEM-D", grid=grid)
        plan = make_plan(configuration.load(folder), [folder], [str(folder / "large.npz")], [variant], [0], epochs=2)
        store = Store(folder / "results")
        options = JobOptions(device=str(setting.device), keep=[], checkpoint_seconds=math.inf)
        with memory_limit(setting):
            outcome = run_job(plan.jobs[0], store, options)
        record = store.read(plan.jobs[0].name)
        return {
            "status": outcome.status,
            "message": outcome.message,
            "stacks_that_did_not_fit": record.cost.stacks_that_did_not_fit if record else None,
            "stacks": record.result.stacks if record and record.result else None,
        }


@contextmanager
def memory_limit(setting: Setting) -> Iterator[None]:
    """Little memory: on a GPU a share of it; on a CPU, as a stand-in, no room for stacks of more than four models."""
    if setting.on_gpu:
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(setting.device).total_memory
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + LIMIT) / whole)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    original = Stack.__init__

    def small(self: Stack, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        if self.size > 4:
            raise MemoryError

    with patch.object(Stack, "__init__", small):
        yield
