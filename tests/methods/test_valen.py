"""VALEN against golden values of the released code, and its loss against a naive derivation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import Batch
from bench.methods.enhancement.neighbours import nearest_neighbours
from bench.methods.valen import (
    VALEN,
    DirichletNetwork,
    adjacency,
    concentration,
    cross_entropy_to,
    dirichlet_kl,
    restricted,
    sampling_concentration,
)
from bench.protocol import Protocol
from tests.conftest import problem_of, random_split


def tensor(values: list) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture
def case(golden: dict) -> dict:
    return golden["valen"]


def test_cross_entropy_to_the_target(case: dict) -> None:
    e, target = tensor(case["output"]), tensor(case["target"])
    assert float(cross_entropy_to(target, e)) == pytest.approx(case["partial_loss"], abs=1e-12)


def test_restriction_to_the_candidates(case: dict) -> None:
    candidates = (tensor(case["target"]) > 0).double()
    found = restricted(tensor(case["output"]).softmax(1), candidates)
    torch.testing.assert_close(found, tensor(case["revised_target_from_softmax"]), atol=1e-12, rtol=0)
    torch.testing.assert_close(
        sampling_concentration(tensor(case["output"]), candidates), found + 0.01, atol=1e-12, rtol=0
    )


def test_posterior_and_its_divergence_from_the_prior(case: dict) -> None:
    alpha = concentration(tensor(case["output"]))
    torch.testing.assert_close(alpha, tensor(case["alpha_clipped"]), atol=1e-12, rtol=0)
    assert float(dirichlet_kl(alpha)) == pytest.approx(case["alpha_loss_prior1"], abs=1e-12)
    again = torch.distributions.kl_divergence(
        torch.distributions.Dirichlet(alpha), torch.distributions.Dirichlet(torch.ones_like(alpha))
    )
    assert float(dirichlet_kl(alpha)) == pytest.approx(float(again.mean()), abs=1e-12)


def test_adjacency_of_three_neighbours(case: dict) -> None:
    x = tensor(case["x"])
    graph = adjacency(torch.arange(len(x)), nearest_neighbours(x, 3))
    torch.testing.assert_close(graph.double(), tensor(case["adj_k3_rownorm"]), atol=1e-12, rtol=0)
    rows = torch.tensor([4, 1, 2])  # a batch's block is that of the whole graph
    block = adjacency(rows, nearest_neighbours(x, 3)[rows])
    torch.testing.assert_close(block.double(), tensor(case["adj_k3_rownorm"])[rows][:, rows], atol=1e-12, rtol=0)


def test_every_golden_value_is_checked_or_its_absence_explained(case: dict) -> None:
    given = {"ref", "output", "target", "d", "x"}
    checked = {"partial_loss", "revised_target_from_softmax", "alpha_clipped", "alpha_loss_prior1", "adj_k3_rownorm"}
    # The released code sharpens its target by the classifier's and the posterior's softmax, since one candidate alone
    # is true; here all positives are true and the target stays y / sum(y).
    not_used = {"revised_target(d,new)"}
    assert set(case) == given | checked | not_used


def test_loss_is_that_of_a_naive_derivation() -> None:
    data = random_split(12, 6, 4, seed=1)
    weights = {"reconstruction_weight": 0.3, "label_weight": 0.05, "graph_weight": 0.7, "kl_weight": 0.11}
    method = methods.create("VALEN", problem_of(data), **weights, target_weight=3.0)
    assert isinstance(method, VALEN)
    torch.manual_seed(0)
    network = DirichletNetwork(6, 4, 512).double()
    neighbours = nearest_neighbours(data.x, 3)
    x, y = data.x, data.y.double()
    batch = Batch(x, y, x.new_zeros(12, 0), {"variant": torch.arange(12), "neighbours": neighbours})
    torch.manual_seed(7)
    loss = method.recovery_loss(network, batch)

    e = x @ network.encoder.weight.T + network.encoder.bias
    softmax = e.exp() / e.exp().sum(1, keepdim=True)
    sampling = torch.full_like(e, 0.01)
    for i in range(12):
        if y[i].sum() > 0:
            sampling[i] += softmax[i] * y[i] / (softmax[i] * y[i]).sum()
    torch.manual_seed(7)
    d = torch.distributions.Dirichlet(sampling).sample()
    first, _, second = network.decoder
    back = (d @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    label = torch.nn.functional.binary_cross_entropy_with_logits(d, y)
    similarity = 1 / (1 + (-(d @ d.T)).exp())
    similarity = similarity.exp() / similarity.exp().sum(1, keepdim=True)
    graph = torch.eye(12, dtype=torch.float64) / 4
    for i in range(12):
        distance = ((x - x[i]) ** 2).sum(1)
        distance[i] = math.inf
        graph[i, distance.argsort()[:3]] = 0.25
    alpha = (e / 4).exp()
    kl = torch.distributions.kl_divergence(
        torch.distributions.Dirichlet(alpha), torch.distributions.Dirichlet(torch.ones_like(alpha))
    ).mean()
    cross_entropy = sum(-(softmax[i].log()[y[i] > 0]).mean() for i in range(12) if y[i].sum() > 0) / 12
    naive = (
        0.3 * ((back - x) ** 2).mean()
        + 0.05 * label
        + 0.7 * ((similarity - graph) ** 2).mean()
        + 0.11 * kl
        + 3 * cross_entropy
    )
    assert loss.item() == pytest.approx(naive.item(), abs=1e-9)


def test_concentration_is_clipped_and_degrees_are_its_shares() -> None:
    e = tensor([[-100.0, 0.0, 4.0, 100.0]])
    torch.testing.assert_close(concentration(e), tensor([[0.01, 1.0, math.e, 30.0]]))
    data = random_split(12, 6, 4, seed=1)
    method = methods.create("VALEN", problem_of(data))
    assert isinstance(method, VALEN)
    asked: dict = {}
    degrees = method.recover(data, lambda network, objective, **options: asked.update(options, network=network))
    network = asked.pop("network")
    graph = asked.pop("extra")
    assert asked == {"epochs": 30, "batch_size": 64, "records": True}
    assert torch.equal(graph["neighbours"], nearest_neighbours(data.x, 3))
    alpha = ((data.x @ network.encoder.weight.T + network.encoder.bias) / 4).exp()
    torch.testing.assert_close(degrees, (alpha / alpha.sum(1, keepdim=True)).detach(), atol=1e-12, rtol=0)


def test_networks_shape_and_initial_weights() -> None:
    torch.manual_seed(0)
    wide, narrow = DirichletNetwork(600, 40, 512), DirichletNetwork(30, 40, 512)
    assert wide.decoder[0].out_features == 512
    assert narrow.decoder[0].out_features == 30  # min(D, 512)
    for layer in (wide.decoder[0], wide.decoder[2]):
        assert (layer.bias == 0.01).all()
        expected = math.sqrt(2 / (layer.in_features + layer.out_features))
        assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.05)
    bound = math.sqrt(6 / 640)  # xavier uniform
    assert float(wide.encoder.weight.detach().abs().max()) == pytest.approx(bound, rel=0.02)
    assert (wide.encoder.bias == 0).all()


def test_degrees_are_a_distribution_over_all_labels_also_for_rows_without_positives() -> None:
    data = random_split(40, 6, 5, seed=2)
    assert (data.y[0] == 0).all()
    point = methods.options("VALEN", methods.info("VALEN").defaults, {"epochs": 1500})
    prepared = Prepared(problem_of(data), {"train": data})
    extra = per_sample_tensors("VALEN", point, prepared, Protocol(precision="float64"), 0)
    torch.testing.assert_close(extra["degrees"].sum(1), torch.ones(40, dtype=torch.float64))
    assert (extra["degrees"] > 0).all()
    assert extra["degrees"][data.y > 0].mean() > extra["degrees"][data.y == 0].mean()
    # the classifier's targets are stretched to [0, 1], or no target of a row with two labels would pass the threshold
    assert (extra["target"].amax(1) == 1).all()
    assert (extra["target"].amin(1) == 0).all()


def test_too_few_rows_for_its_graph_is_one_sentence() -> None:
    data = random_split(3, 6, 5, seed=2)
    point = methods.options("VALEN", methods.info("VALEN").defaults, {})
    with pytest.raises(ValueError, match="3 neighbours of each row need more than 3 rows; there are 3"):
        per_sample_tensors("VALEN", point, Prepared(problem_of(data), {"train": data}), Protocol(), 0)
