"""``python -m perf.gpu``: the paper's eight shapes on a GPU, every method with its grid; simulated data.

Features and labels are simulated: sizes of Table 1, label densities as usually reported for these sets. What is timed
is fitting the whole grid for the protocol's epochs, validation Hamming loss included; then one model of every method in
plain PyTorch, one epoch, times epochs and grid points, on the same GPU (not of LEVI and VALEN, whose recovery networks
are the larger part). Peaks are of device memory. With ``--together N`` also N seeds of the grid in turns, each on a
stream of its own, against the same seeds one after another.

    python -m perf.gpu                                      # everything; writes perf/gpu.json
    python -m perf.gpu --sets VOC07 --methods BCE FLEM-D    # a part; what is there already stays
    python -m perf.gpu --together 5 --no-plain              # five seeds at once, and one after another
    python -m perf.gpu --device cpu --scale 0.01            # whether the script runs, in a minute; writes nothing
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import methods
from bench.config import Variant
from bench.job.build import linear_module, per_sample_tensors
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, problem_of
from bench.job.recipe import recipe
from bench.methods.api import Batch, Split
from bench.protocol import Protocol
from bench.system import reading, writing
from bench.system.hardware import name_of, own_stream
from bench.tables.paper import dataset_facts
from bench.training.interleave import in_turns
from perf.cases.grid import plain_step

RESULTS = Path(__file__).with_name("gpu.json")
DENSITY = {
    "AAPD": 0.0446, "Reuters": 0.0138, "VOC07": 0.077, "VOC12": 0.073, "COCO14": 0.0362, "COCO17": 0.0367,
    "CUB": 0.1006, "NUS": 0.0231,
}  # fmt: skip
METHODS = ("ML-KNN", "FL", "CB", "R-FL", "DB", "BS", "LEVI", "VALEN", "FLEM-S", "FLEM-T", "FLEM-D", "BCE")
"""RAKEL runs on the CPU wherever it runs; its cost is in docs/scaling.md."""
WITHOUT_PLAIN = ("ML-KNN", "LEVI", "VALEN")


def simulated(name: str, scale: float, device: torch.device) -> dict[str, Split]:
    """Rectified normal features and labels of the set's density that depend on them."""
    facts = dataset_facts(name)
    features, labels = int(facts["D_features"]), int(facts["L_labels"])
    generator = torch.Generator(device).manual_seed(0)
    direction = torch.randn(features, labels, generator=generator, device=device)
    threshold = math.sqrt(2) * torch.erfinv(torch.tensor(1 - 2 * DENSITY[name])).item()

    def split(rows: int) -> Split:
        x = torch.randn(max(70, int(rows * scale)), features, generator=generator, device=device).relu()
        score = (x - x.mean()) @ direction
        return Split(x, (score > threshold * score.std()).to(torch.int8))

    return {part: split(int(facts[f"N_{part}"])) for part in ("train", "val")}


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has nothing left to do."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def grid_seconds(name: str, prepared: Prepared, protocol: Protocol, seed: int = 0) -> float:
    points = recipe(Variant(name=name, base=name)).points
    device = prepared.splits["train"].x.device
    if methods.info(name).gradient:
        return timed(lambda: fit_linear(name, points, prepared, protocol, seed), device)

    def fit_and_score() -> None:
        fitted = fit_method(name, points, prepared, 0)
        fitted.candidates[0].scores(prepared.splits["val"].x)

    return timed(fit_and_score, device)


def together_seconds(name: str, prepared: Prepared, protocol: Protocol, seeds: int) -> float:
    device = str(prepared.splits["train"].x.device)

    def one(seed: int) -> None:
        with own_stream(device, seed):
            grid_seconds(name, prepared, protocol, seed)

    return timed(lambda: in_turns([partial(one, seed) for seed in range(seeds)]), torch.device(device))


def plain_epoch_seconds(name: str, prepared: Prepared, protocol: Protocol) -> float:
    """One model, plain PyTorch: a module, torch's AdamW, clip_grad_norm_, batches gathered on the device."""
    point = methods.options(name, methods.info(name).defaults, {})
    train = prepared.splits["train"]
    extra = per_sample_tensors(name, point, prepared, Protocol(epochs=1), 0)
    module = linear_module(name, point, prepared, 0).to(train.x)
    step = plain_step(module)

    def epoch() -> None:
        for index in torch.randperm(len(train.x)).split(protocol.batch_size):
            index = index.to(train.x.device)
            x, y = train.x[index], train.y[index].to(train.x.dtype)
            rows: dict[str, Tensor] = {key: value[index] for key, value in extra.items()}
            step(Batch(x, y, module.classifier(x), rows))

    epoch()  # the first one loads kernels
    return timed(epoch, train.x.device)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m perf.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sets", nargs="+", default=list(DENSITY), choices=list(DENSITY))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of each set's rows")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--stack", type=int, default=16, help="models of a grid trained together")
    parser.add_argument("--together", type=int, default=1, help="seeds trained in turns")
    parser.add_argument("--no-plain", action="store_true", help="leave plain PyTorch out")
    given = parser.parse_args()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu --scale 0.01 shows whether the script runs")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_num_threads(1)
    protocol = Protocol(epochs=given.epochs, stack=given.stack)
    stored = reading.json(RESULTS, dict[str, Any]) if RESULTS.exists() else {}
    whole = given.scale == 1 and given.epochs == 30 and device.type == "cuda"
    for dataset in given.sets:
        splits = simulated(dataset, given.scale, device)
        prepared = Prepared(problem_of(dataset, splits["train"], "official"), splits)
        for name in given.methods:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            line: dict[str, float] = {"grid_seconds": grid_seconds(name, prepared, protocol)}
            if device.type == "cuda":
                line["peak_bytes"] = torch.cuda.max_memory_allocated(device)
            if given.together > 1 and methods.info(name).gradient:
                line["together"] = given.together
                alone = sum(grid_seconds(name, prepared, protocol, seed) for seed in range(given.together))
                line["together_ratio"] = alone / together_seconds(name, prepared, protocol, given.together)
            if name not in WITHOUT_PLAIN and not given.no_plain:
                points = len(recipe(Variant(name=name, base=name)).points)
                line["plain_seconds"] = plain_epoch_seconds(name, prepared, protocol) * given.epochs * points
                line["ratio"] = line["plain_seconds"] / line["grid_seconds"]
            print(dataset, name, {key: round(value, 3) for key, value in line.items()}, flush=True)
            if whole:
                device_name = name_of(str(device))
                stored.setdefault(device_name, {}).setdefault(dataset, {}).setdefault(name, {}).update(line)
                writing.write(RESULTS, (json.dumps(stored, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
