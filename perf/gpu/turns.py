"""Part d: seeds that take turns in one process, a stream each, against the same seeds one after another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from bench.config import Variant
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.protocol import Protocol
from bench.system.hardware import own_stream
from bench.training.interleave import in_turns
from perf.gpu.setting import Line, Setting

SHAPES = {"VOC07": 6, "AAPD": 1}
"""{set: epochs}."""


def lines(setting: Setting) -> Iterator[Line]:
    for shape, epochs in SHAPES.items():
        prepared: list[Prepared] = []
        for method in ("BCE", "FLEM-D"):
            yield f"{method}, {shape}", partial(ratios, setting, method, shape, epochs, prepared)


def ratios(setting: Setting, method: str, shape: str, epochs: int, kept: list[Prepared]) -> dict[str, Any]:
    """Seconds of 1 to 5 seeds after another, and of 2 and of 5 in turns; their ratio is how much turns save."""
    if not kept:
        kept.append(setting.simulated(shape))
    points = recipe(Variant(name=method, base=method)).points[:8]

    def fit(seed: int) -> None:
        fit_linear(method, points, kept[0], Protocol(epochs=epochs), seed)

    def on_own_stream(seed: int) -> None:
        with own_stream(str(setting.device), seed):
            fit(seed)

    fit(0)
    found: dict[str, Any] = {"one_seconds": setting.seconds(lambda: fit(1))}
    for seeds in (2, 5):
        after = setting.seconds(lambda seeds=seeds: [fit(seed) for seed in range(seeds)])  # type: ignore[misc]
        turns = setting.seconds(lambda seeds=seeds: in_turns([partial(on_own_stream, s) for s in range(seeds)]))  # type: ignore[misc]
        found |= {f"{seeds}_after_another": after, f"{seeds}_in_turns": turns, f"{seeds}_ratio": after / turns}
    return found
