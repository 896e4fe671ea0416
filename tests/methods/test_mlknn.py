"""ML-KNN against scikit-multilearn-ng's tables and a naive re-derivation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import methods
from bench.methods.api import Split
from bench.methods.enhancement.neighbours import nearest_rows, smallest
from bench.methods.mlknn import MLKNN
from tests.conftest import problem_of


def test_golden_paper_variant(golden: dict) -> None:
    """The self-excluded variant: tables, predictions and posteriors to rounding."""
    reference = golden["mlknn"]
    variant = next(value for key, value in reference["variants"].items() if key.startswith("paper"))
    train = Split(torch.tensor(reference["X"], dtype=torch.float64), torch.tensor(reference["Y"], dtype=torch.int8))
    method = methods.create("ML-KNN", problem_of(train), k=reference["k"], smoothing=1.0)
    assert isinstance(method, MLKNN)
    method.fit(train, seed=0)
    for ours, theirs in (
        (method.prior, variant["prior_true"]),
        (method.likelihood.T, variant["cond_true"]),
        (method.likelihood_without.T, variant["cond_false"]),
    ):
        torch.testing.assert_close(ours, torch.tensor(theirs, dtype=torch.float64), atol=1e-12, rtol=0)
    scores = method.scores(torch.tensor(reference["X_test"], dtype=torch.float64))
    torch.testing.assert_close(scores, torch.tensor(variant["proba"], dtype=torch.float64), atol=1e-12, rtol=0)
    assert (scores > method.decision_threshold).int().tolist() == variant["pred"]


def naive(x: np.ndarray, y: np.ndarray, queries: np.ndarray, k: int, s: float) -> np.ndarray:
    """Zhang and Zhou's algorithm, one instance and label at a time."""

    def neighbours(query: np.ndarray, own: int | None) -> list[int]:
        order = sorted(range(len(x)), key=lambda i: (float(((x[i] - query) ** 2).sum()), i))
        return [i for i in order if i != own][:k]

    n, c = y.shape
    counts = np.array([y[neighbours(x[i], i)].sum(0) for i in range(n)])
    scores = np.zeros((len(queries), c))
    for j in range(c):
        prior = (s + y[:, j].sum()) / (2 * s + n)
        have, lack = np.zeros(k + 1), np.zeros(k + 1)
        for i in range(n):
            (have if y[i, j] else lack)[counts[i, j]] += 1
        for row, query in enumerate(queries):
            r = y[neighbours(query, None)].sum(0)[j]
            p = prior * (s + have[r]) / (s * (k + 1) + have.sum())
            q = (1 - prior) * (s + lack[r]) / (s * (k + 1) + lack.sum())
            scores[row, j] = p / (p + q)
    return scores


@pytest.mark.parametrize("integers", [False, True])
def test_naive(integers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small blocks, and integer features full of equal distances, which go to the lowest row."""
    monkeypatch.setattr("bench.methods.enhancement.neighbours.ROWS_PER_BLOCK", 7)
    monkeypatch.setattr("bench.methods.enhancement.neighbours.COLUMNS_PER_BLOCK", 11)
    random = np.random.default_rng(0)
    x = random.integers(0, 3, (45, 4)).astype(float) if integers else random.random((45, 4))
    y = (random.random((45, 3)) < 0.4).astype(np.int8)
    queries = random.integers(0, 3, (9, 4)).astype(float) if integers else random.random((9, 4))
    train = Split(torch.from_numpy(x), torch.from_numpy(y))
    method = methods.create("ML-KNN", problem_of(train), k=5, smoothing=0.5)
    assert isinstance(method, MLKNN)
    method.fit(train, seed=0)
    np.testing.assert_allclose(
        method.scores(torch.from_numpy(queries)).numpy(), naive(x, y, queries, 5, 0.5), atol=1e-12
    )


def test_ties_go_to_the_lowest_position() -> None:
    values = torch.tensor([[2.0, 1, 1, 1, 0], [3.0, 3, 3, 3, 3], [5.0, 4, 3, 2, 1]])
    found, position = smallest(values, 2)
    assert position.tolist() == [[4, 1], [0, 1], [4, 3]]
    assert found.tolist() == [[0, 1], [3, 3], [1, 2]]


def test_fewer_rows_than_neighbours_is_one_sentence() -> None:
    train = Split(torch.rand(5, 2), torch.tensor([[1, 0]] * 5, dtype=torch.int8))
    method = methods.create("ML-KNN", problem_of(train))
    with pytest.raises(ValueError, match="more than k = 10 training rows; there are 5"):
        method.fit(train, seed=0)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="ML-KNN's k must be at least 1, not 0"):
        methods.create("ML-KNN", problem_of(train), k=0).fit(train, seed=0)  # type: ignore[union-attr]


@pytest.mark.parametrize("own", [False, True])
def test_fewer_rows_in_a_block_than_neighbours_and_no_queries(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.methods.enhancement.neighbours.ROWS_PER_BLOCK", 4)
    monkeypatch.setattr("bench.methods.enhancement.neighbours.COLUMNS_PER_BLOCK", 3)
    x = torch.tensor([[0.0], [1.0], [1.0], [3.0], [4.0], [4.5], [9.0], [9.0]])
    distance = (x - x.T).square()
    if own:
        distance.fill_diagonal_(torch.inf)
    for k in (1, 5, 20):
        expected = distance.sort(dim=1, stable=True).indices[:, : min(k, 8 - own)]
        assert torch.equal(nearest_rows(x, x, k, leave_out_own=own), expected)
    assert nearest_rows(x[:0], x, 2).shape == (0, 2)


def test_own_row_is_left_out() -> None:
    rows = torch.rand(20, 3, dtype=torch.float64)
    nearest = nearest_rows(rows, rows, 4, leave_out_own=True)
    assert not (nearest == torch.arange(20).unsqueeze(1)).any()
    assert (nearest_rows(rows, rows, 1).squeeze(1) == torch.arange(20)).all()
