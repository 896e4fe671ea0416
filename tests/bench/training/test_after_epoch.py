"""A hook that renews a method's buffers after each epoch: recorded, captured, resumed, stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.methods.api import Batch, LinearMethod, Split
from bench.training import loop
from bench.training import stack as stacking
from bench.training.checkpoint import Checkpoint
from bench.training.step import LoopOptions
from tests.conftest import problem_of, random_split

OPTIONS = LoopOptions(epochs=8, batch_size=16)
ROWS, LABELS = 100, 6


class SelfTraining(LinearMethod):
    """Labels that move towards what the model gave after each epoch, by ``rate``."""

    rate: Tensor
    targets: Tensor

    def __init__(self, problem: Any, **hyperparameters: Any) -> None:
        super().__init__(problem, **hyperparameters)
        self.register_buffer("targets", torch.tensor(-1.0).expand(problem.n_samples, problem.n_labels))

    def objective(self, batch: Batch) -> Tensor:
        at_most = self.targets.clamp(max=0.9)  # of the buffer alone, as what a recording computes once
        t = at_most.index_select(0, batch.extra["row"])
        return (torch.sigmoid(batch.z) - torch.where(t < 0, batch.y, t)).square().mean()

    def after_epoch(
        self, train: Split, extra: Mapping[str, Tensor], logits: Tensor, epoch: int, epochs: int
    ) -> dict[str, Tensor]:
        assert torch.equal(extra["row"], torch.arange(ROWS))
        assert not logits.requires_grad
        before = torch.where(self.targets < 0, train.y, self.targets)
        return {"targets": before + self.rate * (torch.sigmoid(logits) - before)} if epoch > 1 else {}


def modules(rates: list[float], method: type[LinearMethod] = SelfTraining, dtype: torch.dtype = torch.float64) -> list:
    made = [method(problem_of(random_split(ROWS, 8, LABELS, 0)), rate=rate) for rate in rates]
    for module in made:
        loop.initialise_classifier(module, 0)
        module.to(dtype)
    return made


def trained(
    rates: list[float], options: LoopOptions = OPTIONS, hooks: loop.Hooks | None = None, **given: Any
) -> loop.Trained:
    data, validation = random_split(ROWS, 8, LABELS, 0), random_split(40, 8, LABELS, 1)
    extra = {"row": torch.arange(ROWS)}
    return loop.train(modules(rates, **given), data, validation, options, 0, extra=extra, hooks=hooks or loop.Hooks())


def same(one: loop.Trained, other: loop.Trained) -> None:
    assert (one.epochs, one.losses, one.hamming) == (other.epochs, other.losses, other.hamming)
    for name, value in one.parameters.items():
        assert torch.equal(value, other.parameters[name]), name


@pytest.mark.parametrize("rates", [[0.5], [0.5, 0.1, 1.0]])
def test_a_recording_sees_what_the_hook_renewed(
    rates: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replays = []
    replayed = stacking.Stack._replayed
    monkeypatch.setattr(stacking.Stack, "_replayed", lambda *args: replays.append(1) or replayed(*args))
    found = trained(rates)
    assert len(replays) == OPTIONS.epochs * 7 - 2 * (stacking.CALLS_BEFORE_RECORDING + 1)
    assert not capsys.readouterr().err
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 10**9)
    same(found, trained(rates))
    assert found.losses[0] != trained([0.0]).losses[0]


def test_a_stack_gives_each_model_what_it_gets_alone() -> None:
    rates = [0.5, 0.1, 1.0, 0.0]
    together = trained(rates)
    for k, rate in enumerate(rates):
        alone = trained([rate])
        assert together.losses[k] == pytest.approx(alone.losses[0], abs=1e-10)
        for name, value in alone.parameters.items():
            torch.testing.assert_close(together.parameters[name][k], value[0], atol=1e-10, rtol=0)


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [1, 4, 7])
def test_a_killed_training_goes_on_with_the_renewed_buffers(tmp_path: Path, epoch: int) -> None:
    def kill(done: int) -> None:
        if done == epoch + 1:
            raise Killed

    checkpoint = Checkpoint(tmp_path / "stack", "identity", seconds=0)
    with pytest.raises(Killed):
        trained([0.5, 0.1], hooks=loop.Hooks(kill, checkpoint))
    same(trained([0.5, 0.1], hooks=loop.Hooks(None, checkpoint)), trained([0.5, 0.1]))


class Telling(SelfTraining):
    seen: list[tuple[float, int, int]]

    def after_epoch(
        self, train: Split, extra: Mapping[str, Tensor], logits: Tensor, epoch: int, epochs: int
    ) -> dict[str, Tensor]:
        assert logits.isfinite().all()
        self.seen.append((float(self.rate), epoch, epochs))
        return super().after_epoch(train, extra, logits, epoch, epochs)

    def objective(self, batch: Batch) -> Tensor:
        infinite = torch.where((self.rate == 1.0) & (batch.epoch >= 3), torch.inf, 0.0)
        return super().objective(batch) + infinite


def test_models_that_have_diverged_or_stopped_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telling, "seen", [], raising=False)
    found = trained([0.0, 1.0], method=Telling)
    assert found.diverged == [None, 3]
    assert Telling.seen == [(rate, epoch, 8) for epoch in range(1, 9) for rate in (0.0, 1.0) if rate == 0 or epoch < 3]
    Telling.seen.clear()
    found = trained([0.0], replace(OPTIONS, epochs=200, patience=2, learning_rate=0.1), method=Telling)
    (last,) = found.stopped
    assert last is not None
    assert len(Telling.seen) == last < 200


class Misnamed(SelfTraining):
    def after_epoch(self, *given: Any) -> dict[str, Tensor]:
        return {"tragets": self.targets}


class OfAnotherShape(SelfTraining):
    def after_epoch(self, *given: Any) -> dict[str, Tensor]:
        return {"targets": self.targets[:3]}


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (Misnamed, r"Misnamed.after_epoch gave 'tragets' \(100, 6\), which is no buffer of that name and shape"),
        (OfAnotherShape, r"OfAnotherShape.after_epoch gave 'targets' \(3, 6\), which is no buffer of that name"),
    ],
)
def test_what_is_no_buffer_is_refused(method: type[LinearMethod], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trained([0.5], method=method)


class Kept(SelfTraining):
    logits: list[Tensor]

    def after_epoch(self, *given: Any) -> dict[str, Tensor]:
        self.logits.append(given[2])
        return {}


def test_logits_are_those_of_evaluation_mode_of_any_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "logits", [], raising=False)
    (module,) = modules([0.5], Kept)
    module.classifier = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, LABELS)).double()
    data = random_split(ROWS, 8, LABELS, 0)
    found = loop.train([module], data, None, replace(OPTIONS, epochs=2), 0, extra={"row": torch.arange(ROWS)})
    own = {name: value[0] for name, value in found.parameters.items()}
    module.load_state_dict(own, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(Kept.logits[-1], module.classifier.eval()(data.x), atol=1e-12, rtol=0)
