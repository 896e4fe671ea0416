"""Metrics against the authors' golden values, scikit-learn, and naive counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from bench.metrics import classification, passes
from bench.metrics.catalogue import RESULT_METRICS


def test_golden(golden: dict) -> None:
    for case in golden["metrics"]:
        y, scores = torch.tensor(case["y_true"]), torch.tensor(case["y_score"], dtype=torch.float64)
        threshold = 0.0 if scores.min() < 0 else 0.5  # the released code's guess; ours is a property of the method
        ours = classification.evaluate(y, scores, threshold)
        expected = case["out"]
        assert ours["hamming"] == pytest.approx(expected["Hamming"], abs=1e-12), case["name"]
        assert ours["ranking"] == pytest.approx(expected["Ranking"], abs=1e-12), case["name"]
        assert ours["coverage"] == pytest.approx(expected["Coverage"], abs=1e-12), case["name"]
        assert ours["average_precision"] == pytest.approx(expected["mAP"], abs=1e-12), case["name"]


def random_case(seed: int, dtype: torch.dtype, levels: int | None, rows: int = 60, labels: int = 7) -> tuple:
    random = np.random.default_rng(seed)
    y = (random.random((rows, labels)) < random.random(labels)).astype(np.int8)
    y[0], y[1] = 0, 1
    y[:, 0] = 0  # a class without positives
    scores = random.standard_normal((rows, labels))
    if levels:
        scores = np.round(scores * levels) / levels  # ties
    return torch.from_numpy(y), torch.from_numpy(scores).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn(seed: int, levels: int | None, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "ELEMENTS_AT_ONCE", 50)  # many blocks
    y, scores = random_case(seed, dtype, levels)
    ours = classification.evaluate(y, scores, 0.25)
    truth, values = y.numpy().astype(int), scores.numpy()
    predicted = (values > 0.25).astype(int)
    with_positives = truth.sum(0) > 0
    expected = {
        "hamming": reference.hamming_loss(truth, predicted),
        "ranking": reference.label_ranking_loss(truth, values),
        "coverage": (reference.coverage_error(truth, values) - 1) / truth.shape[1],
        "average_precision": reference.average_precision_score(
            truth[:, with_positives], values[:, with_positives], average="macro"
        ),
        "micro_f1": reference.f1_score(truth, predicted, average="micro", zero_division=0),
        "macro_f1": reference.f1_score(truth, predicted, average="macro", zero_division=0),
        "subset_accuracy": reference.accuracy_score(truth, predicted),
        "example_average_precision": reference.label_ranking_average_precision_score(truth, values),
        "one_error": np.mean([(truth[i][values[i] == values[i].max()] == 0).any() for i in range(len(truth))]),
    }
    assert set(ours) == set(expected) == {metric.key for metric in RESULT_METRICS}
    for key, value in expected.items():
        assert ours[key] == pytest.approx(value, abs=1e-9), key


def test_edges(golden: dict) -> None:
    """A row without positives has coverage -1/c, one with all (c-1)/c; a class positive everywhere has AP 1."""
    scores = torch.tensor([[0.1, 0.2, 0.3, 0.4]])

    def value(metric: str, y: torch.Tensor, scores: torch.Tensor) -> float | None:
        return classification.evaluate(y, scores, 0.0)[metric]

    assert value("coverage", torch.zeros(1, 4), scores) == -0.25
    assert value("coverage", torch.ones(1, 4), scores) == 0.75
    assert value("ranking", torch.ones(1, 4), scores) == 0
    assert value("average_precision", torch.ones(3, 1), torch.rand(3, 1)) == 1
    assert value("average_precision", torch.zeros(3, 2), torch.rand(3, 2)) is None
    assert value("ranking", torch.tensor([[1, 0]]), torch.tensor([[0.5, 0.5]])) == 1  # a tie is a full error
    assert golden["metrics_edge"]["coverage_error all-positive row alone"] == 3.0 == (0.75 * 4)


def test_bad_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="row 0, label 1 is nan"):
        classification.evaluate(torch.ones(1, 2), torch.tensor([[0.0, float("nan")]]), 0.0)
    with pytest.raises(ValueError, match="two equal matrices"):
        classification.evaluate(torch.ones(1, 2), torch.ones(1, 3), 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_of_all_classes_at_once_is_that_of_each(seed: int) -> None:
    """As on a GPU; many ties, and classes without positives."""
    generator = torch.Generator().manual_seed(seed)
    rows, labels = 1 + 3 * seed, 1 + seed % 7
    y = (torch.rand(rows, labels, generator=generator) < 0.3).to(torch.int8)
    scores = torch.randint(0, 6, (rows, labels), generator=generator).float() / 3
    known = [j for j in range(labels) if y[:, j].any()]
    for found in (passes._by_sorting(y, scores), passes._by_comparing(y, scores)):
        assert list(found) == known
        for j in known:
            expected = reference.average_precision_score(y[:, j].numpy(), scores[:, j].numpy())
            assert float(found[j]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_average_precision_has_the_same_bits_of_few_positives_as_of_many(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to some hundred positives, of which torch adds more than one at a time; with and without ties."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(30 * seed + 5, 9, generator=generator) < 0.08 * seed).to(torch.int8)
    scores = torch.randn(y.shape, generator=generator, dtype=(torch.float32, torch.float64)[seed % 2])
    scores = (3 * scores).round() if seed % 3 == 0 else scores
    found = []
    for few in (len(y), -1):  # each way for all of them
        monkeypatch.setattr(passes, "FEW", few)
        found.append({j: value.item() for j, value in passes.average_precisions(y, scores).items()})
    assert found[0] == found[1]
