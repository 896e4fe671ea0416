"""Trainings that take turns are what they are one after another."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from bench import config as configuration
from bench import methods
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.selection import Fitted
from bench.methods.api import Split
from bench.plan.jobs import Job
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants
from bench.protocol import Protocol
from bench.records.store import Store
from bench.run.groups import bundled, run_bundle
from bench.run.worker import JobOptions, JobRun
from bench.training import interleave
from bench.training import step as training_step
from bench.training.interleave import in_turns, pass_on, seconds_of_own
from tests.bench.training.test_cuda_graph import Capture, captures  # noqa: F401
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=7, batch_size=16, precision="float64", stack=2)
NAMES = ("BCE", "DB", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D")
"""With weights for each row, a network trained before and noise, and networks trained along."""


def fitted(name: str, seed: int) -> Fitted:
    """A small grid in float64; four batches of 16 rows and an odd one of 11."""
    data = random_split(75, 6, 5, seed=0, dtype=torch.float64)
    splits = {"train": data, "val": Split(data.x[:20], data.y[:20])}
    info = methods.info(name)
    numeric = [key for key, value in info.defaults.items() if isinstance(value, float)][:1]
    points = [{**info.defaults, **dict.fromkeys(numeric, value)} for value in ((0.1, 0.2) if numeric else (0.0,))]
    return fit_linear(name, points, Prepared(problem_of(data), splits), PROTOCOL, seed)


def assert_equal(found: Fitted, expected: Fitted) -> None:
    for one, other in zip(found.candidates, expected.candidates, strict=True):
        assert (one.epoch, one.losses, one.hamming) == (other.epoch, other.losses, other.hamming)
        assert one.parameters.keys() == other.parameters.keys()
        for key, value in one.parameters.items():
            assert torch.equal(value, other.parameters[key]), key


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The thread of every step, in their order."""
    taken: list[int] = []
    step = training_step.Step.__call__

    def noted(self: training_step.Step, index: Tensor) -> Tensor:
        taken.append(threading.get_ident())
        return step(self, index)

    monkeypatch.setattr(training_step.Step, "__call__", noted)
    return taken


def test_seeds_and_strategies_in_turns_equal_each_alone(steps: list[int]) -> None:
    calls = [partial(fitted, name, seed) for name in NAMES for seed in (0, 1)]
    alone = [call() for call in calls]
    assert len(set(steps)) == 1
    steps.clear()
    for found, expected in zip(in_turns(calls), alone, strict=True):
        assert_equal(found, expected)
    threads = list(dict.fromkeys(steps))
    assert len(threads) == len(calls)
    assert steps[: len(calls)] == steps[len(calls) : 2 * len(calls)] == threads  # a step each, in a fixed order


def test_captured_steps_take_turns_too(captures: list[Capture]) -> None:  # noqa: F811
    """As on a GPU, on the stand-in for its graphs."""
    calls = [partial(fitted, name, seed) for name in ("BCE", "FLEM-S", "FLEM-D") for seed in (0, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "is_cuda", False)
        alone = [call() for call in calls]
    assert not captures
    for found, expected in zip(in_turns(calls), alone, strict=True):
        assert_equal(found, expected)
    assert len(captures) == 2 * len(calls)  # full batches, and the odd last one


def test_each_finds_its_random_numbers_as_it_left_them() -> None:
    def draw(seed: int) -> list[float]:
        torch.manual_seed(seed)
        drawn = []
        for _ in range(3):
            drawn.append(torch.rand(()).item())
            pass_on()
        return drawn

    alone = [draw(seed) for seed in range(4)]
    assert in_turns([partial(draw, seed) for seed in range(4)]) == alone


def test_who_is_done_leaves_the_round_to_the_others() -> None:
    order: list[str] = []

    def call(name: str, steps: int) -> str:
        for _ in range(steps):
            order.append(name)
            pass_on()
        return name

    assert in_turns([partial(call, "a", 1), partial(call, "b", 3), partial(call, "c", 2)]) == ["a", "b", "c"]
    assert order == ["a", "b", "c", "b", "c", "b"]


def test_an_error_ends_the_others_at_their_next_step() -> None:
    done = []

    def endless() -> None:
        while True:
            done.append("step")
            pass_on()

    def fail() -> None:
        for _ in range(3):
            pass_on()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        in_turns([endless, fail, endless])
    assert len(done) == 7


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_thread_that_cannot_be_started_ends_the_round(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) == number:
            raise RuntimeError("can't start new thread")
        start(thread)

    threads = threading.active_count()
    monkeypatch.setattr(threading.Thread, "start", limited)
    with pytest.raises(RuntimeError, match="new thread"):
        in_turns([pass_on] * 3)
    assert threading.active_count() == threads


def test_a_job_without_memory_beside_the_others_runs_when_they_are_done(
    jobs: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taking_turns = []
    fit = JobRun.fit

    def short_of_memory(run: JobRun, stack: int) -> Fitted:
        taking_turns.append((run.job.base, interleave._place.get() is not None))
        if taking_turns[-1] == ("FL", True):
            raise torch.OutOfMemoryError
        return fit(run, stack)

    monkeypatch.setattr(JobRun, "fit", short_of_memory)
    store, options = Store(tmp_path), JobOptions(device="auto", keep=[], checkpoint_seconds=60.0)
    outcomes = run_bundle(tuple(jobs("FL", "BCE", seeds=(0,), epochs=2)), store, options, device="cpu")
    assert [(one.job.base, one.status) for one in outcomes] == [("FL", "done"), ("BCE", "done")]
    assert taking_turns == [("FL", True), ("BCE", True), ("FL", False)]
    of_fl, of_bce = (store.read(one.job.name) for one in outcomes)
    assert of_fl is not None
    assert of_bce is not None
    assert (of_fl.cost.together, of_bce.cost.together) == (1, 2)
    assert of_fl.cost.stacks_that_did_not_fit == []


@pytest.mark.parametrize("after", [0, 3])
def test_ctrl_c_ends_every_call_at_its_step(after: int) -> None:
    ended = []

    def endless(interrupts: bool) -> None:
        main = threading.main_thread().ident
        assert main is not None
        try:
            for step in count():
                if interrupts and step in (after, after + 500):  # again where it was raised in a finaliser, and lost
                    signal.pthread_kill(main, signal.SIGINT)
                time.sleep(0.01)
                pass_on()
        except KeyboardInterrupt:
            ended.append(interrupts)
            raise

    threads = threading.active_count()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            in_turns([partial(endless, True), partial(endless, False)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(ended) == ([False, True] if after else [True])  # or before its first
    assert threading.active_count() == threads


def test_the_clock_stands_while_others_have_their_turn() -> None:
    def work(seconds: float) -> float:
        start = seconds_of_own()
        for _ in range(5):
            time.sleep(seconds)
            pass_on()
        return seconds_of_own() - start

    start = time.perf_counter()
    short, long = in_turns([partial(work, 0.001), partial(work, 0.1)])
    assert long >= 0.5
    assert short < 0.25  # half of what the other slept
    assert short + long <= time.perf_counter() - start


@pytest.fixture
def jobs() -> Callable[..., list[Job]]:
    config = configuration.load()

    def planned(*names: str, seeds: tuple[int, ...] = (0, 1), epochs: int | None = None) -> list[Job]:
        return list(make_plan(config, [], ["yeast"], chosen_variants(config, list(names)), list(seeds), epochs).jobs)

    return planned


def described(bundles: list[tuple[Job, ...]]) -> list[list[str]]:
    return [[f"{job.base} {job.name.seed}" for job in bundle] for bundle in bundles]


def test_bundles_are_of_gradient_trained_jobs_on_the_same_data(jobs: Callable[..., list[Job]]) -> None:
    planned = sorted(jobs("BCE", "ML-KNN", "FLEM-D"), key=lambda job: (job.base, job.name.seed))
    assert described(bundled(planned, 1)) == [[one] for one in described([tuple(planned)])[0]]
    assert described(bundled(planned, 3)) == [["BCE 0", "BCE 1", "FLEM-D 0"], ["FLEM-D 1"], ["ML-KNN 0"], ["ML-KNN 1"]]


@pytest.mark.parametrize("change", [{"scaling": "none"}, {"fidelity": "paper"}, {"precision": "float64"}])
def test_jobs_that_see_other_data_are_apart(jobs: Callable[..., list[Job]], change: dict[str, Any]) -> None:
    one, other = jobs("BCE", "FL", seeds=(0,))
    assert len(bundled([one, other], 2)) == 1
    protocol = msgspec.structs.replace(one.protocol, **change)
    assert protocol != one.protocol
    assert len(bundled([one, replace(other, protocol=protocol)], 2)) == 2
