"""Epochs by any metric, several at once, and patience, against trainings of one epoch more each and scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from msgspec.structs import replace as with_settings
from sklearn import metrics
from torch import Tensor

from bench.errors import UsageError
from bench.methods.api import Batch, LinearMethod, Split
from bench.training import loop
from bench.training.checkpoint import Checkpoints
from bench.training.stack import stacked_losses
from bench.training.step import LoopOptions
from tests.bench.training import test_checkpoint
from tests.bench.training.test_loop import models
from tests.conftest import problem_of, random_split

EPOCHS = 14
OPTIONS = LoopOptions(epochs=EPOCHS, batch_size=16, learning_rate=0.3)
NAME = "FL"  # FLEM would magnify the rounding by which a stack differs from a model alone
POINTS = [{"gamma": 0.0}, {"gamma": 2.0}, {"gamma": 6.0}]
Rule = Callable[[np.ndarray, np.ndarray], float]


def _decided(score: Callable[..., float], **how: Any) -> Rule:
    return lambda y, scores: score(y, scores > 0, **how)


NAIVE: dict[str, tuple[Rule, int]] = {
    "hamming": (_decided(metrics.hamming_loss), -1),
    "ranking": (metrics.label_ranking_loss, -1),
    "coverage": (lambda y, scores: (metrics.coverage_error(y, scores) - 1) / y.shape[1], -1),
    "average-precision": (lambda y, scores: metrics.average_precision_score(y, scores, average="macro"), 1),
    "micro-f1": (_decided(metrics.f1_score, average="micro"), 1),
    "macro-f1": (_decided(metrics.f1_score, average="macro", zero_division=0), 1),
}
"""{metric: (scikit-learn's value, 1 where higher is better)}."""


@pytest.fixture(scope="module")
def data() -> Split:
    return random_split(90, 8, 6, 0)


@pytest.fixture(scope="module")
def validation() -> Split:
    return random_split(36, 8, 6, 5)


@pytest.fixture(scope="module")
def by_epoch(data: Split) -> list[list[dict[str, Tensor]]]:
    """[model][epoch - 1]: parameters of a model that was trained alone, without validation, for so many epochs."""
    return [
        [
            {name: value[0] for name, value in _alone(data, point, epochs).parameters.items()}
            for epochs in range(1, EPOCHS + 1)
        ]
        for point in POINTS
    ]


def _alone(data: Split, point: dict[str, float], epochs: int) -> loop.Trained:
    return loop.train(models(NAME, data, [point]), data, None, replace(OPTIONS, epochs=epochs), seed=0)


def naive(by_epoch: list[dict[str, Tensor]], validation: Split, option: str, every: int = 1) -> tuple[int, list[float]]:
    """(the first epoch of the best value, the values by epoch) of one model."""
    value, sign = NAIVE[option]
    y = validation.y.numpy()
    values = []
    for parameters in by_epoch:
        scores = F.linear(validation.x, parameters["classifier.weight"], parameters["classifier.bias"])
        values.append(float(value(y, scores.numpy())))
    # Rounding apart, so that equal values are ties in both.
    seen = [e for e in range(len(values)) if option == "hamming" or (e + 1) % every == 0 or e + 1 == EPOCHS]
    best = min(seen, key=lambda e: (-sign * round(values[e], 12), e))
    return best + 1, values


@pytest.mark.parametrize("every", [1, 4])
def test_each_metric_keeps_the_epoch_that_scikit_learn_finds_best(
    every: int, data: Split, validation: Split, by_epoch: list[list[dict[str, Tensor]]]
) -> None:
    options = replace(OPTIONS, criteria=tuple(NAIVE), select_every=every)
    trained = loop.train(models(NAME, data, POINTS), data, validation, options, seed=0)
    assert list(trained.also) == list(NAIVE)[1:]
    epochs = set()
    for option in NAIVE:
        kept = trained.also.get(option, trained)
        for k, parameters in enumerate(by_epoch):
            epoch, values = naive(parameters, validation, option, every)
            assert kept.epochs[k] == epoch, (option, k)
            assert kept.values[k] == pytest.approx(values[epoch - 1], abs=1e-9)
            for name in ("classifier.weight", "classifier.bias"):
                torch.testing.assert_close(kept.parameters[name][k], parameters[epoch - 1][name], atol=1e-9, rtol=0)
        epochs.add(tuple(kept.epochs))
    assert len(epochs) > 2, "the metrics should disagree, or the test shows nothing"


@pytest.mark.parametrize("option", [*NAIVE, "one-error", "subset-accuracy"])
def test_what_is_kept_besides_is_what_a_training_by_that_metric_alone_keeps(
    option: str, data: Split, validation: Split
) -> None:
    others = tuple(one for one in ("macro-f1", *NAIVE) if one != option)
    options = replace(OPTIONS, epochs=8)
    several = replace(options, criteria=(*dict.fromkeys(others), option))
    together = loop.train(
        models("FLEM-D", data, [{"alpha": 0.1}, {"alpha": 0.01}]), data, validation, several, seed=0
    ).also[option]
    alone = loop.train(
        models("FLEM-D", data, [{"alpha": 0.1}, {"alpha": 0.01}]),
        data,
        validation,
        replace(options, criteria=(option,)),
        seed=0,
    )
    assert (together.epochs, together.values) == (alone.epochs, alone.values)
    for name, value in alone.parameters.items():
        assert torch.equal(together.parameters[name], value), name


@pytest.mark.parametrize(
    ("option", "patience"), [("hamming", 1), ("hamming", 4), ("micro-f1", 2), ("ranking", 1), ("ranking", 4)]
)
def test_a_model_out_of_patience_keeps_nothing_that_comes_later(
    option: str, patience: int, data: Split, validation: Split, by_epoch: list[list[dict[str, Tensor]]]
) -> None:
    """Alone or in a stack of others that go on: the same epochs, curves and parameters."""
    options = replace(OPTIONS, criteria=(option, "average-precision"), patience=patience)
    stack = loop.train(models(NAME, data, POINTS), data, validation, options, seed=0)
    for k, point in enumerate(POINTS):
        stop, best = _stopped(by_epoch[k], validation, option, patience)
        alone = loop.train(models(NAME, data, [point]), data, validation, options, seed=0)
        end = stop or EPOCHS
        for found, j in ((stack, k), (alone, 0)):
            assert (found.stopped[j], found.epochs[j]) == (stop, best)
            assert len(found.losses[j]) == len(found.hamming[j]) == end
            precisions = naive(by_epoch[k], validation, "average-precision")[1][:end]
            assert found.also["average-precision"].epochs[j] == int(np.argmax(np.round(precisions, 12))) + 1
        for one, other in ((stack, alone), (stack.also["average-precision"], alone.also["average-precision"])):
            for name in ("classifier.weight", "classifier.bias"):
                torch.testing.assert_close(one.parameters[name][k], other.parameters[name][0], atol=1e-9, rtol=0)


def _stopped(
    by_epoch: list[dict[str, Tensor]], validation: Split, option: str, patience: int
) -> tuple[int | None, int]:
    """(the epoch in which patience ends, the best one until then), by a walk over the epochs."""
    sign = NAIVE[option][1]
    best, kept = -math.inf, 0
    for epoch, value in enumerate(naive(by_epoch, validation, option)[1], start=1):
        if sign * round(value, 12) > best and not (option == "hamming" and value >= 1):
            best, kept = sign * round(value, 12), epoch
        elif epoch - kept >= patience:
            return epoch, kept
    return None, kept


def test_patience_ends_before_a_better_epoch_and_models_end_apart(data: Split, validation: Split) -> None:
    """Without which the test above would show little."""
    patient = loop.train(models(NAME, data, POINTS), data, validation, replace(OPTIONS, patience=1), seed=0)
    whole = loop.train(models(NAME, data, POINTS), data, validation, OPTIONS, seed=0)
    assert len(set(patient.stopped)) > 1
    assert any(stop and better > stop for stop, better in zip(patient.stopped, whole.epochs, strict=True))
    assert whole.stopped == [None] * 3


def test_a_stack_ends_when_all_its_models_have(data: Split, validation: Split) -> None:
    seen: list[int] = []
    hooks = loop.Hooks(report=seen.append)
    options = replace(OPTIONS, patience=1)
    trained = loop.train(models(NAME, data, POINTS), data, validation, options, seed=0, hooks=hooks)
    ends = [stop or EPOCHS for stop in trained.stopped]
    assert seen == list(range(1, max(ends) + 1))


def test_patience_counts_from_one_evaluation_to_the_next(data: Split, validation: Split) -> None:
    options = replace(OPTIONS, criteria=("ranking",), select_every=3, patience=1)
    trained = loop.train(models(NAME, data, POINTS), data, validation, options, seed=0)
    assert any(trained.stopped)
    assert all(stop is None or stop % 3 == 0 or stop == EPOCHS for stop in trained.stopped)
    assert all(epoch % 3 == 0 or epoch == EPOCHS for epoch in trained.epochs)


class Late(LinearMethod):
    """Breaks when a batch's loss falls below a limit."""

    def objective(self, batch: Batch) -> Tensor:
        loss = F.binary_cross_entropy_with_logits(batch.z, batch.y)
        return loss / (loss >= self.limit).to(loss.dtype)


def late(data: Split, validation: Split, limits: list[float], **options: Any) -> loop.Trained:
    made = [Late(problem_of(data), limit=limit).double() for limit in limits]
    for module in made:
        loop.initialise_classifier(module, 0)
    return loop.train(made, data, validation, LoopOptions(epochs=40, batch_size=100, **options), seed=0)


def test_divergence_after_a_model_has_stopped_is_none_of_its_own(data: Split, validation: Split) -> None:
    """The model that stops would diverge later, while the other goes on; one that diverges first does not stop."""
    losses = late(data, validation, [0.0]).losses[0]
    # A validation of the labels' opposites: the first epoch is the best, so patience ends soon.
    against = Split(validation.x, 1 - validation.y)
    stopping = late(data, against, [losses[20], 0.0], patience=6, criteria=("ranking",))
    assert stopping.stopped[0] is not None
    assert stopping.stopped[0] < 20
    assert stopping.diverged == [None, None]
    first = late(data, against, [losses[2], 0.0], patience=6, criteria=("ranking",))
    alone = late(data, against, [losses[2]], patience=6, criteria=("ranking",))
    assert first.diverged[0] == alone.diverged[0] == 4
    assert first.stopped[0] is alone.stopped[0] is None
    assert first.epochs[0] == alone.epochs[0]
    assert len(first.losses[0]) == len(alone.losses[0]) == 4
    assert len(first.hamming[0]) == len(alone.hamming[0]) == 3


def test_curves_of_a_model_that_diverged_hold_numbers_alone(data: Split, validation: Split) -> None:
    """Nothing follows: a record that held an infinite Hamming loss could not be read again."""
    limit = late(data, validation, [0.0]).losses[0][30]
    trained = late(data, validation, [limit, 0.0])
    assert trained.diverged[0] is not None
    assert all(map(math.isfinite, trained.hamming[0]))
    assert len(trained.hamming[0]) == trained.diverged[0] - 1
    assert len(trained.hamming[1]) == 40


def test_a_metric_that_is_not_defined_on_the_validation_rows_is_said(data: Split, validation: Split) -> None:
    empty = Split(validation.x, torch.zeros_like(validation.y))
    with pytest.raises(UsageError, match=r"Average precision \(macro\) is not defined on the validation rows"):
        loop.train(models("BCE", data, [{}]), data, empty, replace(OPTIONS, criteria=("average-precision",)), seed=0)


def test_scores_that_are_not_finite_are_never_better(validation: Split) -> None:
    weight = torch.randn(3, 6, 8, dtype=torch.float64)
    weight[1, 2, 3] = torch.inf
    parameters = {"classifier.weight": weight, "classifier.bias": torch.zeros(3, 6, dtype=torch.float64)}
    found = stacked_losses(parameters, validation, 0.0, ["ranking", "micro-f1"], [True, True, False])
    assert found["ranking"].isfinite().tolist() == found["micro-f1"].isfinite().tolist() == [True, False, False]
    assert found["micro-f1"][0] <= 0


@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("name", ["BCE", "FLEM-D"])
def test_a_stopped_fit_goes_on_to_the_same_selections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, patience: int
) -> None:
    protocol = with_settings(
        test_checkpoint.PROTOCOL,
        epochs=9,
        learning_rate=0.05,
        also_select=("ranking", "micro-f1"),
        patience=patience,
        select_every=2,
    )
    monkeypatch.setattr(test_checkpoint, "PROTOCOL", protocol)
    whole, seen = test_checkpoint.fitted(name)
    for stop in (len(seen) // 3, len(seen) * 4 // 5):
        checkpoints = Checkpoints(tmp_path / str(stop), "identity", seconds=0)
        with pytest.raises(test_checkpoint.Stopped):
            test_checkpoint.fitted(name, checkpoints.of, stop)
        resumed, rest = test_checkpoint.fitted(name, checkpoints.of)
        assert rest == seen[stop:]
        test_checkpoint.same(whole, resumed)
        for option, kept in whole.also.items():
            test_checkpoint.same(replace(whole, candidates=kept), replace(resumed, candidates=resumed.also[option]))
        assert [one.stopped for one in whole.candidates] == [one.stopped for one in resumed.candidates]
