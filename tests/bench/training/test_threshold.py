"""Thresholds fitted on validation rows: the fit, the loop, grid points, records and models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import bench
from bench.decisions.rule import rule_named
from bench.job.evaluation import artifacts_of, choice, evaluated, kept_scores
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, prepare
from bench.job.probe import PARTLY_KNOWN, tiny_dataset
from bench.methods.api import Batch, LinearMethod
from bench.protocol import Protocol
from bench.scored.decide import decisions_of
from bench.training import loop
from bench.training.stack import single_logits
from bench.training.step import LoopOptions
from bench.training.threshold import fitted_threshold
from tests.bench.decisions import naive
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=6, batch_size=16)
GRID = [{"positive_temperature": t, "negative_temperature": 1.0} for t in (0.5, 1.0, 4.0)]


def prepared(dtype: torch.dtype = torch.float32) -> Prepared:
    sizes = {"train": 90, "val": 40, "test": 30}
    splits = {name: random_split(rows, 6, 5, seed, dtype) for seed, (name, rows) in enumerate(sizes.items())}
    return Prepared(problem_of(splits["train"]), splits)


def test_it_decides_as_the_best_of_all_thresholds_nearest_the_own_one() -> None:
    """Cases with ties, labels without positives, and none at all: every candidate is tried, in fractions."""
    for number, (y, scores, own) in enumerate(naive.cases()):
        labels = y * 0 if number % 11 == 0 else y
        wanted = naive.one_threshold(labels, scores, "micro-f1", own)
        found = fitted_threshold(torch.from_numpy(labels), torch.from_numpy(scores), own)
        assert type(found) is float
        assert found <= wanted
        assert found == wanted or scores.dtype == np.float32
        assert float(scores.dtype.type(found)) == found
        assert np.array_equal(scores > found, scores.astype(np.float64) > wanted)
        assert torch.equal(torch.from_numpy(scores) > found, torch.from_numpy(scores.astype(np.float64) > wanted))


def test_neighbouring_numbers_and_the_lowest_are_told_apart() -> None:
    """A midpoint of two neighbours in float32, and the next number below the lowest score, are none of float32."""
    one = np.float32(1)
    for scores in (
        [one, np.nextafter(one, np.float32(2)), np.nextafter(one, np.float32(2))],
        [np.float32(-3.3), np.float32(4), np.float32(5)],
        [np.float32(1e30), np.float32(-1e30), np.float32(-1e30)],
    ):
        for positives in ([0, 1, 1], [1, 1, 1], [1, 0, 0]):
            z, y = torch.tensor(np.array([scores])), torch.tensor([positives], dtype=torch.int8)
            wanted = naive.one_threshold(y.numpy(), z.numpy(), "micro-f1", 0.0)
            assert torch.equal(z > fitted_threshold(y, z, 0.0), z.double() > wanted)


def test_scores_that_are_not_finite_have_the_methods_own() -> None:
    y = torch.tensor([[1, 0]], dtype=torch.int8)
    for value in (torch.nan, torch.inf, -torch.inf):
        assert fitted_threshold(y, torch.tensor([[1.0, value]]), 0.25) == 0.25


class Moved(LinearMethod):
    """Cross-entropy of logits that are moved by a constant, which the threshold has to find."""

    by: Tensor
    fits_threshold: ClassVar[bool] = True

    def objective(self, batch: Batch) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(batch.z - self.by, batch.y)


def kept_epochs(
    data: Prepared, criteria: tuple[str, ...], made: list[LinearMethod], monkeypatch: pytest.MonkeyPatch
) -> tuple[loop.Trained, list[dict[str, Tensor]]]:
    """The kept snapshot, and each epoch's parameters."""
    every: list[dict[str, Tensor]] = []
    keep_better = loop._Training.keep_better

    def noting(training: loop._Training, last: bool) -> None:
        every.append({name: value.detach().clone() for name, value in training.stack.parameters.items()})
        keep_better(training, last)

    monkeypatch.setattr(loop._Training, "keep_better", noting)
    options = LoopOptions(epochs=6, batch_size=16, criteria=criteria)
    return loop.train(made, data.splits["train"], data.splits["val"], options, seed=0), every


def test_the_loop_keeps_epochs_by_their_fitted_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = prepared(torch.float64)
    made: list[LinearMethod] = [Moved(data.problem, by=by).double() for by in (2.0, -3.0)]
    for module in made:
        loop.initialise_classifier(module, 0)
    trained, every = kept_epochs(data, ("hamming", "micro-f1"), made, monkeypatch)
    validation = data.splits["val"]
    y = validation.y.numpy()
    for k in range(2):
        hamming, f1 = [], []
        for parameters in every:
            scores = single_logits(None, {name: value[k] for name, value in parameters.items()}, validation.x).numpy()
            cut = naive.one_threshold(y, scores, "micro-f1", 0.0)
            predicted = naive.above(scores, [cut] * 5)
            hamming.append(float(-naive.value(y, predicted, "hamming")) / y.size)
            f1.append(float(naive.value(y, predicted, "micro-f1")))
        assert trained.hamming[k] == pytest.approx(hamming, abs=1e-15)
        assert (trained.epochs[k], trained.values[k]) == (1 + int(np.argmin(hamming)), pytest.approx(min(hamming)))
        also = trained.also["micro-f1"]
        assert (also.epochs[k], also.values[k]) == (1 + int(np.argmax(f1)), pytest.approx(max(f1)))


@pytest.mark.parametrize("stack", [1, 16])
def test_each_candidate_has_the_threshold_of_its_own_validation_scores(stack: int) -> None:
    data, protocol = prepared(), Protocol(epochs=6, batch_size=16, stack=stack, also_select=("ranking", "micro-f1"))
    fitted = fit_linear("Two-way", GRID, data, protocol, 0)
    validation = data.splits["val"]
    for candidates in (fitted.candidates, *fitted.also.values()):
        for candidate in candidates:
            scores = candidate.scores(validation.x)
            assert candidate.threshold == fitted_threshold(validation.y, scores, 0.0)
            if candidates is fitted.candidates and candidate.epoch:
                wrong = (scores > candidate.threshold) != (validation.y > 0)
                assert candidate.hamming[candidate.epoch - 1] == float(wrong.double().mean()) == min(candidate.hamming)
    assert len({candidate.threshold for candidate in fitted.candidates}) == 3
    chosen, found = choice(fitted, data)
    losses = [one[0]["hamming"] for one in found if one]
    assert losses == [min(candidate.hamming) for candidate in fitted.candidates]
    assert losses[chosen] == min(losses)  # type: ignore[type-var]


def test_other_methods_decide_where_they_did() -> None:
    fitted = fit_linear("BCE", [{}], prepared(), PROTOCOL, 0)
    assert fitted.candidates[0].threshold == 0.0


def test_without_validation_rows_it_is_fitted_on_the_training_rows() -> None:
    train = random_split(90, 6, 5, 0, torch.float32)
    fitted = fit_linear("Two-way", GRID[:1], Prepared(problem_of(train), {"train": train}), PROTOCOL, 0)
    (one,) = fitted.candidates
    assert one.threshold == fitted_threshold(train.y, one.scores(train.x), 0.0) != 0


def test_a_moved_classifier_decides_alike() -> None:
    """A constant added to the logits changes decisions at the threshold 0, and none at the fitted one."""
    data = prepared(torch.float64)
    validation, test = data.splits["val"], data.splits["test"]
    (one,) = fit_linear("Two-way", GRID[:1], data, PROTOCOL, 0).candidates
    moved = fitted_threshold(validation.y, one.scores(validation.x) + 100, 100.0)
    assert moved == pytest.approx(one.threshold + 100)
    assert torch.equal(one.scores(test.x) + 100 > moved, one.scores(test.x) > one.threshold)


def test_a_record_has_one_threshold_throughout() -> None:
    """Metrics, decisions by the fixed rule, and the global rule's for micro-F1 are those of the kept threshold."""
    dataset = tiny_dataset("made", PARTLY_KNOWN)
    data = prepare(dataset, "none", "official", torch.device("cpu"), torch.float32)
    fitted = fit_linear("Two-way", GRID, data, PROTOCOL, 0)
    result, scores, chosen = evaluated(GRID, ["positive_temperature"], fitted, data)
    kept = kept_scores(dataset, scores, chosen.threshold)
    decisions = decisions_of(kept)
    fixed, same = decisions.rules["fixed"]["hamming"], decisions.rules["global"]["micro-f1"]  # type: ignore[union-attr]
    assert fixed.parameters == {"threshold": chosen.threshold}
    for metric, value in fixed.test.items():
        assert value == same.test[metric]
        if metric in result.test:
            assert value == pytest.approx(result.test[metric], abs=1e-12)
    assert kept.val is not None
    decide = rule_named("global")(kept.val.y, kept.val.scores, "micro-f1", 0.0)
    assert np.array_equal(decide(kept.scores), kept.scores > kept.threshold)
    file = artifacts_of(["model"], dataset, data, kept, chosen)["model.safetensors"]
    about = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["__metadata__"]
    assert float(about["threshold"]) == chosen.threshold


@pytest.mark.parametrize("validation", [None, 0.25])
def test_an_estimator_decides_at_it_and_its_file_keeps_it(
    validation: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bench.toml").write_text("[protocols.paper]\nepochs = 4\n")
    monkeypatch.chdir(tmp_path)
    split = random_split(120, 8, 4, seed=1)
    x, y = split.x.numpy().astype(np.float32), split.y.numpy()
    model = bench.estimator("Two-way", protocol="paper", validation=validation).fit(x, y)
    assert model.threshold_ != 0
    assert np.array_equal(model.predict(x) == 1, model.decision_function(x) > 0)
    assert not hasattr(model, "predict_proba")  # a constant added to all its scores changes nothing for its loss
    model.save(tmp_path / "model.safetensors")
    again = bench.load(tmp_path / "model.safetensors")
    assert again.threshold_ == model.threshold_
    assert np.array_equal(again.predict(x), model.predict(x))
    assert again.evaluate(x, y) == model.evaluate(x, y)
    assert model.evaluate(x, y)["hamming"] == pytest.approx(float((model.predict(x) != y).mean()))
    if validation is None:
        best = naive.one_threshold(y, model._scores(x), "micro-f1", 0.0)
        assert model.threshold_ == pytest.approx(best, abs=1e-5)
