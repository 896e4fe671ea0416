"""Self-paced loss correction (Zhang et al. 2021)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench import methods
from bench.methods.api import OBSERVED, LinearMethod
from bench.training.loop import initialise_classifier
from bench.training.stack import Stack
from tests.conftest import problem_of, random_split
from tests.methods.objectives import assert_golden, double, golden_sets, value_and_gradient

CASES = {  # {case: epoch, from 1}
    "chosen_splc_tau0.6_epoch1": 1,
    "chosen_splc_tau0.6_epoch2": 2,
    "splc_tau0.6_mean_epoch0": 1,
    "splc_tau0.6_mean_epoch1": 2,
}


def test_every_golden_case_is_checked(golden_2026: dict) -> None:
    assert set(CASES) == {name for name in golden_2026["losses"] if "splc_" in name}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(golden_2026: dict, name: str) -> None:
    sets = golden_sets(golden_2026)
    for labels, case in golden_2026["losses"][name]["out"].items():
        y, observed = sets[labels]
        assert_golden(case, "SPLC", double(golden_2026["inputs"]["logits"]), y, observed=observed, epoch=CASES[name])


@pytest.mark.parametrize("labels", ["labels", "labels_edge"])
def test_the_release_takes_every_negative_for_one_that_may_have_been_missed(golden: dict, labels: str) -> None:
    """It is ours where no label is known to be negative; known negatives are not corrected here."""
    case = golden["losses"]["splc_mean_epoch1"]["out"][labels]
    z, y = double(golden["inputs"]["logits"]), double(golden["inputs"][labels])
    assert_golden(case, "SPLC", z, y, observed=y, epoch=2)
    for observed in (None, torch.ones_like(y)):
        assert abs(value_and_gradient("SPLC", z, y, observed, 2)[0] - case["value"]) > 0.2


def test_where_all_labels_are_known_the_epoch_does_not_matter(golden: dict) -> None:
    z, y = double(golden["inputs"]["logits"]), double(golden["inputs"]["labels"])
    first = value_and_gradient("SPLC", z, y)
    later = value_and_gradient("SPLC", z, y, torch.ones_like(y), 30)
    assert first[0] == later[0]
    assert torch.equal(first[1], later[1])


@pytest.mark.parametrize("size", [1, 3])
def test_a_recorded_step_corrects_labels_from_the_second_epoch_on(size: int) -> None:
    """The recording is of steps of the first epoch."""
    data = random_split(16, 6, 5, seed=0)
    modules = []
    for _ in range(size):
        module = methods.create("SPLC", problem_of(data))
        assert isinstance(module, LinearMethod)
        initialise_classifier(module, 0)
        modules.append(module.double())
    stack = Stack(modules, linear=True, stackable=True, device=data.x.device, dtype=torch.float64)
    observed = (torch.rand(16, 5, generator=torch.Generator().manual_seed(0)) < 0.3).double()
    y = data.y.double() * observed
    clock = torch.ones(()), torch.zeros(())

    def step() -> tuple[Tensor, ...]:
        return stack.losses_and_gradients(data.x, y, {OBSERVED: observed}, clock)[1]

    while not stack.is_recorded(16):
        first = step()
    clock[0].fill_(2)
    second = step()
    assert not torch.equal(first[0], second[0])
    stack.records = False
    for recorded, plain in zip(second, step(), strict=True):
        torch.testing.assert_close(recorded, plain, atol=1e-14, rtol=0)
