"""Backbones: networks from features to logits that a gradient-trained method may train, one file each.

A file defines ``build(n_features, n_labels, **options)``, which returns an initialised ``nn.Module`` for ONE model, and
``OPTIONS``, a literal {option: default}. The listing imports none of them (and no torch).
"""

from __future__ import annotations

from typing import Any

from bench import methods
from bench.errors import UsageError
from bench.registry import Registry

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
