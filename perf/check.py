"""``python -m perf --check``: ratios measured anew against the stored ones, each by its own noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

NOISE = 1.4
"""Ratios of two runs on a shared machine differ by up to this factor without anything having changed; for those whose
rounds are not stored, and for those of another processor."""
LEAST_NOISE = 1.1
"""Rounds of one run lie closer together than runs of two days."""
HIGHER_IS_BETTER = ("ratio",)
LOWER_IS_BETTER = ("to_", "share")


@dataclass(frozen=True)
class Ratio:
    """A ratio of one run: times as fast as the other side ("ratio..."), or a cost ("to_...", "share...")."""

    value: float
    noise: float
    """Its highest round over its lowest."""


@dataclass(frozen=True)
class Move:
    """A ratio that lies further from the stored one than noise does."""

    name: str
    before: float
    now: float
    noise: float

    @property
    def worse(self) -> bool:
        return (self.now < self.before) == _higher_is_better(self.name.split())

    @property
    def in_noises(self) -> float:
        """The move as a multiple of its noise, of logarithms."""
        return abs(math.log(self.now / self.before)) / math.log(self.noise)

    def __str__(self) -> str:
        return (
            f"{'worse' if self.worse else 'better'}: {self.name} was {self.before:.3g} and is {self.now:.3g}, "
            f"{self.now / self.before:.2f} times; its noise is {self.noise:.2f} times, so {self.in_noises:.1f} of it"
        )


def medians(values: Mapping[str, Any]) -> dict[str, Any]:
    """A case's values with the median for each ratio's rounds, and under "spread" their lowest and highest."""
    rounds = {path: found for path, found in _named(values) if isinstance(found, list)}
    spread = {path: [min(found), max(found)] for path, found in rounds.items()}
    return {**_with_medians(values), **({"spread": spread} if spread else {})}


def _with_medians(values: Mapping[str, Any], named: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        inside = named or _is_name(key)
        if isinstance(value, dict):
            found[key] = _with_medians(value, inside)
        else:
            found[key] = median(value) if inside and isinstance(value, list) else value
    return found


def ratios(values: Mapping[str, Any]) -> dict[str, Ratio]:
    """{path: ratio} of a case's stored values."""
    spread = values.get("spread", {})
    found = {}
    for path, value in _named({key: value for key, value in values.items() if key != "spread"}):
        if isinstance(value, int | float):
            low, high = spread.get(path, (1.0, NOISE))
            found[path] = Ratio(float(value), max(high / low, LEAST_NOISE))
    return found


def moves(case: str, now: Mapping[str, Any], stored: Sequence[Mapping[str, Any]], elsewhere: bool) -> list[Move]:
    """Ratios that moved beyond their noise, the largest move first. ``stored``: the case's values of one processor or,
    ``elsewhere``, of several, of which the nearest counts."""
    before = [ratios(values) for values in stored]
    found = []
    for path, ratio in ratios(now).items():
        known = [one[path] for one in before if path in one and one[path].value > 0]
        if not known or ratio.value <= 0:
            continue
        nearest = min(known, key=lambda one: abs(math.log(ratio.value / one.value)))
        noise = max(nearest.noise, ratio.noise, NOISE if elsewhere else 1.0)
        move = Move(f"{case}: {path}", nearest.value, ratio.value, noise)
        if move.in_noises > 1:
            found.append(move)
    return sorted(found, key=lambda move: move.in_noises, reverse=True)


def _named(values: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    """(path, value) of all that is a ratio, by a word of its path."""
    found = []
    for key, value in values.items():
        inner = f"{path} {key}".strip()
        if isinstance(value, dict):
            found += _named(value, inner)
        elif any(map(_is_name, inner.split())):
            found.append((inner, value))
    return found


def _is_name(word: str) -> bool:
    return word.startswith(HIGHER_IS_BETTER + LOWER_IS_BETTER)


def _higher_is_better(words: Sequence[str]) -> bool:
    return next(word for word in words if _is_name(word)).startswith(HIGHER_IS_BETTER)
