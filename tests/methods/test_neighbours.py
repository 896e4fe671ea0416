"""The search for nearest rows against float64 products and a stable sort, on what a float32 search alone gets wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bench.methods.enhancement import neighbours
from bench.methods.enhancement.neighbours import nearest_neighbours, nearest_rows, neighbour_counts

ROWS, QUERIES, FEATURES = 100, 50, 6


def naive(queries: Tensor, rows: Tensor, k: int, own: bool) -> Tensor:
    """All |r|^2 - 2 q.r in float64, in the blocks of the search, sorted."""
    squares = rows.double().square().sum(1)
    parts = []
    for some in torch.arange(len(queries)).split(neighbours.ROWS_PER_BLOCK):
        distance = torch.cat(
            [
                torch.addmm(squares[part], queries[some].double(), rows[part].double().T, alpha=-2)
                for part in torch.arange(len(rows)).split(neighbours.COLUMNS_PER_BLOCK)
            ],
            1,
        )
        if own:
            distance[torch.arange(len(some)), some] = torch.inf
        parts.append(distance.sort(dim=1, stable=True).indices[:, : min(k, len(rows) - own)])
    return torch.cat(parts)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ROWS_PER_BLOCK": 16,
        "COLUMNS_PER_BLOCK": 64,
        "FLOAT32_ROWS_PER_BLOCK": 8,
        "QUERIES_AT_ONCE": 48,
        "VALUES_IN_CACHE": 300,
        "WIDE": 8,
    }.items():
        monkeypatch.setattr(neighbours, name, value)


@pytest.fixture
def by_products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the queries that float64 products were asked for."""
    asked: list[int] = []
    blocks_of = neighbours._blocks_of

    def noted(doubtful: Tensor) -> list[Tensor]:
        asked.extend(doubtful.nonzero().squeeze(1).tolist())
        return blocks_of(doubtful)

    monkeypatch.setattr(neighbours, "_blocks_of", noted)
    return asked


def same(queries: Tensor, rows: Tensor, k: int, own: bool) -> None:
    expected = naive(queries, rows, k, own)
    assert torch.equal(nearest_rows(queries, rows, k, leave_out_own=own), expected)
    in_any_order = nearest_rows(queries, rows, k, leave_out_own=own, in_order=False)
    assert torch.equal(in_any_order.sort(1).values, expected.sort(1).values)


def ulps(x: Tensor, random: np.random.Generator) -> Tensor:
    """Rows that are one of three, but for the last bit of some values."""
    x = x[torch.from_numpy(random.integers(0, 3, len(x)))]
    return torch.where(torch.from_numpy(random.random(x.shape) < 0.3), torch.nextafter(x, x + 1), x)


def mirrored(x: Tensor, random: np.random.Generator) -> Tensor:
    """Rows on both sides of a query at equal distances, and the queries between them."""
    half = x[: ROWS // 2]
    return torch.cat([half, 2 * x[-1] - half, x[-1].expand(len(x) - 2 * len(half), -1)])


def with_one_far_row(x: Tensor, random: np.random.Generator) -> Tensor:
    x = x.clone()
    x[ROWS // 2] *= 1e7
    return x


ADVERSARIAL: dict[str, Callable[[Tensor, np.random.Generator], Tensor]] = {
    "simulated": lambda x, random: x,
    "float64": lambda x, random: x.double() / 3,
    "duplicates": lambda x, random: x[torch.from_numpy(random.integers(0, len(x) // 2, len(x)))],
    "all equal": lambda x, random: x[:1].expand(len(x), -1) / 3,
    "one-ulp differences": ulps,
    "one-ulp differences in float64": lambda x, random: ulps(x.double(), random),
    "mirrored": mirrored,
    "small integers": lambda x, random: x.round(),
    "small integers of float64": lambda x, random: x.double().round(),
    "integers too large for float32": lambda x, random: (1e5 * x).round(),
    "sixteenths": lambda x, random: (x * 4).round() / 16,
    "permuted features": lambda x, random: torch.stack(
        [x[0, torch.from_numpy(random.permutation(FEATURES))] for _ in x]
    ),
    "large offset": lambda x, random: x + 1000,
    "large offset in float64": lambda x, random: x.double() + 1e9,
    "large scale": lambda x, random: x * 1e19,
    "larger scale": lambda x, random: x.double() * 1e150,
    "small scale": lambda x, random: x * 1e-21,
    "smaller scale": lambda x, random: x.double() * 1e-170,
    "one far row": with_one_far_row,
    "one feature": lambda x, random: x[:, :1],
}


@pytest.mark.parametrize("k", [1, 5, 1000])
@pytest.mark.parametrize("case", ADVERSARIAL)
def test_same_rows_as_by_float64_products(
    case: str, k: int, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.standard_normal((ROWS + QUERIES, FEATURES)).astype(np.float32))
    x = ADVERSARIAL[case](x, random)
    same(x[ROWS:], x[:ROWS], k, own=False)
    same(x[:ROWS], x[:ROWS], k, own=True)
    for name in ("COLUMNS_PER_BLOCK", "QUERIES_AT_ONCE"):  # all at once, by half of the products
        monkeypatch.setattr(neighbours, name, ROWS)
    same(x[:ROWS], x[:ROWS], k, own=True)


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 10]), st.sampled_from([2, 5, 40]), st.floats(0, 2), st.booleans()
)
def test_same_rows_on_a_grid(seed: int, steps: int, features: int, offset: float, own: bool) -> None:
    """Few values, of no exact sums: ties that rounding breaks."""
    random = np.random.default_rng(seed)
    rows = torch.from_numpy((random.integers(0, steps + 1, (60, features)) / 3 + offset).astype(np.float32))
    queries = rows if own else torch.from_numpy((random.integers(0, steps + 1, (9, features)) / 3).astype(np.float32))
    same(queries, rows, 4, own)


def test_products_are_for_ties_alone(by_products: list[int]) -> None:
    """At the blocks' own sizes: of three full blocks and a part, the doubtful queries are computed again in place."""
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.standard_normal((3 * neighbours.ROWS_PER_BLOCK + 100, 33)).astype(np.float32))
    same(x, x, 10, own=True)
    assert not by_products
    x[-1], x[700], x[5] = x[3], x[4], x[6]  # the last columns of a product round otherwise
    same(x, x, 10, own=True)
    assert by_products
    assert len(set(by_products)) < len(x) / 4


def test_nearly_all_rows_tied_are_left_to_the_products(by_products: list[int], small_blocks: None) -> None:
    x = torch.rand(60, 5)[torch.arange(200) % 60]
    same(x, x, 8, own=True)
    assert len(set(by_products)) == 200


def test_blocks_keep_the_place_of_a_query(small_blocks: None) -> None:
    doubtful = torch.zeros(60, dtype=torch.bool)
    doubtful[[1, 17, 33, 2, 20, 59]] = True
    last, *full = neighbours._blocks_of(doubtful)
    assert last.tolist() == list(range(48, 60))
    assert len(full) == 3  # places 1 of all three blocks
    for block in full:
        assert (block % 16).tolist() == list(range(16))
    assert {1, 17, 33, 2, 20} < set(torch.cat(full).tolist())
    assert neighbours._blocks_of(torch.zeros(60, dtype=torch.bool)) == []


def test_scores_are_within_their_bounds() -> None:
    x = torch.rand(300, 700, dtype=torch.float64) + 5
    found = neighbours._candidates(x, x, 10, torch.arange(300), leave_out_own=True)
    score = (x - found.centre).square().sum(1, keepdim=True) - (x[:, None] - x[found.row]).square().sum(2)
    assert (found.lower <= score / 2).all()
    assert (score / 2 <= found.upper).all()
    assert (found.upper[:, -1] >= found.lower[:, -1]).all()
    others = (x.square().sum(1) - 2 * x @ x.T + x.square().sum(1, keepdim=True)).fill_diagonal_(torch.inf)
    others.scatter_(1, found.row, torch.inf)
    highest = ((x - found.centre).square().sum(1) - others.min(1).values) / 2
    assert (highest <= found.upper[:, -1]).all()


def test_products_of_lower_precision_are_noticed(monkeypatch: pytest.MonkeyPatch, by_products: list[int]) -> None:
    """As TF32 or bfloat16 in float32's place, which a library's setting can bring about."""
    exact = neighbours._linear
    monkeypatch.setattr(
        neighbours, "_linear", lambda x, weight, bias: exact(x.bfloat16().float(), weight.bfloat16().float(), bias)
    )
    x = torch.randn(300, 20)
    same(x, x, 5, own=True)
    assert len(set(by_products)) == 300
    by_products.clear()
    same(x.round(), x.round(), 5, own=True)  # small integers are exact in bfloat16
    assert not by_products


def test_small_integers() -> None:
    assert neighbours._small_integers(torch.full((3, 64), 256.0))
    assert not neighbours._small_integers(torch.full((3, 65), 256.0))
    assert not neighbours._small_integers(torch.full((3, 1), 257.0))
    assert not neighbours._small_integers(torch.full((3, 1), 0.5))
    assert not neighbours._small_integers(torch.full((3, 1), torch.nan))


def test_counts() -> None:
    y = torch.randint(0, 2, (30, 4), dtype=torch.int8)
    nearest = nearest_neighbours(torch.rand(30, 3), 5)
    expected = [[int(y[row, label]) for row in rows] for rows in nearest.tolist() for label in range(4)]
    assert neighbour_counts(nearest, y).flatten().tolist() == [sum(carrying) for carrying in expected]
