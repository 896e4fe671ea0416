"""One suite that every registered method passes."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import pytest
import torch

from bench import methods
from bench.config import Variant
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.job.selection import Fitted, select
from bench.methods.api import LinearMethod, Method
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from bench.training import step as training_step
from tests.conftest import problem_of, random_split

EVERY = methods.names()
GRADIENT = [name for name in EVERY if methods.info(name).gradient]
PROTOCOL = Protocol(epochs=3, batch_size=16, stack=16, precision="float64")


def prepared(fidelity: str = "official", labels: int = 5) -> Prepared:
    splits = {name: random_split(rows, 6, labels, seed) for seed, (name, rows) in enumerate(SIZES.items())}
    return Prepared(problem_of(splits["train"], fidelity=fidelity), splits)


SIZES = {"train": 70, "val": 30, "test": 20}


def fit(name: str, points: list[dict], data: Prepared, seed: int = 0, stack: int = 16) -> Fitted:
    if methods.info(name).gradient:
        protocol = Protocol(epochs=3, batch_size=16, stack=stack, precision="float64")
        return fit_linear(name, points, data, protocol, seed)
    return fit_method(name, points, data, seed)


SMALL = {
    "LEVI": {"hidden": 12, "epochs": 2},
    "VALEN": {"epochs": 2},
    "LIBLE": {"hidden": 12, "pretraining_epochs": 2, "epochs": 2},
    "LEIC": {"epochs": 2},
    "SMILE": {"epochs": 2},
    "ConLE": {"epochs": 2},
    "RF": {"trees": 5},
    "BR-RF": {"trees": 5},
}
"""Where a contract is not about how well a method learns, its recovery network or its forest need not be large."""

NARROW = {"LIBLE": {"hidden": 32}, "LEVI": {"hidden": 32}}
"""Recovery networks that learn as well with fewer units on six features."""


def defaults(name: str) -> dict:
    return methods.options(name, methods.info(name).defaults, SMALL.get(name, {}))


class Traced(NamedTuple):
    fitted: Fitted
    start: torch.Tensor
    """The classifier's initial weights."""
    order: torch.Tensor
    """Rows in the order of the batches; both are empty without gradients."""


@cache
def traced(name: str, seed: int = 0) -> Traced:
    """A method's fit by its defaults, and where it began."""
    starts, orders = [torch.empty(0)], [torch.empty(0)]
    original = training_step.Step.__call__

    def spy(step: training_step.Step, index: torch.Tensor) -> torch.Tensor:
        if "classifier.weight" not in step.stack.parameters:
            return original(step, index)  # a recovery network, which has a stream of its own
        starts.append(step.stack.parameters["classifier.weight"][0].detach().clone())
        orders.append(index.clone())
        return original(step, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_step.Step, "__call__", spy)
        fitted = fit(name, [defaults(name)], prepared(), seed)
    return Traced(fitted, starts[:2][-1], torch.cat(orders))


def test_all_of_them_are_there() -> None:
    paper = ["ML-KNN", "RAKEL", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D"]
    assert {*paper, "BCE", "FLEM-I", "FLEM-II", "FCM", "KM", "LP", "ML", "GLLE"} <= set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_listing_agrees_with_the_class(name: str) -> None:
    """The source, read without importing, says what importing registers."""
    from bench.methods import api

    info, cls = methods.info(name), methods.method_class(name)
    assert api.REGISTERED[info.module, name].defaults == info.defaults
    assert issubclass(cls, LinearMethod if info.gradient else Method)
    assert info.family
    assert info.paper
    assert set(info.grid) <= set(info.defaults)
    documentation = (cls.__doc__ or "") + (__import__(cls.__module__, fromlist=["x"]).__doc__ or "")
    for option in info.defaults:
        assert f"``{option}" in documentation or option in ("strategy",), f"{name} does not document {option}"


@pytest.mark.parametrize("name", EVERY)
def test_scores_are_finite_of_the_right_shape_and_repeatable(name: str) -> None:
    data = prepared()
    first, second = traced(name).fitted, fit(name, [defaults(name)], data)
    scores = first.candidates[0].scores(data.splits["test"].x)
    assert scores.shape == (20, 5)
    assert torch.isfinite(scores).all()
    assert torch.equal(scores, second.candidates[0].scores(data.splits["test"].x))
    assert isinstance(first.candidates[0].threshold, float)


@pytest.mark.parametrize("name", EVERY)
def test_learns_something(name: str) -> None:
    """Better than ranking labels by their frequency, on labels that depend linearly on the features."""
    rows, labels = 128, 5
    splits = {split: random_split(rows, 6, labels, seed) for seed, split in enumerate(("train", "val", "test"))}
    data = Prepared(problem_of(splits["train"]), splits)
    points = [{**point, **NARROW.get(name, {})} for point in recipe(Variant(name=name, base=name)).points[:4]]
    if methods.info(name).gradient:
        protocol = Protocol(
            epochs=20,
            batch_size=16,
            learning_rate=0.01,
            stack=16,
            precision="float64",
            selection="ranking",
            select_every=4,
        )
        fitted = fit_linear(name, points, data, protocol, 0)
    else:
        fitted = fit_method(name, points, data, 0)
    validation = splits["val"]
    chosen = select(
        [evaluate(validation.y, one.scores(validation.x), one.threshold) for one in fitted.candidates],
        [True] * len(points),
    )
    test = splits["test"]
    frequency = splits["train"].y.double().mean(0).expand(rows, labels)
    scores = fitted.candidates[chosen].scores(test.x)
    ranking, by_frequency = (evaluate(test.y, found, 0.0)["ranking"] for found in (scores, frequency))
    assert ranking < 0.8 * by_frequency  # type: ignore[operator]


@pytest.mark.parametrize("name", EVERY)
def test_unknown_option_is_refused_with_a_suggestion(name: str) -> None:
    with pytest.raises(ValueError, match=f"the method '{re.escape(name)}' has no option 'no_such_option'"):
        methods.create(name, prepared().problem, no_such_option=1.0)


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("fidelity", ["official", "paper"])
def test_rows_without_and_with_all_labels_train_to_finite_weights(name: str, fidelity: str) -> None:
    data = prepared(fidelity)
    y = data.splits["train"].y
    y[:30], y[30:40] = 0, 1
    y[:, 4] = 0  # a label without training positives
    data = Prepared(problem_of(data.splits["train"], fidelity=fidelity), data.splits)
    fitted = fit(name, [defaults(name)], data)
    for value in fitted.candidates[0].parameters.values():
        assert torch.isfinite(value).all()
    assert all(torch.isfinite(torch.tensor(fitted.candidates[0].losses)))


@pytest.mark.parametrize("name", GRADIENT)
def test_a_stack_gives_each_model_what_it_gets_alone(name: str) -> None:
    data = prepared(labels=8)  # a multiple of four: else an AMD processor rounds by the stack's size (docs/protocol.md)
    other = {option: value * 1.5 + 0.01 for option, value in defaults(name).items() if isinstance(value, float)}
    points = [defaults(name), {**defaults(name), **other}]
    together, alone = (fit(name, points, data, stack=stack) for stack in (16, 1))
    x = data.splits["test"].x
    for one, other in zip(together.candidates, alone.candidates, strict=True):
        assert one.epoch == other.epoch
        torch.testing.assert_close(one.scores(x), other.scores(x), atol=1e-10, rtol=0)
        for key, value in one.parameters.items():
            torch.testing.assert_close(value, other.parameters[key], atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", GRADIENT)
def test_classifier_starts_and_batches_run_alike_whatever_the_side_network(name: str) -> None:
    """All rows of one seed share the classifier's initial weights and the batch order; other seeds differ."""
    found, reference, other = traced(name), traced("BCE"), traced(name, seed=1)
    assert torch.equal(found.start, reference.start)
    assert torch.equal(found.order, reference.order)
    assert not torch.equal(found.start, other.start)
    assert not torch.equal(found.order, other.order)
