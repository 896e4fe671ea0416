"""Cost of several selections in one training: an epoch of FLEM-D's stack of eight at VOC07's size, validation included.

Both sides are whole trainings in which every epoch is validated, one by Hamming loss alone, the other by three further
metrics; they take turns. Times are the process's own, of one thread, which others on the machine disturb less.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from statistics import median

import torch

from bench.methods.api import LinearMethod, Split
from bench.training import loop
from bench.training.step import LoopOptions
from perf.cases.grid import VALIDATION_ROWS, models, simulated
from perf.machine import over

ROWS, STACK = 2501, 8
EPOCHS, ROUNDS = 5, 3
FURTHER = ("ranking", "average-precision", "micro-f1")


def run(full: bool) -> dict[str, object]:
    torch.set_num_threads(1)
    train, validation = simulated(ROWS, 0), simulated(VALIDATION_ROWS, 1)
    several = ("hamming", *FURTHER)
    alone: list[float] = []
    together: list[float] = []
    for _ in range(ROUNDS):
        alone += _epochs(models(train)[:STACK], train, validation, ("hamming",))
        together += _epochs(models(train)[:STACK], train, validation, several)
    torch.set_num_threads(2)
    return {
        "hamming_epoch_ms": median(alone) * 1e3,
        "several_epoch_ms": median(together) * 1e3,
        "to_an_epoch": over(together, alone),
    }


def _epochs(made: list[LinearMethod], train: Split, validation: Split, criteria: tuple[str, ...]) -> list[float]:
    """Seconds of each epoch but the first, in which the steps are recorded."""
    ends: list[float] = []
    hooks = loop.Hooks(report=lambda epoch: ends.append(time.process_time()))
    options = replace(LoopOptions(epochs=EPOCHS), criteria=criteria)
    loop.train(made, train, validation, options, 0, hooks=hooks)
    return [after - before for before, after in pairwise(ends)]
