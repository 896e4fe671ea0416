"""LEIC's graph against golden values of the released code, and its lower bound against a naive derivation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import digamma, gammaln
from torch import Tensor

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods import leic
from bench.methods.api import Split
from bench.methods.enhancement import neighbours
from bench.methods.leic import LEIC, ClusteringNetwork, Rows, adjacency, lower_bound, normalised, prepared_rows, spread
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split


def tensor(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def case(golden_2026: dict) -> dict:
    return golden_2026["enhancement"]["leic_laplacian"]


def test_graph_is_the_released_codes(case: dict) -> None:
    found = adjacency(tensor(case["input"]), 3)
    assert torch.equal(found, tensor(case["adj"]))
    torch.testing.assert_close(normalised(found), tensor(case["lap"]), atol=1e-12, rtol=0)
    assert set(case) == {"ref", "input", "adj", "lap"}


def test_each_row_is_its_own_neighbour_and_ties_go_to_the_first_rows() -> None:
    y = tensor([[1, 0], [1, 0], [1, 0], [1, 0], [0, 0], [0, 1]])
    found = adjacency(y, 2)
    expected = torch.eye(6, dtype=torch.float64)
    # Equal rows: 0 takes 1, the others take 0. No row is nearer to 4 and 5 than another: they take the first.
    for i, j in ((0, 1), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)):
        expected[i, j] = expected[j, i] = 1
    assert torch.equal(found, expected)


def test_fewer_rows_than_neighbours_are_all_joined() -> None:
    assert (adjacency(random_split(12, 3, 4, seed=0).y, 20) == 1).all()


def test_graph_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    y = random_split(50, 3, 4, seed=0).y
    whole = adjacency(y, 20)
    monkeypatch.setattr(leic, "ROWS_PER_BLOCK", 7)
    assert torch.equal(adjacency(y, 20), whole)


def test_spread_follows_the_cooccurrence_in_the_rows_clusters() -> None:
    """As loops over rows, clusters and pairs of labels."""
    data = random_split(9, 3, 4, seed=3)
    y = data.y.double().numpy()
    generator = torch.Generator().manual_seed(0)
    q = torch.rand(9, 5, generator=generator, dtype=torch.float64).softmax(1)
    f = torch.rand(9, 4, generator=generator, dtype=torch.float64)
    found = spread(f, q, data.y.double())
    by_cluster = [sum(float(q[m, k]) * np.outer(y[m], y[m]) for m in range(9)) for k in range(5)]
    for i in range(9):
        s = sum(float(q[i, k]) * by_cluster[k] for k in range(5))
        degree = s.sum(1)
        correlation = s / np.sqrt(np.outer(degree, degree))
        np.testing.assert_allclose(found[i].numpy(), f[i].numpy() @ correlation, atol=1e-12)


def gaussian_kl(mean: Any, std: Any, prior_mean: Any, prior_std: Any) -> Any:
    return np.log(prior_std / std) + (std**2 + (mean - prior_mean) ** 2) / (2 * prior_std**2) - 0.5


def dirichlet_kl(alpha: np.ndarray) -> float:
    total = alpha.sum()
    norm = gammaln(total) - gammaln(alpha).sum() - gammaln(len(alpha))
    return float(norm + ((alpha - 1) * (digamma(alpha) - digamma(total))).sum())


def test_divergences_of_the_derivation_are_those_of_draws() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0.3, 0.7, 400_000)
    drawn = np.log(1 / 0.7) - ((z - 0.3) / 0.7) ** 2 / 2 - np.log(1 / 1.4) + ((z + 0.5) / 1.4) ** 2 / 2
    assert gaussian_kl(0.3, 0.7, -0.5, 1.4) == pytest.approx(drawn.mean(), abs=0.01)
    alpha = np.array([0.7, 2.0, 4.5])
    d = rng.dirichlet(alpha, 400_000)
    density = gammaln(alpha.sum()) - gammaln(alpha).sum() + ((alpha - 1) * np.log(d)).sum(1)
    assert dirichlet_kl(alpha) == pytest.approx((density - gammaln(3)).mean(), abs=0.01)


def example(rows: int = 12, labels: int = 4, latent: int = 3) -> tuple[ClusteringNetwork, Rows]:
    data = random_split(rows, 6, labels, seed=1)
    torch.manual_seed(0)
    return ClusteringNetwork(6, labels, latent).double(), prepared_rows(data.x, data.y, 5)


def test_lower_bound_is_that_of_a_naive_derivation() -> None:
    network, rows = example()
    torch.manual_seed(7)
    found = lower_bound(network, rows, torch.tensor(4.0, dtype=torch.float64)).item()

    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    x, y, a = rows.x.numpy(), rows.y.numpy(), rows.adjacency.numpy()

    def layer(name: str, value: np.ndarray) -> np.ndarray:
        return value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def above(name: str, value: np.ndarray) -> np.ndarray:
        return np.log(1 + np.exp(layer(name, value))) + 1e-4

    degree = a.sum(1)
    smoothed = (a / np.sqrt(np.outer(degree, degree))) @ x
    mean, std = layer("latent_mean", smoothed), above("latent_std", smoothed)
    q = np.exp(layer("cluster", smoothed))
    q /= q.sum(1, keepdims=True)
    delta = spread(torch.from_numpy(above("concentration", x)), torch.from_numpy(q), rows.y).numpy()
    alpha = delta + 4 * y

    torch.manual_seed(7)
    z = mean + std * torch.normal(torch.zeros(12, 3, dtype=torch.float64), 1.0).numpy()
    d = torch.distributions.Dirichlet(torch.from_numpy(alpha)).sample().numpy()
    x_mean, x_std = layer("feature_mean", z), above("feature_std", z)
    total = (-0.5 * np.log(2 * math.pi) - np.log(x_std) - (x - x_mean) ** 2 / (2 * x_std**2)).sum()
    total += (y * np.log(d) + (1 - y) * np.log(1 - d)).sum()
    prior_mean, prior_std = layer("prior_mean", d).reshape(12, 5, 3), above("prior_std", d).reshape(12, 5, 3)
    for i in range(12):
        for j in range(12):
            p = 1 / (1 + math.exp(-float(z[i] @ z[j])))
            total += math.log(p) if a[i, j] else math.log(1 - p)
        total -= sum(float(q[i, k]) * math.log(float(q[i, k]) * 5) for k in range(5))
        for k in range(5):
            total -= q[i, k] * gaussian_kl(mean[i], std[i], prior_mean[i, k], prior_std[i, k]).sum()
        total -= dirichlet_kl(alpha[i])
    assert found == pytest.approx(total, abs=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strength", [0.0, 4.0])
def test_every_parameter_has_a_finite_gradient(strength: float, dtype: torch.dtype) -> None:
    network, rows = example(rows=60)  # row 0 has no label and row 1 has all
    network, rows = network.to(dtype), Rows(*(part.to(dtype) for part in rows))
    torch.manual_seed(3)
    value = lower_bound(network, rows, torch.tensor(strength, dtype=dtype))
    gradients = torch.autograd.grad(value, list(network.parameters()))
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() and (gradient != 0).any() for gradient in gradients)


def test_clusters_have_no_gradient_through_the_cooccurrence() -> None:
    """As in the released code: they are learned by the divergences alone."""
    network, rows = example()
    clusters = network.clusters_of(rows)
    degrees = network.degrees_of(rows, clusters, torch.tensor(4.0))
    assert torch.autograd.grad(degrees.mean.square().sum(), clusters, allow_unused=True) == (None,)


def test_initial_weights_of_the_graph_convolutions() -> None:
    torch.manual_seed(0)
    network = ClusteringNetwork(300, 24, 64)
    for layer, outputs in ((network.latent_mean, 64), (network.latent_std, 64), (network.cluster, 25)):
        assert float(layer.weight.detach().abs().max()) == pytest.approx(outputs**-0.5, rel=0.01)
        assert float(layer.bias.detach().abs().max()) <= outputs**-0.5


def recovered(data: Split, seed: int = 0, minimum_steps: int = 0, **options: Any) -> Tensor:
    point = methods.options("LEIC", methods.info("LEIC").defaults, options)
    protocol = Protocol(precision="float64", minimum_steps=minimum_steps)
    return per_sample_tensors("LEIC", point, Prepared(problem_of(data), {"train": data}), protocol, seed)["degrees"]


def test_recovery_is_a_hundred_steps_of_adam_on_all_rows() -> None:
    data = random_split(30, 6, 4, seed=1)
    method = methods.create("LEIC", problem_of(data))
    assert isinstance(method, LEIC)
    asked: dict[str, Any] = {}
    degrees = method.recover(data, lambda network, objective, **options: asked.update(options, network=network))
    network = asked.pop("network")
    assert asked == {"epochs": 100, "batch_size": 30, "exact": True, "optimiser": "adam", "weight_decay": 0.0}
    rows = prepared_rows(data.x, data.y, 20)
    q = network.clusters_of(rows)
    alpha = network.degrees_of(rows, q, torch.tensor(4.0)).concentration
    torch.testing.assert_close(degrees, (alpha / alpha.sum(1, keepdim=True)).detach(), atol=1e-12, rtol=0)


def test_features_are_scaled_one_by_one_and_constant_ones_are_zero() -> None:
    data = random_split(30, 3, 4, seed=1)
    x = data.x * tensor([1, 5, 0]) - 2
    rows = prepared_rows(x, data.y, 20)
    assert rows.x.amin(0).tolist() == [0, 0, 0]
    assert rows.x.amax(0).tolist() == [1, 1, 0]


def test_equal_seeds_give_equal_degrees_and_a_minimum_of_steps_changes_nothing() -> None:
    data = random_split(60, 6, 5, seed=2)
    first = recovered(data)
    assert torch.equal(first, recovered(data))
    assert torch.equal(first, recovered(data, minimum_steps=300))
    assert not torch.equal(first, recovered(data, seed=1))


def test_training_raises_the_lower_bound() -> None:
    data = random_split(60, 6, 5, seed=2)
    method = methods.create("LEIC", problem_of(data))
    assert isinstance(method, LEIC)
    values: list[float] = []

    def fit(network: torch.nn.Module, objective: Any, epochs: int, **options: Any) -> None:
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(epochs):
            optimiser.zero_grad()
            loss = objective(None)
            loss.backward()
            optimiser.step()
            values.append(-loss.item())

    torch.manual_seed(0)
    degrees = method.double().recover(data, fit)
    assert np.mean(values[-10:]) > np.mean(values[:10]) + 100
    assert degrees[data.y > 0].mean() > 3 * degrees[data.y == 0].mean()


def test_labels_without_positives_have_no_degree() -> None:
    data = random_split(40, 6, 5, seed=2)
    data.y[:, 3] = 0
    degrees = recovered(data, epochs=3)
    assert (degrees[:, 3] == 0).all()
    assert (degrees[:, [0, 1, 2, 4]] > 0).all()
    torch.testing.assert_close(degrees.sum(1), torch.ones(40, dtype=torch.float64))
    data.y[:] = 0
    with pytest.raises(ValueError, match="LEIC recovers degrees from labels, and no training row has any"):
        recovered(data)


def test_labels_that_are_not_known_count_as_absent() -> None:
    data = random_split(40, 6, 5, seed=2)
    known = replace(data, observed=data.y > 0)
    assert torch.equal(recovered(data, epochs=3), recovered(known, epochs=3))


def test_one_label_and_few_rows_are_finite() -> None:
    for rows, labels in ((2, 4), (5, 1), (30, 1)):
        assert torch.isfinite(recovered(random_split(rows, 3, labels, seed=0))).all()


def test_too_many_rows_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random_split(60, 6, 5, seed=0)
    with monkeypatch.context() as context:
        context.setattr(leic, "LARGEST", 50)
        with pytest.raises(ValueError, match=r"LEIC takes at most 50 training rows, .* there are 60, .* GB of memory"):
            recovered(data)
    monkeypatch.setattr(neighbours, "free_memory", lambda device: 20_000)
    with pytest.raises(ValueError, match=r"LEIC works on 45 matrices of 60 x 60, .* GB of free memory"):
        recovered(data)


@pytest.mark.parametrize("options", [{"latent": 0}, {"neighbours": 0}])
def test_sizes_below_one_are_one_sentence(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="LEIC's latent size and neighbours are at least 1"):
        methods.create("LEIC", problem_of(random_split(20, 3, 4, seed=0)), **options)
