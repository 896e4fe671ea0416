"""Cost of a step of each method against a bare linear step, and against BCE's, at VOC07's size; one thread.

The bare step is what none can do without: the logits of a batch, a given gradient carried back to the weights, and the
fused AMSGrad-AdamW update. Each method is one model; FLEM also as the stack of eight that its grid trains in, FLEM-D as
stacks of other sizes. What validation costs is measured beside a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from bench import methods
from bench.job.build import linear_module, loop_options, per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import Split
from bench.methods.enhancement.two_stage import TwoStage
from bench.protocol import Protocol
from bench.training import loop
from bench.training import step as training_step
from bench.training.optimiser import Adam
from bench.training.stack import Stack
from perf.cases.grid import GRID, problem_of, simulated

ROWS, BATCH = 2501, 64
STACKED = ("FLEM-S", "FLEM-T", "FLEM-D")
SIZES = (1, 2, 4, 8, 16)
STEPS, ROUNDS = 39, 9
Step = Callable[[Tensor], object]
"""Of the rows at these positions."""


def run(full: bool) -> dict[str, object]:
    torch.set_num_threads(1)
    train = simulated(ROWS, 0)
    prepared = Prepared(problem_of(train), {"train": train})
    alone = one_loop()
    steps: dict[str, Step] = {"bare": _bare(train)}
    for name in alone:
        steps[name] = _step_of(name, [{}], prepared)
    for name in STACKED:
        steps[f"{name} x 8"] = _step_of(name, GRID[:8], prepared)
    for size in SIZES:
        steps.setdefault(f"FLEM-D x {size}", _step_of("FLEM-D", GRID[:size], prepared))
    times: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(ROUNDS + 1):
        for name, step in steps.items():
            taken = _timed(step)
            if number:  # the first round records the operations
                times[name].append(taken)
    validation = {name: _validation(len(points), train) for name, points in (("BCE", [{}]), ("FLEM-D x 8", GRID[:8]))}
    torch.set_num_threads(2)
    milliseconds = {name: median(values) * 1e3 for name, values in times.items()}
    return {
        "milliseconds": milliseconds,
        "to_bare": {name: median(a / b for a, b in zip(times[name], times["bare"], strict=True)) for name in alone},
        "to_bce": {name: median(a / b for a, b in zip(times[name], times["BCE"], strict=True)) for name in alone},
        "to_flem_d": {
            name: median(a / b for a, b in zip(times[f"{name} x 8"], times["FLEM-D x 8"], strict=True))
            for name in STACKED
        },
        "stack_ms_a_model": {str(size): milliseconds[f"FLEM-D x {size}"] / size for size in SIZES},
        "share_of_validation": {
            name: seconds / (seconds + len(range(0, ROWS, BATCH)) * median(times[name]))
            for name, seconds in validation.items()
        },
    }


def one_loop() -> list[str]:
    """BCE, then every other method whose classifier is trained by its own objective alone."""
    found = [name for name, info in methods.infos().items() if info.origin == "built-in" and info.gradient]
    return ["BCE", *(name for name in found if name != "BCE" and not issubclass(methods.method_class(name), TwoStage))]


def _validation(models: int, split: Split) -> float:
    """Seconds of the validation after an epoch, on as many rows as are trained on."""
    parameters = {
        "classifier.weight": torch.randn(models, split.y.shape[1], split.x.shape[1]),
        "classifier.bias": torch.zeros(models, split.y.shape[1]),
    }
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        loop.stacked_hamming(parameters, split, threshold=0.0)
        taken.append(time.perf_counter() - start)
    return median(taken)


def _timed(step: Step) -> float:
    """Seconds a step, batches gathered as the loop does."""
    order = torch.randperm(ROWS).split(BATCH)[:STEPS]
    start = time.perf_counter()
    for index in order:
        step(index)
    return (time.perf_counter() - start) / len(order)


def _step_of(name: str, points: list[dict], prepared: Prepared) -> Step:
    protocol = Protocol()
    defaults = methods.info(name).defaults
    chosen = [methods.options(name, defaults, point) for point in points]
    extra = per_sample_tensors(name, chosen[0], prepared, protocol, 0)
    modules = [linear_module(name, point, prepared, 0) for point in chosen]
    train = prepared.splits["train"]
    stack = Stack(modules, linear=True, stackable=modules[0].stackable, device=train.x.device, dtype=train.x.dtype)
    return training_step.Step(stack, loop_options(protocol, ROWS), train, extra)


def _bare(train: Split) -> Step:
    weight, bias = torch.zeros(1, train.y.shape[1], train.x.shape[1]), torch.zeros(1, train.y.shape[1])
    adam = Adam(
        {"weight": weight, "bias": bias},
        learning_rate=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-4,
        bias_weight_decay=1e-2,
        amsgrad=True,
    )

    def step(index: Tensor) -> None:
        x = train.x.index_select(0, index)
        z = torch.addmm(bias[0], x, weight[0].T)
        adam.step([(z.T @ x)[None], z.sum(0)[None]])

    return step
