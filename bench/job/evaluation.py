"""Evaluation of a fitted job: every grid point's metrics, the choice among them, the artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET
from torch import Tensor

from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted, select
from bench.methods.api import Split
from bench.metrics.catalogue import PAPER_METRICS, metrics
from bench.metrics.classification import evaluate
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.metrics.measuring import measured
from bench.records import artifacts
from bench.records.record import Curves, Further, GridPoint, Metrics, Result, Selected

Scored = tuple[Metrics, Tensor]


def evaluated(
    points: Sequence[dict[str, Any]], grid_names: Sequence[str], fitted: Fitted, prepared: Prepared
) -> tuple[Result, dict[str, Tensor], Candidate]:
    """All points on validation data, the choice among them, then all on test data, which the choice never sees; and
    the chosen one's scores [N, c] by split."""
    chosen, validation = choice(fitted, prepared.splits["val"])
    test = [scored(candidate, prepared.splits["test"], fitted.threshold) for candidate in fitted.candidates]
    best, best_validation, best_test = fitted.candidates[chosen], validation[chosen], test[chosen]
    assert best_validation is not None
    assert best_test is not None
    grid = [
        GridPoint(
            hyperparameters={name: point[name] for name in grid_names},
            epoch=candidate.epoch,
            diverged=candidate.diverged,
            val=_paper_metrics(on_validation),
            test=_paper_metrics(on_test),
            curves=Curves(loss=list(candidate.losses), hamming=candidate.hamming),
            epochs=UNSET if candidate.epochs is None or candidate.epochs == fitted.epochs else candidate.epochs,
        )
        for point, candidate, on_validation, on_test in zip(points, fitted.candidates, validation, test, strict=True)
    ]
    result = Result(
        selected=Selected(
            point=chosen, epoch=best.epoch, hyperparameters={name: points[chosen][name] for name in grid_names}
        ),
        val=best_validation[0],
        test=best_test[0],
        grid=grid,
        epochs=fitted.epochs,
        stacks=fitted.stacks,
        n_samples={split: part.x.shape[0] for split, part in prepared.splits.items()},
        n_features=prepared.problem.n_features,
        n_labels=prepared.problem.n_labels,
    )
    return result, {"val": best_validation[1], "test": best_test[1]}, best


def further(result: Result, prepared: Prepared, scores: Tensor, threshold: float, code: dict[str, str]) -> Further:
    """Every metric on test data that the result lacks; ``code``: {metric's key: digest of its file}.

    A metric that fails takes no training with it: the record says why it has no value.
    """
    problem = prepared.problem
    training = TrainingLabels(problem.positives, problem.n_samples)
    # On the CPU, as many look at one label after another, which a GPU is slow at.
    evaluation = Evaluation(prepared.splits["test"].y.cpu(), scores.cpu(), threshold, training=training)
    values: Metrics = {}
    faults: dict[str, str] = {}
    for metric in metrics():
        if metric.key not in result.test:
            try:
                values |= measured(evaluation, [metric])
            except UsageError as error:
                faults[metric.key] = str(error)
    return Further(values, {key: code[key] for key in values}, faults)


def choice(fitted: Fitted, validation: Split) -> tuple[int, list[Scored | None]]:
    """(the grid point chosen on validation data, every point's metrics and scores there)."""
    found = [scored(candidate, validation, fitted.threshold) for candidate in fitted.candidates]
    return select([one[0] if one else {} for one in found], [one is not None for one in found]), found


def scored(candidate: Candidate, part: Split, threshold: float) -> Scored | None:
    """Metrics and scores [N, c] on labelled rows, for whoever shows them; None where there is no model to score with.

    The metrics are those of the scores as they are: what is done to a score for display (a sigmoid, say) makes ties.
    """
    if not candidate.usable:
        return None
    scores = candidate.scores(part.x)
    return evaluate(part.y, scores, threshold), scores


def _paper_metrics(found: Scored | None) -> Metrics | None:
    return {metric.key: found[0][metric.key] for metric in PAPER_METRICS} if found else None


def kept_scores(dataset: Dataset, scores: Mapping[str, Tensor], threshold: float) -> artifacts.KeptScores:
    """Scores of the chosen model by split, with the labels."""
    test, val = (artifacts.Scored(scores[split].cpu().numpy(), dataset.splits[split].y) for split in ("test", "val"))
    return artifacts.KeptScores(test.scores, test.y, threshold, dataset.label_names, val)


def artifacts_of(
    keep: list[str], dataset: Dataset, prepared: Prepared, scores: artifacts.KeptScores, chosen: Candidate
) -> dict[str, bytes]:
    files = {}
    if "scores" in keep:
        files[artifacts.SCORES] = artifacts.encode_scores(scores)
    if "model" in keep and chosen.parameters:
        from safetensors.torch import save

        files["model.safetensors"] = save({name: value.cpu().contiguous() for name, value in chosen.parameters.items()})
    if "distributions" in keep and (degrees := chosen.distribution()) is not None:
        train = prepared.splits["train"]
        files[artifacts.DISTRIBUTIONS] = artifacts.encode_distribution(
            degrees.cpu(),
            train.y.cpu().numpy(),
            dataset.label_names,
            scores=chosen.scores(train.x).cpu(),
            threshold=scores.threshold,
        )
    return files
