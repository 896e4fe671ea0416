"""Entropy maximisation and asymmetric pseudo-labels, against the authors' own code."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import methods
from bench.methods.api import Batch, LinearMethod, Problem, Split
from bench.methods.entropy_maximisation import AsymmetricPseudoLabels
from bench.training import loop
from bench.training.checkpoint import Checkpoint
from bench.training.step import LoopOptions
from tests.conftest import problem_of, random_split
from tests.methods.objectives import double

EM = {f"em_alpha{alpha}": {"alpha": alpha} for alpha in (0.2, 0.1, 0.01)}
APL = {
    f"em_apl_alpha{alpha}_beta{beta}": {"alpha": alpha, "beta": beta}
    for alpha, beta in ((0.2, 0.02), (0.1, 0.9), (0.01, 0.4))
}
CHOSEN = "chosen_em_alpha0.2"
SETS = (
    "labels", "labels_edge", "labels_observed", "labels_edge_observed", "labels_single", "labels_edge_single",
)  # fmt: skip


def made(name: str, y: Tensor, **options: Any) -> LinearMethod:
    problem = Problem("golden", len(y), 1, y.shape[1], y.sum(0))
    method = methods.create(name, problem, **options).double()  # type: ignore[union-attr]
    assert isinstance(method, LinearMethod)
    return method


def batch_of(z: Tensor, y: Tensor, observed: Tensor | None) -> Batch:
    extra = {"row": torch.arange(len(y))} | ({} if observed is None else {"observed": observed})
    return Batch(x=y.new_zeros(len(y), 1), y=y, z=z, extra=extra)


def value_and_gradient(method: LinearMethod, z: Tensor, y: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    loss = method.objective(batch_of(z, y, observed))
    (gradient,) = torch.autograd.grad(loss, z)
    return loss.detach(), gradient


def golden_set(golden: dict, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels where they are known, and the mask."""
    inputs = golden["inputs"]
    labels, mask = (double(inputs[key]) if key in inputs else torch.ones(6, 5).double() for key in inputs["sets"][name])
    return double(inputs["logits"]), labels * mask, mask


def check(found: tuple[Tensor, Tensor], reference: dict) -> None:
    assert float(found[0]) == pytest.approx(reference["value"], abs=1e-12)
    torch.testing.assert_close(found[1], double(reference["grad_logits"]), atol=1e-12, rtol=0)


def test_every_golden_number_is_used(golden_2026: dict) -> None:
    names = {name for name in golden_2026["losses"] if name.startswith(("em_", "chosen_em_"))}
    assert names == {*EM, *APL, CHOSEN}
    assert all(set(golden_2026["losses"][name]["out"]) == set(SETS) for name in names)
    assert all(golden_2026["losses"][name].get("match", True) for name in names)


@pytest.mark.parametrize("labels", SETS)
@pytest.mark.parametrize("name", EM)
def test_released_loss_of_positives_and_unknown_labels(golden_2026: dict, name: str, labels: str) -> None:
    z, y, _ = golden_set(golden_2026, labels)
    found = value_and_gradient(made("EM", y, **EM[name]), z, y, observed=y)  # 0 is unknown in the release
    check(found, golden_2026["losses"][name]["out"][labels])


@pytest.mark.parametrize("labels", SETS)
def test_known_negatives_are_pushed_down(golden_2026: dict, labels: str) -> None:
    z, y, mask = golden_set(golden_2026, labels)
    reference = golden_2026["losses"][CHOSEN]["out"][labels]
    check(value_and_gradient(made("EM", y, alpha=0.2), z, y, mask), reference)
    if mask.all():
        check(value_and_gradient(made("EM", y, alpha=0.2), z, y, None), reference)
        check(value_and_gradient(made("EM+APL", y, alpha=0.2), z, y, None), reference)


@pytest.mark.parametrize("labels", SETS)
@pytest.mark.parametrize("name", APL)
def test_released_loss_of_pseudo_labels(golden_2026: dict, name: str, labels: str) -> None:
    z, y, _ = golden_set(golden_2026, labels)
    reference = golden_2026["losses"][name]["out"][labels]
    released = double(reference["label_vec_obs"])
    method = made("EM+APL", y, **APL[name])
    method.pseudo_labels = torch.where(released < 0, -released, -1)
    assert torch.equal(released > 0, y > 0)
    check(value_and_gradient(method, z, y, observed=y), reference)


@pytest.mark.parametrize("epsilon", [1e-5, 1e-2])
def test_gradient_is_the_documented_one(golden_2026: dict, epsilon: float) -> None:
    z, y, mask = golden_set(golden_2026, "labels_observed")
    method = made("EM+APL", y, alpha=0.3, beta=0.7, epsilon=epsilon)
    s = double(golden_2026["inputs"]["pseudo_soft"])
    picked = (double(golden_2026["inputs"]["pseudo_pick"]) > 0) & (mask == 0)
    assert picked.any()
    method.pseudo_labels = torch.where(picked, s, -1)
    p, q = z.sigmoid(), 1 - z.sigmoid()
    entropy = (p + epsilon).log() - (q + epsilon).log() + p / (p + epsilon) - q / (q + epsilon)
    of_pseudo = 0.7 * ((1 - s) / (q + epsilon) - s / (p + epsilon))
    of_known = (1 - y) / (q + epsilon) - y / (p + epsilon)
    expected = p * q * torch.where(mask > 0, of_known, torch.where(picked, of_pseudo, 0.3 * entropy)) / y.numel()
    torch.testing.assert_close(value_and_gradient(method, z, y, mask)[1], expected, atol=1e-15, rtol=1e-12)


def test_a_known_negative_is_no_pseudo_label_of_a_positive() -> None:
    """The release writes both as -1, and so pulls known negatives up."""
    y = torch.zeros(1, 3).double()
    for name in ("EM", "EM+APL"):
        gradient = value_and_gradient(made(name, y), y, y, observed=torch.ones_like(y))[1]
        assert (gradient > 0).all()


@pytest.mark.parametrize("name", ["EM", "EM+APL"])
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("known", ["all", "none", "some"])
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("epsilon", [0.0, 1e-5])
def test_loss_is_finite_on_every_kind_of_row(name: str, rows: int, known: str, label: float, epsilon: float) -> None:
    """For three models at once, in single precision, with logits beyond what a probability can tell."""
    z = torch.tensor([-1e4, -90.0, 0.0, 90.0, 1e4]).expand(3, rows, 5).clone().requires_grad_()
    observed = {
        "all": torch.ones(rows, 5),
        "none": torch.zeros(rows, 5),
        "some": (torch.arange(5) % 2 * 1.0).expand(rows, 5),
    }
    y = label * observed[known]
    method = made(name, y, epsilon=epsilon).float()
    losses = torch.vmap(lambda one: method.objective(batch_of(one, y, observed[known])))(z)
    (gradient,) = torch.autograd.grad(losses.sum(), z)
    assert losses.isfinite().all()
    assert gradient.isfinite().all()


# --- pseudo-labels ----------------------------------------------------------------------------------------------------


def test_pseudo_labels_are_the_authors_epoch_by_epoch(golden_2026: dict) -> None:
    golden = golden_2026["em_apl_schedule"]
    y = double(golden["observed_before"])
    train = Split(torch.zeros(len(y), 1), y.to(torch.int8), y > 0)
    method = made("EM+APL", y, warm_up=golden["warmup_epoch"] / golden["num_epochs"])
    assert float(method.negative_share) == golden["neg_proportion"]
    epochs = golden["num_epochs"]
    assert method.after_epoch(train, {}, y, golden["warmup_epoch"] - 1, epochs) == {}
    for step in golden["steps"]:
        renewed = method.after_epoch(train, {}, double(step["logits"]), step["epoch"], epochs)
        (method.pseudo_labels,) = renewed.values()
        found = torch.where(method.pseudo_labels >= 0, -method.pseudo_labels, y)
        torch.testing.assert_close(found, double(step["label_matrix_obs_after"]), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("dataset", "first"), [("VOC12", 15), ("COCO14", 15), ("NUS", 12), ("CUB", 9), ("yeast", 15)])
def test_warm_up_and_number_of_pseudo_labels(dataset: str, first: int, dtype: torch.dtype) -> None:
    """A share of the epochs; and .9 of a multiple of ten unknown labels is a whole number in single precision, too."""
    rows = 10 * (30 - first)
    train = Split(torch.zeros(rows, 1), torch.zeros(rows, 2, dtype=torch.int8), torch.zeros(rows, 2).bool())
    train.observed[:5, 1] = True
    method = methods.create("EM+APL", Problem(dataset, rows, 1, 2, torch.zeros(2))).to(dtype)  # type: ignore[union-attr]
    logits = torch.randn(rows, 2, dtype=dtype, generator=torch.Generator().manual_seed(0))
    assert method.after_epoch(train, {}, logits, first - 1, 30) == {}
    found = method.after_epoch(train, {}, logits, first, 30)["pseudo_labels"] >= 0
    assert found.sum(0).tolist() == [9, math.floor(0.9 * (rows - 5) / (30 - first))]
    lowest = logits.masked_fill(train.observed, torch.inf).argsort(0)
    assert found[lowest[:9, 0], 0].all()
    assert not (found & train.observed).any()


def test_pseudo_labels_of_a_probability_that_rounds_to_zero_stay() -> None:
    train = Split(torch.zeros(10, 1), torch.zeros(10, 1, dtype=torch.int8), torch.zeros(10, 1).bool())
    method = methods.create("EM+APL", Problem("made", 10, 1, 1, torch.zeros(1)), warm_up=0.0)
    assert isinstance(method, AsymmetricPseudoLabels)
    method.pseudo_labels = method.after_epoch(train, {}, torch.full((10, 1), -200.0), 1, 3)["pseudo_labels"]
    assert method.pseudo_labels.flatten().tolist() == [0.0] * 3 + [-1.0] * 7
    zeros = torch.zeros(10, 1)
    gradient = value_and_gradient(method, zeros, zeros, observed=zeros)[1]
    assert (gradient[:3] > 0).all()  # down, as a negative
    assert (gradient[3:] == 0).all()
    method.pseudo_labels = method.after_epoch(train, {}, torch.full((10, 1), -1.0), 2, 3)["pseudo_labels"]
    assert (method.pseudo_labels >= 0).sum() == 6
    assert (method.pseudo_labels[:3] == 0).all()


def trained(
    observed: Tensor | None, points: list[dict[str, float]], batch_size: int = 16, hooks: loop.Hooks | None = None
) -> loop.Trained:
    data = replace(random_split(70, 6, 8, 0), observed=observed)
    if observed is not None:
        data = replace(data, y=data.y * observed)
    modules = [methods.create("EM+APL", problem_of(data), **point) for point in points]
    for module in modules:
        assert isinstance(module, LinearMethod)
        loop.initialise_classifier(module.double(), 0)
    options = LoopOptions(epochs=10, batch_size=batch_size)
    extra = {"row": torch.arange(70)}
    validation = random_split(40, 6, 8, 1)
    return loop.train(modules, data, validation, options, 0, extra=extra, hooks=hooks or loop.Hooks())  # type: ignore[arg-type]


def unknown_labels() -> Tensor:
    return torch.rand(70, 8, generator=torch.Generator().manual_seed(5)) < 0.3


def test_a_stack_gives_each_model_its_own_pseudo_labels() -> None:
    points = [
        {"alpha": alpha, "beta": beta, "warm_up": warm_up, "negative_share": share}
        for alpha, beta, warm_up, share in ((0.1, 0.2, 0.5, 0.9), (0.2, 0.02, 0.2, 0.5), (0.01, 0.9, 0.9, 1.0))
    ]
    together = trained(unknown_labels(), points)
    for k, point in enumerate(points):
        alone = trained(unknown_labels(), [point])
        assert together.epochs[k] == alone.epochs[0]
        assert together.losses[k] == pytest.approx(alone.losses[0], abs=1e-10)
        for name, value in alone.parameters.items():
            torch.testing.assert_close(together.parameters[name][k], value[0], atol=1e-10, rtol=0)


class Killed(Exception):
    pass


@pytest.mark.parametrize("epoch", [3, 7])
def test_a_killed_training_goes_on_before_and_after_the_warm_up(tmp_path: Path, epoch: int) -> None:
    def kill(done: int) -> None:
        if done == epoch + 1:
            raise Killed

    points = [{"warm_up": 0.5, "alpha": 0.1}, {"warm_up": 0.5, "alpha": 0.2}]
    checkpoint = Checkpoint(tmp_path / "stack", "identity", seconds=0)
    with pytest.raises(Killed):
        trained(unknown_labels(), points, hooks=loop.Hooks(kill, checkpoint))
    resumed = trained(unknown_labels(), points, hooks=loop.Hooks(None, checkpoint))
    whole = trained(unknown_labels(), points)
    assert (resumed.epochs, resumed.losses, resumed.hamming) == (whole.epochs, whole.losses, whole.hamming)
    assert all(torch.equal(value, resumed.parameters[name]) for name, value in whole.parameters.items())


@pytest.mark.parametrize("batch_size", [16, 70])
def test_pseudo_labels_change_the_loss_from_the_warm_up_on(batch_size: int) -> None:
    """With one batch an epoch too, where the release makes none."""
    with_them, without = (
        trained(unknown_labels(), [{"warm_up": 0.5, "negative_share": share}], batch_size).losses[0]
        for share in (0.9, 0.0)
    )
    assert with_them[:5] == without[:5]
    assert all(one != other for one, other in zip(with_them[5:], without[5:], strict=True))


def test_where_all_labels_are_known_there_is_nothing_to_label() -> None:
    known = torch.ones(70, 8, dtype=torch.bool)
    assert trained(None, [{}]).losses == trained(known, [{}]).losses == trained(None, [{"beta": 5.0}]).losses
