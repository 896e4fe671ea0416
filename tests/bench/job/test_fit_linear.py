"""The stacks of a grid: as large as models allow, and what is kept of them."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from bench import methods
from bench.job import build
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.methods.api import LinearMethod
from bench.protocol import Protocol
from bench.training.stack import Stack
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=2, batch_size=16, precision="float64")
POINTS = [methods.options("FLEM-D", methods.info("FLEM-D").defaults, {"beta": beta}) for beta in (0.1, 0.01, 0.001)]


@pytest.fixture(scope="module")
def data() -> Prepared:
    splits = {
        name: random_split(rows, 6, 5, seed) for seed, (name, rows) in enumerate({"train": 40, "val": 20}.items())
    }
    return Prepared(problem_of(splits["train"]), splits)


def test_large_models_are_stacked_fewer(data: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the numbers of a whole stack, up to rounding, which Adam magnifies."""
    whole = fit_linear("FLEM-D", POINTS, data, PROTOCOL, 0)
    weights = sum(value.numel() for value in build.linear_module("FLEM-D", POINTS[0], data, 0).parameters())
    for most, sizes in ((3 * weights, [3]), (3 * weights - 1, [2, 1]), (weights - 1, [1, 1, 1])):
        monkeypatch.setattr(build, "STACKED_WEIGHTS", most)
        parts = fit_linear("FLEM-D", POINTS, data, PROTOCOL, 0)
        assert parts.stacks == sizes
        for found, expected in zip(parts.candidates, whole.candidates, strict=True):
            torch.testing.assert_close(found.losses, expected.losses, rtol=1e-3, atol=0)


def test_the_classifier_alone_is_kept_with_the_same_bits(data: Prepared) -> None:
    whole = fit_linear("FLEM-D", POINTS, data, PROTOCOL, 0).candidates
    alone = fit_linear("FLEM-D", POINTS, data, PROTOCOL, 0, classifier_alone=True).candidates
    for found, expected in zip(alone, whole, strict=True):
        assert list(found.parameters) == ["classifier.weight", "classifier.bias"] < list(expected.parameters)
        assert all(torch.equal(value, expected.parameters[name]) for name, value in found.parameters.items())
        assert found.distribution() is None
        assert expected.distribution() is not None


def test_modules_of_a_generator_are_free_once_they_are_stacked(data: Prepared) -> None:
    made: list[weakref.ref[LinearMethod]] = []

    def module(point: dict) -> LinearMethod:
        built = build.linear_module("FLEM-D", point, data, 0)
        made.append(weakref.ref(built))
        return built

    stack = Stack(map(module, POINTS), linear=True, stackable=True, device=torch.device("cpu"), dtype=torch.float64)
    gc.collect()
    assert [one() is not None for one in made] == [True, False, False]
    assert stack.size == len(POINTS)
