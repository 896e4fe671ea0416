"""Every metric's contract, and the further ones against scikit-learn or naive loops, ties included."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from bench.metrics import passes
from bench.metrics.catalogue import metric_named, metrics
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.metrics.frequency import third_of
from bench.metrics.measuring import decision_metrics, measured

CASES = range(12)


def case(seed: int, dtype: torch.dtype = torch.float64, threshold: float = 0.0) -> Evaluation:
    """Scores with ties, a label without positives, a row without and one with all labels."""
    random = np.random.default_rng(seed)
    rows, labels = int(random.integers(4, 40)), int(random.integers(5, 9))
    y = (random.random((rows, labels)) < random.random(labels)).astype(np.int8)
    y[0], y[1] = 0, 1
    y[:, 0] = 0
    levels = (1, 2, 4)[seed % 3]
    scores = np.round(random.standard_normal((rows, labels)) * levels) / levels
    positives = torch.from_numpy(random.integers(0, 6, labels))
    training = TrainingLabels(positives, 50)
    return Evaluation(torch.from_numpy(y), torch.from_numpy(scores).to(dtype), threshold, training=training)


def everything(evaluation: Evaluation) -> dict[str, float | None]:
    return measured(evaluation, metrics())


def same(one: dict[str, float | None], other: dict[str, float | None]) -> None:
    assert one == {key: None if value is None else pytest.approx(value, abs=1e-12) for key, value in other.items()}


def arrays(evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    return (evaluation.y.numpy() > 0).astype(int), evaluation.scores.double().numpy()


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "ELEMENTS_AT_ONCE", 20)  # many blocks
    evaluation = case(seed)
    found, (y, scores) = everything(evaluation), arrays(evaluation)
    both = [j for j in range(y.shape[1]) if 0 < y[:, j].sum() < len(y)]
    assert found["macro_roc_auc"] == pytest.approx(reference.roc_auc_score(y[:, both], scores[:, both]), abs=1e-12)
    assert found["micro_roc_auc"] == pytest.approx(reference.roc_auc_score(y.ravel(), scores.ravel()), abs=1e-12)
    f1 = reference.f1_score(y, scores > 0, average="samples", zero_division=0)
    assert found["example_f1"] == pytest.approx(f1, abs=1e-12)
    for k in (1, 3, 5):
        assert found[f"ndcg_at_{k}"] == pytest.approx(reference.ndcg_score(y, scores, k=k), abs=1e-12)
    assert evaluation.training is not None
    thirds = thirds_of(evaluation.training.positives.tolist())
    for number, third in enumerate(("head", "medium", "tail")):
        labels = [j for j in range(y.shape[1]) if thirds[j] == number]
        known = [j for j in labels if y[:, j].any()]
        ap = reference.average_precision_score(y[:, known], scores[:, known]) if known else None
        f1 = reference.f1_score(y, scores > 0, labels=labels, average="macro", zero_division=0) if labels else None
        assert found[f"{third}_average_precision"] == (None if ap is None else pytest.approx(ap, abs=1e-12))
        assert found[f"{third}_f1"] == (None if f1 is None else pytest.approx(f1, abs=1e-12))


def thirds_of(positives: list[int]) -> list[int]:
    found = []
    for own in positives:
        before = sum(other > own for other in positives)
        found.append(0 if before < len(positives) / 3 else 1 if before < 2 * len(positives) / 3 else 2)
    return found


def test_equally_frequent_labels_are_of_one_third() -> None:
    assert third_of(torch.tensor([9, 5, 5, 5, 1, 0])).tolist() == [0, 0, 0, 0, 2, 2]
    assert third_of(torch.tensor([7, 7, 7])).tolist() == [0, 0, 0]
    assert third_of(torch.tensor([1, 2, 3])).tolist() == [2, 1, 0]


@pytest.mark.parametrize("seed", CASES)
def test_the_top_of_the_ranking_is_the_mean_over_every_order_of_tied_labels(seed: int) -> None:
    evaluation = case(seed)
    found, (y, scores) = everything(evaluation), arrays(evaluation)
    assert evaluation.training is not None
    c = (math.log(50) - 1) * (1.5 + 1) ** 0.55
    propensity = [1 / (1 + c * math.exp(-0.55 * math.log(n + 1.5))) for n in evaluation.training.positives.tolist()]
    for k in (1, 3, 5):
        precision, scored, best = [], [], []
        for truth, row in zip(y, scores, strict=True):
            orders = tie_orders(row)
            precision.append(np.mean([sum(truth[j] for j in order[:k]) / k for order in orders]))
            scored.append(np.mean([sum(truth[j] / propensity[j] for j in order[:k]) for order in orders]))
            best.append(sum(sorted((t / p for t, p in zip(truth, propensity, strict=True)), reverse=True)[:k]))
        assert found[f"precision_at_{k}"] == pytest.approx(np.mean(precision), abs=1e-12)
        assert found[f"psp_at_{k}"] == pytest.approx(sum(scored) / sum(best), abs=1e-12)


def tie_orders(row: np.ndarray) -> list[tuple[int, ...]]:
    """Every order of the labels that the scores allow."""
    orders: list[tuple[int, ...]] = [()]
    for value in sorted(set(row.tolist()), reverse=True):
        tied = list(permutations([j for j, own in enumerate(row) if own == value]))
        orders = [(*order, *more) for order in orders for more in tied]
    return orders


@pytest.mark.parametrize("seed", CASES)
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_calibration_error_by_a_loop(seed: int, threshold: float) -> None:
    plain = case(seed)
    scores = plain.scores if threshold == 0 else (plain.scores.clamp(-2, 2) + 2) / 4  # 0 and 1 among them
    evaluation = Evaluation(plain.y, scores, threshold)
    bins: dict[int, list[tuple[float, int]]] = {}
    for truth, score in zip(plain.y.flatten().tolist(), scores.flatten().tolist(), strict=True):
        p = score if threshold else 1 / (1 + math.exp(-score))
        bins.setdefault(min(14, int(p * 15)), []).append((p, truth))
    total = sum(len(one) for one in bins.values())
    expected = sum(
        len(one) / total * abs(np.mean([p for p, _ in one]) - np.mean([truth for _, truth in one]))
        for one in bins.values()
    )
    assert everything(evaluation)["calibration_error"] == pytest.approx(expected, abs=1e-12)


def test_what_is_no_probability_has_no_calibration() -> None:
    y, scores = torch.tensor([[1, 0]]), torch.tensor([[0.5, 2.0]])
    metric = [metric_named("calibration-error")]
    assert measured(Evaluation(y, scores, 0.5), metric) == {"calibration_error": None}
    assert measured(Evaluation(y, scores / 2, 0.4), metric) == {"calibration_error": None}


@pytest.mark.parametrize("seed", CASES)
def test_the_order_of_rows_and_of_labels_does_not_matter(seed: int) -> None:
    evaluation = case(seed)
    training = evaluation.training
    assert training is not None
    expected = everything(evaluation)
    rows = torch.randperm(len(evaluation.y), generator=torch.Generator().manual_seed(seed))
    same(everything(Evaluation(evaluation.y[rows], evaluation.scores[rows], 0.0, training=training)), expected)
    labels = torch.randperm(evaluation.y.shape[1], generator=torch.Generator().manual_seed(seed))
    moved = TrainingLabels(training.positives[labels], training.rows)
    shuffled = Evaluation(evaluation.y[:, labels], evaluation.scores[:, labels], 0.0, training=moved)
    same(everything(shuffled), expected)


@pytest.mark.parametrize("seed", CASES)
def test_single_and_double_precision_agree(seed: int) -> None:
    same(everything(case(seed, torch.float32)), everything(case(seed, torch.float64)))


@pytest.mark.parametrize("seed", CASES)
def test_values_are_in_range_and_the_truth_scores_best(seed: int) -> None:
    evaluation = case(seed)
    perfect = Evaluation(evaluation.y, evaluation.y * 40.0 - 20, 0.0, training=evaluation.training)
    inverted = Evaluation(evaluation.y, 20 - evaluation.y * 40.0, 0.0, training=evaluation.training)
    worst = everything(inverted)
    for metric in metrics():
        for value in (everything(evaluation)[metric.key], worst[metric.key]):
            assert value is None or (-1 if metric.key == "coverage" else 0) <= value <= 1 + 1e-12, metric
        best = everything(perfect)[metric.key]
        low = worst[metric.key]
        assert (best is None) == (low is None), metric
        if best is not None and low is not None:
            assert best <= low if metric.lower_is_better else best >= low, metric


@pytest.mark.parametrize("shape", [(1, 2), (1, 6), (3, 1), (30, 6)])
@pytest.mark.parametrize("value", [0, 1])
def test_sets_without_positives_or_negatives(shape: tuple[int, int], value: int) -> None:
    """Every metric is a number or None there, training labels known or not."""
    y, scores = torch.full(shape, value, dtype=torch.int8), torch.zeros(shape)
    for training in (None, TrainingLabels(torch.zeros(shape[1]), 2), TrainingLabels(torch.zeros(shape[1]), 9)):
        found = everything(Evaluation(y, scores, 0.0, training=training))
        assert found["macro_roc_auc"] is found["micro_roc_auc"] is None
        if training is None or not value:
            assert found["psp_at_1"] is None


def test_metrics_of_decisions_are_those_that_decisions_change() -> None:
    evaluation = case(1)
    other = Evaluation(
        evaluation.y, evaluation.scores, 0.0, decisions=evaluation.scores > 0.5, training=evaluation.training
    )
    before, after = everything(evaluation), everything(other)
    declared = {metric.key for metric in metrics() if metric.decision}
    assert {key for key in before if before[key] != after[key]} <= declared == set(decision_metrics(other))
    assert decision_metrics(other) == {key: after[key] for key in declared}
    moved = Evaluation(evaluation.y, evaluation.scores, 0.5, training=evaluation.training)
    assert decision_metrics(moved) == decision_metrics(other)
