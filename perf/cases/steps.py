"""Cost of a step of each method against a bare linear step, BCE's, plain PyTorch's and its floor, at VOC07's size; one
thread.

The bare step is what none can do without: the logits of a batch, a given gradient carried back to the weights, and the
fused AMSGrad-AdamW update. Each method is one model; FLEM also as the stack of eight that its grid trains in, FLEM-D as
stacks of other sizes. What validation costs is measured beside a step. The floor is the products and the bytes that
every step has, one after the other, at the rates measured in the same run. Times are the process's own. Without
``full`` there are half as many rounds, of half as many steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from bench import methods
from bench.job.build import linear_module, loop_options, per_sample_tensors
from bench.job.inputs import Prepared
from bench.methods.api import Batch, Split
from bench.methods.enhancement.two_stage import TwoStage
from bench.protocol import Protocol
from bench.training import loop
from bench.training import step as training_step
from bench.training.optimiser import Adam
from bench.training.stack import Stack
from perf.cases.grid import GRID, plain_step, problem_of, simulated
from perf.machine import in_turns, over, rates, seconds

ROWS, BATCH = 2501, 64
STACKED = ("FLEM-S", "FLEM-T", "FLEM-D")
SIZES = (1, 2, 4, 8, 16)
FLOORS = ("BCE", "FLEM-D x 8")
"""Steps that are set against their floors and against plain PyTorch's."""
BYTES_A_PARAMETER = 36 + 4 + 4 + 4
"""AdamW with AMSGrad: 20 bytes read, 16 written; the gradient written and read for its norm; weights read once."""
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
    plain = {f"plain {name}": _plain_step_of(name, prepared) for name in ("BCE", "FLEM-D")}
    length, rounds = (STEPS, ROUNDS) if full else (STEPS // 2, ROUNDS // 2)
    order = torch.randperm(ROWS).split(BATCH)[:length]
    runs = {name: partial(_through, step, order) for name, step in (steps | plain).items()}
    taken = in_turns(runs, rounds, time.process_time)  # the round before, which does not count, records the operations
    times = {name: [value / length for value in values] for name, values in taken.items()}
    measured = rates()
    floors = {name: _floor_ms(name, prepared, measured) for name in FLOORS}
    validation = {name: _validation(len(points), train) for name, points in (("BCE", [{}]), ("FLEM-D x 8", GRID[:8]))}
    torch.set_num_threads(2)
    milliseconds = {name: median(values) * 1e3 for name, values in times.items()}
    return {
        "milliseconds": milliseconds,
        "floor_ms": floors,
        "ratio_to_plain": {
            "BCE": over(times["plain BCE"], times["BCE"]),
            "FLEM-D x 8": [8 * ratio for ratio in over(times["plain FLEM-D"], times["FLEM-D x 8"])],
        },
        "to_bare": {name: over(times[name], times["bare"]) for name in alone},
        "to_bce": {name: over(times[name], times["BCE"]) for name in alone if name != "BCE"},
        "to_flem_d": {name: over(times[f"{name} x 8"], times["FLEM-D x 8"]) for name in STACKED if name != "FLEM-D"},
        "stack_ms_a_model": {str(size): milliseconds[f"FLEM-D x {size}"] / size for size in SIZES},
        "share_of_validation": {
            name: value / (value + len(range(0, ROWS, BATCH)) * median(times[name]))
            for name, value in validation.items()
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
    return seconds(lambda: loop.stacked_hamming(parameters, split, threshold=0.0), ROUNDS)


def _through(step: Step, order: Sequence[Tensor]) -> None:
    """A step of each batch, whose rows are gathered as the loop does."""
    for index in order:
        step(index)


def _floor_ms(name: str, prepared: Prepared, measured: dict[str, float]) -> float:
    """Milliseconds of the wide products and of the bytes of parameters and batch."""
    models = 8 if name.endswith("x 8") else 1
    module = linear_module(name.removesuffix(" x 8"), _options(name.removesuffix(" x 8"), GRID[0]), prepared, 0)
    features = prepared.problem.n_features
    wide = sum(value.numel() for value in module.parameters() if value.shape[-1] == features)
    parameters = sum(value.numel() for value in module.parameters())
    gflop = models * 4 * BATCH * wide / 1e9
    gigabytes = (models * parameters * BYTES_A_PARAMETER + 2 * 4 * BATCH * features) / 1e9
    return 1e3 * (gflop / measured["matrix_product_gflops"] + gigabytes / measured["update_gb_per_s"])


def _plain_step_of(name: str, prepared: Prepared) -> Step:
    """One model's step in plain PyTorch."""
    module = linear_module(name, _options(name, GRID[0]), prepared, 0)
    plain, train = plain_step(module), prepared.splits["train"]

    def step(index: Tensor) -> None:
        x, y = train.x[index], train.y[index].float()
        plain(Batch(x, y, module.classifier(x)))

    return step


def _options(name: str, point: dict) -> dict:
    defaults = methods.info(name).defaults
    return methods.options(name, defaults, {key: value for key, value in point.items() if key in defaults})


def _step_of(name: str, points: list[dict], prepared: Prepared) -> Step:
    protocol = Protocol()
    chosen = [_options(name, point) for point in points]
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
