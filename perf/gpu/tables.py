"""Part c: what Tables 2 to 5 take at the paper's sizes, one seed: every method with its grid on each of the eight sets.

Two epochs of each training are run; the second is taken for all that follow, so the seconds are scaled, and the records
say so. BCE and FLEM-D are timed in plain PyTorch on the same device too: one epoch, times epochs and grid points.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench import methods
from bench.config import Variant
from bench.job.build import linear_module
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.methods.api import Batch
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from perf.cases.grid import plain_step
from perf.gpu.setting import DENSITY, Line, Setting

METHODS = ("BCE", "FLEM-D", "FLEM-S", "FLEM-T", "LEVI", "VALEN", "FL", "CB", "R-FL", "DB", "BS", "ML-KNN")
"""The paper's but RAKEL, which runs on the CPU wherever it runs; its cost is in docs/scaling.md."""
PLAIN = ("BCE", "FLEM-D")
EPOCHS = 2
EVALUATED_ROWS = 5000


def lines(setting: Setting) -> Iterator[Line]:
    for name in DENSITY:
        prepared: list[Prepared] = []
        for method in METHODS:
            yield f"{method}, {name}", partial(job_cost, setting, method, name, prepared)


def job_cost(setting: Setting, method: str, name: str, kept: list[Prepared]) -> dict[str, Any]:
    """Seconds of a job's training, scaled to the protocol's epochs, and of its evaluation on the validation rows."""
    if not kept:
        kept.append(setting.simulated(name))
    prepared = kept[0]
    if setting.on_gpu:
        torch.cuda.reset_peak_memory_stats(setting.device)
    points = recipe(Variant(name=method, base=method)).points
    found: dict[str, Any] = {"points": len(points)}
    if methods.info(method).gradient:
        found |= trained(setting, method, points, prepared)
    else:
        scores: list[Tensor] = []

        def fit_and_score() -> None:
            scores.append(fit_method(method, points, prepared, 0).candidates[0].scores(prepared.splits["val"].x))

        found["seconds"] = setting.seconds(fit_and_score)
        y = prepared.splits["val"].y
        found["evaluation_seconds"] = setting.seconds(lambda: evaluate(y, scores[0], 0.5))
    if setting.on_gpu:
        found["peak_bytes"] = torch.cuda.max_memory_allocated(setting.device)
    if method in PLAIN:
        found["plain_seconds"] = plain_epoch(setting, method, prepared) * Protocol().epochs * len(points)
    return found


def trained(setting: Setting, method: str, points: list[dict[str, Any]], prepared: Prepared) -> dict[str, Any]:
    """Two epochs of every training of the job, recovery networks included, each scaled to its own epochs."""
    wanted = {"epoch": Protocol().epochs, "recovery network, epoch": points[0].get("epochs", 0)}
    short = [{**point, "epochs": EPOCHS} if "epochs" in point else point for point in points]
    setting.wait()
    marks: list[tuple[str, int, float]] = []
    start = time.perf_counter()

    def progress(what: str, done: int, whole: int) -> None:
        setting.wait()
        marks.append((what, done, time.perf_counter() - start))

    fitted = fit_linear(method, short, prepared, Protocol(epochs=EPOCHS), 0, progress)
    setting.wait()
    taken = time.perf_counter() - start
    more = 0.0
    for (_, _, before), (what, done, now) in itertools.pairwise(marks):
        if done % EPOCHS == 0:  # the second epoch of a training stands for those that were left out
            more += (now - before) * (wanted[what] - EPOCHS)
    y, x = prepared.splits["val"].y, prepared.splits["val"].x
    scoring = setting.seconds(lambda: evaluate(y, fitted.candidates[0].scores(x), 0.0)) * len(points)
    return {
        "seconds": taken + more,
        "measured_seconds": taken,
        "epochs_measured": EPOCHS,
        "stacks": fitted.stacks,
        "evaluation_seconds": scoring,
    }


def plain_epoch(setting: Setting, method: str, prepared: Prepared) -> float:
    """Seconds of an epoch of one model in plain PyTorch: a module, torch's AdamW, clip_grad_norm_, batches gathered on
    the device; without validation."""
    train = prepared.splits["train"]
    module = linear_module(method, recipe(Variant(name=method, base=method)).points[0], prepared, 0).to(train.x)
    step = plain_step(module)

    def epoch(batches: int | None) -> None:
        for index in torch.randperm(len(train.x)).split(Protocol().batch_size)[:batches]:
            index = index.to(train.x.device)
            x, y = train.x[index], train.y[index].to(train.x.dtype)
            step(Batch(x, y, module.classifier(x)))

    epoch(20)  # kernels are loaded at their first use
    steps = -(-len(train.x) // Protocol().batch_size)
    measured = min(steps, 200)
    return setting.seconds(lambda: epoch(measured)) * steps / measured
