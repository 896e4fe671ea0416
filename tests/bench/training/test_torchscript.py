"""A recorded step as a TorchScript function: the same operations and numbers; what it cannot tell Python calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, fx

from bench import methods
from bench.methods.api import LinearMethod
from bench.training import recording
from bench.training import stack as stacking
from bench.training.recording import compiled
from tests.conftest import problem_of, random_split

Function = Callable[..., Sequence[Tensor]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Function | None, fx.GraphModule]]:
    """What recordings were compiled to (None where they were not), and the same as Python calls."""
    both: list[tuple[Function | None, fx.GraphModule]] = []

    def listening(root: torch.nn.Module, graph: fx.Graph) -> Function | None:
        both.append((compiled(root, graph), fx.GraphModule(root, graph)))
        return both[-1][0]

    monkeypatch.setattr(recording, "compiled", listening)
    return both


@pytest.mark.parametrize("name", [name for name in methods.names() if methods.info(name).gradient])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 3])
def test_every_methods_step_is_compiled_to_the_same_numbers(
    name: str, dtype: torch.dtype, size: int, made: list, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    y = split.y.to(dtype)
    extra = {key: torch.rand(y.shape, dtype=dtype) for key in ("target", "weight")}
    stack.losses_and_gradients(split.x, y, extra)
    ((function, list_of_calls),) = made
    assert function is not None
    inputs = [split.x.flip(0), y.flip(0).T.contiguous().T, *extra.values()]
    found = [value.clone() for value in seeded(function, inputs)]
    expected = seeded(list_of_calls, inputs)
    assert len(found) == len(expected)
    assert all(map(torch.equal, found, expected))
    assert [value.stride() for value in found] == [value.stride() for value in expected]


def seeded(function: Function, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        return function(*inputs)


def every_kind_of_argument(x: Tensor) -> list[Tensor]:
    order = torch.argsort(x[:, 0])
    first, _, third = x.split(2, 1)
    return [
        x[:, None].sum(dtype=torch.float64),
        x[:, order],
        x.masked_fill(x > 0, -torch.inf),
        torch.zeros_like(x, device="cpu").add_(x, alpha=-3),
        torch.stack([first * third, first]),
        torch.nn.functional.layer_norm(x, [6]),
        x.clamp(max=1e-300),
        (1 - x) * 0.1 + 2 ** x.abs(),
        x // 2,
        x[order, order],
        x.std(),
        x.var(1, correction=0),
        x.div(x.abs() + 1, rounding_mode="floor"),
        x.cumsum(1).to(torch.int32).contiguous(memory_format=torch.contiguous_format),
    ]


def test_every_kind_of_argument_is_written(made: list) -> None:
    torch.manual_seed(0)
    record = recording.record(every_kind_of_argument, [torch.randn(6, 6)])
    assert made[0][0] is not None
    x = torch.randn(6, 6)
    assert all(map(torch.equal, record(x), every_kind_of_argument(x)))


def adding_a_complex_multiple(x: Tensor) -> list[Tensor]:
    return [x.to(torch.complex64).add(x, alpha=2j)]


def drawing_in_vain(x: Tensor) -> list[Tensor]:
    torch.rand(7)
    return [x + torch.rand(x.shape)]


def with_a_truth_value(x: Tensor) -> list[Tensor]:
    return [x * ~((x > 0) & True), torch.where((x > 0) * True, x, 0.0), (x > 0) ** True]


def with_a_truth_value_in_place(x: Tensor) -> list[Tensor]:
    positive = x > 0
    positive &= True
    return [torch.where(positive, x, 2 * x)]


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(adding_a_complex_multiple, id="an argument without a word for it"),
        pytest.param(drawing_in_vain, id="an operation that it leaves out"),
        pytest.param(with_a_truth_value, id="a truth value, which it takes for 1"),
        pytest.param(with_a_truth_value_in_place, id="a truth value in an operation in place"),
    ],
)
def test_what_it_cannot_tell_is_called_from_python(function: Function, made: list) -> None:
    recorded = recording.record(function, [torch.zeros(3)])
    assert made[0][0] is None
    x = torch.tensor([1.0, -1.0, 2.0])
    found, expected = seeded(recorded, [x]), seeded(function, [x])
    assert all(map(torch.equal, found, expected))
    assert [value.dtype for value in found] == [value.dtype for value in expected]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: [x + x.std()],
        lambda x: [(x // 2).exp()],
    ],
)
def test_an_operation_taken_for_another_is_noticed(
    function: Function, made: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what is given by name alone, and with numbers for tensors, other variants of the same name fit better."""
    monkeypatch.setattr(recording, "_arguments", lambda node: [("", value, "number") for value in node.args])
    recorded = recording.record(function, [torch.ones(3)])
    assert made[0][0] is None
    x = torch.tensor([1.0, -1.0, 5.0])
    assert torch.equal(recorded(x)[0], function(x)[0])


def test_the_threads_executor_is_left_as_it_was() -> None:
    """It optimises nothing meanwhile, or the steps above would round differently."""
    recorded = recording.record(lambda x: [x.exp() + 1], [torch.randn(4)])
    for optimise in (True, False):
        with torch.jit.optimized_execution(optimise):
            recorded(torch.randn(4))
            assert torch._C._get_graph_executor_optimize() is optimise
