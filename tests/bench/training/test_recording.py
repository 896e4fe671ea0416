"""A recording gives on other values what the function gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bench import methods
from bench.job.build import per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import LinearMethod
from bench.protocol import Protocol
from bench.training import stack as stacking
from bench.training.recording import ReadsAValueError, record
from tests.conftest import problem_of, random_split

CLOCK = torch.ones(()), torch.zeros(())


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


def made_and_changed_in_place(x: Tensor) -> list[Tensor]:
    total = torch.zeros(4)
    twice, view = 2 * torch.ones(4), total[:2]
    total += x.sum(0)
    twice *= total
    return [total, twice, view + 1, torch.ones_like(total)]


def every_kind_of_argument(x: Tensor) -> list[Tensor]:
    order = torch.argsort(x[:, 0])
    first, second = x.split(2, 1)
    return [
        x[:, None].sum(dtype=torch.float64),
        x[:, order],
        x.masked_fill(x > 0, -torch.inf),
        torch.zeros_like(x, device="cpu").add_(x, alpha=-3),
        torch.stack([first * second, first]),
        F.layer_norm(x, [4]),
        x.clamp(max=1e-300),
        (1 - x) * 0.1 + 2 ** x.abs(),
        x // 2,
        x[order, order],
        x.view(torch.int32),
        x.std(),
        x + x.std(),
        x.var(1, correction=0),
        x.div(x.abs() + 1, rounding_mode="floor"),
        x.cumsum(1).to(torch.int32).contiguous(memory_format=torch.contiguous_format),
    ]


def adding_a_complex_multiple(x: Tensor) -> list[Tensor]:
    return [x.to(torch.complex64).add(x, alpha=2j)]


def conjugated(x: Tensor) -> list[Tensor]:
    spectrum = torch.fft.rfft(x)
    return [spectrum * 2, spectrum.conj() * 2, spectrum.conj().imag + 1]


def drawing_in_vain(x: Tensor) -> list[Tensor]:
    torch.rand(7)
    return [x + torch.rand(x.shape)]


def with_a_truth_value(x: Tensor) -> list[Tensor]:
    return [x * ~((x > 0) & True), torch.where((x > 0) * True, x, 0.0), (x > 0) ** True, x * True, x * 1]


def with_a_truth_value_in_place(x: Tensor) -> list[Tensor]:
    positive = x > 0
    positive &= True
    return [torch.where(positive, x, 2 * x)]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [attention(x), attention(x).detach()],
        lambda x: [torch.trapezoid(x).detach(), torch.trapezoid(x).view(-1)],
        views_of_a_product_with_one,
        product_of_another_kind_with_one,
        changed_in_place,
        made_and_changed_in_place,
        every_kind_of_argument,
        adding_a_complex_multiple,
        conjugated,
        drawing_in_vain,
        with_a_truth_value,
        with_a_truth_value_in_place,
    ],
)
def test_a_recording_gives_what_the_function_gives(function: Callable[[Tensor], list[Tensor]]) -> None:
    torch.manual_seed(0)
    recorded = record(function, [torch.randn(4, 4)])[1]
    for seed in range(2):
        x = torch.randn(4, 4)
        found, expected = seeded(seed, recorded, x), seeded(seed, function, x)
        assert [one.dtype for one in found] == [one.dtype for one in expected]
        assert all(map(torch.equal, found, expected))


def seeded(seed: int, function: Callable[..., Sequence[Tensor]], *inputs: Tensor) -> Sequence[Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return function(*inputs)


def test_what_changes_in_its_place_is_looked_at_again() -> None:
    weight, constant = torch.randn(4, 4), torch.randn(4)

    def function(x: Tensor) -> list[Tensor]:
        return [weight.T @ x, 2 * weight, weight[1].exp(), constant.exp() + weight.detach()]

    recorded = record(function, [torch.randn(4, 4)], [weight])[1]
    weight.uniform_()
    x = torch.randn(4, 4)
    assert all(map(torch.equal, recorded(x), function(x)))


@pytest.mark.parametrize("name", [name for name in methods.names() if methods.info(name).gradient])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 3])
def test_every_methods_recorded_step_is_what_autograd_gives(
    name: str, dtype: torch.dtype, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit and laid out alike, on rows and parameters that were not recorded."""
    monkeypatch.setattr(stacking, "CALLS_BEFORE_RECORDING", 0)
    split = random_split(40, 6, 5, seed=0, dtype=dtype)
    modules = [methods.create(name, problem_of(split)) for _ in range(size)]
    stack = stacking.Stack(
        [module.to(dtype) for module in modules if isinstance(module, LinearMethod)],
        linear=True,
        stackable=True,
        device=split.x.device,
        dtype=dtype,
    )
    y = split.y.T.to(dtype).contiguous().T
    extra = {key: torch.rand(y.shape, dtype=dtype) for key in ("target", "weight", "start")}
    extra["row"] = torch.arange(40)
    stack.losses_and_gradients(split.x, y, extra, CLOCK)
    (recorded,) = stack._recorded.values()
    with torch.no_grad():
        for value in stack.parameters.values():
            value += 0.1 * torch.rand_like(value)
    x, y = split.x.flip(0), y.flip(0).T.contiguous().T

    def evaluated(*_: Tensor) -> list[Tensor]:
        losses, gradients = stack._evaluate(x, y, extra, CLOCK)
        return [losses, *gradients]

    found, expected = seeded(3, recorded, x, y, *extra.values()), seeded(3, evaluated)
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))
    assert [value.stride() for value in found] == [value.stride() for value in expected]


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


@pytest.mark.parametrize("name", ["LEVI", "VALEN", "ConLE", "LIBLE"])
def test_recovery_networks_whose_steps_are_recorded_give_the_bytes_of_those_whose_steps_are_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = random_split(43, 7, 5, 0, torch.float32)  # an odd last batch of each epoch
    prepared = Prepared(problem_of(split), {"train": split})
    epochs = {key: 6 for key in methods.info(name).defaults if key.endswith("epochs")}
    options = methods.options(name, methods.info(name).defaults, {**epochs, "hidden": 8, "batch_size": 16})
    replays = []
    replayed, runs = stacking.Stack._replayed, stacking.Stack.losses_and_gradients

    def counted(stack: stacking.Stack, *batch: Any) -> Any:
        replays.append(batch)
        return replayed(stack, *batch)

    def unrecorded(stack: stacking.Stack, *batch: Any) -> Any:
        stack.records = False
        return runs(stack, *batch)

    def degrees() -> Tensor:
        return per_sample_tensors(name, options, prepared, Protocol(epochs=1), 3)["degrees"]

    monkeypatch.setattr(stacking.Stack, "_replayed", counted)
    recorded = degrees()
    assert replays
    monkeypatch.setattr(stacking.Stack, "losses_and_gradients", unrecorded)
    assert torch.equal(recorded, degrees())


@pytest.mark.parametrize("elements", [1, 3, 100])
def test_numbers_are_compared_in_parts_relative_to_the_largest_of_all(
    elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacking, "ELEMENTS_AT_ONCE", elements)
    expected = torch.tensor([[1e3, 0.0, 1.0], [float("nan"), float("inf"), 2.0]], dtype=torch.float64)
    allowed = 1e3 * stacking.TOLERANCE[torch.float64]
    for place in (0, 1, 2, 5):
        found = expected.clone()
        found.view(-1)[place] += allowed / 2
        assert stacking._equal([found, torch.empty(0)], [expected, torch.empty(0)])
        found.view(-1)[place] += allowed
        assert not stacking._equal([torch.empty(0), found], [torch.empty(0), expected])
