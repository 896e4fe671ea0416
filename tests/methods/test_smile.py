"""SMILE's terms against golden values of the released code, its graph encoder and its loss against naive ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.special import digamma, gammaln
from torch import Tensor
from torch.distributions import Beta, kl_divergence

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods import smile
from bench.methods.api import Batch, Split
from bench.methods.smile import SMILE, BetaNetwork, assume_negative, beta_kl, gathered_features, graph_of
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split


def tensor(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def case(golden_2026: dict) -> dict:
    return golden_2026["enhancement"]["smile"]


def test_every_golden_value_is_checked(case: dict) -> None:
    given = {"ref", "args", "d_logits", "logits", "y_single"}
    assert set(case) == given | {"beta_kl", "loss_an", "grad_d_logits_of_sum", "target", "predict"}


def test_assume_negative_and_the_released_divergence(case: dict) -> None:
    logits = tensor(case["d_logits"]).requires_grad_()
    d, y = logits.sigmoid(), tensor(case["y_single"])
    divergence, loss = beta_kl(d, official=True), assume_negative(d, y)
    assert divergence.item() == pytest.approx(case["beta_kl"], abs=1e-9)
    assert loss.item() == pytest.approx(case["loss_an"], abs=1e-9)
    (gradient,) = torch.autograd.grad(divergence + loss, logits)
    torch.testing.assert_close(gradient, tensor(case["grad_d_logits_of_sum"]), atol=1e-9, rtol=0)


def test_the_released_classifiers_targets_and_loss_are_left_out_knowingly(case: dict) -> None:
    """Its target is mu d + (1 - mu) y0 with y0 = p0 where nothing is known, its loss weighs what is not known; the
    shared second stage has p0 = 0 and weighs all alike: on positives the target is the same."""
    d, y, p = tensor(case["d_logits"]).sigmoid(), tensor(case["y_single"]), tensor(case["logits"]).sigmoid()
    mu, p0 = case["args"]["mu"], case["args"]["p"]
    target = mu * d + (1 - mu) * torch.where(y > 0, y, p0)
    torch.testing.assert_close(target, tensor(case["target"]), atol=1e-9, rtol=0)
    ours = mu * d + (1 - mu) * y
    torch.testing.assert_close(ours[y > 0], target[y > 0], atol=1e-12, rtol=0)
    assert (ours[y == 0] < target[y == 0]).all()
    terms = -(target * (p + 1e-5).log() + (1 - target) * (1 - p + 1e-5).log())
    for name, weight in (("bias1_rate1.0", 1 / 3), ("bias0_rate0.5", 0.5)):
        released = torch.where(y > 0, terms, weight * terms).mean()
        assert released.item() == pytest.approx(case["predict"][name]["value"], abs=1e-9)


def test_true_divergence_is_that_of_beta_to_the_uniform() -> None:
    logits = torch.linspace(-6, 6, 25, dtype=torch.float64).requires_grad_()
    d = logits.sigmoid()
    one = torch.ones_like(d)
    again = kl_divergence(Beta(d + 1e-6, 1 - d + 1e-6), Beta(one, one)).mean()
    assert beta_kl(d, official=False).item() == pytest.approx(again.item(), abs=1e-9)
    (gradient,) = torch.autograd.grad(beta_kl(d, official=False), logits)
    # dKL/da = (a - 1) psi'(a) + (2 - a - b) psi'(a + b), and a + b does not move: KL' = (a-1) psi'(a) - (b-1) psi'(b)
    a, b = d.detach() + 1e-6, 1 - d.detach() + 1e-6
    slope = (a - 1) * torch.special.polygamma(1, a) - (b - 1) * torch.special.polygamma(1, b)
    torch.testing.assert_close(gradient, slope * d.detach() * (1 - d.detach()) / 25, atol=1e-9, rtol=1e-9)


def test_true_divergence_is_least_at_one_half_and_none_of_it_negative() -> None:
    values = [float(beta_kl(tensor([d]), official=False)) for d in (0.01, 0.2, 0.5, 0.8, 0.99)]
    assert values[2] == min(values) > 0
    assert values[0] == pytest.approx(values[4], rel=1e-6)
    assert not math.isclose(values[1], float(beta_kl(tensor([0.2]), official=True)), rel_tol=0.1)


@pytest.mark.parametrize("official", [True, False])
def test_divergence_of_extreme_degrees_is_finite_in_float32(official: bool) -> None:
    logits = torch.tensor([-200.0, -20.0, 0.0, 20.0, 200.0], requires_grad=True)
    value = beta_kl(logits.sigmoid(), official)
    (gradient,) = torch.autograd.grad(value, logits)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


# --- the graph --------------------------------------------------------------------------------------------------------


def dense(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """A [N, N], 1 from each row to its k nearest, and what a graph convolution multiplies its input by."""
    a = torch.zeros(len(x), len(x), dtype=torch.float64)
    for i in range(len(x)):
        distance = ((x - x[i]) ** 2).sum(1)
        distance[i] = math.inf
        a[i, distance.argsort(stable=True)[:k]] = 1
    into, out = a.sum(0).clamp(min=1), a.sum(1).clamp(min=1)
    return a, into[:, None] ** -0.5 * a.T * out**-0.5


def test_encoder_is_two_graph_convolutions_over_all_rows() -> None:
    """Released code: messages run along the edges, from a row to its neighbours."""
    data = random_split(40, 6, 5, seed=1)
    a, message = dense(data.x, 3)
    assert (a.sum(0) == 0).any()  # a row that is none's neighbour
    torch.manual_seed(0)
    network = BetaNetwork(6, 5).double()
    graph = graph_of(data.x, 3)
    gathered = gathered_features(graph, data.x)
    torch.testing.assert_close(gathered, message @ data.x, atol=1e-12, rtol=0)

    def layer(part: torch.nn.Linear, value: Tensor) -> Tensor:
        return value @ part.weight.T + part.bias

    hidden = (message @ data.x @ network.first.weight.T + network.first.bias).clamp(min=0)
    whole = layer(network.last, message @ hidden @ network.second.weight.T + network.second.bias)
    rows = torch.tensor([4, 0, 39, 7])
    torch.testing.assert_close(network.logits(graph, gathered, torch.arange(40)), whole, atol=1e-12, rtol=0)
    torch.testing.assert_close(network.logits(graph, gathered, rows), whole[rows], atol=1e-12, rtol=0)
    weights = list(network.parameters())[:6]
    ours = torch.autograd.grad(network.logits(graph, gathered, rows).square().sum(), weights)
    theirs = torch.autograd.grad(whole[rows].square().sum(), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
    block = graph.adjacency(rows)
    assert torch.equal(block.double(), a[rows][:, rows])


def test_gathering_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = random_split(50, 4, 3, seed=0).x
    graph = graph_of(x, 3)
    whole = gathered_features(graph, x)
    monkeypatch.setattr(smile, "ROWS_PER_BLOCK", 7)
    assert torch.equal(gathered_features(graph, x), whole)


def test_rows_that_are_nobodys_neighbour_have_the_same_degrees() -> None:
    data = random_split(60, 6, 5, seed=1)
    alone = graph_of(data.x, 3).incoming == 0
    assert int(alone.sum()) > 1
    degrees = recovered(data, epochs=2)
    assert (degrees[alone] == degrees[alone][0]).all()
    assert not (degrees[~alone] == degrees[alone][0]).all()


# --- the loss ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("official", [False, True])
def test_loss_is_that_of_a_naive_derivation(official: bool) -> None:
    data = random_split(12, 6, 4, seed=1)
    method = methods.create(
        "SMILE", problem_of(data), reconstruction_weight=0.3, kl_weight=0.7, official=official
    ).double()  # type: ignore[union-attr]
    assert isinstance(method, SMILE)
    torch.manual_seed(0)
    network = BetaNetwork(6, 4).double()
    graph = graph_of(data.x, 3)
    rows = torch.tensor([3, 0, 1, 8, 5])
    x, y = data.x[rows], data.y[rows].double()
    torch.manual_seed(7)
    batch = Batch(x, y, x.new_zeros(5, 0), {"row": rows})
    loss = method.recovery_loss(network, graph, gathered_features(graph, data.x), batch)

    a, message = dense(data.x, 3)
    w = {name: value.detach() for name, value in network.named_parameters()}

    def layer(name: str, value: Tensor) -> Tensor:
        return value @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    hidden = (message @ data.x @ w["first.weight"].T + w["first.bias"]).clamp(min=0)
    logits = layer("last", message @ hidden @ w["second.weight"].T + w["second.bias"])[rows]
    d = 1 / (1 + (-logits).exp())
    torch.manual_seed(7)
    r = Beta(d + 1e-5, 1 - d + 1e-5).sample()
    h = layer("hidden.2", layer("hidden.0", torch.cat([x, d], 1)).clamp(min=0))
    back = layer("decoder.2", layer("decoder.0", torch.cat([d, h], 1)).clamp(min=0))

    def an(p: Tensor) -> Tensor:
        return torch.where(y > 0, -(p + 1e-5).log(), -(1 - p + 1e-5).log()).mean()

    one, other = (d + 1e-6).numpy(), (1 - d + 1e-6).numpy()
    slopes = (one - 1) * digamma(one) + (other - 1) * digamma(other)
    if official:
        kl = gammaln(one) + gammaln(other) + slopes
    else:
        kl = gammaln(one + other) - gammaln(one) - gammaln(other) + slopes
        kl = kl + (2 - one - other) * digamma(one + other)
    block = a[rows][:, rows]
    reconstruction = ((back - x) ** 2).mean() + an(r) + ((r @ r.T - block) ** 2).mean()
    naive = an(d) + 0.3 * reconstruction + 0.7 * kl.mean()
    assert loss.item() == pytest.approx(float(naive), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_parameter_has_a_finite_gradient(dtype: torch.dtype) -> None:
    """Also where degrees are so close to 0 and 1 that a drawn one is."""
    data = random_split(30, 6, 4, seed=1)
    x = data.x.to(dtype)
    method = methods.create("SMILE", problem_of(data))
    assert isinstance(method, SMILE)
    graph = graph_of(x, 3)
    for scale in (1.0, 100.0):
        torch.manual_seed(0)
        network = BetaNetwork(6, 4).to(dtype)
        with torch.no_grad():
            network.last.weight.mul_(scale)
        for rows in (torch.arange(30), torch.tensor([0]), torch.tensor([1])):  # no label, and all of them
            batch = Batch(x[rows], data.y[rows].to(dtype), x.new_zeros(len(rows), 0), {"row": rows})
            loss = method.recovery_loss(network, graph, gathered_features(graph, x), batch)
            gradients = torch.autograd.grad(loss, list(network.parameters()))
            assert torch.isfinite(loss)
            assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_initial_weights_of_the_graph_convolutions() -> None:
    torch.manual_seed(0)
    network = BetaNetwork(300, 60)
    for layer, fans in ((network.first, 360), (network.second, 120)):
        assert float(layer.weight.detach().abs().max()) == pytest.approx(math.sqrt(6 / fans), rel=0.01)
        assert (layer.bias == 0).all()
    assert [layer.weight.shape for layer in (network.hidden[0], network.hidden[2])] == [(60, 360), (60, 60)]
    assert [layer.weight.shape for layer in (network.decoder[0], network.decoder[2])] == [(300, 120), (300, 300)]


# --- the recovery -----------------------------------------------------------------------------------------------------


def recovered(data: Split, seed: int = 0, **options: Any) -> Tensor:
    point = methods.options("SMILE", methods.info("SMILE").defaults, options)
    protocol = Protocol(precision="float64")
    return per_sample_tensors("SMILE", point, Prepared(problem_of(data), {"train": data}), protocol, seed)["degrees"]


def test_recovery_is_adam_and_read_off_the_encoder() -> None:
    data = random_split(30, 6, 4, seed=1)
    method = methods.create("SMILE", problem_of(data))
    assert isinstance(method, SMILE)
    asked: dict[str, Any] = {}
    degrees = method.recover(data, lambda network, objective, **options: asked.update(options, network=network))
    network, extra = asked.pop("network"), asked.pop("extra")
    assert asked == {"epochs": 25, "batch_size": 16, "optimiser": "adam", "weight_decay": 0.0}
    assert torch.equal(extra["row"], torch.arange(30))
    graph = graph_of(data.x, 3)
    logits = network.logits(graph, gathered_features(graph, data.x), torch.arange(30))
    torch.testing.assert_close(degrees, (1 / (1 + (-logits).exp())).detach(), atol=1e-12, rtol=0)


def test_equal_seeds_give_equal_degrees() -> None:
    data = random_split(60, 6, 5, seed=2)
    first = recovered(data, epochs=3)
    assert torch.equal(first, recovered(data, epochs=3))
    assert not torch.equal(first, recovered(data, seed=1, epochs=3))


def test_positive_labels_have_higher_degrees_and_all_stay_near_one_half() -> None:
    """A divergence of weight 1 allows no others: of a free degree, -ln(1 - d) + KL(d) is least at .436."""
    grid = torch.linspace(0.3, 0.6, 301, dtype=torch.float64)
    loss = [float(assume_negative(d, tensor([0.0])) + beta_kl(d, official=False)) for d in grid[:, None]]
    assert float(grid[int(tensor(loss).argmin())]) == pytest.approx(0.436, abs=1e-3)
    data = random_split(100, 6, 5, seed=2)
    degrees = recovered(data, epochs=40)
    assert degrees[data.y > 0].mean() > degrees[data.y == 0].mean() + 0.02
    assert 0.3 < float(degrees.min()) <= float(degrees.max()) < 0.7


def test_labels_that_are_not_known_count_as_negative() -> None:
    data = random_split(40, 6, 5, seed=2)
    known = replace(data, observed=data.y > 0)
    assert torch.equal(recovered(data, epochs=2), recovered(known, epochs=2))


def test_too_few_rows_or_neighbours_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="3 neighbours of each row need more than 3 rows; there are 3"):
        recovered(random_split(3, 6, 5, seed=2))
    with pytest.raises(ValueError, match="SMILE's neighbours are at least 1, not 0"):
        recovered(random_split(9, 6, 5, seed=2), neighbours=0)
