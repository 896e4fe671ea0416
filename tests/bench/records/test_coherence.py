"""Bounds of metrics against extreme predictions, and contradictions that no checksum tells."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from bench.metrics.catalogue import METRICS, RECOVERY_METRICS
from bench.metrics.classification import evaluate
from bench.metrics.distribution import measures
from bench.records.coherence import bounds, incoherence
from bench.records.record import GridPoint, JobName, Record, Selected
from tests import records

LABELS = 3


def extremes(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and scores [6, 3]: a row without labels, one of all, and others, right, wrong and tied."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (6, LABELS), generator=generator)
    y[0], y[1] = 0, 1
    return y, torch.randint(-1, 2, (6, LABELS), generator=generator).double()


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_any_predictions_are_within_their_bounds(seed: int) -> None:
    for name, value in evaluate(*extremes(seed), 0.0).items():
        least, most = bounds(name, LABELS)
        assert value is None or least <= value <= most, name


def test_coverage_reaches_its_lower_bound_without_labels() -> None:
    y, scores = extremes(0)
    assert evaluate(torch.zeros_like(y), scores, 0.0)["coverage"] == pytest.approx(bounds("coverage", LABELS)[0])


def test_opposite_distributions_reach_the_bounds_of_distances() -> None:
    one, other = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    found = measures(one, other)
    assert found.keys() == {metric.key for metric in RECOVERY_METRICS}
    for name, value in found.items():
        least, most = bounds(name, 2)
        assert value is not None
        assert least - 1e-9 <= value <= most + 1e-9, name
        if name in ("chebyshev", "clark", "canberra"):
            assert value == pytest.approx(most)


def test_every_built_in_metric_has_bounds_and_no_other() -> None:
    for metric in (*METRICS, *RECOVERY_METRICS):
        assert bounds(metric.key, LABELS)[0] > -1
    assert bounds("mine", LABELS) == (-float("inf"), float("inf"))


def chosen(**fields: Any) -> Record:
    """The record of a grid of two points, of which the second was chosen."""
    points = [
        GridPoint({"a": 1}, 3, None, {"hamming": 0.3}, {"hamming": 0.4}),
        GridPoint({"a": 2}, 5, None, {"hamming": 0.2}, {"hamming": 0.5}),
    ]
    result = records.result({"hamming": 0.5}, grid=points, selected=Selected(1, 5, {"a": 2}))
    return records.record(JobName("s", "npz", "FL", 0), replace(result, **{"val": {"hamming": 0.2}, **fields}))


def test_a_record_whose_parts_agree_has_no_contradiction() -> None:
    assert incoherence(chosen()) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"selected": Selected(2, 5, {"a": 2})}, "chose the grid point 2 of 2"),
        ({"selected": Selected(1, 4, {"a": 2})}, "has another epoch or other hyper-parameters"),
        ({"selected": Selected(1, 5, {"a": 1})}, "has another epoch or other hyper-parameters"),
        ({"val": {"hamming": 0.1}}, "has another hamming on validation data"),
        ({"test": {"hamming": 0.1}}, "has another hamming on test data"),
        ({"test": {"hamming": -0.1}}, "has hamming -0.1 on test data, which is from 0 to 1"),
        (
            {"selected": Selected(0, 3, {"a": 1}), "val": {"hamming": 0.3}, "test": {"hamming": 0.4}},
            "chose a grid point that is not the best by Hamming loss",
        ),
    ],
)
def test_a_contradiction_is_named(fields: dict[str, Any], said: str) -> None:
    assert incoherence(chosen(**fields)).startswith(said)


@pytest.mark.parametrize("selection", ["nothing", ["hamming"], None])
def test_a_key_of_any_form_is_no_crash(selection: Any) -> None:
    record = replace(chosen(), key={"protocol": {"selection": selection}})
    assert incoherence(record) == ""
    assert incoherence(replace(record, key={"protocol": 3})) == "has a key whose protocol are no table"
