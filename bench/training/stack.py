"""A stack: many models of one job as one tensor program.

Parameters and buffers of K modules are stacked along a first dimension. A method author writes an ordinary module for
one model; ``torch.vmap`` evaluates it for all K. Two things make that fast without the author's help:

* a linear layer whose input is shared by the models and whose weights are stacked becomes ONE matrix product
  ([B, D] x [D, K*O]) instead of K small ones: this holds for the classifier and for every ``nn.Linear`` on ``batch.x``;
* after a few calls the forward and backward pass are recorded as a flat list of tensor operations and replayed without
  vmap's and autograd's bookkeeping (``bench.training.recording``). The operations, and so the numbers, are the same.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from bench.methods.api import Batch, LinearMethod, Split
from bench.metrics.catalogue import as_loss, metric_named
from bench.metrics.evaluation import TrainingLabels, evaluations
from bench.metrics.measuring import measured
from bench.system.blocks import rows_at_once
from bench.training.recording import record
from bench.training.threshold import fitted_threshold

CALLS_BEFORE_RECORDING = 3
"""Recording costs as much as five to fifteen steps: the smaller they are, the more."""
REPLAYS_THAT_MAY_DIFFER = 2
"""The first ones, none of which is used without being compared: a training may go on without its recording."""
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Of the largest value; linear algebra may differ in last bits where somebody listens."""

ELEMENTS_AT_ONCE = 2**22
"""Of gradients that are compared, and of scores of models that are evaluated together."""
ROWS_AT_ONCE = 4096
"""Of which one backbone computes its logits; hidden layers take memory."""

Gradients = Sequence[Tensor]
Clock = tuple[Tensor, Tensor]
"""(epoch, optimiser steps taken), each a 0-d tensor that is changed in its place."""


class StatefulObjectiveError(RuntimeError):
    """An objective that gives other numbers than its recording, found after the recording was used."""


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
    # A copy pays where further layers have the same input. A backward pass would round otherwise without it.
    columns = x.T.contiguous() if torch.is_grad_enabled() else x.T
    out = flat @ columns if bias is None else torch.addmm(bias.reshape(-1, 1), flat, columns)
    return out.view(models, outputs, x.shape[0]).transpose(1, 2)


def stacked_logits(classifier: nn.Module | None, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """[K, B, c] logits of K classifiers like ``classifier``, in its mode (training or evaluation), on ``x`` [B, D].

    ``parameters``: {"classifier.NAME": [K, ...]}, among others. Without a classifier they are a linear one's.
    """
    if classifier is None or _is_linear(classifier):
        return stacked_linear(parameters["classifier.weight"], parameters["classifier.bias"], x)
    own = {name: parameters[f"classifier.{name}"] for name, _ in classifier.named_parameters()}
    with FoldLinears():
        return vmap(lambda values: functional_call(classifier, values, (x,)), randomness="same")(own)


def single_logits(classifier: nn.Module | None, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """[N, c] logits of one classifier like ``classifier``, in its mode; without one, of a linear one."""
    if classifier is None or _is_linear(classifier):
        return F.linear(x, parameters["classifier.weight"], parameters["classifier.bias"])
    own = {name: parameters[f"classifier.{name}"] for name, _ in classifier.named_parameters()}
    return torch.cat([functional_call(classifier, own, (part,)) for part in x.split(ROWS_AT_ONCE)])


def _is_linear(classifier: nn.Module) -> bool:
    return type(classifier) is nn.Linear and classifier.bias is not None


def stacked_losses(
    parameters: dict[str, Tensor],
    split: Split,
    threshold: float,
    options: Sequence[str],
    considered: Sequence[bool],
    training: TrainingLabels | None = None,
    classifier: nn.Module | None = None,
    fitted: bool = False,
) -> dict[str, Tensor]:
    """{metric: [K] float64} of K classifiers (linear ones where none is given), lower is better: the numbers that a
    record has of them, from the scores [N, c] of as many models at once as fit into a block. Infinite where a score is,
    and of models not ``considered``. ``fitted``: each model decides at the threshold fitted on these rows.

    Raises
    ------
    UsageError: for a metric that is not defined on the rows.
    """
    metrics = [metric_named(option) for option in options]
    found = torch.full((len(metrics), len(considered)), torch.inf, dtype=torch.float64)
    every = [k for k, wanted in enumerate(considered) if wanted]
    at_once = rows_at_once(ELEMENTS_AT_ONCE, split.y.numel())
    for start in range(0, len(every), at_once):
        models = torch.tensor(every[start : start + at_once])
        scores = torch.stack([single_logits(classifier, _of_model(parameters, k), split.x) for k in models.tolist()])
        finite = scores.isfinite().flatten(1).all(1).cpu()
        models, scores = models[finite], scores[finite]
        cuts = [fitted_threshold(split.y, own, threshold) if fitted else threshold for own in scores]
        for k, evaluation in zip(models.tolist(), evaluations(split.y, scores, cuts, training), strict=True):
            values = measured(evaluation, metrics)
            found[:, k] = torch.tensor([as_loss(metric, values[metric.key]) for metric in metrics], dtype=torch.float64)
    return dict(zip(options, found.to(split.x.device), strict=True))


def _of_model(parameters: Mapping[str, Tensor], k: int) -> dict[str, Tensor]:
    """The classifier's parameters of model k of a stack."""
    return {name: value[k].detach() for name, value in parameters.items() if name.startswith("classifier.")}


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``F.dropout`` whose mask is drawn once for all models of a stack, as one model on its own draws it.

    Torch's own would draw in the order in which the stack lies in memory.
    """
    if not training or p == 0:
        return x
    mask = torch.empty(x.shape, dtype=x.dtype, device=x.device).bernoulli_(1 - p)
    return x * mask.div_(1 - p)


class FoldLinears(TorchFunctionMode):
    """Sends every ``F.linear`` (and so every ``nn.Linear``) through :class:`FoldedLinear`, and every ``F.dropout``
    through :func:`dropout`."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.linear:
            x, weight, bias = (*args, *(kwargs or {}).values(), None)[:3]
            return FoldedLinear.apply(x, weight, bias)
        if func is F.dropout:
            return dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


class Stack:
    """K modules of equal structure, evaluated together.

    Parameters
    ----------
    modules: the K modules; ``module(batch)`` is the scalar loss. Their first is used as the template. The memory of the
        others is free once they are stacked, if they come from a generator.
    linear: whether the module owns a ``classifier`` whose logits the batch carries.
    epochs: of the whole training, which the batch says.
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        *,
        linear: bool,
        stackable: bool,
        device: torch.device,
        dtype: torch.dtype,
        epochs: int = 1,
    ) -> None:
        given = list(modules)
        if not stackable and len(given) > 1:
            raise ValueError(f"{type(given[0]).__name__} cannot be stacked; train its models one at a time")
        self.size = len(given)
        self.linear = linear
        self.stackable = stackable
        self.template = given[0]
        self.epochs = epochs
        method = self.template if isinstance(self.template, LinearMethod) else None
        self.per_sample = method.per_sample if method is not None else ()
        """Names of the parameters that belong to the training rows."""
        parameters = [dict(module.named_parameters()) for module in given]
        buffers = [dict(module.named_buffers()) for module in given]
        del given, modules
        self.parameters = {
            name: torch.stack([own.pop(name).detach() for own in parameters])
            .to(device=device, dtype=dtype)
            .requires_grad_()
            for name in list(parameters[0])
        }
        self.buffers = {
            name: _cast(torch.stack([own.pop(name) for own in buffers]), device, dtype) for name in list(buffers[0])
        }
        self.renews = method is not None and type(method).after_epoch is not LinearMethod.after_epoch
        """True where the method has a hook that renews buffers, each in its place."""
        self.records = stackable
        """False once the objective has shown state that a recording would freeze."""
        self._calls: dict[int, int] = {}
        self._recorded: dict[int, Callable[..., Sequence[Tensor]]] = {}

    def losses_and_gradients(
        self, x: Tensor, y: Tensor, extra: dict[str, Tensor], clock: Clock
    ) -> tuple[Tensor, Gradients]:
        """[K] losses of the models on one batch, and the gradient of every stacked parameter, in their order.

        Raises
        ------
        StatefulObjectiveError: when a recording turns out to give other numbers than the objective.
        """
        y = y.T.contiguous().T  # as what is computed of the models lies, see stacked_linear
        rows = x.shape[0]
        due = self._check_is_due(rows)
        self._calls[rows] = calls = self._calls.get(rows, 0) + 1
        if not self.records or calls <= CALLS_BEFORE_RECORDING:
            return self._evaluate(x, y, extra, clock)
        if rows not in self._recorded:
            return self._record(x, y, extra, clock)
        if due:
            return self._compared(x, y, extra, clock)
        return self._replayed(x, y, extra)

    def after_epoch(self, train: Split, extra: Mapping[str, Tensor], considered: Tensor, epoch: int) -> None:
        """Let the method renew the buffers of each model that is ``considered`` [K], where it has such a hook.

        Raises
        ------
        ValueError: for a tensor that is not one of the method's buffers, or of another shape.
        """
        if not self.renews:
            return
        hook = _AfterEpoch(self.template)
        classifier = copy.deepcopy(self.template.classifier).eval()  # type: ignore[union-attr]
        for k in considered.nonzero().flatten().tolist():
            own = {name: value[k].detach() for name, value in (self.parameters | self.buffers).items()}
            with torch.no_grad():
                logits = single_logits(classifier, own, train.x)
                given = {f"method.{name}": value for name, value in own.items()}
                renewed = functional_call(hook, given, (train, extra, logits, epoch, self.epochs))
            for name, value in renewed.items():
                if name not in self.buffers or value.shape != own[name].shape:
                    raise ValueError(
                        f"{type(self.template).__name__}.after_epoch gave {name!r} {tuple(value.shape)}, which is no "
                        "buffer of that name and shape; register one in __init__"
                    )
                own[name].copy_(value)

    def is_recorded(self, rows: int) -> bool:
        """True where the next batch of so many rows runs as a recording alone."""
        return rows in self._recorded and not self._check_is_due(rows)

    def count_replay(self, rows: int) -> None:
        """Count a batch that ran as a recording elsewhere, in a CUDA graph."""
        self._calls[rows] += 1

    def _check_is_due(self, rows: int) -> bool:
        """True where the next replay is number 1, 2, 4, 8, ...: on other data, in another epoch, at little cost."""
        number = self._calls.get(rows, 0) - CALLS_BEFORE_RECORDING
        return rows in self._recorded and number & (number - 1) == 0

    def _replayed(self, x: Tensor, y: Tensor, extra: dict[str, Tensor]) -> tuple[Tensor, Gradients]:
        with torch.inference_mode():  # the backward pass is part of the recording
            losses, *gradients = self._recorded[x.shape[0]](x, y, *extra.values())
        return losses, gradients

    def _record(self, x: Tensor, y: Tensor, extra: dict[str, Tensor], clock: Clock) -> tuple[Tensor, Gradients]:
        """Evaluate, and keep the recording if the objective changed nothing of its own."""

        def flat(x: Tensor, y: Tensor, *rows: Tensor) -> Sequence[Tensor]:
            losses, gradients = self._evaluate(x, y, dict(zip(extra, rows, strict=True)), clock)
            return (losses, *gradients)

        before = self._state()
        changing = [*self.parameters.values(), *clock, *(self.buffers.values() if self.renews else ())]
        (losses, *gradients), replay = record(flat, [x, y, *extra.values()], changing)
        if self._state() == before:
            self._recorded[x.shape[0]] = replay
        else:
            self._go_on_without()
        return losses, gradients

    def _compared(self, x: Tensor, y: Tensor, extra: dict[str, Tensor], clock: Clock) -> tuple[Tensor, Gradients]:
        """The replay's numbers where they are the objective's; else the objective's, and no recording any more.

        A recording holds the operations of one call. An objective that counts its calls, draws from Python's or
        NumPy's random numbers, or keeps an average runs others at the next one.
        """
        before = self._state()
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            replayed = self._replayed(x, y, extra)
        plain = self._evaluate(x, y, extra, clock)
        if self._state() == before and _equal([replayed[0], *replayed[1]], [plain[0], *plain[1]]):
            return replayed
        if self._calls[x.shape[0]] - CALLS_BEFORE_RECORDING - 1 > REPLAYS_THAT_MAY_DIFFER:
            raise StatefulObjectiveError(f"{self._name()} keeps state that changes its loss; {ADVICE}")
        self._go_on_without()
        return plain

    def _go_on_without(self) -> None:
        self.records = False
        self._recorded.clear()
        _say_once(f"note: {self._name()} keeps state between steps, so its steps are not recorded; {ADVICE}.")

    def _name(self) -> str:
        return f"the objective of {type(self.template).__name__}"

    def _state(self) -> list[Any]:
        """The module's plain attributes, and counts of writes to its tensors: equal lists where nothing changed."""
        plain = set(vars(nn.Module()))
        own = [{k: v for k, v in vars(part).items() if k not in plain} for part in self.template.modules()]
        tensors = [value for value in tree_leaves(own) if isinstance(value, Tensor)]
        return [
            [value if isinstance(value, int | float | str) else _Same(value) for value in tree_leaves(own)],
            [value._version for value in (*tensors, *self.buffers.values())],
        ]

    def _evaluate(
        self, x: Tensor, y: Tensor, extra: dict[str, Tensor], clock: Clock
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        parameters, buffers = self.parameters, self.buffers
        if self.linear:
            z = stacked_logits(self.template.classifier, parameters, x)  # type: ignore[arg-type]
        else:
            z = x.new_zeros(self.size, x.shape[0], 0)
        if self.stackable:
            with FoldLinears():
                # randomness="same": each model draws what it would draw alone
                losses = vmap(self._loss, in_dims=(0, 0, 0, None, None, None, None), randomness="same")(
                    parameters, buffers, z, x, y, extra, clock
                )
        else:
            alone = {name: value.squeeze(0) for name, value in parameters.items()}
            constants = {name: value.squeeze(0) for name, value in buffers.items()}
            losses = self._loss(alone, constants, z.squeeze(0), x, y, extra, clock).unsqueeze(0)
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
        clock: Clock,
    ) -> Tensor:
        batch = Batch(x=x, y=y, z=z, extra=extra, epoch=clock[0], step=clock[1], epochs=self.epochs)
        return functional_call(self.template, {**parameters, **buffers}, (batch,))


class _AfterEpoch(nn.Module):
    """A method's hook as a forward pass, so that ``functional_call`` gives it one model's parameters and buffers."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, *given: Any) -> dict[str, Tensor]:
        return self.method.after_epoch(*given)  # type: ignore[operator]


ADVICE = "use batch.epoch and batch.step for schedules, or set stackable = False"


class _Same:
    """An object that equals itself alone; kept alive, so that no other gets its place in memory."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    __hash__ = None  # type: ignore[assignment]


def _equal(found: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """True where all values agree to rounding, relative to the largest of their tensor; NaN agrees with NaN."""
    for one, other in zip(found, expected, strict=True):
        if torch.equal(one, other):  # as nearly always; the rest takes ten times as long
            continue
        # In parts: a comparison takes several times the memory of what it compares.
        parts, others = (value.detach().flatten().split(ELEMENTS_AT_ONCE) for value in (one, other))
        largest = max((float(part.abs().nan_to_num(0, 0, 0).max()) for part in others if part.numel()), default=0.0)
        close = partial(torch.allclose, rtol=0, atol=TOLERANCE[other.dtype] * largest, equal_nan=True)
        if not all(map(close, parts, others)):
            return False
    return True


@cache
def _say_once(sentence: str) -> None:
    """In each process, for a grid has many stacks."""
    print(sentence, file=sys.stderr, flush=True)


def _cast(value: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    return value.to(device=device, dtype=dtype if value.is_floating_point() else value.dtype)
