"""Part b: the cost of a step, against bandwidth and product rate of the device, measured in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from bench import methods
from bench.config import Variant
from bench.job.build import linear_module, loop_options, per_sample_tensors
from bench.job.inputs import Prepared
from bench.job.recipe import recipe
from bench.protocol import Protocol
from bench.training.stack import Stack
from bench.training.step import Step
from perf.gpu.setting import Line, Setting

SHAPES = ("VOC07", "COCO14", "NUS")
TRAININGS = {"BCE": 1, "FLEM-D": 16, "LEVI": 4}
"""{method: models in its stack}."""
STEPS = 200
BYTES_A_PARAMETER = 48
"""AMSGrad-AdamW reads 20 and writes 16; the gradient is written and read for its norm, the weights are read once."""


def lines(setting: Setting) -> Iterator[Line]:
    yield "rates", partial(rates, setting)
    for shape in SHAPES:
        prepared: list[Prepared] = []
        for name in TRAININGS:
            yield f"{name} x {TRAININGS[name]}, {shape}", partial(step_cost, setting, name, shape, prepared)


def rates(setting: Setting) -> dict[str, Any]:
    """GB/s of a copy (read and written), TFLOP/s of square matrix products."""
    size = 8192 if setting.on_gpu else 512
    found: dict[str, Any] = {}
    source = torch.randn(size * size * 4, device=setting.device)
    target = torch.empty_like(source)
    found["copy_gb_per_s"] = 2 * source.nbytes / best(setting, lambda: target.copy_(source)) / 1e9
    for kind, dtype in (("float32", torch.float32), ("tf32", torch.float32), ("float64", torch.float64)):
        a = torch.randn(size, size, device=setting.device, dtype=dtype)
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        found[f"product_tflops_{kind}"] = 2 * size**3 / best(setting, partial(torch.matmul, a, a)) / 1e12
        torch.backends.cuda.matmul.allow_tf32 = False
    empty = torch.zeros((), device=setting.device)
    found["launch_us"] = setting.seconds(lambda: [empty.add_(1) for _ in range(1000)]) * 1e3
    return found


def best(setting: Setting, run: Callable[[], object]) -> float:
    run()
    return min(setting.seconds(run) for _ in range(5))


def step_cost(setting: Setting, name: str, shape: str, kept: list[Prepared]) -> dict[str, Any]:
    """Microseconds a step: captured, launched as a recording, and with vmap and autograd; kernels; bounds."""
    if not kept:
        kept.append(setting.simulated(shape))
    prepared = kept[0]
    rows = len(prepared.splits["train"].x)
    order = torch.randperm(rows, device=setting.device)
    batches = [index for index in order.split(Protocol().batch_size) if len(index) == Protocol().batch_size]
    step = made_step(setting, name, prepared)
    number = iter(range(10**9))

    def run(steps: int, call: Callable[[Tensor], Tensor]) -> None:
        for _ in range(steps):
            call(batches[next(number) % len(batches)])

    run(40, step)  # recorded at the fourth, captured next; compared with plain calls at 1, 2, 4, 8, ...
    parameters = sum(value.numel() for value in step.stack.parameters.values())
    found: dict[str, Any] = {"models": step.stack.size, "parameters": parameters}
    for kind, call in (("captured", step), ("launched", step._run)):
        steps = STEPS if kind == "captured" else STEPS // 5
        timed = [timed_steps(setting, partial(run, steps, call)) for _ in range(3)]
        found[f"{kind}_us"] = median(one[0] for one in timed) / steps * 1e6
        found[f"{kind}_host_us"] = median(one[1] for one in timed) / steps * 1e6
    step.stack.records = False
    found["unrecorded_us"] = setting.seconds(partial(run, 10, step._run)) / 10 * 1e6
    step.stack.records = True
    found |= kernels(setting, partial(run, call=step._run))
    found["bytes"] = parameters * BYTES_A_PARAMETER
    found["flop"] = 4 * Protocol().batch_size * parameters
    return found


def made_step(setting: Setting, name: str, prepared: Prepared) -> Step:
    """The step of a method's stack as a job makes it; a recovery network is trained for one epoch on few rows."""
    points = recipe(Variant(name=name, base=name)).points[: TRAININGS[name]]
    if "epochs" in points[0]:
        points = [{**point, "epochs": 1} for point in points]
    protocol = Protocol()
    extra = per_sample_tensors(name, points[0], prepared, protocol, 0)
    modules = [linear_module(name, point, prepared, 0) for point in points]
    train = prepared.splits["train"]
    stackable = methods.method_class(name).stackable  # type: ignore[union-attr]
    stack = Stack(modules, linear=True, stackable=stackable, device=setting.device, dtype=train.x.dtype)
    return Step(stack, loop_options(protocol, len(train.x)), train, extra)


def timed_steps(setting: Setting, run: Callable[[], None]) -> tuple[float, float]:
    """(seconds until all is done, seconds until all is launched)."""
    setting.wait()
    start = time.perf_counter()
    run()
    launched = time.perf_counter() - start
    setting.wait()
    return time.perf_counter() - start, launched


def kernels(setting: Setting, step: Callable[[int], None], steps: int = 10) -> dict[str, Any]:
    """Per step: kernels and copies on the GPU, microseconds in which it is busy, and the kinds that take most of them;
    nothing on a CPU."""
    if not setting.on_gpu:
        return {}
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA], acc_events=True) as seen:
        step(steps)
        setting.wait()
    events = [event for event in seen.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    kinds: dict[str, list[float]] = {}
    for event in events:
        count_and_time = kinds.setdefault(event.name[:100], [0.0, 0.0])
        count_and_time[0] += 1 / steps
        count_and_time[1] += event.device_time / steps
    most = sorted(kinds.items(), key=lambda kind: -kind[1][1])[:12]
    return {
        "kernels": len(events) / steps,
        "busy_us": sum(event.device_time for event in events) / steps,
        "kinds": {name: [round(count, 1), round(time, 2)] for name, (count, time) in most},
    }
