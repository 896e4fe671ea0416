"""Losses on the golden inputs of golden-2026.json, and their gradients at the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench import methods
from bench.methods.api import Batch, LinearMethod, Problem
from tests.methods import objectives
from tests.methods.objectives import double


class Golden(NamedTuple):
    """A reference's value and gradient on one set of labels."""

    z: Tensor
    """[B, c] logits."""
    y: Tensor
    """[B, c], 0 where a label is not known."""
    observed: Tensor
    """[B, c] 1.0 where a label is known."""
    value: float
    gradient: Tensor


def golden_sets(golden: dict, case: str) -> Iterator[Golden]:
    z, sets = double(golden["inputs"]["logits"]), objectives.golden_sets(golden)
    for name, found in golden["losses"][case]["out"].items():
        y, observed = sets[name]
        known = torch.ones_like(y) if observed is None else observed
        yield Golden(z, y, known, found["value"], double(found["grad_logits"]))


def create(name: str, labels: int, **options: Any) -> LinearMethod:
    positives = torch.ones(labels, dtype=torch.float64)
    method = methods.create(name, Problem("golden", 100, 1, labels, positives), **options)
    assert isinstance(method, LinearMethod)
    return method.double()


def loss_and_gradient(
    method: LinearMethod, z: Tensor, y: Tensor, observed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient in z [B, c], by autograd."""
    z = z.clone().requires_grad_()
    extra = {} if observed is None else {"observed": observed}
    loss = method.objective(Batch(x=z.detach(), y=y, z=z, extra=extra))
    return loss.detach(), torch.autograd.grad(loss, z)[0]


def stacked_losses_and_gradients(
    method: LinearMethod, z: Tensor, y: Tensor, observed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """[K] losses and their gradients in z [K, B, c], under ``torch.vmap``, as the loop has them."""
    z = z.clone().requires_grad_()
    extra = {} if observed is None else {"observed": observed}
    losses = torch.vmap(lambda own: method.objective(Batch(x=y, y=y, z=own, extra=extra)))(z)
    return losses.detach(), torch.autograd.grad(losses.sum(), z)[0]


def extreme_batches(rows: int = 5, labels: int = 4) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """(z [2, B, c], y, observed): rows without labels and full ones, one row, nothing and everything known, large
    logits."""
    generator = torch.Generator().manual_seed(3)
    random = (torch.rand(rows, labels, generator=generator) < 0.5).double()
    random[0], random[1] = 0, 1
    known = (torch.rand(rows, labels, generator=generator) < 0.5).double()
    for y in (random, torch.zeros_like(random), torch.ones_like(random), random[:1], random[1:2], random[2:3]):
        for observed in (None, torch.zeros_like(y), torch.ones_like(y), known[: len(y)]):
            for scale in (1.0, 30.0, 3000.0):
                z = scale * torch.randn(2, len(y), labels, generator=generator, dtype=torch.float64)
                yield z, y if observed is None else y * observed, observed
