"""Backbones: networks from features to logits that a gradient-trained method may train, one file each.

A file defines ``build(n_features, n_labels, **options)``, which returns an initialised ``nn.Module`` for ONE model, and
``OPTIONS``, a literal {option: default}. The listing imports none of them (and no torch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import methods
from bench.config import LINEAR, Backbone
from bench.errors import UsageError
from bench.registry import Registry
from bench.system.reading import in_short

if TYPE_CHECKING:
    from torch import nn

BACKBONES = Registry("backbone", "bench.backbones", "backbones")


def options_of(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Every option of a backbone, ``given`` laid over its defaults.

    Raises
    ------
    UsageError: for a backbone or an option that there is not, or a value unlike its default.
    """
    defaults = BACKBONES.component(name).settings.get("OPTIONS", {})
    try:
        return methods.options(name, defaults, given, kind="backbone")
    except ValueError as error:
        raise UsageError(str(error)) from error


def built(backbone: Backbone, n_features: int, n_labels: int, seed: int = 0) -> nn.Module:
    """One model of a backbone, whose initial weights are drawn after seeding.

    Raises
    ------
    UsageError: where its file does not give a network of features [B, D] to logits [B, c]; one sentence.
    """
    import torch  # here, because the listing does without

    from bench.backbones import linear

    file = linear if backbone.name == LINEAR.name else BACKBONES.module(backbone.name, "build")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            made = file.build(n_features, n_labels, **backbone.options)
            if file is not linear:
                _check_backbone(made, n_features, n_labels)
        except Exception as error:  # a user's file may fail in any way
            raise UsageError(
                f"the backbone {backbone.name!r} cannot be built: {in_short(error).rstrip('.')}."
            ) from error
    return made


def _check_backbone(made: Any, n_features: int, n_labels: int) -> None:
    import torch
    from torch import Tensor, nn

    if not isinstance(made, nn.Module) or not list(made.parameters()):
        raise TypeError(f"build must return an nn.Module with parameters, not {type(made).__name__}")
    if buffers := [name for name, _ in made.named_buffers()]:
        raise TypeError(f"it keeps the buffer {buffers[0]!r}; only parameters are kept, so use a layer without buffers")
    with torch.no_grad():
        found = made.eval()(torch.zeros(2, n_features))
    made.train()
    if not isinstance(found, Tensor) or found.shape != (2, n_labels):
        shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"it gives {shape} for 2 rows and {n_labels} labels, not [2, {n_labels}]")
