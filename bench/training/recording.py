"""Recording one evaluation as a flat list of tensor operations, and replaying it on other tensors of the same shapes.

vmap and autograd decide on every call anew which operations to run; for small batches that costs more than the
operations. The recorder stands below both, at the level of plain tensor operations, and writes down what they run, the
backward pass included. What is replayed is what ran, less what would give the same again: the same numbers, bit for
bit, wherever torch does not choose its operations by whether somebody listens (a few of linear algebra, in last bits).

* An operation on constants alone (hyper-parameters, the ones that a backward pass starts from) is not repeated: its
  result is kept.
* Views of tensors that stay in their place (parameters) are made once.
* An operation asked for twice on the same tensors runs once.

Tensors that some operation changes in place are left out of all three.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ATEN = torch.ops.aten
MADE_FROM_A_SHAPE = (
    ATEN.ones_like.default,
    ATEN.zeros_like.default,
    ATEN.full_like.default,
    ATEN.new_zeros.default,
    ATEN.new_ones.default,
    ATEN.new_full.default,
)
"""Their values are the same whatever their tensor argument holds."""


WRITTEN_IN_PLACE = {
    ATEN.mm.default: ATEN.mm.out,
    ATEN.bmm.default: ATEN.bmm.out,
    ATEN.addmm.default: ATEN.addmm.out,
    ATEN.baddbmm.default: ATEN.baddbmm.out,
}
LARGE_BYTES = 2**18


class ReadsAValueError(RuntimeError):
    """The function looked at a tensor's value, so that a recording would not hold for other values."""


class _Call(NamedTuple):
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any


class _Listener(TorchDispatchMode):
    """Lists the operations that run; their tensors stay alive, so that no two have the same id."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the default imports the compiler, 1.4 s in every process, to tell it to leave this class alone

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        values = [value for value in tree_leaves(out) if value is not None]
        if not all(isinstance(value, Tensor) for value in values) or not (values or func._schema.is_mutable):
            # It gives a number or a truth value, or is there for nothing but to check one.
            raise ReadsAValueError(f"{func} reads a tensor's value")
        self.calls.append(_Call(func, args, kwargs or {}, out))
        return out


class _Writer:
    """Writes listed operations down as a graph of the inputs."""

    def __init__(self, inputs: Sequence[Tensor], in_place: Sequence[Tensor], calls: Sequence[_Call]) -> None:
        self.graph = fx.Graph()
        self.root = torch.nn.Module()
        self.same: dict[int, int] = {}  # a tensor's id: the id of an earlier one that holds the same
        self.shown: dict[Hashable, int] = {}
        self.nodes: dict[int, fx.Node] = {}
        self.calls: dict[fx.Node, _Call] = {}
        self.written: dict[str, list[fx.Node]] = {}  # what an operation on given nodes gave
        self.changed = {_storage(value) for call in calls for value in _changed_by(call)}
        varying = [*inputs, *in_place]
        self.varying = {id(value) for value in varying}
        self.staying = {id(value) for value in in_place if _storage(value) not in self.changed}
        self._show(varying)
        for position, value in enumerate(inputs):
            self.nodes[id(value)] = self.graph.placeholder(f"input_{position}")
        for call in calls:
            self._write(call)

    def node(self, value: Tensor) -> fx.Node:
        """The node of a tensor; a constant, or a view that stays in its place, becomes a buffer of the graph."""
        if self._id(value) not in self.nodes:
            self.nodes[self._id(value)] = self._buffer(value)
        return self.nodes[self._id(value)]

    def reuse_memory(self) -> None:
        """Large products are written where the recorded ones lie, not to new memory in every step."""
        for node in list(self.graph.nodes):
            if node.target not in WRITTEN_IN_PLACE:
                continue
            value = self.calls[node].out
            if value.nbytes >= LARGE_BYTES and value.is_contiguous():
                with self.graph.inserting_before(node):
                    node.kwargs = {**node.kwargs, "out": self._buffer(value)}
                node.target = WRITTEN_IN_PLACE[node.target]

    def _write(self, call: _Call) -> None:
        function, args, kwargs, out = call
        outs = [value for value in tree_leaves(out) if isinstance(value, Tensor)]
        tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        self._show(tensors)
        if function.is_view and isinstance(out, Tensor) and _place(out) in self.shown:
            self.same[id(out)] = self.shown[_place(out)]
            return
        self._show(outs)
        repeatable = torch.Tag.nondeterministic_seeded not in function.tags and not any(
            _storage(value) in self.changed for value in (*tensors, *outs)
        )
        vary = [self._id(value) for value in tensors if self._id(value) in self.varying]
        if repeatable and (not vary or function in MADE_FROM_A_SHAPE):
            return  # a constant; it gets a node where something else needs it
        if repeatable and function is ATEN.mul.Scalar and args[1] == 1 and _alike(out, args[0]):
            # vmap's and autograd's multiplications, not an author's
            self.same[id(out)] = self.shown[_place(out)] = self._id(args[0])
            return
        self.varying |= {id(value) for value in outs}
        if repeatable and function.is_view and self.staying.issuperset(vary):
            self.staying |= {id(value) for value in outs}
            return
        named_args, named_kwargs = self._named(args), self._named(kwargs)
        key = repr((function, named_args, named_kwargs))
        if not repeatable or key not in self.written:
            node = self.graph.call_function(function, named_args, named_kwargs)
            self.calls[node] = call
            several = () if isinstance(out, Tensor | None) else enumerate(out)
            parts = [self.graph.call_function(operator.getitem, (node, i)) for i, value in several if value is not None]
            self.written[key] = parts or [node][: len(outs)]
        for value, part in zip(outs, self.written[key], strict=True):
            self.nodes[self._id(value)] = part

    def _named(self, value: Any) -> Any:
        """Tensors in an argument replaced by the nodes that stand for them."""
        if isinstance(value, Tensor):
            return self.node(value)
        if isinstance(value, tuple | list):
            return type(value)(self._named(part) for part in value)
        if isinstance(value, dict):
            return {key: self._named(part) for key, part in value.items()}
        return value

    def _buffer(self, value: Tensor) -> fx.Node:
        name = f"tensor_{sum(1 for _ in self.root.buffers())}"
        self.root.register_buffer(name, value.detach(), persistent=False)
        return self.graph.get_attr(name)

    def _id(self, value: Tensor) -> int:
        return self.same.get(id(value), id(value))

    def _show(self, values: Sequence[Tensor]) -> None:
        for value in values:
            self.shown.setdefault(_place(value), self._id(value))


def record(
    function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor], in_place: Sequence[Tensor] = ()
) -> Callable[..., Sequence[Tensor]]:
    """A function of tensors shaped like ``inputs`` that runs the operations ``function(*inputs)`` ran.

    ``in_place`` are further tensors that the function looks at: their values change from call to call, their place does
    not. All others count as constants. What the function returned holds until it is called again.
    """
    with _Listener() as listener:
        outputs = function(*inputs)
    writer = _Writer(inputs, in_place, listener.calls)
    writer.graph.output(tuple(writer.node(value) for value in outputs))
    writer.graph.eliminate_dead_code(_has_an_effect)
    writer.reuse_memory()
    return compiled(writer.root, writer.graph) or fx.GraphModule(writer.root, writer.graph)


def _has_an_effect(node: fx.Node) -> bool:
    """Besides its value: the noise it draws, the tensor it changes."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op != "call_function"
    return node.target._schema.is_mutable or torch.Tag.nondeterministic_seeded in node.target.tags


def _changed_by(call: _Call) -> list[Tensor]:
    """The tensors that an operation writes to."""
    arguments = call.function._schema.arguments
    given = {**dict(zip((argument.name for argument in arguments), call.args, strict=False)), **call.kwargs}
    written = [given.get(one.name) for one in arguments if one.alias_info is not None and one.alias_info.is_write]
    return [value for value in tree_leaves(written) if isinstance(value, Tensor)]


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.stride() == other.stride()


def _storage(value: Tensor) -> int:
    return value.untyped_storage()._cdata


def _place(value: Tensor) -> Hashable:
    return _storage(value), value.dtype, value.storage_offset(), value.shape, value.stride()


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
