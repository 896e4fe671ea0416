"""Cost of label enhancement: recovery and second stage of LEVI and VALEN, on VOC07's shape, against plain BCE."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from bench import methods
from bench.config import Variant
from bench.job.build import per_sample_tensors
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.job.recipe import recipe
from bench.methods.api import Split
from bench.protocol import Protocol

ROWS, VALIDATION_ROWS, FEATURES, LABELS = 2501, 2510, 2048, 20
EPOCHS = 3


def run(full: bool) -> dict[str, object]:
    """Seconds per epoch of each part, one thread; medians of three rounds in which all take turns."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)

    def split(rows: int) -> Split:
        x = torch.rand(rows, FEATURES, generator=generator)
        return Split(x, (torch.rand(rows, LABELS, generator=generator) < 0.08).to(torch.int8))

    splits = {"train": split(ROWS), "val": split(VALIDATION_ROWS)}
    prepared = Prepared(problem_of("simulated", splits, "official"), splits)
    protocol = Protocol(epochs=EPOCHS)

    def recovery(name: str) -> None:
        point = methods.options(name, methods.info(name).defaults, {"epochs": EPOCHS})
        per_sample_tensors(name, point, prepared, protocol, 0)

    def whole(name: str) -> None:
        points = recipe(Variant(name=name, base=name)).points
        points = [{**point, "epochs": EPOCHS} if "epochs" in point else point for point in points]
        fit_linear(name, points, prepared, protocol, 0)

    parts: dict[str, Callable[[], None]] = {"BCE": lambda: whole("BCE")}
    for name in ("LEVI", "VALEN"):
        parts[f"{name} recovery"] = lambda name=name: recovery(name)  # type: ignore[misc]
        parts[f"{name} whole"] = lambda name=name: whole(name)  # type: ignore[misc]
    times: dict[str, list[float]] = {part: [] for part in parts}
    for _ in range(3):
        for part, call in parts.items():
            started = time.perf_counter()
            call()
            times[part].append((time.perf_counter() - started) / EPOCHS)
    per_epoch = {part: sorted(values)[1] for part, values in times.items()}
    torch.set_num_threads(2)
    return {
        "bce_seconds_per_epoch": per_epoch["BCE"],
        **{
            f"{name.lower()}_{what}": value
            for name in ("LEVI", "VALEN")
            for what, value in (
                ("recovery_seconds_per_epoch", per_epoch[f"{name} recovery"]),
                ("grid_of_4_seconds_per_epoch", per_epoch[f"{name} whole"] - per_epoch[f"{name} recovery"]),
                ("ratio_to_bce", per_epoch[f"{name} whole"] / per_epoch["BCE"]),
            )
        },
    }
