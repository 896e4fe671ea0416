"""Recording one evaluation as a flat list of tensor operations, and replaying it on other tensors of the same shapes.

vmap and autograd decide on every call anew which operations to run; for small batches that costs more than the
operations. The recorder stands below both, at the level of plain tensor operations, and writes down what they run, the
backward pass included, as the source of a Python function. What is replayed is what ran: the same numbers, bit for bit,
wherever torch does not choose its operations by whether somebody listens (a few of linear algebra, in last bits).

Left out are repeated operations, those on constants (hyper-parameters, the ones that a backward pass starts from), and
views of tensors that stay in their place (parameters).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class ReadsAValueError(RuntimeError):
    """The function looked at a tensor's value, so that a recording would not hold for other values."""


class _Listener(TorchDispatchMode):
    """Lists the operations that run; their tensors stay alive, so that no two have the same id."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        """(operation, arguments, keyword arguments, result)."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the default imports the compiler, 1.4 s in every process, to tell it to leave this class alone

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        values = [value for value in tree_leaves(out) if value is not None]
        if not all(isinstance(value, Tensor) for value in values) or not (values or func._schema.is_mutable):
            # It gives a number or a truth value, or is there for nothing but to check one.
            raise ReadsAValueError(f"{func} reads a tensor's value")
        self.calls.append((func, args, kwargs or {}, out))
        return out


def record(
    function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor], in_place: Sequence[Tensor] = ()
) -> tuple[Sequence[Tensor], Callable[..., Sequence[Tensor]]]:
    """``function(*inputs)``, and a function of tensors shaped like ``inputs`` that runs the operations which it ran.

    ``in_place`` are further tensors that the function looks at: their values change from call to call, their place does
    not. All others count as constants.
    """
    with _Listener() as listener:
        outputs = function(*inputs)
    mutable = [call for call in listener.calls if call[0]._schema.is_mutable]
    moving = set(map(_storage, _tensors([in_place, mutable])))
    variables = {id(value): f"v{number}" for number, value in enumerate(inputs)}
    constants: dict[str, Any] = {}

    def text(value: Any) -> str:
        """The source of an argument or a result: variables, and names of constants."""
        if value is None:
            return "_"  # which can be assigned to as well
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(text, value))}]"
        if id(value) in variables:
            return variables[id(value)]
        constants[f"c{id(value)}"] = value.detach() if isinstance(value, Tensor) else value
        return f"c{id(value)}"

    lines = []
    written: dict[str, list[Tensor]] = {}
    for operation, args, kwargs, out in listener.calls:
        given, results = _tensors([args, kwargs]), _tensors(out)
        effect = operation._schema.is_mutable or torch.Tag.nondeterministic_seeded in operation.tags
        repeatable = not effect and moving.isdisjoint(map(_storage, given + results))
        # The ones that a backward pass starts from are made from the shape of what was computed.
        constant = operation is torch.ops.aten.ones_like.default or variables.keys().isdisjoint(map(id, given))
        if constant and (repeatable or operation.is_view):
            continue
        called = operation._op if effect else _by_name(operation, args, kwargs)
        arguments = [*map(text, args), *(f"{key}={text(value)}" for key, value in kwargs.items())]
        expression = f"{text(called)}({', '.join(arguments)})"
        before = written.setdefault(expression, results) if repeatable else results
        for value, same in zip(results, before, strict=True):
            variables.setdefault(id(value), variables.get(id(same), f"v{len(variables)}"))
        if before is results:
            lines.append(f"{text(out)} = {expression}")
    lines.append(f"return {text(outputs)}")
    exec("\n    ".join([f"def replay({', '.join(map(text, inputs))}, _=None):", *_with_deletions(lines)]), constants)
    return outputs, constants.pop("replay")


def _with_deletions(lines: Sequence[str]) -> list[str]:
    """The lines, each variable deleted after its last use: its memory is used again while it is in the cache."""
    seen: set[str] = set()
    backwards = []
    for line in reversed(lines):
        done_with = set(re.findall(r"\bv\d+", line)) - seen
        seen |= done_with
        backwards += [*(f"del {variable}" for variable in sorted(done_with)), line]
    return backwards[::-1]


def _by_name(operation: Any, args: Any, kwargs: Any) -> Callable[..., Any]:
    """The function or method of ``torch`` that runs exactly this operation, found by listening to it.

    Python calls it in two thirds of the time of the operation's own handle, which is taken where there is none.
    """
    name = operation._schema.name.removeprefix("aten::")
    named = getattr(torch, name, None) or getattr(Tensor, name, operation._op)
    with suppress(Exception), torch.no_grad(), _Listener() as listener:
        named(*args, **kwargs)
    asked = _described([operation, args, kwargs])
    return named if [_described(call[:3]) for call in listener.calls] == [asked] else operation._op


def _described(values: Any) -> list[Any]:
    return [id(value) if isinstance(value, Tensor) else repr(value) for value in tree_leaves(values)]


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storage(value: Tensor) -> int:
    return value.untyped_storage()._cdata
