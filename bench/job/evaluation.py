"""Evaluation of a fitted job: every grid point's metrics, the choice among them, the artifacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from torch import Tensor

from bench.config import LINEAR
from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.job.inputs import Prepared
from bench.job.selection import Candidate, Fitted, select
from bench.methods.api import Split
from bench.metrics import classification
from bench.metrics.catalogue import PAPER_METRICS, metric_named, metrics
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.metrics.measuring import measured
from bench.records import artifacts
from bench.records.record import AlsoSelected, Curves, Further, GridPoint, Metrics, Result, Selected, as_json

Scored = tuple[Metrics, Tensor]


def evaluated(
    points: Sequence[dict[str, Any]], grid_names: Sequence[str], fitted: Fitted, prepared: Prepared
) -> tuple[Result, dict[str, Tensor], Candidate]:
    """All points on validation data, the choice among them, then all on test data, which the choice never sees; and
    the chosen one's scores [N, c] by split."""
    chosen, validation = choice(fitted, prepared)
    test = [_scored(candidate, "test", fitted, prepared) for candidate in fitted.candidates]
    best, best_validation, best_test = fitted.candidates[chosen], validation[chosen], test[chosen]
    assert best_validation is not None
    assert best_test is not None
    known = {"val": validation, "test": test}
    hyperparameters = [{name: point[name] for name in grid_names} for point in points]
    keys = [metric.key for metric in dict.fromkeys((*PAPER_METRICS, *map(metric_named, fitted.criteria)))]
    grid = [
        GridPoint(
            hyperparameters=own,
            epoch=candidate.epoch,
            diverged=candidate.diverged,
            val=_some(on_validation, keys),
            test=_some(on_test, keys),
            curves_json=as_json(Curves(loss=list(candidate.losses), hamming=candidate.hamming)),
            epochs=UNSET if candidate.epochs is None or candidate.epochs == fitted.epochs else candidate.epochs,
            stopped=candidate.stopped or UNSET,
            also_epochs={option: found[number].epoch for option, found in fitted.also.items()} or UNSET,
        )
        for number, (own, candidate, on_validation, on_test) in enumerate(
            zip(hyperparameters, fitted.candidates, validation, test, strict=True)
        )
    ]
    result = Result(
        selected=Selected(point=chosen, epoch=best.epoch, hyperparameters=hyperparameters[chosen]),
        val=best_validation[0],
        test=best_test[0],
        grid=grid,
        epochs=fitted.epochs,
        stacks=fitted.stacks,
        n_samples={split: part.x.shape[0] for split, part in prepared.splits.items()},
        n_features=prepared.problem.n_features,
        n_labels=prepared.problem.n_labels,
        also_selected={
            option: _also_selected(option, fitted, prepared, known, hyperparameters) for option in fitted.also
        }
        or UNSET,
    )
    return result, {"val": best_validation[1], "test": best_test[1]}, best


def further(result: Result, prepared: Prepared, scores: Tensor, threshold: float, code: dict[str, str]) -> Further:
    """Every metric on test data that the result lacks; ``code``: {metric's key: digest of its file}.

    A metric that fails takes no training with it: the record says why it has no value.
    """
    training = TrainingLabels(prepared.problem.positives, prepared.problem.n_samples)
    # On the CPU, as many look at one label after another, which a GPU is slow at.
    evaluation = Evaluation(prepared.splits["test"].y.cpu(), scores.cpu(), threshold, training=training)
    return further_of(result, evaluation, code)


def further_of(result: Result, evaluation: Evaluation, code: dict[str, str]) -> Further:
    """As :func:`further`, of an evaluation of the test split."""
    values: Metrics = {}
    faults: dict[str, str] = {}
    for metric in metrics():
        if metric.key not in result.test:
            try:
                values |= measured(evaluation, [metric])
            except UsageError as error:
                faults[metric.key] = str(error)
    return Further(values, {key: code[key] for key in values}, faults)


def choice(fitted: Fitted, prepared: Prepared) -> tuple[int, list[Scored | None]]:
    """(the grid point chosen on validation data, every point's metrics and scores there)."""
    found = [_scored(candidate, "val", fitted, prepared) for candidate in fitted.candidates]
    return _chosen(found, fitted.selection), found


def _chosen(validation: Sequence[Scored | None], selection: str) -> int:
    return select([one[0] if one else {} for one in validation], [one is not None for one in validation], selection)


def _also_selected(
    option: str,
    fitted: Fitted,
    prepared: Prepared,
    known: Mapping[str, Sequence[Scored | None]],
    hyperparameters: Sequence[dict[str, Any]],
) -> AlsoSelected:
    """Selection by a further metric, as a job that selects by it would record it; ``known`` are the metrics of the
    candidates kept by the first metric, of whose epochs some are the same."""

    def of(position: int, split: str) -> Scored | None:
        candidate = fitted.also[option][position]
        if candidate.epoch == fitted.candidates[position].epoch:
            return known[split][position]
        return _scored(candidate, split, fitted, prepared)

    validation = [of(position, "val") for position in range(len(fitted.candidates))]
    point = _chosen(validation, option)
    on_validation, on_test = validation[point], of(point, "test")
    assert on_validation is not None
    assert on_test is not None
    epoch = fitted.also[option][point].epoch
    return AlsoSelected(point, epoch, hyperparameters[point], on_validation[0], on_test[0])


def scored(candidate: Candidate, part: Split) -> Scored | None:
    """Metrics and scores [N, c] on labelled rows, for whoever shows them; None where there is no model to score with.

    The metrics are those of the scores as they are: what is done to a score for display (a sigmoid, say) makes ties.
    """
    if not candidate.usable:
        return None
    scores = candidate.scores(part.x)
    return classification.evaluate(part.y, scores, candidate.threshold), scores


def _scored(candidate: Candidate, split: str, fitted: Fitted, prepared: Prepared) -> Scored | None:
    """As :func:`scored`, with the metrics that the job selects by."""
    if not candidate.usable:
        return None
    scores = candidate.scores(prepared.splits[split].x)
    training = TrainingLabels(prepared.problem.positives, prepared.problem.n_samples)
    evaluation = Evaluation(prepared.splits[split].y, scores, candidate.threshold, training=training)
    values = classification.evaluated(evaluation)
    further = [metric for metric in map(metric_named, fitted.criteria) if metric.key not in values]
    return values | measured(evaluation, further), scores


def _some(found: Scored | None, keys: Collection[str]) -> Metrics | None:
    return {key: found[0][key] for key in keys} if found else None


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

        # Of a linear classifier that decides at 0 the parameters say it all.
        about = {"classifier": msgspec.json.encode(chosen.backbone).decode()} if chosen.backbone != LINEAR else {}
        about |= {"threshold": repr(chosen.threshold)} if chosen.threshold else {}
        tensors = {name: value.cpu().contiguous() for name, value in chosen.parameters.items()}
        files["model.safetensors"] = save(tensors, about or None)
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
