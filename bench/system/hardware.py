"""Devices, threads and peak memory."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from bench.errors import UsageError


def best_device(wanted: str) -> str:
    """The first of :func:`devices`."""
    return devices(wanted)[0]


def devices(wanted: str) -> list[str]:
    """ "auto" is every GPU, else the CPU; "cuda" is every GPU; "cuda:N" and "cpu" are themselves.

    Raises
    ------
    UsageError: for a device that is not there.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    every = [f"cuda:{number}" for number in range(count)]
    if wanted == "auto":
        return every or ["cpu"]
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UsageError(f"there is no device {wanted!r}; use auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"the device {wanted!r} is not supported; use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(f"the device {wanted!r} is not there; torch sees {count} GPUs.")
    return every if wanted == "cuda" else [wanted]


def forget_peak_memory(device: str) -> None:
    """A GPU's peak counts from here on."""
    if device.startswith("cuda"):
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(device)


def empty_cache(device: str) -> None:
    """Give a GPU's unused memory back."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def device_bytes(device: str) -> int:
    """Memory of a GPU."""
    return torch.cuda.get_device_properties(device).total_memory


def peak_device_bytes(device: str) -> int | None:
    """Peak memory of a GPU in bytes; None of a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None


def name_of(device: str) -> str:
    """As records and checkpoints name it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"cpu ({os.environ.get('OMP_WAIT_POLICY', 'default')} waiting)"


STATUS, FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def start_anew() -> None:
    """Forget the peak so far; a process that serves several jobs would give each the largest one's."""
    with suppress(OSError):
        FORGET.write_text("5", encoding="ascii")


def peak_bytes() -> int:
    try:
        line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if platform.system() == "Darwin" else peak * 1024


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch, BLAS and OpenMP keep to so many: results do not depend on who else runs, and threads that wait for each
    other at every small operation do not slow a training down."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(limits=count):
            yield
    finally:
        torch.set_num_threads(before)
