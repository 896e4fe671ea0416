"""A list of tensor operations as one TorchScript function: its interpreter goes from one operation to the next without
Python, which costs a small stack more than some of the operations do.

Nothing is optimised: fused or reordered operations would round differently.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

BY_NAME = (torch.dtype, torch.layout, torch.memory_format)
"""What TorchScript writes as Python prints it: ``torch.float64``."""


class _CannotBeWrittenError(Exception):
    pass


def compiled(root: nn.Module, graph: fx.Graph) -> Callable[..., Sequence[Tensor]] | None:
    """What ``fx.GraphModule(root, graph)`` computes, operation by operation, from tensors on the same device.

    None where TorchScript cannot tell the graph's operations by what it reads: an argument of a kind it has no word
    for, an operation that it takes for another.
    """
    try:
        function = torch.jit.CompilationUnit(_source(graph)).f
    except (_CannotBeWrittenError, RuntimeError):
        return None
    asked = [node for node in graph.nodes if isinstance(node.target, torch._ops.OpOverload)]
    understood = _schemas(function.graph)
    if len(asked) != len(understood) or not all(map(_is, understood, asked)):
        return None
    buffers = dict(root.named_buffers())
    constants = [buffers[node.target] for node in graph.nodes if node.op == "get_attr"]

    def run(*inputs: Tensor) -> Sequence[Tensor]:
        with torch.jit.optimized_execution(False):
            return function(*inputs, *constants)

    return run


def _source(graph: fx.Graph) -> str:
    arguments = [node for op in ("placeholder", "get_attr") for node in graph.nodes if node.op == op]
    lines = [f"def f({', '.join(f'{node.name}: Tensor' for node in arguments)}) -> List[Tensor]:"]
    for node in graph.nodes:
        if node.op == "call_function":
            lines.append(f"    {node.name} = {_call(node)}")
        if node.op == "output":
            lines.append(f"    return {_written(list(node.args[0]))}")
    return "\n".join(lines) + "\n"


def _call(node: fx.Node) -> str:
    if node.target is operator.getitem:
        several, position = node.args
        return f"{several}[{position}]"
    operation: Any = node.target
    given = [name + _written(value, kind) for name, value, kind in _arguments(node)]
    return f"torch.ops.{operation._schema.name.replace('::', '.')}({', '.join(given)})"


def _arguments(node: fx.Node) -> list[tuple[str, Any, str]]:
    """What a node gives its operation: ("name=" where it is given by name, value, the operation's type for it)."""
    operation: Any = node.target
    arguments = operation._schema.arguments
    types = {argument.name: str(argument.type) for argument in arguments}
    # By what is given by name alone TorchScript tells std of a tensor from std with a correction.
    left_out = {one.name: one.default_value for one in arguments if one.kwarg_only and one.has_default_value()}
    in_order = [("", value, kind) for value, kind in zip(node.args, types.values(), strict=False)]
    return in_order + [(f"{name}=", value, types[name]) for name, value in {**left_out, **node.kwargs}.items()]


def _written(value: Any, kind: str = "") -> str:
    """An argument as TorchScript's source; ``kind`` is the type that the operation gives it."""
    if isinstance(value, (fx.Node, *BY_NAME)):
        return str(value)
    if isinstance(value, torch.device):
        return f'torch.device("{value}")'
    if isinstance(value, bool) and "bool" not in kind:
        raise _CannotBeWrittenError(value)  # TorchScript makes a 1 of it: an integer where Python has a truth value
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple):
        parts = f"[{', '.join(_written(part, kind) for part in value)}]"
        return f"torch.jit.annotate({kind}, {parts})" if kind else parts
    raise _CannotBeWrittenError(value)


def _schemas(graph: torch.Graph) -> list[str]:
    """Of a function's operations on tensors, in their order."""
    nodes = [node for node in graph.nodes() if not node.kind().startswith("prim::")]
    return [node.schema() for node in nodes if node.kind() != "aten::__getitem__"]


def _is(schema: str, node: fx.Node) -> bool:
    """Whether a node asks for the operation of this schema.

    Where it has a number in a tensor's place, as in ``x + 1``, TorchScript takes the variant for numbers, which does
    what Python does: make a tensor of it.
    """
    operation: Any = node.target
    if any(isinstance(value, int | float) and kind == "Tensor" for _, value, kind in _arguments(node)):
        variant = operation._overloadname.replace("default", "Tensor").replace("Tensor", "Scalar")
        return schema.partition("(")[0] == f"{operation._schema.name}.{variant}"
    return schema == str(operation._schema)
