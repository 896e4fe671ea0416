"""ROLE: values and gradients of the authors' code, a plain training, and what becomes of its estimates."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import methods
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.methods.api import Batch, Problem, Split
from bench.methods.role import Role
from bench.metrics.classification import evaluate
from bench.protocol import Protocol
from bench.training import loop
from bench.training.seeding import Streams
from bench.training.stack import Stack
from bench.training.step import LoopOptions, Step
from tests.conftest import problem_of, random_split

SETS = ("labels", "labels_edge", "labels_observed", "labels_edge_observed", "labels_single", "labels_edge_single")


def role(problem: Problem, **options: Any) -> Role:
    made = methods.create("ROLE", problem, **options)
    assert isinstance(made, Role)
    return made.double()


def matrix(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def labels_and_mask(golden: dict, name: str) -> tuple[Tensor, Tensor]:
    labels, mask = golden["inputs"]["sets"][name]
    y = matrix(golden["inputs"][labels])
    return y, torch.ones_like(y) if mask == "all ones" else matrix(golden["inputs"][mask])


def made_for(y: Tensor, k: float) -> Role:
    return role(Problem("golden", len(y), 1, y.shape[1], y.sum(0)), positives_per_row=k)


def batch_of(y: Tensor, observed: Tensor | None, z: Tensor, start: Tensor) -> Batch:
    extra = {"row": torch.arange(len(y)), "start": start} | ({} if observed is None else {"observed": observed})
    return Batch(x=z.new_zeros(len(y), 1), y=y, z=z, extra=extra)


@pytest.mark.parametrize("labels", SETS)
@pytest.mark.parametrize("case", ["role_k1.5", "role_k2.9", "chosen_role_k1.5"])
def test_value_and_both_gradients(golden_2026: dict, case: str, labels: str) -> None:
    """The published loss, which has no known negatives, and ours, which has."""
    entry = golden_2026["losses"][case]
    expected = entry["out"][labels]
    y, mask = labels_and_mask(golden_2026, labels)
    y = y * mask
    z = matrix(golden_2026["inputs"]["logits"]).requires_grad_()
    observed = mask if case.startswith("chosen") else y
    if case.startswith("chosen") and bool(mask.all()):
        observed = None  # wholly known
    made = made_for(y, entry["args"]["expected_num_pos"])
    loss = made.objective(batch_of(y, observed, z, matrix(expected["estimator_logits"])))
    loss.backward()
    assert loss.item() == pytest.approx(expected["value"], abs=1e-9)
    torch.testing.assert_close(z.grad, matrix(expected["grad_logits"]), atol=1e-9, rtol=0)
    assert made.estimate.grad is not None
    # The estimate's logit is ten times the parameter.
    torch.testing.assert_close(made.estimate.grad / 10, matrix(expected["grad_estimator"]), atol=1e-9, rtol=0)
    if "pos_1" in expected:
        assert loss.item() == pytest.approx(sum(parts(y, z, matrix(expected["estimator_logits"]), entry["args"])))
        for name, value in zip(PARTS, parts(y, z, matrix(expected["estimator_logits"]), entry["args"]), strict=True):
            assert 2 * value == pytest.approx(expected[name], abs=1e-9)


PARTS = ("pos_1", "pos_2", "cross_1", "cross_2", "reg_1", "reg_2")


def parts(y: Tensor, z: Tensor, estimate: Tensor, args: dict) -> list[float]:
    """Halves of the published loss's terms, entry by entry."""
    found = []
    p, e = ([[1 / (1 + math.exp(-v)) for v in row] for row in given.tolist()] for given in (z.detach(), estimate))
    rows, labels = y.shape
    cells = [(i, j) for i in range(rows) for j in range(labels)]

    def nl(value: float) -> float:
        return -math.log(value + 1e-5)

    for a in (p, e):
        found.append(sum(y[i, j].item() * nl(a[i][j]) for i, j in cells) / (rows * labels))
    for a, b in ((p, e), (e, p)):
        found.append(sum(b[i][j] * nl(a[i][j]) + (1 - b[i][j]) * nl(1 - a[i][j]) for i, j in cells) / (rows * labels))
    for a in (p, e):
        found.append((sum(map(sum, a)) / rows - args["expected_num_pos"]) ** 2 / labels**2)
    return [value / 2 for value in found]


def test_the_gradient_at_the_logits(golden_2026: dict) -> None:
    """p (1-p) / 2 {[(n + 1 - e) / (1-p+eps) - (y + e) / (p+eps)] / (B c) + 2 (mean row sum of p - k) / (B c^2)}."""
    y, mask = labels_and_mask(golden_2026, "labels_observed")
    y, (rows, c) = y * mask, y.shape
    z, start, k = matrix(golden_2026["inputs"]["logits"]).requires_grad_(), torch.randn(y.shape).double(), 2.0
    made_for(y, k).objective(batch_of(y, mask, z, start)).backward()
    p, e = z.detach().sigmoid(), start.sigmoid()
    main = (mask - y + 1 - e) / (1 - p + 1e-5) - (y + e) / (p + 1e-5)
    expected = p * (1 - p) / 2 * (main / (rows * c) + 2 * (p.sum(1).mean() - k) / (rows * c**2))
    torch.testing.assert_close(z.grad, expected, atol=1e-12, rtol=0)


def test_where_the_estimates_start() -> None:
    data = partly_known(60)
    torch.manual_seed(3)
    extra = role(problem_of(data)).prepare(data, None)  # type: ignore[arg-type]
    first = extra["start"].double().sigmoid()
    unknown, positive = ~data.observed, data.y > 0  # type: ignore[operator]
    assert 0.4 <= first[unknown].min() < 0.42
    assert 0.58 < first[unknown].max() <= 0.6
    assert first[positive & ~unknown].unique().tolist() == pytest.approx([0.995])
    assert first[~positive & ~unknown].unique().tolist() == pytest.approx([0.005])
    torch.manual_seed(3)
    again = role(problem_of(data)).prepare(data, None)  # type: ignore[arg-type]
    assert torch.equal(extra["start"], again["start"])
    whole = role(problem_of(data)).prepare(replace(data, observed=None), None)["start"]  # type: ignore[arg-type]
    assert whole.double().sigmoid().unique().tolist() == pytest.approx([0.005, 0.995])


def partly_known(rows: int, seed: int = 0) -> Split:
    data = random_split(rows, 8, 5, seed)
    known = torch.rand(rows, 5, generator=torch.Generator().manual_seed(7)) < 0.4
    return Split(data.x, data.y * known, known)


def test_without_a_number_of_labels_per_row_it_says_what_to_give() -> None:
    problem = replace(problem_of(random_split(10, 2, 3, 0)), labels_per_row=None)
    with pytest.raises(ValueError, match="give the option positives_per_row"):
        role(problem)
    assert role(problem, positives_per_row=1.25).positives_per_row.item() == 1.25
    assert role(replace(problem, labels_per_row=1.5)).positives_per_row.item() == 1.5


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("known", ["nothing", "everything"])
@pytest.mark.parametrize("kind", ["none", "full", "mixed"])
@pytest.mark.parametrize("rows", [1, 4])
def test_finite_in_every_corner(size: int, known: str, kind: str, rows: int) -> None:
    y = {"none": torch.zeros(rows, 3), "full": torch.ones(rows, 3), "mixed": torch.eye(4, 3)[:rows]}[kind].double()
    observed = torch.ones_like(y) if known == "everything" else torch.zeros_like(y)
    y = y * observed
    for scale in (0.0, 60.0):
        made = [made_for(y, 1.0) for _ in range(size)]
        for one in made:
            one.classifier = nn.Linear(2, 3).double()
            nn.init.constant_(one.classifier.bias, scale)
        stack = Stack(made, linear=True, stackable=True, device=y.device, dtype=y.dtype)
        extra = {"row": torch.arange(rows), "start": torch.randn(rows, 3).double(), "observed": observed}
        clock = torch.ones(()), torch.zeros(())
        losses, gradients = stack.losses_and_gradients(torch.ones(rows, 2).double(), y, extra, clock)
        assert all(bool(value.isfinite().all()) for value in (losses, *gradients))


def plain_training(
    data: Split, extra: dict[str, Tensor], weights: nn.Linear, k: float, epochs: int
) -> tuple[Tensor, int]:
    """The estimates' logits after a training in plain PyTorch, and how many steps were clipped: ten times the
    classifier's learning rate for the logits, no decay of theirs, and a clip of the classifier alone."""
    logits = extra["start"].clone().requires_grad_()
    groups = [
        {"params": [weights.weight], "weight_decay": 1e-4},
        {"params": [weights.bias], "weight_decay": 1e-2},
        {"params": [logits], "weight_decay": 0.0, "lr": 1e-2, "eps": 1e-9},  # the gradient is a tenth
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, amsgrad=True)
    queue: deque = deque([float("inf")], maxlen=5)
    clipped = 0
    for epoch in range(1, epochs + 1):
        for index in Streams(0, "classifier").shuffled_batches(len(data.x), 16, epoch):
            z, estimate = weights(data.x[index]), logits[index]
            y, observed = data.y[index].double(), data.observed[index].double()  # type: ignore[index]
            negative, loss = observed - y, z.new_zeros(())
            for a, b in ((z.sigmoid(), estimate.sigmoid()), (estimate.sigmoid(), z.sigmoid())):
                b, up, down = b.detach(), -(a + 1e-5).log(), -(1 - a + 1e-5).log()
                loss = loss + (y * up + negative * down + b * up + (1 - b) * down).mean() / 2
                loss = loss + ((a.sum(1).mean() - k) / 5) ** 2 / 2
            optimiser.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(weights.parameters(), 5 * max(queue))
            clipped += float(norm) > 5 * max(queue)
            queue.append(min(float(norm), 2 * max(queue), 1.0))
            optimiser.step()
    return logits.detach(), clipped


def test_the_loop_equals_a_plain_training_with_a_learning_rate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data = partly_known(70)
    steps: list[Any] = []
    run = loop._Training.run
    monkeypatch.setattr(loop._Training, "run", lambda self, *given: (steps.append(self.step), run(self, *given))[1])
    made = role(problem_of(data), positives_per_row=400.0)  # a far one, for gradients that are clipped
    loop.initialise_classifier(made, 0)
    extra = {name: value if name == "row" else value.double() for name, value in made.prepare(data, None).items()}  # type: ignore[arg-type]
    weights = nn.Linear(8, 5).double()
    weights.load_state_dict(made.classifier.state_dict())
    logits, clipped = plain_training(data, extra, weights, 400.0, epochs=12)
    assert clipped > 20
    trained = loop.train([made], data, None, LoopOptions(epochs=12, batch_size=16), 0, extra=extra)
    torch.testing.assert_close(trained.parameters["classifier.weight"][0], weights.weight.detach(), atol=1e-10, rtol=0)
    learned = 10 * steps[0].stack.parameters["estimate"][0].detach() + extra["start"]
    torch.testing.assert_close(learned, logits, atol=1e-9, rtol=0)
    assert (learned - extra["start"]).abs().max() > 0.2
    # The estimates belong to the training rows: they are no part of a kept model.
    assert set(trained.parameters) == {"classifier.weight", "classifier.bias"}


def test_every_step_moves_all_rows() -> None:
    """Adam's momentum goes on for rows that are not in the batch."""
    data = partly_known(40)
    made = role(problem_of(data))
    extra = {name: value if name == "row" else value.double() for name, value in made.prepare(data, None).items()}  # type: ignore[arg-type]
    stack = Stack([made], linear=True, stackable=True, device=data.x.device, dtype=data.x.dtype)
    step = Step(stack, LoopOptions(), data, extra)
    step(torch.arange(10))
    first = stack.parameters["estimate"].detach().clone()
    step(torch.arange(10, 20))
    second = stack.parameters["estimate"].detach()
    assert bool((first[0, :10] != 0).all())
    assert not first[0, 10:].any()
    assert bool((second[0, :10] != first[0, :10]).all())
    assert not second[0, 20:].any()


def test_it_ranks_better_than_assuming_negative_where_one_positive_a_row_is_known() -> None:
    data, validation = random_split(600, 8, 6, 0), random_split(300, 8, 6, 1)
    drawn = data.y * torch.rand(data.y.shape, generator=torch.Generator().manual_seed(0))
    one = (drawn == drawn.amax(1, keepdim=True)) & (data.y > 0)
    problem = replace(problem_of(data), labels_per_row=float(validation.y.sum(1).double().mean()))
    known = Prepared(problem, {"train": Split(data.x, data.y * one, one), "val": validation})
    protocol = Protocol(epochs=40, batch_size=16, precision="float64")
    precision = {}
    for name in ("BCE", "ROLE"):
        fitted = fit_linear(name, [dict(methods.info(name).defaults)], known, protocol, 0)
        scores = fitted.candidates[0].scores(validation.x)
        precision[name] = evaluate(validation.y, scores, fitted.threshold)["average_precision"]
    assert precision["ROLE"] > precision["BCE"] + 0.1  # type: ignore[operator]
