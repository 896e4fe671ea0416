"""FLEM-D's 16-point grid on a problem of VOC07's size, against the 16 models one after another in plain PyTorch.

Both train the same models from the same initial weights on the same batches. The plain way: TensorDataset, DataLoader
with default collate and no workers, one nn.Module, torch's AdamW with AMSGrad, clip_grad_norm_, and after each epoch
scikit-learn's four metrics on validation.
"""

from __future__ import annotations

import copy
import time
from collections import deque

import numpy as np
import torch
from sklearn import metrics as scikit
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import methods
from bench import training
from bench.config import Protocol
from bench.fit_linear import fit_linear
from bench.fitting import Prepared
from bench.metrics import evaluate
from bench.streams import shuffled_batches, stream_seed
from methods.api import Batch, LinearMethod, Problem, Split

ROWS, VALIDATION_ROWS, FEATURES, LABELS, EPOCHS = 2501, 2510, 2048, 20, 30
GRID = [{"alpha": a, "beta": b} for a in (1e-4, 1e-3, 1e-2, 1e-1) for b in (1e-4, 1e-3, 1e-2, 1e-1)]


def simulated(rows: int, seed: int) -> Split:
    """Rectified features and sparse labels of VOC07's density that depend on them; simulated, not VOC07."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, FEATURES, generator=generator).relu()
    direction = torch.randn(FEATURES, LABELS, generator=torch.Generator().manual_seed(99))
    score = (x - x.mean()) @ direction / FEATURES**0.5 + 0.3 * torch.randn(rows, LABELS, generator=generator)
    return Split(x, (score > score.quantile(0.927)).to(torch.int8))


def problem_of(train: Split) -> Problem:
    return Problem("simulated", ROWS, FEATURES, LABELS, train.y.sum(0, dtype=torch.float64))


def models(train: Split) -> list[LinearMethod]:
    """The grid's models with the initial weights that the harness gives them."""
    made = []
    for point in GRID:
        torch.manual_seed(stream_seed(0, "side networks", "initialisation"))
        module = methods.create("FLEM-D", problem_of(train), **point)
        assert isinstance(module, LinearMethod)
        training.initialise_classifier(module, 0)
        made.append(module.float())
    return made


def plain(module: LinearMethod, train: Split, validation: Split, validate: bool) -> tuple[float, int]:
    """(best validation Hamming loss, its epoch) of one model, the plain way."""
    data = TensorDataset(train.x, train.y.float())
    weights = [value for name, value in module.named_parameters() if "bias" not in name]
    biases = [value for name, value in module.named_parameters() if "bias" in name]
    groups = [{"params": weights, "weight_decay": 1e-4}, {"params": biases, "weight_decay": 1e-2}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
    queue: deque[float] = deque([float("inf")], maxlen=5)
    truth = validation.y.numpy().astype(int)
    best, chosen, kept = 1.0, 0, None
    for epoch in range(1, EPOCHS + 1):
        order = torch.cat(shuffled_batches(ROWS, 64, 0, "classifier", epoch)).tolist()
        for x, y in DataLoader(data, batch_size=64, sampler=order):
            optimiser.zero_grad()
            module.objective(Batch(x, y, module.classifier(x))).backward()
            norm = float(nn.utils.clip_grad_norm_(module.parameters(), 5 * max(queue)))
            queue.append(min(norm, 2 * max(queue), 1.0))
            optimiser.step()
        if validate:
            with torch.no_grad():
                scores = module.classifier(validation.x).numpy()
            wrong = scikit.hamming_loss(truth, scores > 0)
            scikit.label_ranking_loss(truth, scores)
            scikit.coverage_error(truth, scores)
            scikit.average_precision_score(truth, scores, average="macro")
            if wrong < best:
                best, chosen, kept = wrong, epoch, copy.deepcopy(module.state_dict())
    del kept
    return best, chosen


def run(full: bool) -> dict[str, object]:
    train, validation = simulated(ROWS, 0), simulated(VALIDATION_ROWS, 1)
    prepared = Prepared(problem_of(train), {"train": train, "val": validation})
    points = [methods.options("FLEM-D", methods.listing("FLEM-D").defaults, point) for point in GRID]
    start = time.perf_counter()
    fitted = fit_linear("FLEM-D", points, prepared, Protocol(), 0, processes=2)
    ours = [evaluate(validation.y, one.scores(validation.x), 0.0)["hamming"] for one in fitted.candidates]
    stacked = time.perf_counter() - start
    # Two validation rows: as good as none.
    hardly = Prepared(prepared.problem, {"train": train, "val": Split(validation.x[:2], validation.y[:2])})
    start = time.perf_counter()
    fit_linear("FLEM-D", points, hardly, Protocol(), 0, processes=2)
    stacked_alone = time.perf_counter() - start
    plain_seconds, differences = {True: 0.0, False: 0.0}, []
    torch.set_num_threads(2)
    chosen = range(len(GRID)) if full else (5, 15)
    for k in chosen:
        for validate in (True, False):
            module = models(train)[k]
            start = time.perf_counter()
            best, _ = plain(module, train, validation, validate)
            plain_seconds[validate] += (time.perf_counter() - start) * len(GRID) / len(chosen)
            if validate:
                differences.append(abs(best - (ours[k] or 0.0)))
    steps = EPOCHS * int(np.ceil(ROWS / 64))
    parameters = sum(value.numel() for value in models(train)[0].parameters()) * len(GRID)
    wide = len(GRID) * FEATURES * (LABELS + 128)
    return {
        "stacks": fitted.stacks,
        "stacked_seconds": stacked,
        "stacked_seconds_without_validation": stacked_alone,
        "plain_seconds": plain_seconds[True],
        "plain_seconds_without_validation": plain_seconds[False],
        "plain_models_timed": len(chosen),
        "ratio": plain_seconds[True] / stacked,
        "ratio_without_validation": plain_seconds[False] / stacked_alone,
        "largest_difference_of_best_validation_hamming": max(differences),
        "steps": steps,
        "step_ms": stacked_alone / steps * 1e3,
        # forward and weight gradient of the two layers on x, which hold 95 % of the multiplications
        "step_gflop": 4 * 64 * wide / 1e9,
        # AdamW with AMSGrad: 20 bytes read, 16 written; the gradient written and read for its norm; weights read once
        "step_gb": parameters * (36 + 4 + 4 + 4) / 1e9,
    }
