"""ConLE: the golden losses and gradients, the network and its loss re-derived with loops, and its traps."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import Batch, Split
from bench.methods.conle import ConLE, contrastive_loss, margin_loss
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

DATA = random_split(40, 6, 5, seed=3)
HALF = torch.tensor(0.5, dtype=torch.float64)
MARGIN = torch.tensor(0.05, dtype=torch.float64)


def conle(data: Split = DATA, **options: Any) -> ConLE:
    method = methods.create("ConLE", problem_of(data), hidden=7, **options)
    assert isinstance(method, ConLE)
    return method


def recovered(data: Split, seed: int = 0, **options: Any) -> Tensor:
    point = methods.options("ConLE", methods.info("ConLE").defaults, {"hidden": 7, "epochs": 4, **options})
    prepared = Prepared(problem_of(data), {"train": data})
    return per_sample_tensors("ConLE", point, prepared, Protocol(precision="float64"), seed)["degrees"]


def test_losses_and_gradients_are_pyldls(golden_2026: dict) -> None:
    """Its squared distance is a sum over the 5 rows, which is 5 times our weight."""
    case = golden_2026["enhancement"]["conle"]
    args = case["args"]
    names = ("Z", "Q", "D_logits")
    z, q, logits = (torch.tensor(case[name], dtype=torch.float64, requires_grad=True) for name in names)
    y = torch.tensor(case["y"], dtype=torch.float64)
    assert contrastive_loss(z, q, HALF).item() == pytest.approx(case["con_ZQ"], abs=1e-9)
    assert contrastive_loss(q, z, HALF).item() == pytest.approx(case["con_QZ"], abs=1e-9)
    assert (y - logits.softmax(-1)).square().sum().item() == pytest.approx(case["dis"], abs=1e-9)
    method = conle(
        temperature=args["tau"],
        distance_weight=args["alpha"] * 5,
        margin_weight=args["beta"],
        margin=args["threshold"],
    )
    loss = method.recovery_loss(z, q, logits, y)
    assert loss.item() == pytest.approx(case["value"], abs=1e-9)
    for name, gradient in zip(names, torch.autograd.grad(loss, (z, q, logits)), strict=True):
        expected = torch.tensor(case[f"grad_{name}"], dtype=torch.float64)
        torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=0)


def test_the_distance_is_a_mean_over_the_rows() -> None:
    """Equal batches of any size weigh it alike."""
    generator = torch.Generator().manual_seed(0)
    logits, y = torch.randn(3, 5, dtype=torch.float64, generator=generator), DATA.y[:3].double()
    nothing = torch.zeros(3, 7, dtype=torch.float64)

    def distance(times: int) -> Tensor:
        rows = [value.repeat(times, 1) for value in (nothing, nothing, logits, y)]
        contrast = 2 * contrastive_loss(rows[0], rows[1], HALF)
        return conle(distance_weight=1.0, margin_weight=0.0).recovery_loss(*rows) - contrast

    torch.testing.assert_close(distance(1), distance(4))


def test_recovery_is_that_of_a_naive_derivation() -> None:
    """Loss, optimiser and degrees, with the forward pass and the pairs written out."""
    asked: dict[str, Any] = {}
    losses: list[Tensor] = []
    y = DATA.y.double()

    def fit(network: nn.Module, objective: Any, **options: Any) -> None:
        asked.update(options, network=network)
        losses.append(objective(Batch(DATA.x, y, DATA.x[:, :0])).detach())

    method = conle(temperature=0.7, distance_weight=0.3, margin_weight=0.2, margin=0.1)
    degrees = method.recover(DATA, fit)
    network = asked.pop("network")
    assert asked == {"epochs": 30, "batch_size": 128, "optimiser": "adam", "weight_decay": 0.0, "records": True}

    def layers(part: nn.Sequential, value: Tensor) -> Tensor:
        first, second = (layer for layer in part if isinstance(layer, nn.Linear))
        value = value @ first.weight.detach().T + first.bias.detach()
        return torch.where(value > 0, value, 0.01 * value) @ second.weight.detach().T + second.bias.detach()

    z, q = layers(network.of_features, DATA.x), layers(network.of_labels, y)
    assert z.shape == q.shape == (40, 7)
    d = layers(network.decoder, torch.cat([z, q], 1)).exp()
    d = d / d.sum(1, keepdim=True)
    torch.testing.assert_close(degrees, d, atol=1e-12, rtol=0)  # one softmax, not two

    def similarity(a: Tensor, b: Tensor) -> float:
        return float(a @ b / (a.norm() * b.norm())) / 0.7

    def contrast(u: Tensor, v: Tensor) -> float:
        total = 0.0
        for i in range(40):
            own = sum(math.exp(similarity(u[i], u[j]) - (i == j) / 0.7) for j in range(40))
            other = sum(math.exp(similarity(u[i], v[j])) for j in range(40) if j != i)
            total -= math.log(math.exp(similarity(u[i], v[i])) / (own + other))
        return total / 40

    hinge = 0.0
    for row, labels in zip(d.tolist(), y.tolist(), strict=True):
        largest = max((a for a, b in zip(row, labels, strict=True) if not b), default=0.0)
        smallest = min((a for a, b in zip(row, labels, strict=True) if b), default=1.0)
        hinge += max(largest - smallest + 0.1, 0) / 40
    distance = float(((y - d) ** 2).sum()) / 40
    expected = contrast(z, q) + contrast(q, z) + 0.3 * distance + 0.2 * hinge
    assert losses[0].item() == pytest.approx(expected, abs=1e-9)


def test_the_positive_pair_is_not_in_the_denominator() -> None:
    """One row: its self pair alone is, as e^0, so that the loss is -cos / t; pairs that agree make it negative."""
    u, v = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    assert float(contrastive_loss(u, v, HALF)) == pytest.approx(-0.96 / 0.5)


def test_the_margin_of_rows_without_and_with_all_labels() -> None:
    d = torch.tensor([[0.97, 0.02, 0.01], [0.90, 0.06, 0.04], [0.97, 0.02, 0.01], [0.40, 0.30, 0.30]])
    y = torch.tensor([[0.0] * 3, [0.0] * 3, [1.0] * 3, [1.0] * 3])
    expected = [0.97 - 0.95, 0.0, 0.05 - 0.01, 0.0]
    for row in range(4):
        assert float(margin_loss(d[row : row + 1], y[row : row + 1], MARGIN)) == pytest.approx(expected[row], abs=1e-6)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("zero", ["z", "q", "both"])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_zero_vectors_empty_and_full_rows_are_finite_in_a_stack(rows: int, zero: str, label: float) -> None:
    """The cosine of a zero vector is 0."""
    generator = torch.Generator().manual_seed(0)
    z, q = (torch.randn(2, rows, 7, generator=generator) for _ in range(2))
    if zero in ("z", "both"):
        z[:, 0] = 0
    if zero in ("q", "both"):
        q[:, 0] = 0
    logits = torch.randn(2, rows, 5, generator=generator) * 100
    y = torch.full((rows, 5), label)
    method = conle().float()

    def loss(z: Tensor, q: Tensor, logits: Tensor) -> Tensor:
        return method.recovery_loss(z, q, logits, y)

    assert torch.vmap(loss)(z, q, logits).isfinite().all()
    for gradient in torch.vmap(torch.func.grad(loss, argnums=(0, 1, 2)))(z, q, logits):
        assert gradient.isfinite().all()


def test_recovered_degrees_are_distributions_that_follow_the_labels_and_the_seed() -> None:
    degrees = recovered(DATA, hidden=40, epochs=500)
    torch.testing.assert_close(degrees.sum(1), torch.ones(40, dtype=torch.float64))
    own = (DATA.y > 0) & (DATA.y.sum(1, keepdim=True) < 5)
    assert degrees[own].mean() > 3 * degrees[DATA.y == 0].mean()
    assert (degrees.amax(1) / degrees.amin(1)).max() > math.e  # more than a second softmax would leave
    assert torch.equal(recovered(DATA), recovered(DATA))
    assert not torch.equal(recovered(DATA), recovered(DATA, seed=1))


@pytest.mark.parametrize("value", [0, 1])
def test_data_of_rows_without_or_with_all_labels_are_finite(value: int) -> None:
    assert recovered(Split(DATA.x, torch.full_like(DATA.y, value))).isfinite().all()
