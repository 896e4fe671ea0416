"""The contract of decision rules, and their registry. Imports no torch.

A rule is a module with ``fit(y, scores, target, threshold)``: of validation labels y [N, c] in {0, 1} and scores [N, c]
it chooses a :class:`Decision` for the target, one of TARGETS; ``threshold`` is the method's own. Definitions:
docs/decision-rules.md. A rule whose choice is the same for all targets says ``BY_TARGET = False``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal, Protocol, get_args

import numpy as np

from bench.errors import UsageError, did_you_mean
from bench.registry import Registry

Target = Literal["hamming", "micro-f1", "macro-f1"]
TARGETS: tuple[Target, ...] = get_args(Target)
RULES = Registry("decision rule", "bench.decisions.rules", "decisions")
FIXED = "fixed"
"""The rule whose decisions a record's metrics are of."""


class Decision(Protocol):
    """A fitted rule: a frozen dataclass whose fields are numbers, or tuples of them."""

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """[N, c] scores -> [N, c] bool, True where the label is predicted."""
        ...


Fit = Callable[[np.ndarray, np.ndarray, Target, float], Decision]


@dataclass(frozen=True)
class Thresholds:
    """Predict the labels whose score exceeds their threshold."""

    thresholds: tuple[float, ...]
    """One for each label, or one for all."""

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return scores > np.asarray(self.thresholds, dtype=np.float64)


def rule_named(name: str) -> Fit:
    """
    Raises
    ------
    UsageError: for an unknown rule, with the known ones, or one that cannot be imported.
    """
    fit: Fit = RULES.module(name, "fit").fit
    return fit


def target_named(word: str) -> Target:
    """
    Raises
    ------
    UsageError: for an unknown target, with the known ones.
    """
    for target in TARGETS:
        if word == target:
            return target
    raise UsageError(f"there is no target {word!r} of decision rules; {did_you_mean(word, TARGETS)}")


def in_short(decision: Decision) -> dict[str, Any]:
    """The parameters of a decision, of several thresholds the lowest, the median and the highest."""
    short: dict[str, Any] = {}
    for name, value in asdict(decision).items():  # type: ignore[call-overload]
        if not isinstance(value, tuple):
            short[name] = value
        elif len(value) == 1:
            short[name.removesuffix("s")] = value[0]
        else:
            short |= {name: {"lowest": min(value), "median": median(value), "highest": max(value)}}
    return short
