"""The setting that the parts of a visit share: device, share of rows, simulated data, clocks that wait for a device."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from bench import methods
from bench.job.inputs import Prepared, problem_of
from bench.methods.api import Split
from bench.tables.paper import dataset_facts

DENSITY = {
    "VOC07": 0.077, "Reuters": 0.0138, "VOC12": 0.073, "CUB": 0.1006, "AAPD": 0.0446, "COCO14": 0.0362,
    "COCO17": 0.0367, "NUS": 0.0231,
}  # fmt: skip
"""Share of positive labels as usually reported for the paper's sets; small sets first."""
Line = tuple[str, Callable[[], dict[str, Any]]]
"""Name of a line, and the measurement that gives its numbers."""


@dataclass(frozen=True)
class Setting:
    """One visit."""

    device: torch.device
    scale: float
    """Share of each set's rows; below 1 on a stand-in."""

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Wait until the device has nothing left to do."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def seconds(self, run: Callable[[], object]) -> float:
        """Seconds of a call, until the device has nothing left to do."""
        self.wait()
        start = time.perf_counter()
        run()
        self.wait()
        return time.perf_counter() - start

    def simulated(self, name: str) -> Prepared:
        """Training and validation rows of the set's size in Table 1: rectified normal features, and labels of the
        set's density that depend on them."""
        facts = dataset_facts(name)
        features, labels = int(facts["D_features"]), int(facts["L_labels"])
        generator = torch.Generator(self.device).manual_seed(0)
        direction = torch.randn(features, labels, generator=generator, device=self.device)
        threshold = math.sqrt(2) * torch.erfinv(torch.tensor(1 - 2 * DENSITY[name])).item()

        def split(rows: int) -> Split:
            x = torch.randn(max(75, int(rows * self.scale)), features, generator=generator, device=self.device).relu()
            score = (x - x.mean()) @ direction
            return Split(x, (score > threshold * score.std()).to(torch.int8))

        splits = {part: split(int(facts[f"N_{part}"])) for part in ("train", "val")}
        return Prepared(problem_of(name, splits, "official"), splits)


def gradient_methods() -> Iterator[str]:
    """The methods that the shared loop trains, built-in ones alone."""
    for name, info in methods.infos().items():
        if info.gradient and not info.problems and info.origin == "built-in":
            yield name
