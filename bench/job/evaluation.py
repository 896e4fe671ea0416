"""Evaluation of a fitted job: every grid point's metrics, the choice among them, the artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from torch import Tensor

from bench.config import LINEAR
from bench.datasets.dataset import Dataset
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted, select
from bench.methods.api import Split
from bench.metrics.catalogue import PAPER_METRICS
from bench.metrics.classification import evaluate
from bench.records import artifacts
from bench.records.record import Curves, GridPoint, Metrics, Result, Selected

Scored = tuple[Metrics, Tensor]


def evaluated(
    points: Sequence[dict[str, Any]], grid_names: Sequence[str], fitted: Fitted, prepared: Prepared
) -> tuple[Result, Tensor, Candidate]:
    """All points on validation data, the choice among them, then all on test data, which the choice never sees."""
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
    return result, best_test[1], best


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


def artifacts_of(
    keep: list[str], dataset: Dataset, prepared: Prepared, scores: Tensor, threshold: float, chosen: Candidate
) -> dict[str, bytes]:
    files = {}
    if "scores" in keep:
        y = prepared.splits["test"].y.cpu().numpy().astype("int8")
        files[artifacts.SCORES] = artifacts.encode_scores(
            artifacts.KeptScores(scores.cpu().numpy(), y, threshold, dataset.label_names)
        )
    if "model" in keep and chosen.parameters:
        from safetensors.torch import save

        # Of a linear classifier the parameters say it all.
        about = {"classifier": msgspec.json.encode(chosen.backbone).decode()} if chosen.backbone != LINEAR else None
        tensors = {name: value.cpu().contiguous() for name, value in chosen.parameters.items()}
        files["model.safetensors"] = save(tensors, about)
    if "distributions" in keep and (degrees := chosen.distribution()) is not None:
        train = prepared.splits["train"]
        files[artifacts.DISTRIBUTIONS] = artifacts.encode_distribution(
            degrees.cpu(),
            train.y.cpu().numpy(),
            dataset.label_names,
            scores=chosen.scores(train.x).cpu(),
            threshold=threshold,
        )
    return files
