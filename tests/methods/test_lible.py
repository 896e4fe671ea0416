"""LIBLE: the golden losses and gradients, its two stages re-derived with plain matrix arithmetic, and its traps."""

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
from bench.methods.lible import LIBLE, by_batch, by_epoch, gap_loss, gaussian_kl_bits, label_bits
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

DATA = random_split(40, 6, 5, seed=3)


def lible(data: Split = DATA, **options: Any) -> LIBLE:
    method = methods.create("LIBLE", problem_of(data), hidden=8, **options)
    assert isinstance(method, LIBLE)
    return method


def recovered(data: Split, seed: int = 0, **options: Any) -> Tensor:
    point = methods.options(
        "LIBLE", methods.info("LIBLE").defaults, {"hidden": 8, "pretraining_epochs": 2, "epochs": 2, **options}
    )
    prepared = Prepared(problem_of(data), {"train": data})
    return per_sample_tensors("LIBLE", point, prepared, Protocol(precision="float64"), seed)["degrees"]


def test_losses_and_gradients_are_the_released_codes(golden_2026: dict) -> None:
    case = golden_2026["enhancement"]["lible"]
    names = ("mu", "std", "batch_hat", "d_pre", "gap")
    given = {name: torch.tensor(case[name], dtype=torch.float64, requires_grad=True) for name in names}
    y = torch.tensor(case["y"], dtype=torch.float64)
    kl_weight, gap_weight = case["args"]["para_hyper"]
    labels = label_bits(given["batch_hat"], y)
    kl = gaussian_kl_bits(given["mu"], given["std"])
    gap = gap_loss(given["d_pre"], given["gap"], y)
    loss = labels + kl_weight * kl + gap_weight * gap
    found = {"loss_rec_bits": labels, "kl_bits": kl, "loss_gap": gap, "value": loss}
    for name, value in found.items():
        assert value.item() == pytest.approx(case[name], abs=1e-9)
    for name, gradient in zip(names, torch.autograd.grad(loss, list(given.values())), strict=True):
        expected = torch.tensor(case[f"grad_{name}"], dtype=torch.float64)
        torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=0)


class Recorder:
    """In place of the shared loop: keeps what it is asked for, and evaluates each objective once on the whole data."""

    def __init__(self, data: Split) -> None:
        self.data = data
        self.modules: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.losses: list[Tensor] = []

    def __call__(self, module: nn.Module, objective: Any, **options: Any) -> None:
        self.modules.append(module)
        self.asked.append(options)
        torch.manual_seed(5)
        self.losses.append(objective(Batch(self.data.x, self.data.y.double(), self.data.x[:, :0])).detach())
        module.eval()


@pytest.mark.parametrize("official", [False, True])
def test_both_stages_are_those_of_a_naive_derivation(official: bool) -> None:
    """Objectives, optimisers and the recovered degrees, forward passes written out layer by layer."""
    data = Split(DATA.x * torch.tensor([1.0, 2, 3, 4, 5, 0]) - 1, DATA.y)  # the last feature is constant
    fit = Recorder(data)
    degrees = lible(data, kl_weight=0.3, gap_weight=0.7, official=official).recover(data, fit)

    shared = {"batch_size": 128, "optimiser": "adam", "weight_decay": 0.0, "records": True}
    first, second = fit.asked
    assert first == {**shared, "epochs": 200, "learning_rate": 5e-3}
    decay = by_batch if official else by_epoch
    assert second == {**shared, "epochs": 100, "learning_rate": 1e-3, "schedule": decay}

    bottleneck, network = fit.modules
    assert network.bottleneck is bottleneck

    def layers(part: nn.Sequential, value: Tensor) -> Tensor:
        linear = [layer for layer in part if isinstance(layer, nn.Linear)]
        assert [type(layer) for layer in part] == [nn.Linear, nn.Sigmoid] * (len(linear) - 1) + [nn.Linear]
        for number, layer in enumerate(linear):
            value = value @ layer.weight.detach().T + layer.bias.detach()
            value = value if number == len(linear) - 1 else 1 / (1 + (-value).exp())
        return value

    x = data.x - data.x.mean(0)
    x[:, :5] /= (x[:, :5] ** 2).mean(0).sqrt()
    y = data.y.double()
    out = layers(bottleneck.encoder, x)
    assert out.shape == (40, 16)
    mean, sigma = out[:, :8], (1 + out[:, 8:].exp()).log()
    torch.manual_seed(5)
    z = mean + (mean if official else sigma) * torch.randn(40, 8, dtype=torch.float64)
    logits = layers(nn.Sequential(bottleneck.decoder), z)
    log_p = logits - logits.exp().sum(1, keepdim=True).log()
    labels = -(y * log_p).sum() / 40 / math.log(2)
    kl = 0.5 * (mean**2 + sigma**2 - 1 - 2 * sigma.log()).sum() / 40 / math.log(2)
    d, g = layers(network.degrees, z), layers(network.gap, z)  # softmax at the end alone
    gap = sum(0.5 * (y[i, j] - d[i, j]) ** 2 / g[i, 0] ** 2 + g[i, 0].abs().log() for i in range(40) for j in range(5))
    assert fit.losses[0].item() == pytest.approx(float(labels + 0.3 * kl), abs=1e-9)
    assert fit.losses[1].item() == pytest.approx(float(labels + 0.3 * kl + 0.7 * gap / 200), abs=1e-9)

    torch.manual_seed(5)  # as the recorder leaves it before the draw of the degrees
    torch.randn(40, 8, dtype=torch.float64)
    at = mean + mean * torch.randn(40, 8) if official else mean
    expected = layers(network.degrees, at).exp()
    torch.testing.assert_close(degrees, expected / expected.sum(1, keepdim=True), atol=1e-9, rtol=0)


def test_the_gap_networks_are_half_as_wide_before_their_outputs() -> None:
    fit = Recorder(DATA)
    lible().recover(DATA, fit)
    network = fit.modules[1]
    parts = (network.bottleneck.encoder, network.degrees, network.gap)
    widths = [[layer.out_features for layer in part if isinstance(layer, nn.Linear)] for part in parts]
    assert widths == [[8, 8, 16], [8, 4, 5], [8, 4, 1]]


def test_the_learning_rates_decay_as_torchs_steps() -> None:
    """Every 20 epochs, or as released every 20 batches, of which an epoch has 7 here."""
    plain = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    steps = torch.optim.lr_scheduler.StepLR(plain, 20, 0.9)
    for passed in range(100):
        (rate,) = steps.get_last_lr()
        anything = torch.tensor(3.0)
        assert float(by_epoch(torch.tensor(passed + 1.0), anything)) == pytest.approx(rate, rel=1e-6)
        assert float(by_batch(anything, torch.tensor(float(passed)))) == pytest.approx(rate, rel=1e-6)
        plain.step()
        steps.step()


def test_a_row_without_labels_has_no_label_bits() -> None:
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([[0.0] * 5, [1.0] * 5, [0.0, 1, 0, 0, 1]])
    assert label_bits(logits[:1], y[:1]) == 0
    torch.testing.assert_close(label_bits(logits, y) * 3, label_bits(logits[1:], y[1:]) * 2)


@pytest.mark.parametrize("y", [torch.zeros(1, 5), torch.ones(1, 5), torch.tensor([[1.0, 0, 0, 0, 1]])])
@pytest.mark.parametrize("g", [0.0, 1e-30, -0.0099, 0.5, 1e4])
def test_loss_and_gradients_are_finite_near_the_pole_of_the_gap(y: Tensor, g: float) -> None:
    """log |g| has no minimum: |g| counts .01 at least. One row, and many models at once."""
    logits = torch.tensor([[100.0, 0, -100, 3, 1]])

    def loss(gap: Tensor, logits: Tensor) -> Tensor:
        return gap_loss(logits, gap, y) + label_bits(logits, y)

    gaps, many = torch.full((2, 1, 1), g), logits.expand(2, 1, 5)
    value = torch.vmap(loss)(gaps, many)
    assert value.isfinite().all()
    for gradient in torch.vmap(torch.func.grad(loss, argnums=(0, 1)))(gaps, many):
        assert gradient.isfinite().all()
    if abs(g) < 0.01:
        expected = (0.5 * (y - logits) ** 2 / 1e-4 + math.log(0.01)).mean() + label_bits(logits, y)
        torch.testing.assert_close(value[0], expected)


@pytest.mark.parametrize("official", [False, True])
def test_recovered_degrees_are_distributions_that_follow_the_seed(official: bool) -> None:
    degrees = recovered(DATA, official=official)
    assert (degrees > 0).all()
    torch.testing.assert_close(degrees.sum(1), torch.ones(40, dtype=torch.float64))
    assert torch.equal(degrees, recovered(DATA, official=official))
    assert not torch.equal(degrees, recovered(DATA, seed=1, official=official))


def test_recovered_degrees_follow_the_labels() -> None:
    data = random_split(200, 6, 5, seed=3)
    degrees = recovered(data, hidden=32, pretraining_epochs=200, epochs=200, kl_weight=0.001, gap_weight=1.0)
    own = (data.y > 0) & (data.y.sum(1, keepdim=True) < 5)
    assert degrees[own].mean() > 1.3 * degrees[data.y == 0].mean()


@pytest.mark.parametrize("value", [0, 1])
def test_data_of_rows_without_or_with_all_labels_are_finite(value: int) -> None:
    assert recovered(Split(DATA.x, torch.full_like(DATA.y, value))).isfinite().all()
