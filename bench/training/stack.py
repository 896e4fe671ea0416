"""A stack: many models of one job as one tensor program.

Parameters and buffers of K modules are stacked along a first dimension. A method author writes an ordinary module for
one model; ``torch.vmap`` evaluates it for all K. Two things make that fast without the author's help:

* a linear layer whose input is shared by the models and whose weights are stacked becomes ONE matrix product
  ([B, D] x [D, K*O]) instead of K small ones: this holds for the classifier and for every ``nn.Linear`` on ``batch.x``;
* after a few calls the forward and backward pass are recorded as a flat list of tensor operations and replayed without
  vmap's and autograd's bookkeeping (``bench.training.recording``). The operations, and so the numbers, are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode

from bench.methods.api import Batch
from bench.training.recording import record

CALLS_BEFORE_RECORDING = 3
"""Recording costs as much as five to fifteen steps: the smaller they are, the more."""

Gradients = Sequence[Tensor]


class FoldedLinear(torch.autograd.Function):
    """``F.linear`` whose vmap rule folds K stacked weights on one shared input into one product."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])
        ctx.has_bias = inputs[2] is not None

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        x, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        grad_bias = flat.sum(0) if ctx.has_bias else None
        return grad @ weight, flat.T @ x.reshape(-1, x.shape[-1]), grad_bias

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, int]:
        x_dim, weight_dim, bias_dim = in_dims
        if weight_dim is None or (bias is not None and bias_dim is None) or x.dim() - (x_dim is not None) != 2:
            return vmap(F.linear, in_dims=in_dims)(x, weight, bias), 0  # the fold is for [B, D] inputs
        weight = weight.movedim(weight_dim, 0)
        bias = None if bias is None else bias.movedim(bias_dim or 0, 0)
        if x_dim is None:
            return stacked_linear(weight, bias, x), 0
        columns = x.movedim(x_dim, 0).transpose(1, 2)
        out = torch.bmm(weight, columns) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, columns)
        return out.transpose(1, 2), 0


def stacked_linear(weight: Tensor, bias: Tensor | None, x: Tensor) -> Tensor:
    """[K, B, O]: K linear layers, ``weight`` [K, O, D] and ``bias`` [K, O], on one input ``x`` [B, D] in one product.

    The result lies in memory as [K, O, B], and so does what is computed from it elementwise: statistics over the batch
    then run along contiguous memory, and every further layer's product needs no copy.
    """
    models, outputs, inputs = weight.shape
    flat = weight.reshape(models * outputs, inputs)
    columns = x.T.contiguous()
    out = flat @ columns if bias is None else torch.addmm(bias.reshape(-1, 1), flat, columns)
    return out.view(models, outputs, x.shape[0]).transpose(1, 2)


class FoldLinears(TorchFunctionMode):
    """Sends every ``F.linear`` (and so every ``nn.Linear``) through :class:`FoldedLinear`."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            x, weight, bias = (*args, *(kwargs or {}).values(), None)[:3]
            return FoldedLinear.apply(x, weight, bias)
        return func(*args, **(kwargs or {}))


class Stack:
    """K modules of equal structure, evaluated together.

    Parameters
    ----------
    modules: the K modules; ``module(batch)`` is the scalar loss. Their first is used as the template.
    linear: whether the module owns a ``classifier`` whose logits the batch carries.
    """

    def __init__(
        self, modules: Sequence[nn.Module], *, linear: bool, stackable: bool, device: torch.device, dtype: torch.dtype
    ) -> None:
        if not stackable and len(modules) > 1:
            raise ValueError(f"{type(modules[0]).__name__} cannot be stacked; train its models one at a time")
        self.size = len(modules)
        self.linear = linear
        self.stackable = stackable
        self.template = modules[0]
        self.parameters = {
            name: torch.stack([dict(module.named_parameters())[name].detach() for module in modules])
            .to(device=device, dtype=dtype)
            .requires_grad_()
            for name in dict(modules[0].named_parameters())
        }
        self.buffers = {
            name: _cast(torch.stack([dict(module.named_buffers())[name] for module in modules]), device, dtype)
            for name in dict(modules[0].named_buffers())
        }
        self._calls: dict[int, int] = {}
        self._recorded: dict[int, Callable[..., Sequence[Tensor]]] = {}

    def losses_and_gradients(self, x: Tensor, y: Tensor, extra: dict[str, Tensor]) -> tuple[Tensor, Gradients]:
        """[K] losses of the models on one batch, and the gradient of every stacked parameter, in their order."""
        y = y.T.contiguous().T  # as what is computed of the models lies, see stacked_linear
        rows = x.shape[0]
        self._calls[rows] = self._calls.get(rows, 0) + 1
        if self.stackable and rows not in self._recorded and self._calls[rows] > CALLS_BEFORE_RECORDING:
            self._recorded[rows] = self._record(x, y, extra)
        replay = self._recorded.get(rows)
        if replay is None:
            return self._evaluate(x, y, extra)
        with torch.inference_mode():  # the backward pass is part of the recording
            losses, *gradients = replay(x, y, *extra.values())
        return losses, gradients

    def is_recorded(self, rows: int) -> bool:
        """True where batches of so many rows run as a recording."""
        return rows in self._recorded

    def _record(self, x: Tensor, y: Tensor, extra: dict[str, Tensor]) -> Callable[..., Sequence[Tensor]]:
        def flat(x: Tensor, y: Tensor, *rows: Tensor) -> Sequence[Tensor]:
            losses, gradients = self._evaluate(x, y, dict(zip(extra, rows, strict=True)))
            return (losses, *gradients)

        # Recording runs the operations once: the noise it draws is given back.
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            return record(flat, [x, y, *extra.values()], list(self.parameters.values()))

    def _evaluate(self, x: Tensor, y: Tensor, extra: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        parameters, buffers = self.parameters, self.buffers
        if self.linear:
            z = stacked_linear(parameters["classifier.weight"], parameters["classifier.bias"], x)
        else:
            z = x.new_zeros(self.size, x.shape[0], 0)
        if self.stackable:
            with FoldLinears():
                # randomness="same": each model draws what it would draw alone
                losses = vmap(self._loss, in_dims=(0, 0, 0, None, None, None), randomness="same")(
                    parameters, buffers, z, x, y, extra
                )
        else:
            alone = {name: value.squeeze(0) for name, value in parameters.items()}
            constants = {name: value.squeeze(0) for name, value in buffers.items()}
            losses = self._loss(alone, constants, z.squeeze(0), x, y, extra).unsqueeze(0)
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()), materialize_grads=True)
        return losses.detach(), gradients

    def _loss(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        z: Tensor,
        x: Tensor,
        y: Tensor,
        extra: dict[str, Tensor],
    ) -> Tensor:
        batch = Batch(x=x, y=y, z=z, extra=extra)
        return functional_call(self.template, {**parameters, **buffers}, (batch,))


def _cast(value: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)
