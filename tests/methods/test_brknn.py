"""BRkNN against a naive loop and scikit-learn's search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from bench import methods
from bench.methods.api import Method, Split
from tests.conftest import problem_of, random_split


def scores(train: Split, x: Tensor, **options: int) -> Tensor:
    method = methods.create("BRkNN", problem_of(train), **options)
    assert isinstance(method, Method)
    method.fit(train, seed=0)
    return method.scores(x)


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.methods.enhancement.neighbours.ROWS_PER_BLOCK", 7)
    monkeypatch.setattr("bench.methods.enhancement.neighbours.COLUMNS_PER_BLOCK", 11)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("integers", [False, True])
def test_naive(integers: bool, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row and label at a time; integer features are full of equal distances, which go to the lowest row."""
    small_blocks(monkeypatch)
    random = np.random.default_rng(0)
    x, queries = random.random((45, 4)), random.random((9, 4))
    if integers:
        x, queries = np.floor(3 * x), np.floor(3 * queries)
    y = (random.random((45, 3)) < 0.4).astype(np.int8)
    expected = np.zeros((9, 3))
    for row, query in enumerate(queries):
        nearest = sorted(range(45), key=lambda i: (float(((x[i] - query) ** 2).sum()), i))[:k]
        for j in range(3):
            expected[row, j] = sum(int(y[i, j]) for i in nearest) / k
    found = scores(Split(torch.from_numpy(x), torch.from_numpy(y)), torch.from_numpy(queries), k=k)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-15)


def test_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    train, x = random_split(80, 5, 7, seed=0), random_split(20, 5, 7, seed=1).x
    nearest = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(train.x.numpy()).kneighbors(x.numpy())[1]
    np.testing.assert_allclose(scores(train, x).numpy(), train.y.numpy()[nearest].mean(1), atol=1e-15)


def test_half_of_the_neighbours_is_not_enough() -> None:
    """Mulan's (5 + 1/N) / (10 + c/N) is below 1/2, too, where there are more than two labels."""
    x = torch.arange(10.0).unsqueeze(1)
    y = torch.tensor([[1, 1, 0]] * 5 + [[0, 1, 0]] * 5, dtype=torch.int8)
    found = scores(Split(x, y), x[:1])
    assert found.tolist() == [[0.5, 1.0, 0.0]]
    assert (found > methods.method_class("BRkNN").decision_threshold).tolist() == [[False, True, False]]


def test_of_fewer_rows_all_are_neighbours() -> None:
    train = Split(torch.rand(4, 2), torch.tensor([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=torch.int8))
    assert scores(train, torch.rand(3, 2)).tolist() == [[0.5, 0.5]] * 3
    with pytest.raises(ValueError, match="BRkNN's k must be at least 1, not 0"):
        scores(train, train.x, k=0)
