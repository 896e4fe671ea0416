"""FLEM-D's 16-point grid on a problem of VOC07's size, against the 16 models one after another in plain PyTorch.

Both train the same models from the same initial weights on the same batches. The plain way: TensorDataset, DataLoader
with default collate and no workers, one nn.Module, torch's AdamW with AMSGrad, clip_grad_norm_, and after each epoch
scikit-learn's four metrics on validation.

Of a step of eight models, milliseconds by kind of operation: where the time goes that the floors do not account for.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from sklearn import metrics as scikit
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from bench import methods
from bench.job.build import loop_options
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.methods.api import Batch, LinearMethod, Problem, Split
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from bench.training import loop
from bench.training.seeding import Streams, stream_seed
from bench.training.stack import Stack
from bench.training.step import Step

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
    positives = train.y.sum(0, dtype=torch.float64)
    return Problem("simulated", ROWS, FEATURES, LABELS, positives, labels_per_row=float(positives.sum()) / len(train.y))


def models(train: Split) -> list[LinearMethod]:
    """The grid's models with the initial weights that the harness gives them."""
    made = []
    for point in GRID:
        torch.manual_seed(stream_seed(0, "side networks", "initialisation"))
        module = methods.create("FLEM-D", problem_of(train), **point)
        assert isinstance(module, LinearMethod)
        loop.initialise_classifier(module, 0)
        made.append(module.float())
    return made


def plain_step(module: LinearMethod) -> Callable[[Batch], None]:
    """One step the plain way: autograd, clip_grad_norm_ with the queue of norms, torch's AdamW with AMSGrad."""
    weights = [value for name, value in module.named_parameters() if "bias" not in name]
    biases = [value for name, value in module.named_parameters() if "bias" in name]
    groups = [{"params": weights, "weight_decay": 1e-4}, {"params": biases, "weight_decay": 1e-2}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
    queue: deque[float] = deque([float("inf")], maxlen=5)

    def step(batch: Batch) -> None:
        optimiser.zero_grad()
        module.objective(batch).backward()
        norm = float(nn.utils.clip_grad_norm_(module.parameters(), 5 * max(queue)))
        queue.append(min(norm, 2 * max(queue), 1.0))
        optimiser.step()

    return step


def plain(module: LinearMethod, train: Split, validation: Split, validate: bool) -> tuple[float, int]:
    """(best validation Hamming loss, its epoch) of one model, the plain way."""
    data = TensorDataset(train.x, train.y.float())
    step = plain_step(module)
    truth = validation.y.numpy().astype(int)
    best, chosen, kept = 1.0, 0, None
    for epoch in range(1, EPOCHS + 1):
        order = torch.cat(Streams(0, "classifier").shuffled_batches(ROWS, 64, epoch)).tolist()
        for x, y in DataLoader(data, batch_size=64, sampler=order):
            step(Batch(x, y, module.classifier(x)))
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


def plain_in_a_fresh_process(position: int, validate: bool) -> tuple[float, float]:
    """(seconds, best validation Hamming loss) of one model, with two threads and OpenMP's own defaults."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    command = [sys.executable, "-m", "perf.cases.grid", str(position), str(int(validate))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    taken, best = done.stdout.split()
    return float(taken), float(best)


def main(position: int, validate: bool) -> None:
    torch.set_num_threads(2)
    train, validation = simulated(ROWS, 0), simulated(VALIDATION_ROWS, 1)
    module = models(train)[position]
    start = time.perf_counter()
    best, _ = plain(module, train, validation, validate)
    print(time.perf_counter() - start, best)


def stacked(points: list[dict], prepared: Prepared, validation: Split) -> tuple[float, list[float], list[int]]:
    """(seconds, validation Hamming losses, stack sizes) of the whole grid, the start of its processes included."""
    start = time.perf_counter()
    fitted = fit_linear("FLEM-D", points, prepared, Protocol(), 0, processes=2)
    hamming = [evaluate(validation.y, one.scores(validation.x), 0.0)["hamming"] or 0.0 for one in fitted.candidates]
    taken = time.perf_counter() - start
    return taken, hamming, fitted.stacks


class _Timed(TorchDispatchMode):
    """Times the operations that run. Torch's profiler keeps its events where a step frees its gradients, which then
    are written to new memory: that doubles a wide product's time."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, float]] = []
        """(kind, milliseconds) of each operation."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in bench/training/recording.py: nor is the compiler imported

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        start = time.perf_counter()
        out = func(*args, **(kwargs or {}))
        milliseconds = (time.perf_counter() - start) * 1e3
        shapes = [tuple(value.shape) for value in args if isinstance(value, torch.Tensor)]
        self.taken.append(
            (kind_of(func.overloadpacket.__name__, any(FEATURES in shape for shape in shapes)), milliseconds)
        )
        return out


def kind_of(operation: str, wide: bool) -> str:
    """The kind of an operation by its name in torch; ``wide``: an argument has the features' width."""
    if operation in ("mm", "addmm", "bmm", "baddbmm"):
        return "wide products" if wide else "small products"
    if operation.startswith("_fused_adam"):
        return "update"
    if operation == "linalg_vector_norm":
        return "norm of the gradients"
    return "gathering the batch" if wide else "elementwise, sums, normalisation"


def milliseconds_by_kind(step: Step, batches: Sequence[Tensor]) -> dict[str, float]:
    """{kind of operation: milliseconds of a recorded step}: of each operation the median over the batches, so that what
    takes the core in between is left out. "between operations" is what a step takes beyond them."""
    alone, listened = [], []
    for index in batches * 2:
        start = time.perf_counter()
        step(index)
        alone.append((time.perf_counter() - start) * 1e3)
    for index in batches:
        with _Timed() as timed:
            step(index)
        listened.append(timed.taken)
    usual = Counter(map(len, listened)).most_common(1)[0][0]  # some compare the recording with the objective
    kinds: dict[str, float] = defaultdict(float)
    for same in zip(*(taken for taken in listened if len(taken) == usual), strict=True):
        kinds[same[0][0]] += median(milliseconds for _, milliseconds in same)
    rest = max(median(alone[len(batches) :]) - sum(kinds.values()), 0.0)
    return dict(sorted(kinds.items(), key=lambda one: -one[1])) | {"between operations": rest}


def _step_of_one_process(train: Split) -> Step:
    """The step of the grid's first stack of eight."""
    stack = Stack(models(train)[:8], linear=True, stackable=True, device=train.x.device, dtype=train.x.dtype)
    return Step(stack, loop_options(Protocol(), ROWS), train, {})


def run(full: bool) -> dict[str, object]:
    train, validation = simulated(ROWS, 0), simulated(VALIDATION_ROWS, 1)
    few = Split(validation.x[:2], validation.y[:2])  # two validation rows: as good as none
    points = [methods.options("FLEM-D", methods.info("FLEM-D").defaults, point) for point in GRID]
    models_timed = 4 if full else 1
    rounds: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    differences = []
    for number in range(3):  # ours and theirs take turns, so that both see the same machine
        for kind, part in (("with", validation), ("without", few)):
            prepared = Prepared(problem_of(train), {"train": train, "val": part})
            ours, hamming, stacks = stacked(points, prepared, part)
            theirs = 0.0
            for model in range(models_timed):
                position = (5 * number + 3 * model) % len(GRID)
                taken, best = plain_in_a_fresh_process(position, kind == "with")
                theirs += taken * len(GRID) / models_timed
                if kind == "with":
                    differences.append(abs(best - hamming[position]))
            rounds[kind].append({"stacked": ours, "plain": theirs, "ratio": theirs / ours})
            print(f"  round {number + 1}, {kind} validation: {ours:.1f} s against {theirs:.0f} s", flush=True)
    steps = EPOCHS * int(np.ceil(ROWS / 64))
    parameters = sum(value.numel() for value in models(train)[0].parameters()) * len(GRID)
    wide = len(GRID) * FEATURES * (LABELS + 128)
    alone = median(one["stacked"] for one in rounds["without"])
    torch.set_num_threads(1)
    kinds = milliseconds_by_kind(_step_of_one_process(train), torch.randperm(ROWS).split(64)[:-1])
    torch.set_num_threads(2)
    return {
        "stacks": stacks,
        "rounds": rounds,
        **{f"ratio_{kind}_validation": [one["ratio"] for one in rounds[kind]] for kind in rounds},
        "plain_models_timed_each_round": models_timed,
        "largest_difference_of_best_validation_hamming": max(differences),
        "steps": steps,
        "step_ms": alone / steps * 1e3,
        # forward and weight gradient of the two layers on x, which hold 95 % of the multiplications
        "step_gflop": 4 * 64 * wide / 1e9,
        # of a stack of eight on one thread, while the other core is idle
        "milliseconds_by_kind": kinds,
        # AdamW with AMSGrad: 20 bytes read, 16 written; the gradient written and read for its norm; weights read once
        "step_gb": parameters * (36 + 4 + 4 + 4) / 1e9,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), bool(int(sys.argv[2])))
