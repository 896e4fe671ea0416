"""A recording gives on other values what the function gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.training.recording import ReadsAValueError, record


def attention(x: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(x[None], x[None], x[None], scale=1.0)


def views_of_a_product_with_one(x: Tensor) -> list[Tensor]:
    product = torch.ops.aten.mul.Scalar(x, 1.0)
    return [product.detach(), product.view(-1), product.expand(2, *x.shape), product.T + 1]


def product_of_another_kind_with_one(x: Tensor) -> list[Tensor]:
    whole = (4 * x).to(torch.int64)
    spread = x[:, :1].expand(4, 4)
    return [torch.ops.aten.mul.Scalar(whole, 1.0), torch.ops.aten.mul.Scalar(spread, 1.0).view(-1)]


def changed_in_place(x: Tensor) -> list[Tensor]:
    first, second = x + 1, x * 2
    before = first.sum()
    torch._foreach_add_([first, second], 1.0)
    torch.mm(first, second, out=second)
    first.T.mul_(3)
    return [before, first, second, first.sum()]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [attention(x), attention(x).detach()],
        lambda x: [torch.trapezoid(x).detach(), torch.trapezoid(x).view(-1)],
        views_of_a_product_with_one,
        product_of_another_kind_with_one,
        changed_in_place,
    ],
)
def test_a_recording_gives_what_the_function_gives(function: Callable[[Tensor], list[Tensor]]) -> None:
    torch.manual_seed(0)
    recorded = record(function, [torch.randn(4, 4)])
    for _ in range(2):
        x = torch.randn(4, 4)
        found, expected = recorded(x), function(x)
        assert [one.dtype for one in found] == [one.dtype for one in expected]
        assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x * float(x.sum())],
        lambda x: [x if torch.allclose(x, x) else -x],
        lambda x: [torch.linalg.solve(x, x)],
    ],
)
def test_what_looks_at_a_value_is_refused(function: Callable[[Tensor], list[Tensor]]) -> None:
    with pytest.raises(ReadsAValueError, match="reads a tensor's value"):
        record(function, [torch.eye(3)])
