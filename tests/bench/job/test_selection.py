"""Selection by several metrics: each chooses as it does alone, and records are else as before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch
from msgspec.structs import replace

from bench import methods
from bench.errors import UsageError
from bench.job.evaluation import evaluated
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted, select
from bench.methods.api import Split
from bench.plan.keys import protocol_part
from bench.protocol import Protocol
from bench.records.record import Result
from tests.conftest import problem_of, random_split

PROTOCOL = Protocol(epochs=8, batch_size=16, stack=2, learning_rate=0.1, precision="float64")
GRID = {"FL": {"gamma": [0.0, 2.0, 6.0]}, "ML-KNN": {"k": [1, 5, 9]}}


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    train = random_split(70, 8, 6, 0)
    return Prepared(
        problem_of(train), {"train": train, "val": random_split(30, 8, 6, 3), "test": random_split(30, 8, 6, 4)}
    )


def result(name: str, prepared: Prepared, protocol: Protocol) -> Result:
    info = methods.info(name)
    ((option, values),) = GRID[name].items()
    points = [methods.options(name, info.defaults, {option: value}) for value in values]
    if info.gradient:
        fitted = fit_linear(name, points, prepared, protocol, 0)
    else:
        fitted = fit_method(name, points, prepared, 0, protocol.criteria)
    return evaluated(points, [option], fitted, prepared)[0]


@pytest.mark.parametrize("name", GRID)
def test_what_is_selected_besides_is_what_a_job_by_that_metric_records(name: str, prepared: Prepared) -> None:
    options = ["ranking", "micro-f1", "average-precision", "one-error"]
    several = result(name, prepared, replace(PROTOCOL, also_select=tuple(options)))
    assert list(several.also_selected) == options  # type: ignore[arg-type]
    points = set()
    for option in options:
        also = several.also_selected[option]  # type: ignore[index]
        alone = result(name, prepared, replace(PROTOCOL, selection=option))
        assert (also.point, also.epoch, also.hyperparameters) == tuple(
            getattr(alone.selected, name) for name in ("point", "epoch", "hyperparameters")
        )
        assert (also.val, also.test) == (alone.val, alone.test)
        epochs = [point.also_epochs[option] for point in several.grid]  # type: ignore[index]
        assert epochs == [point.epoch for point in alone.grid]
        points.add((also.point, also.epoch))
    assert len(points) > 1


@pytest.mark.parametrize("name", GRID)
def test_the_first_selection_is_the_same_bytes_whatever_is_selected_besides(name: str, prepared: Prepared) -> None:
    plain = result(name, prepared, PROTOCOL)
    several = result(name, prepared, replace(PROTOCOL, also_select=("ranking", "coverage")))
    bare = replace(
        several,
        also_selected=msgspec.UNSET,
        grid=[replace(point, also_epochs=msgspec.UNSET) for point in several.grid],
    )
    assert msgspec.json.encode(bare) == msgspec.json.encode(plain)
    for new in (b"also_selected", b"also_epochs", b"stopped"):
        assert new not in msgspec.json.encode(plain)


def test_the_values_by_which_a_point_was_chosen_are_in_its_grid(prepared: Prepared) -> None:
    found = result("FL", prepared, replace(PROTOCOL, selection="macro-f1"))
    values = [point.val["macro_f1"] for point in found.grid]  # type: ignore[index]
    assert found.selected.point == max(range(3), key=lambda k: (values[k], -k))
    assert found.val["macro_f1"] == values[found.selected.point]


def test_a_point_that_ran_out_of_patience_says_when(prepared: Prepared) -> None:
    found = result("FL", prepared, replace(PROTOCOL, epochs=40, patience=2))
    stopped = [point.stopped for point in found.grid]
    assert any(isinstance(stop, int) and stop < 40 for stop in stopped)
    for point, stop in zip(found.grid, stopped, strict=True):
        assert len(point.curves.loss) == (stop or 40)  # type: ignore[union-attr]
        assert point.epoch == (stop - 2 if stop else point.epoch)  # type: ignore[operator]
    assert found.epochs == 40


def test_higher_is_better_where_it_is_and_ties_go_by_ranking_loss_then_order() -> None:
    values = [
        {"micro_f1": 0.5, "hamming": 0.1, "ranking": 0.1},
        {"micro_f1": 0.7, "hamming": 0.4, "ranking": 0.3},
        {"micro_f1": 0.7, "hamming": 0.3, "ranking": 0.2},
        {"micro_f1": 0.7, "hamming": 0.2, "ranking": 0.2},
    ]
    assert select(values, [True] * 4, "micro-f1") == 2
    assert select(values, [True, True, False, False], "micro-f1") == 1
    assert select(values, [True] * 4, "ranking") == 0


def test_a_metric_without_a_value_on_validation_data_selects_nothing() -> None:
    with pytest.raises(UsageError, match="is not defined on the validation rows, so nothing can be selected by it"):
        select([{"average_precision": None, "ranking": 0.0}], [True], "average-precision")


def test_no_choice_reads_test_labels(prepared: Prepared) -> None:
    """With other test labels everything that is chosen is the same."""
    test = prepared.splits["test"]
    other = Prepared(prepared.problem, {**prepared.splits, "test": Split(test.x, 1 - test.y)})
    protocol = replace(PROTOCOL, also_select=("ranking", "micro-f1"))
    one, two = (result("FL", each, protocol) for each in (prepared, other))
    assert one.selected == two.selected
    for option in protocol.also_select:
        first, second = one.also_selected[option], two.also_selected[option]  # type: ignore[index]
        assert (first.point, first.epoch, first.val) == (second.point, second.epoch, second.val)
        assert first.test != second.test


def test_candidates_of_the_same_epoch_are_scored_once() -> None:
    y = torch.tensor([[1, 0], [0, 1]], dtype=torch.int8)
    splits = {name: Split(torch.zeros(2, 1), y) for name in ("train", "val", "test")}
    calls: list[int] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return torch.tensor([[0.9, 0.1], [0.8, 0.7]])

    one = Candidate(scores, 0.5)
    fitted = Fitted([one], None, [1], "hamming", {"ranking": [one], "micro-f1": [one]})
    evaluated([{}], [], fitted, Prepared(problem_of(splits["train"]), splits))
    assert len(calls) == 2


def test_old_keys_hold_and_new_settings_are_part_of_new_ones() -> None:
    new = {"also_select", "patience", "select_every", "l2"}
    assert not new & protocol_part(Protocol()).keys()
    changed: dict[str, Any] = {"also_select": ("ranking",), "patience": 3, "select_every": 2, "l2": 1.0}
    assert set(protocol_part(Protocol(**changed))) >= new
    assert protocol_part(Protocol())["selection"] == "hamming"
