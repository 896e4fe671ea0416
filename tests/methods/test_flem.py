"""FLEM's components, networks and training trajectories against the authors' own code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import methods
from bench.methods import flem
from bench.methods.api import Batch, LinearMethod, Problem, Split
from bench.training import loop
from bench.training import step as training_step
from bench.training.clipping import NormQueue

STRATEGY = {"ld": "FLEM-D", "threshold": "FLEM-T", "sim": "FLEM-S"}


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Fixed(nn.Module):
    """An estimator that returns given degrees."""

    def __init__(self, degrees: Tensor) -> None:
        super().__init__()
        self.degrees = nn.Parameter(degrees)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.degrees


def golden_method(reference: dict, name: str, fidelity: str = "official", **options: Any) -> flem.FLEM:
    y = tensor(reference["labels"])
    problem = Problem("golden", len(y), len(reference["x"][0]), y.shape[1], y.sum(0), fidelity)  # type: ignore[arg-type]
    method = methods.create(name, problem, **options)
    assert isinstance(method, flem.FLEM)
    method = method.double()
    method.estimator = Fixed(tensor(reference["le"]))  # type: ignore[assignment]
    return method


def golden_batch(reference: dict, labels: Any = None) -> Batch:
    z = tensor(reference["pred"]).requires_grad_()
    return Batch(x=tensor(reference["x"]), y=tensor(labels or reference["labels"]), z=z)


CASES = [
    "L_LD_plus_IN (code alpha=1,beta=0)",
    "BCE_plus_IN (0,0)",
    "BCE_plus_LEstrategy_ld (0,1)",
    "BCE_plus_LEstrategy_threshold (0,1)",
    "BCE_plus_LEstrategy_sim (0,1)",
    "total_ld_0.1_0.01",
    "total_ld_0.001_0.001",
    "threshold_eps0.5 (0,1)",
    "threshold row without positives is skipped (0,1)",
]


@pytest.mark.parametrize("name", CASES)
def test_totals_and_both_gradients(golden: dict, name: str) -> None:
    reference = golden["flem"]
    case = reference["cases"][name]
    strategy = case.get("method", "threshold")
    options = {
        "alpha": float(case.get("code_beta", 1.0)),  # the code has the paper's names exchanged
        "beta": float(case.get("code_alpha", 0.0)),
        "threshold": float(case.get("threshold", 0.0)),
    }
    method = golden_method(reference, STRATEGY[strategy], **options)
    batch = golden_batch(reference, case.get("labels"))
    loss = method.objective(batch)
    loss.backward()
    assert loss.item() == pytest.approx(case["value"], abs=1e-10)
    torch.testing.assert_close(batch.z.grad, tensor(case["grad_pred"]), atol=1e-10, rtol=0)
    torch.testing.assert_close(method.estimator.degrees.grad, tensor(case["grad_le"]), atol=1e-10, rtol=0)


def test_every_golden_case_is_checked(golden: dict) -> None:
    # The remaining case records that the released code crashes on a row with every label; ours is tested below.
    assert set(golden["flem"]["cases"]) - set(CASES) == {"threshold row with ALL labels positive"}


def test_threshold_strategy_on_empty_and_full_rows_is_zero_with_finite_gradients(golden: dict) -> None:
    reference = golden["flem"]
    method = golden_method(reference, "FLEM-T")
    for value in (0.0, 1.0):
        batch = golden_batch(reference, torch.full((6, 5), value).tolist())
        degrees = tensor(reference["le"]).requires_grad_()
        loss = flem.threshold_strategy(method, batch, degrees)
        loss.backward()
        assert loss.item() == 0
        assert (degrees.grad == 0).all()


def test_threshold_strategy_sums_officially_and_averages_by_the_paper(golden: dict) -> None:
    reference, degrees = golden["flem"], tensor(golden["flem"]["le"])
    batch = golden_batch(reference)
    total = flem.threshold_strategy(golden_method(reference, "FLEM-T"), batch, degrees)
    mean = flem.threshold_strategy(golden_method(reference, "FLEM-T", "paper"), batch, degrees)
    assert mean.item() == pytest.approx(total.item() / len(degrees))


@pytest.mark.parametrize(("interaction", "key"), [("official", "L_IN_current"), ("legacy", "L_IN_before_2022-06-23")])
def test_interaction_loss(golden: dict, interaction: str, key: str) -> None:
    reference = golden["flem"]
    degrees = tensor(reference["le"]).requires_grad_()
    loss = golden_method(reference, "FLEM-D", interaction=interaction).interaction_loss(
        golden_batch(reference), degrees
    )
    loss.backward()
    assert loss.item() == pytest.approx(reference[key]["value"], abs=1e-10)
    torch.testing.assert_close(degrees.grad, tensor(reference[key]["grad_le"]), atol=1e-10, rtol=0)


def test_components(golden: dict) -> None:
    reference = golden["flem"]
    batch, degrees = golden_batch(reference), tensor(reference["le"])
    method = golden_method(reference, "FLEM-D")
    assert flem.distribution_loss(batch.z, degrees).item() == pytest.approx(reference["L_LD"]["value"], abs=1e-10)
    for strategy, key in ((flem.distribution_strategy, "L_LE_ld"), (flem.similarity_strategy, "L_LE_sim")):
        assert strategy(method, batch, degrees).item() == pytest.approx(reference[key]["value"], abs=1e-10)


NETWORK_NAMES = {
    "le.fe1.0": "estimator.features.first",
    "le.fe1.2": "estimator.features.norm",
    "le.fe2": "estimator.features.second",
    "le.le1.0": "estimator.labels.first",
    "le.le1.2": "estimator.labels.norm",
    "le.le2": "estimator.labels.second",
    "le.de1.0": "estimator.decoder.first",
    "le.de1.2": "estimator.decoder.norm",
    "le.de2": "estimator.decoder.second",
    "classifier": "classifier",
}


def ours(name: str) -> str:
    module, _, kind = name.rpartition(".")
    return f"{NETWORK_NAMES[module]}.{kind}"


def loaded(golden: dict, name: str, **options: Any) -> LinearMethod:
    reference = golden["flem"]
    hidden, state = reference["le_network"]["hidden"], reference["le_network"]["state_dict_init"]
    problem = Problem("golden", 144, 4, 5, torch.ones(5, dtype=torch.float64))
    method = methods.create(name, problem, hidden=hidden, **options)
    assert isinstance(method, LinearMethod)
    method = method.double()
    parameters = dict(method.named_parameters())
    given = {ours(key): tensor(value) for key, value in state.items() if key.endswith(("weight", "bias"))}
    assert set(given) == set(parameters)
    with torch.no_grad():
        for key, value in given.items():
            parameters[key].copy_(value)
    return method


def test_estimator_forward(golden: dict) -> None:
    reference = golden["flem"]
    method = loaded(golden, "FLEM-D")
    out = method.estimator(tensor(reference["x"]), tensor(reference["labels"]))
    torch.testing.assert_close(out, tensor(reference["le_network"]["train_mode_output"]), atol=1e-10, rtol=0)


def runs(golden: dict) -> list[tuple[str, dict]]:
    recorded = golden["flem"]["training"]
    return [("official", run) for run in recorded["runs"]] + [("legacy", recorded["old_code_run_ld"])]


@pytest.mark.parametrize("number", range(3))
def test_released_training_trajectory(golden: dict, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 steps through the project's own loop, from the released code's initial state and on its batches."""
    interaction, run = runs(golden)[number]
    recorded = golden["flem"]["training"]
    x, y = tensor(recorded["batches_x"]), tensor(recorded["batches_y"])
    data = Split(x.flatten(0, 1), y.flatten(0, 1).to(torch.int8))
    method = loaded(
        golden, STRATEGY[run["method"]], interaction=interaction, alpha=run["code_beta"], beta=run["code_alpha"]
    )
    norms = []
    scale = NormQueue.scale

    def spy(queue: NormQueue, norm: Tensor) -> Tensor:
        factor = scale(queue, norm)
        norms.append(queue.norms[0, -1].item())
        return factor

    monkeypatch.setattr(NormQueue, "scale", spy)
    trained = loop.train(
        [method],
        data,
        None,
        training_step.LoopOptions(epochs=1, clip="joint"),
        seed=0,
        batches=lambda epoch: torch.arange(len(data.x)).split(x.shape[1]),
    )
    for key in ("classifier.weight", "classifier.bias", "le.de2.weight", "le.de2.bias", "le.fe1.2.bias"):
        torch.testing.assert_close(trained.parameters[ours(key)][0], tensor(run[key]), atol=1e-10, rtol=0)
    torch.testing.assert_close(tensor(norms), tensor(run["norm_queue_last_per_step"]), atol=1e-10, rtol=0)


def test_optimiser_groups(golden: dict) -> None:
    from bench.training.stack import Stack

    method = loaded(golden, "FLEM-D")
    stack = Stack([method], linear=True, stackable=True, device=torch.device("cpu"), dtype=torch.float64)
    nothing = Split(torch.empty(0), torch.empty(0))
    step = training_step.Step(stack, training_step.LoopOptions(), nothing, {})
    groups, optimiser = golden["flem"]["optimizer_groups"], step.optimiser
    assert len(optimiser.groups) == len(groups)
    for group, reference in zip(optimiser.groups, groups, strict=True):
        assert group.weight_decay == reference["weight_decay"]
        assert len(group.parameters) == reference["n_params"]
        assert (group.learning_rate, optimiser.eps) == (reference["lr"], reference["eps"])
        assert optimiser.amsgrad == reference["amsgrad"]
        assert list(optimiser.betas) == reference["betas"]
