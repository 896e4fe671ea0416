"""LEVI: the golden KL, the network and its loss re-derived with plain matrix arithmetic, and its bad inputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import Batch
from bench.methods.levi import LEVI, gaussian_kl
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split

DATA = random_split(40, 6, 5, seed=3)


def levi(**options: Any) -> LEVI:
    method = methods.create("LEVI", problem_of(DATA), hidden=7, **options)
    assert isinstance(method, LEVI)
    return method


def recovered(data: Prepared, seed: int = 0, **options: Any) -> torch.Tensor:
    point = methods.options("LEVI", methods.info("LEVI").defaults, {"hidden": 7, "epochs": 4, **options})
    return per_sample_tensors("LEVI", point, data, Protocol(precision="float64"), seed)["degrees"]


def test_kl_is_the_released_codes(golden: dict) -> None:
    case = golden["levi"]
    mean, std = (torch.tensor(case[name], dtype=torch.float64) for name in ("mu", "sigma"))
    assert float(gaussian_kl(mean, std)) == pytest.approx(case["gauss_kl_loss"], abs=1e-12)


@pytest.mark.parametrize("x_output", ["linear", "sigmoid"])
@pytest.mark.parametrize("training", [False, True])
def test_loss_is_that_of_a_naive_derivation(x_output: str, training: bool) -> None:
    """Forward pass and loss written out layer by layer, dropout and noise drawn in the order of the layers."""
    method = levi(x_output=x_output, kl_weight=0.3, reconstruction_weight=0.07)
    network = method.network().double().train(training)
    x, y = DATA.x, DATA.y.double()
    torch.manual_seed(5)
    loss = method.recovery_loss(network, x, y)

    weights = {name: value.detach() for name, value in network.named_parameters()}

    def layer(part: str, number: int, value: torch.Tensor) -> torch.Tensor:
        return value @ weights[f"{part}.{number}.weight"].T + weights[f"{part}.{number}.bias"]

    def elu(value: torch.Tensor) -> torch.Tensor:
        return torch.where(value > 0, value, value.exp() - 1)

    def drop(value: torch.Tensor) -> torch.Tensor:
        return value * (torch.empty_like(value).bernoulli_(0.9) / 0.9) if training else value

    torch.manual_seed(5)
    first = drop(elu(layer("encoder", 0, torch.cat([x, y], 1))))
    out = layer("encoder", 6, drop(layer("encoder", 3, first).tanh()))
    assert out.shape == (40, 400)  # 2 x max(200, c)
    mean, sigma = out[:, :200], (1 + out[:, 200:].exp()).log() + 1e-8
    z = mean + sigma * torch.randn(40, 200, dtype=torch.float64)
    d = 1 / (1 + (-z[:, -5:]).exp())
    label_loss = -(y * d.log() + (1 - y) * (1 - d).log()).mean()
    back = layer("decoder", 6, drop(elu(layer("decoder", 3, drop(layer("decoder", 0, z).tanh())))))
    if x_output == "sigmoid":
        back = 1 / (1 + (-back).exp())
    kl = 0.5 * (mean**2 + sigma**2 - (sigma**2).log() - 1).mean()
    assert loss.item() == pytest.approx((label_loss + 0.3 * kl + 0.07 * ((back - x) ** 2).mean()).item(), abs=1e-9)


def test_recovery_is_adam_on_globally_scaled_features_and_read_off_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the shared loop is asked for, what the objective sees, and what is returned of the trained network."""
    data = type(DATA)(DATA.x * torch.tensor([1.0, 2, 3, 4, 5, 6]) - 1, DATA.y)
    method = methods.create("LEVI", problem_of(data))
    assert isinstance(method, LEVI)
    asked: dict[str, Any] = {}
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(method, "recovery_loss", lambda network, x, y: seen.append(x))

    def fit(network: Any, objective: Any, **options: Any) -> None:
        asked.update(options, network=network)
        objective(Batch(data.x, data.y.double(), data.x[:, :0]))
        network.eval()

    degrees = method.recover(data, fit)
    network = asked.pop("network")
    assert asked == {"epochs": 30, "batch_size": 128, "optimiser": "adam", "weight_decay": 1e-5, "records": True}
    torch.testing.assert_close(seen[0], (data.x - data.x.min()) / (data.x.max() - data.x.min()))
    mean = network.encoder(torch.cat([seen[0], data.y.double()], 1))[:, :200]
    torch.testing.assert_close(degrees, mean[:, -5:].sigmoid(), atol=1e-12, rtol=0)


def test_weights_are_xavier_normal_and_biases_a_hundredth() -> None:
    torch.manual_seed(0)
    wide = methods.create("LEVI", problem_of(random_split(20, 300, 5, seed=0)))
    assert isinstance(wide, LEVI)
    for layer in wide.network().modules():
        if isinstance(layer, torch.nn.Linear):
            assert (layer.bias == 0.01).all()
            expected = (2 / (layer.in_features + layer.out_features)) ** 0.5
            assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.05)


def test_recovered_degrees_are_probabilities_that_follow_the_labels_and_the_seed() -> None:
    data = Prepared(problem_of(DATA), {"train": DATA})
    degrees = recovered(data, hidden=40, epochs=500)
    assert ((degrees > 0) & (degrees < 1)).all()
    positive, negative = degrees[DATA.y > 0].mean(), degrees[DATA.y == 0].mean()
    assert positive > 0.8 > 0.2 > negative
    assert torch.equal(recovered(data), recovered(data))
    assert not torch.equal(recovered(data), recovered(data, seed=1))


def test_constant_features_are_no_division_by_zero() -> None:
    flat = type(DATA)(torch.full_like(DATA.x, 3.0), DATA.y)
    assert torch.isfinite(recovered(Prepared(problem_of(flat), {"train": flat}))).all()


def test_latent_size_below_the_labels_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="LEVI's latent size 4 is below the number of labels 5"):
        levi(latent=4).network()


def test_unknown_words_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="x_output is 'linear' or 'sigmoid', not 'tanh'"):
        levi(x_output="tanh").network()
    with pytest.raises(ValueError, match="the predictor is one of soft-bce, svr, not 'ridge'"):
        levi(predictor="ridge")
