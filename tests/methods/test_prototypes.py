"""Nearest prototypes: a naive re-derivation, nearest centroids, labels of one class, unknown labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid
from torch import Tensor

from bench import methods
from bench.methods.api import Method, Split
from tests.conftest import problem_of, random_split


def scores(train: Split, x: Tensor) -> Tensor:
    method = methods.create("Prototypes", problem_of(train))
    assert isinstance(method, Method)
    method.fit(train, seed=0)
    return method.scores(x)


def with_unknown(split: Split, known: float = 0.6) -> Split:
    observed = torch.rand(split.y.shape, generator=torch.Generator().manual_seed(5)) < known
    return Split(split.x, split.y * observed, observed)


def unit(row: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return (row - centre) / np.sqrt(((row - centre) ** 2).sum())


def naive(train: Split, queries: Tensor) -> np.ndarray:
    """One row and label at a time: the logit of the softmax over the negative squared distances."""
    x, y = train.x.numpy(), train.y.numpy()
    centre = x.mean(0)
    found = np.zeros((len(queries), y.shape[1]))
    for j in range(y.shape[1]):
        known = range(len(x)) if train.observed is None else np.flatnonzero(train.observed[:, j].numpy())
        has = np.mean([unit(x[i], centre) for i in known if y[i, j] == 1], axis=0)
        lacks = np.mean([unit(x[i], centre) for i in known if y[i, j] == 0], axis=0)
        for row, query in enumerate(queries.numpy()):
            u = unit(query, centre)
            nearness = np.exp([-((u - has) ** 2).sum(), -((u - lacks) ** 2).sum()])
            share = nearness[0] / nearness.sum()
            found[row, j] = np.log(share / (1 - share))
    return found


@pytest.mark.parametrize("unknown", [False, True])
def test_naive(unknown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.methods.prototypes.ROWS_AT_ONCE", 7)
    train, x = random_split(45, 4, 3, seed=0), random_split(20, 4, 3, seed=1).x
    train = with_unknown(train) if unknown else train
    np.testing.assert_allclose(scores(train, x).numpy(), naive(train, x), atol=1e-12)


def test_rows_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, normalize = [], torch.nn.functional.normalize

    def spy(rows: Tensor) -> Tensor:
        sizes.append(len(rows))
        return normalize(rows)

    monkeypatch.setattr(torch.nn.functional, "normalize", spy)
    monkeypatch.setattr("bench.methods.prototypes.ROWS_AT_ONCE", 7)
    scores(random_split(45, 4, 3, seed=0), random_split(20, 4, 3, seed=1).x)
    assert (max(sizes), sum(sizes)) == (7, 2 * 45 + 20)


def test_the_nearer_prototype_is_scikit_learns() -> None:
    train, x = random_split(80, 5, 7, seed=0), random_split(50, 5, 7, seed=1).x
    centre = train.x.mean(0).numpy()
    units = [np.stack([unit(row, centre) for row in rows.numpy()]) for rows in (train.x, x)]
    predicted = scores(train, x) > methods.method_class("Prototypes").decision_threshold
    for j in range(7):
        expected = NearestCentroid().fit(units[0], train.y[:, j].numpy()).predict(units[1])
        assert predicted[:, j].int().tolist() == expected.tolist()


def test_an_unknown_label_is_no_negative() -> None:
    """Rows on which no label is known move the centre alone."""
    train = random_split(40, 4, 3, seed=0)
    mirrored = torch.cat([train.x, 2 * train.x.mean(0) - train.x])  # the same mean
    observed = torch.cat([torch.ones(40, 3), torch.zeros(40, 3)]).bool()
    partly = Split(mirrored, torch.cat([train.y, torch.zeros_like(train.y)]), observed)
    torch.testing.assert_close(scores(partly, train.x), scores(train, train.x), atol=1e-12, rtol=0)


def test_labels_of_one_class_have_the_bounds() -> None:
    train = random_split(40, 4, 5, seed=0)
    train.y[:, 1], train.y[:, 3] = 0, 1
    found = scores(train, torch.cat([train.x, 100 * train.x - 50]))
    assert set(found[:, 1].tolist()) == {-4.0}
    assert set(found[:, 3].tolist()) == {4.0}
    assert (found[:, [0, 2, 4]].abs() < 4).all()
    two_rows = Split(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1, 0], [0, 1]], dtype=torch.int8))
    torch.testing.assert_close(scores(two_rows, two_rows.x), torch.tensor([[4.0, -4.0], [-4.0, 4.0]]).double())


def test_single_positive_labels_are_one_sentence() -> None:
    train = random_split(40, 4, 3, seed=0)
    with pytest.raises(ValueError, match="no label has both a positive and a negative training row that are known"):
        scores(Split(train.x, train.y, train.y > 0), train.x)


def test_rows_at_the_mean_and_equal_rows_are_finite() -> None:
    train = random_split(40, 4, 3, seed=0)
    assert torch.isfinite(scores(train, train.x.mean(0, keepdim=True))).all()
    equal = Split(torch.full((40, 4), 0.1), train.y)
    assert scores(equal, equal.x).abs().max() < 1e-3
