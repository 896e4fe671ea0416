"""Value and gradient of a method's objective on one batch of given logits, in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench import methods
from bench.methods.api import OBSERVED, Batch, LinearMethod, Problem, Split


def double(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def golden_sets(golden_2026: dict[str, Any]) -> dict[str, tuple[Tensor, Tensor | None]]:
    """{name of the set: (labels, 0 where they are not known; which are known, None where all are)}."""
    inputs = golden_2026["inputs"]
    found: dict[str, tuple[Tensor, Tensor | None]] = {}
    for name, (labels, mask) in inputs["sets"].items():
        y = double(inputs[labels])
        observed = None if mask == "all ones" else double(inputs[mask])
        found[name] = (y if observed is None else y * observed, observed)
    return found


def made(
    name: str,
    y: Tensor,
    observed: Tensor | None = None,
    positives: Tensor | None = None,
    rows: int = 100,
    **options: Any,
) -> tuple[LinearMethod, dict[str, Tensor]]:
    """The method of this name in the precision of ``y`` [B, c], and the per-sample tensors of these rows.

    ``positives`` [c] and ``rows`` are n_j and N of the training rows; without them the batch's n_j are taken.
    """
    count = y.sum(0) if positives is None else positives
    method = methods.create(name, Problem("made", rows, 1, y.shape[1], count.double()), **options)
    assert isinstance(method, LinearMethod)
    known = None if observed is None else observed > 0
    train = Split(y.new_zeros(len(y), 1), y.to(torch.int8), known)
    extra = method.to(y.dtype).prepare(train, fit=None)  # type: ignore[arg-type]
    return method, extra if observed is None else {OBSERVED: observed, **extra}


def value_and_gradient(
    name: str, z: Tensor, y: Tensor, observed: Tensor | None = None, epoch: int = 1, **given: Any
) -> tuple[float, Tensor]:
    """Loss, and [B, c] its gradient at the logits ``z`` [B, c]; ``given`` as of :func:`made`."""
    method, extra = made(name, y, observed, **given)
    z = z.clone().requires_grad_()
    loss = method(Batch(x=y.new_zeros(len(y), 1), y=y, z=z, extra=extra, epoch=y.new_tensor(epoch)))
    (gradient,) = torch.autograd.grad(loss, z)
    return loss.item(), gradient


def assert_golden(case: dict[str, Any], name: str, z: Tensor, y: Tensor, *, scale: float = 1.0, **given: Any) -> None:
    """Value and gradient, ``scale`` times ours, are those of a case of a golden file on one set of labels."""
    value, gradient = value_and_gradient(name, z, y, **given)
    assert scale * value == pytest.approx(case["value"], abs=1e-9)
    torch.testing.assert_close(scale * gradient, double(case["grad_logits"]), atol=1e-9, rtol=0)
