"""A function of one tensor as a CUDA graph: hundreds of small kernels are launched as one.

What the function reads and writes besides its argument stays at its place in memory: data, parameters, moments. Its
shapes are fixed. Random numbers go on from the generator's state at each replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor


@contextmanager
def capturing(graph: torch.cuda.CUDAGraph, device: torch.device) -> Iterator[None]:
    """Capture what is launched inside; torch's own stream for it is of the first device it captured on."""
    with torch.cuda.device(device), torch.cuda.graph(graph, stream=_stream(device)):
        yield


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


class CapturedFunction:
    """``function`` captured on an argument like ``example``; what a call returns holds until the next.

    Capturing runs nothing. The function must have run a few times before, so that libraries have set themselves up.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], example: Tensor) -> None:
        self.argument = example.clone()
        self.graph = torch.cuda.CUDAGraph()
        with capturing(self.graph, example.device):
            self.result = function(self.argument)

    def __call__(self, value: Tensor) -> Tensor:
        self.argument.copy_(value)
        self.graph.replay()
        return self.result
