"""Recording one evaluation as a flat list of tensor operations, and replaying it on other tensors of the same shapes.

vmap and autograd decide on every call anew which operations to run; for small batches that costs more than the
operations. The recorder stands below both, at the level of plain tensor operations, and writes down what they run, the
backward pass included. The replayed operations are the same, and so are the numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._python_dispatch import TorchDispatchMode

READS_A_VALUE = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
VIEWS_THAT_CHANGE_NOTHING = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


class ReadsAValueError(RuntimeError):
    """The function looked at a tensor's value, so that a recording would not hold for other values."""


class _Recorder(TorchDispatchMode):
    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self.root = torch.nn.Module()
        self.nodes: dict[int, fx.Node] = {}
        self.kept: list[Tensor] = []  # recorded tensors stay alive, so that no two have the same id
        for position, value in enumerate(inputs):
            self._remember(value, self.graph.placeholder(f"input_{position}"))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the default imports the compiler, 1.4 s in every process, to tell it to leave this class alone

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in READS_A_VALUE:
            raise ReadsAValueError(f"{func} reads a tensor's value")
        out = func(*args, **(kwargs or {}))
        if func in VIEWS_THAT_CHANGE_NOTHING:
            self._remember(out, self._node(args[0]))
            return out
        node = self.graph.call_function(func, self._named(args), self._named(kwargs or {}))
        if isinstance(out, Tensor):
            self._remember(out, node)
        elif isinstance(out, tuple | list):
            for position, value in enumerate(out):
                if isinstance(value, Tensor):
                    self._remember(value, self.graph.call_function(operator.getitem, (node, position)))
        return out

    def _named(self, value: Any) -> Any:
        """Tensors in an argument replaced by the nodes that stand for them."""
        if isinstance(value, Tensor):
            return self._node(value)
        if isinstance(value, tuple | list):
            return type(value)(self._named(part) for part in value)
        if isinstance(value, dict):
            return {key: self._named(part) for key, part in value.items()}
        return value

    def _node(self, value: Tensor) -> fx.Node:
        if id(value) not in self.nodes:
            name = f"constant_{len(self.kept)}"
            self.root.register_buffer(name, value, persistent=False)
            self._remember(value, self.graph.get_attr(name))
        return self.nodes[id(value)]

    def _remember(self, value: Tensor, node: fx.Node) -> None:
        self.nodes[id(value)] = node
        self.kept.append(value)


def record(function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """A function of tensors shaped like ``inputs`` that runs the operations ``function(*inputs)`` ran."""
    recorder = _Recorder(inputs)
    with recorder:
        outputs = function(*inputs)
    recorder.graph.output(tuple(recorder.nodes[id(value)] for value in outputs))
    return fx.GraphModule(recorder.root, recorder.graph)
