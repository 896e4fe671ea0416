"""Partly known labels on their way to a method: split, step, stack, batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.datasets.dataset import SplitArrays
from bench.job.build import per_sample_tensors, shared_fit
from bench.job.inputs import prepare
from bench.methods.api import Batch, LinearMethod, Split
from bench.protocol import Protocol
from bench.training import loop
from bench.training.step import LoopOptions
from tests.bench.datasets.transforms.test_contract import made, small_set
from tests.conftest import problem_of, random_split

OPTIONS = LoopOptions(epochs=6, batch_size=16)


def masked_loss(batch: Batch, known: Tensor) -> Tensor:
    losses = F.binary_cross_entropy_with_logits(batch.z, batch.y, reduction="none")
    return (losses * known).sum() / known.sum()


class Known(LinearMethod):
    """Binary cross-entropy of the known labels, by ``batch.observed``."""

    scale: Tensor

    def objective(self, batch: Batch) -> Tensor:
        assert batch.observed is not None
        return masked_loss(batch, batch.observed) * self.scale


class ByExtra(Known):
    """The same by a per-sample tensor."""

    def objective(self, batch: Batch) -> Tensor:
        return masked_loss(batch, batch.extra["mask"]) * self.scale


def trained(cls: type[Known], data: Split, scales: list[float], extra: dict[str, Tensor]) -> loop.Trained:
    modules = []
    for scale in scales:
        module = cls(problem_of(data), scale=scale)
        loop.initialise_classifier(module, 0)
        modules.append(module.double())
    return loop.train(modules, data, random_split(40, 8, 6, 1), OPTIONS, 0, extra=extra)


@pytest.mark.parametrize("scales", [[1.0], [1.0, 0.3, 2.0]])
def test_a_batch_has_the_known_labels_of_its_rows(scales: list[float]) -> None:
    data = random_split(100, 8, 6, 0)
    known = torch.rand(100, 6, generator=torch.Generator().manual_seed(5)) < 0.4
    one = trained(Known, replace(data, observed=known), scales, {})
    other = trained(ByExtra, data, scales, {"mask": known.double()})
    for name, value in one.parameters.items():
        assert torch.equal(value, other.parameters[name])
    assert one.losses == other.losses
    whole = trained(ByExtra, data, scales, {"mask": torch.ones(100, 6, dtype=torch.float64)})
    assert not torch.equal(one.parameters["classifier.weight"], whole.parameters["classifier.weight"])


def test_where_all_labels_are_known_there_is_nothing_to_see() -> None:
    assert Batch(x=torch.zeros(1, 1), y=torch.zeros(1, 1), z=torch.zeros(1, 1)).observed is None
    splits = prepare(small_set(), "minmax", "official", torch.device("cpu"), torch.float32).splits
    assert all(split.observed is None for split in splits.values())


def test_a_job_has_the_known_labels_of_its_data_set() -> None:
    dataset = made("[observed=50%]")
    prepared = prepare(dataset, "minmax", "official", torch.device("cpu"), torch.float32)
    train = prepared.splits["train"]
    assert train.observed is not None
    assert np.array_equal(train.observed.numpy(), dataset.splits["train"].observed)
    assert prepared.splits["test"].observed is None
    assert prepared.problem.dataset == "small"  # published constants go by the set's own name
    assert prepared.problem.positives.tolist() == dataset.splits["train"].y.sum(0).tolist()


def test_a_network_that_prepare_fits_sees_them_too() -> None:
    data = random_split(50, 4, 3, 0)
    known = torch.rand(50, 3, generator=torch.Generator().manual_seed(5)) < 0.4
    seen: list[Tensor] = []

    def objective(batch: Batch) -> Tensor:
        assert batch.observed is not None
        seen.append(batch.observed.detach().clone())
        return (network(batch.x) * batch.observed).square().mean()

    network = nn.Linear(4, 3).double()
    fit = shared_fit(replace(data, observed=known), Protocol(minimum_steps=0), 0, None, None)
    fit(network, objective, epochs=1, batch_size=50)
    assert int(seen[0].sum()) == int(known.sum())


def test_prepare_may_not_give_a_tensor_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(small_set(), "minmax", "official", torch.device("cpu"), torch.float32)
    from bench import methods

    bce = methods.method_class("BCE")
    monkeypatch.setattr(bce, "prepare", lambda self, train, fit: {"observed": train.y})
    with pytest.raises(ValueError, match="is the name of the known labels"):
        per_sample_tensors("BCE", {}, prepared, Protocol(), 0)


def test_rows_and_labels_of_a_split_take_their_known_ones_along() -> None:
    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.eye(3, dtype=np.int8)
    known = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]], dtype=bool)
    part = SplitArrays(x, y, known).rows(np.array([2, 0])).labels(np.array([1]))
    assert part.x.tolist() == x[[2, 0]].tolist()
    assert part.y.tolist() == [[0], [0]]
    assert part.observed is not None
    assert part.observed.tolist() == [[True], [False]]
