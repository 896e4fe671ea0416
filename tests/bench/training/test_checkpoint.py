"""A job that was stopped goes on from its checkpoints to the same result, bit for bit; and what memory cannot hold is
tried in smaller parts."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import config
from bench.job import fit_linear as linear
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.job.selection import Fitted
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants, variants_of
from bench.protocol import Protocol
from bench.records.store import Store
from bench.running import worker
from bench.system import reading
from bench.training import checkpoint
from bench.training.checkpoint import Checkpoints
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=6, batch_size=16, stack=2)
SHORT = {"LEVI": {"hidden": 12, "epochs": 8}, "VALEN": {"epochs": 8}}
"""Of their recovery networks, which come first."""


class Stopped(Exception):
    pass


def prepared() -> Prepared:
    train, val = (random_split(rows, 12, 5, seed, torch.float32) for rows, seed in ((70, 0), (40, 1)))
    return Prepared(problem_of(train), {"train": train, "val": val})


def fitted(name: str, stages: Any = None, stop_at: int | None = None) -> tuple[Fitted, list[tuple[str, int]]]:
    """With the (what, epoch) that the fit went through."""
    points = [{**point, **SHORT.get(name, {})} for point in recipe(variants_of(config.load())[name]).points[:4]]
    seen: list[tuple[str, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        if len(seen) == stop_at:
            raise Stopped
        seen.append((what, done))

    return fit_linear(name, points, prepared(), PROTOCOL, 3, progress, 1, stages), seen


def same(first: Fitted, second: Fitted) -> None:
    assert first.stacks == second.stacks
    for one, other in zip(first.candidates, second.candidates, strict=True):
        assert (one.epoch, one.losses, one.hamming) == (other.epoch, other.losses, other.hamming)
        assert one.parameters.keys() == other.parameters.keys()
        for name, value in one.parameters.items():
            assert torch.equal(value, other.parameters[name]), name


undisturbed = cache(fitted)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        *product(["BCE", "FLEM-D", "FLEM-T", "DB", "LEVI", "VALEN"], [0.1, 0.9]),  # of two stacks, each is stopped
        *product(["LEVI", "VALEN"], [0.45]),  # and each stage
    ],
)
def test_a_stopped_fit_goes_on_to_the_same_result(tmp_path: Path, name: str, share: float) -> None:
    whole, all_seen = undisturbed(name)
    checkpoints = Checkpoints(tmp_path / "c", "identity", seconds=0)
    stop = int(share * len(all_seen))
    with pytest.raises(Stopped):
        fitted(name, checkpoints.of, stop)
    resumed, seen = fitted(name, checkpoints.of)
    same(whole, resumed)
    # the epoch in which it was stopped was not kept; all before it are not done again
    assert seen == all_seen[stop:]


def test_only_the_same_job_goes_on(tmp_path: Path) -> None:
    stage = Checkpoints(tmp_path, "mine", 60).of("stack of 0 to 3")
    assert stage.load() is None
    stage.save({"x": torch.arange(3), "curve": [[1.0]]})
    again = Checkpoints(tmp_path, "mine", 60).of("stack of 0 to 3")
    assert torch.equal(again.load()["x"], torch.arange(3))  # type: ignore[index]
    assert Checkpoints(tmp_path, "another's", 60).of("stack of 0 to 3").load() is None
    content = bytearray(stage.path.read_bytes())
    content[-5] ^= 1
    stage.path.write_bytes(content)
    assert again.load() is None
    stage.path.write_bytes(content[:100])
    assert again.load() is None


def test_a_checkpoint_that_cannot_be_used_is_said_and_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Checkpoints(tmp_path, "mine", 1).of("stage")
    assert one.load() is None  # there is none, and nothing to say
    one.save({"epoch": 3})
    assert one.load() == {"epoch": 3}
    monkeypatch.setattr(reading, "free_memory", lambda: 10)
    with pytest.warns(UserWarning, match=r"stage\.checkpoint is refused: it would be over"):
        assert one.load() is None
    one.path.unlink()
    one.path.mkdir()
    with pytest.warns(UserWarning, match="is a folder, a pipe or a device"):
        assert one.load() is None
    with pytest.warns(UserWarning, match="goes on without a checkpoint: .* is a folder"):
        one.save({"epoch": 3})


def test_a_checkpoint_is_due_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    stage = checkpoint.Checkpoint(tmp_path / "a", "mine", 60.0, started=0.0, saved=0.0)
    now[0] = 2.0
    assert not stage.due(finished=True)  # done sooner than read
    now[0] = 59.0
    assert not stage.due(finished=False)
    assert stage.due(finished=True)
    now[0] = 60.0
    assert stage.due(finished=False)
    stage.save({})
    assert not stage.due(finished=False)


def test_a_checkpoint_that_is_too_large_is_said_and_not_written(tmp_path: Path) -> None:
    state = {"parameters": {"weight": torch.zeros(100)}, "best": [torch.zeros(10), 3, "word"]}
    for most, kept in ((439, False), (440, True)):
        stage = checkpoint.Checkpoints(tmp_path, "mine", 60.0, most).of(f"of {most}")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            stage.save(state)
        assert stage.path.exists() == kept
        assert ["and is not written" in str(one.message) for one in said] == ([] if kept else [True])


OPTIONS = worker.JobOptions(device="cpu", keep=[], checkpoint_seconds=math.inf)


def test_memory_that_runs_out_is_met_with_smaller_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", "")
    settings = config.load()
    plan = make_plan(settings, [], ["yeast"], chosen_variants(settings, ["FLEM-I"]), [0], epochs=1)
    (job,) = plan.jobs
    stacks = []
    real = linear._train_stack

    def limited(name: str, prepared: Any, seed: int, backbone: Any, stack: Any, *report: Any) -> Any:
        stacks.append(len(stack.points))
        if len(stack.points) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return real(name, prepared, seed, backbone, stack, *report)

    monkeypatch.setattr(linear, "_train_stack", limited)
    outcome = worker.run_job(replace(job, points=job.points * 8), Store(tmp_path), OPTIONS)
    assert outcome.status == "done", outcome.message
    record = Store(tmp_path).read(job.name)
    assert record is not None
    assert record.result is not None
    assert record.result.stacks == [2, 2, 2, 2]
    assert record.cost.stacks_that_did_not_fit == [8, 4]
    assert stacks[:6] == [8, 4, 2, 2, 2, 2]  # then those of the probe


def test_memory_that_one_model_does_not_fit_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load()
    (job,) = make_plan(settings, [], ["yeast"], chosen_variants(settings, ["BCE"]), [0], epochs=1).jobs

    def full(*given: Any, **options: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")

    monkeypatch.setattr(worker, "fit_linear", full)
    outcome = worker.run_job(job, Store(tmp_path), OPTIONS)
    assert outcome.status == "failed"
    assert "can't allocate memory" in outcome.message
