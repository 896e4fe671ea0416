"""The protocols of bench.toml and the constants of loop, splits and statistics are the published ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from scipy import stats

from bench import config
from bench.analysis import hypothesis_tests
from bench.analysis.bootstrap import Values, intervals
from bench.datasets.dataset import split_rows
from bench.job.build import loop_options
from bench.job.inputs import minmax_scaled
from bench.job.selection import select
from bench.methods.api import Split
from bench.metrics.distribution import measures
from bench.protocol import Protocol
from bench.training import loop
from bench.training.clipping import NormQueue
from bench.training.step import LoopOptions
from tests.bench.training.test_loop import models
from tests.published_defaults import BENCH_CONSTANTS, PROTOCOLS, Constant


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_is_the_published_one(name: str) -> None:
    """Every setting of bench.toml's, the defaults of the struct, and what the loop gets of them."""
    published = {key: value for key, (value, _) in (PROTOCOLS["paper"] | PROTOCOLS[name]).items()}
    assert msgspec.structs.asdict(config.load(Path("/nonexistent")).protocols[name]) == published
    if name == "paper":
        assert msgspec.structs.asdict(Protocol()) == published
        assert loop_options(Protocol(), 1000) == LoopOptions()
    options = loop_options(config.load(Path("/nonexistent")).protocols[name], 64 * 1000)
    for key in ("epochs", "batch_size", "learning_rate", "betas", "eps", "amsgrad", "weight_decay"):
        assert getattr(options, key) == published[key]


def test_every_protocol_is_in_the_table() -> None:
    assert set(config.load(Path("/nonexistent")).protocols) == set(PROTOCOLS)
    assert set(PROTOCOLS["paper"]) == set(Protocol.__struct_fields__)


def limit_after(*norms: float) -> float:
    """The norm that a huge gradient has after clipping, once the queue has seen the norms."""
    queue = NormQueue(1, torch.device("cpu"), torch.float64)
    for norm in norms:
        queue.scale(torch.tensor([norm], dtype=torch.float64))
    return float(queue.scale(torch.tensor([1e9], dtype=torch.float64))) * 1e9


def unlimited_steps() -> int:
    queue, steps = NormQueue(1, torch.device("cpu"), torch.float64), 0
    while float(queue.scale(torch.tensor([1e9], dtype=torch.float64))) == 1:
        steps += 1
    return steps


def trained(validation_labels: list[int]) -> loop.Trained:
    """Constant features with the labels 1 0, of which every epoch after the first few predicts 1 0 everywhere."""
    x = torch.ones(40, 2, dtype=torch.float64)
    training = Split(x, torch.tensor([[1, 0]] * 40, dtype=torch.int8))
    validation = Split(x, torch.tensor([validation_labels] * 40, dtype=torch.int8))
    module = models("BCE", training, [{}])
    with torch.no_grad():
        module[0].classifier.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    return loop.train(module, training, validation, LoopOptions(epochs=3), seed=0)


def wrong_in_every_epoch() -> float:
    """A Hamming loss of 1 does not replace the initial state."""
    found = trained([0, 1])
    assert found.hamming == [[1.0, 1.0, 1.0]]
    assert found.epochs == [0]
    return found.values[0]


def equal_epochs() -> int:
    found = trained([1, 1])
    assert found.hamming == [[0.5, 0.5, 0.5]]
    return found.epochs[0]


def split_shares() -> tuple[float, ...]:
    index, _ = split_rows(1000, None)
    order = np.random.default_rng(0).permutation(1000)
    assert list(np.concatenate([index[split] for split in ("train", "val", "test")])) == list(order)
    return tuple(len(index[split]) / 1000 for split in ("train", "val", "test"))


def share_held_out() -> float:
    index, _ = split_rows(60, {"train": np.arange(50), "test": np.arange(50, 60)})
    assert list(np.concatenate([index["val"], index["train"]])) == list(np.random.default_rng(0).permutation(50))
    assert list(index["test"]) == list(range(50, 60))
    return len(index["val"]) / 50


def scaled() -> np.ndarray:
    """A training range of 2 to 4 and a constant 5, on the values 1 and 9."""
    train = np.array([[2.0, 5.0], [4.0, 5.0], [3.0, 5.0]], dtype=np.float32)
    found = minmax_scaled({"train": train, "val": train, "test": np.array([[1.0, 5.0], [9.0, 5.0]], dtype=np.float32)})
    assert found["train"][:, 0].tolist() == found["val"][:, 0].tolist() == [0.0, 1.0, 0.5]
    return found["test"]


def nemenyi_quantile(methods: int) -> float:
    return hypothesis_tests.critical_difference(methods, 6) / math.sqrt(methods * (methods + 1) / 36)


def weight_of_the_prior() -> float:
    """Share of draws in which one gain outweighs the zero: w^2 + 2w(1-w) > 1/2, where w is Beta(1, weight)."""
    above, _, below = hypothesis_tests.signed_rank_posterior(np.array([1.0]), 0.1, samples=400_000)
    assert below == 0
    # (1 - w)^2 < 1/2, so P(above) = P(1 - w < sqrt(1/2)) = sqrt(1/2)^weight
    return math.log(above) / math.log(math.sqrt(0.5))


def least_variance() -> float:
    """From the half-width of the interval of the method whose gains vary least, over three seeds without instances."""
    flat = np.zeros(20_000)
    values: dict[str, Values] = {"control": dict.fromkeys(range(3), (0.0, flat))}
    for variance in (1.0, 2.0, 9.0):
        gains = math.sqrt(variance) * np.array([-1.0, 0.0, 1.0])
        values[str(variance)] = {seed: (float(gain), flat + gain) for seed, gain in enumerate(gains)}
    narrowest = min(intervals(values, "control"), key=lambda one: one.high - one.low)
    quantile = stats.t.ppf(1 - 0.05 / 3 / 2, 2)
    return 3 * ((narrowest.high - narrowest.low) / 2 / quantile) ** 2


def smallest_degree() -> float:
    """exp of minus the Kullback-Leibler divergence of (1, 0) from (0, 1)."""
    found = measures(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    return math.exp(-found["kullback_leibler"])


MEASURED: dict[tuple[str, str], Callable[[], Any]] = {
    ("official fidelity", "decay of biases"): lambda: loop_options(Protocol(), 64).bias_weight_decay,
    ("paper fidelity", "decay of biases"): lambda: loop_options(Protocol(fidelity="paper"), 64).bias_weight_decay,
    ("official fidelity", "clip"): lambda: loop_options(Protocol(), 64).clip,
    ("paper fidelity", "clip"): lambda: loop_options(Protocol(fidelity="paper"), 64).clip,
    ("clipping", "steps before a norm is limited"): unlimited_steps,
    ("clipping", "limit after norms of .2"): lambda: limit_after(*[0.2] * 5),
    ("clipping", "limit after norms of 100"): lambda: limit_after(*[100.0] * 5),
    ("clipping", "limit after norms of .2 and one of 100"): lambda: limit_after(*[0.2] * 5, 100.0),
    ("selection", "Hamming loss that the first epoch has to beat"): wrong_in_every_epoch,
    ("selection", "epoch kept of equal ones"): equal_epochs,
    ("selection", "grid point kept of equal ones"): lambda: select([{"hamming": 0.1, "ranking": 0.2}] * 3, [True] * 3),
    ("splits", "share of rows, none given"): split_shares,
    ("splits", "share of train that becomes val"): share_held_out,
    ("scaling", "a value below and one above the training range"): lambda: tuple(scaled()[:, 0].tolist()),
    ("scaling", "a feature that is constant in train"): lambda: float(scaled()[:, 1].max()),
    ("statistics", "level"): lambda: hypothesis_tests.ALPHA,
    ("statistics", "p of gains 0 0 0 -1 -2 3 4 5 6 7, Wilcoxon"): lambda: hypothesis_tests.wilcoxon_p(
        np.array([0.0, 0, 0, -1, -2, 3, 4, 5, 6, 7])
    ),
    ("statistics", "q of Nemenyi for 2 methods"): lambda: nemenyi_quantile(2),
    ("statistics", "q of Nemenyi for 5 methods"): lambda: nemenyi_quantile(5),
    ("statistics", "q of Nemenyi for 10 methods"): lambda: nemenyi_quantile(10),
    ("statistics", "weight of the prior's zero"): weight_of_the_prior,
    ("statistics", "least variance over seeds of gains that vary by 1, 2 and 9"): least_variance,
    ("label distributions", "smallest degree in a quotient or logarithm"): smallest_degree,
}
TOLERANCE = {
    "weight of the prior's zero": 0.01,
    "least variance over seeds of gains that vary by 1, 2 and 9": 0.05,
    **{f"q of Nemenyi for {methods} methods": 0.0003 for methods in (2, 5, 10)},
}
"""Of what is sampled, or printed with three decimals."""


@pytest.mark.parametrize("row", BENCH_CONSTANTS, ids=lambda row: f"{row.where}: {row.name}")
def test_constant_is_the_published_one(row: Constant) -> None:
    found = MEASURED[row.where, row.name]()
    assert found == (
        row.value if isinstance(row.value, str) else pytest.approx(row.value, rel=TOLERANCE.get(row.name, 1e-6))
    )
    assert row.source


def test_every_measured_constant_is_in_the_table() -> None:
    assert set(MEASURED) == {(row.where, row.name) for row in BENCH_CONSTANTS}


def test_a_bias_without_gradient_decays_by_its_own_rate_and_not_at_all_by_the_papers() -> None:
    """One step on logits that have no part in the loss: AdamW multiplies by 1 - learning rate * decay."""
    data = Split(torch.zeros(4, 2, dtype=torch.float64), torch.zeros(4, 3, dtype=torch.int8))
    for fidelity, decay in (("official", 1e-2), ("paper", 0.0)):
        (module,) = models("BCE", data, [{}])
        with torch.no_grad():
            module.classifier.bias.fill_(2.0)
        protocol = Protocol(fidelity=fidelity, epochs=1, batch_size=4)  # type: ignore[arg-type]
        module.objective = lambda batch: 0 * batch.z.sum()  # type: ignore[method-assign]
        after = loop.train([module], data, None, loop_options(protocol, 4), seed=0).parameters
        torch.testing.assert_close(
            after["classifier.bias"][0],
            torch.full((3,), 2 * (1 - 1e-3 * decay), dtype=torch.float64),
            rtol=1e-12,
            atol=0,
        )
