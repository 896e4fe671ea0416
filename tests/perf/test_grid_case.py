"""Milliseconds of a step by kind of operation."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from perf.cases import grid


def test_a_step_is_taken_apart_by_kind_and_steps_that_do_more_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, small = torch.randn(32, grid.FEATURES), torch.randn(grid.FEATURES, 4), torch.randn(4, 4)
    clock, seen = itertools.count(), []

    def step(index: Tensor) -> None:
        seen.append(index)
        z = x.index_select(0, index) @ weight
        torch.linalg.vector_norm(z @ small @ small).relu()
        next(clock)
        if len(seen) % 3 == 0:  # as a comparison of the recording with the objective
            (x @ weight).relu()
        else:
            for _ in range(9):
                next(clock)

    # Each look at the clock takes a thousandth of a second: so do an operation and, but for what it counts, a step.
    monkeypatch.setattr(grid, "time", SimpleNamespace(perf_counter=lambda: next(clock) / 1e3))
    kinds = grid.milliseconds_by_kind(step, list(torch.arange(32).split(4)))  # type: ignore[arg-type]
    assert kinds == pytest.approx(
        {
            "small products": 2, "wide products": 1, "gathering the batch": 1, "norm of the gradients": 1,
            "elementwise, sums, normalisation": 1, "between operations": 11 - 6,
        }
    )  # fmt: skip
    assert len(seen) == 3 * 8


def test_the_profiled_step_is_that_of_one_of_the_grids_processes() -> None:
    train = grid.Split(torch.randn(64, grid.FEATURES).relu(), (torch.rand(64, grid.LABELS) > 0.9).to(torch.int8))
    step = grid._step_of_one_process(train)
    assert step.stack.size == len(grid.GRID) / 2
    with grid._Timed() as timed:
        step(torch.arange(64))
    kinds = {kind for kind, _ in timed.taken}
    assert {"wide products", "small products", "update", "norm of the gradients", "gathering the batch"} <= kinds
