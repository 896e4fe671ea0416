"""Scores of a model trained elsewhere, checked and made a record. The file: docs/score-external-models.md."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import msgspec
import numpy as np
import torch
from msgspec import UNSET

from bench.datasets.dataset import SPLITS, Dataset, checked_labels
from bench.datasets.readers import npz
from bench.datasets.source import Source
from bench.datasets.validation import REAL, checked_array, checked_features
from bench.errors import UsageError
from bench.job.evaluation import further_of
from bench.job.probe import probes
from bench.metrics.classification import evaluate
from bench.metrics.evaluation import Evaluation, TrainingLabels
from bench.plan.digests import DIGEST_LENGTH
from bench.plan.keys import external_key, metric_digests
from bench.plan.probes import current_probes
from bench.records.artifacts import SCORES, KeptScores, Scored, encode_scores
from bench.records.locks import claimed, manifest_locked
from bench.records.probe_request import METRICS_ALONE
from bench.records.record import (
    CorruptRecordError,
    Cost,
    JobName,
    Metrics,
    Provenance,
    Record,
    Result,
    Selected,
    artifact_name,
    as_json,
)
from bench.records.store import Store
from bench.scored.decide import decisions_of
from bench.system import environment, hardware, reading
from bench.system.writing import write

ARRAYS = ("test", "val", "test_y", "val_y", "label_names")


def score(path: Path, source: Source, name: str, seed: int, threshold: float | None, store: Store) -> Record:
    """Evaluate a file's scores on a data set and commit the record, in place of an external one of that name and seed.

    Parameters
    ----------
    threshold: None: 0, but for scores that may be probabilities.

    Raises
    ------
    UsageError: for scores of other rows or labels, values that are not finite, a name that a run's records have, or
        scores from 0 to 1 without a threshold.
    """
    started = time.monotonic()
    dataset = source.load()
    kept = read(path, dataset, threshold or 0.0)
    if threshold is None and kept.scores.min() >= 0 and kept.scores.max() <= 1:
        raise UsageError(
            f"{path}: all scores lie from 0 to 1, as probabilities do, and the threshold 0 of logits would predict "
            "nearly every label; give --threshold (0.5, say)."
        )
    threshold = kept.threshold
    digest = reading.sha256(path)
    provenance = Provenance("external", path.name, digest, threshold)
    key = external_key(provenance, seed, dataset.digest()[:DIGEST_LENGTH])
    rows = {split: len(dataset.splits[split].y) for split in SPLITS}
    result = Result(
        selected=Selected(None, None, {}),
        val={} if kept.val is None else _metrics(kept.val, threshold),
        test=_metrics(Scored(kept.scores, kept.y), threshold),
        grid=[],
        epochs=None,
        stacks=[],
        n_samples=rows,
        n_features=dataset.splits["test"].x.shape[1],
        n_labels=kept.y.shape[1],
    )
    labels = dataset.splits["train"].y
    training = TrainingLabels(torch.from_numpy(labels.sum(0, dtype=np.float64)), len(labels))
    evaluation = Evaluation(*_tensors(Scored(kept.scores, kept.y)), threshold, training=training)
    content = encode_scores(kept)
    record = Record(
        job=JobName(source.name, source.extractor, name, seed),
        base="",
        protocol="",
        key=key,
        status="done",
        cost=Cost(seconds=time.monotonic() - started),
        environment=environment.environment(hardware.name_of("cpu")),
        result=result,
        artifacts={SCORES: artifact_name(seed, SCORES)},
        artifact_sha256={SCORES: hashlib.sha256(content).hexdigest()},
        asked=["scores"],
        probe_json=as_json(current_probes([(METRICS_ALONE, key)], probes)[0]),
        further=further_of(result, evaluation, metric_digests()),
        decisions_json=as_json(decisions_of(kept)),
        provenance=provenance,
    )
    _commit(record, content, source, store)
    return record


def read(path: Path, dataset: Dataset, threshold: float) -> KeptScores:
    """The scores of a file for the test rows of a data set, and for its validation rows where the file has them.

    Raises
    ------
    UsageError: for the first fault, with the array, and its row and label.
    """
    arrays = {"test": reading.array(path)} if path.suffix == ".npy" else reading.arrays(path, ARRAYS)
    if "test" not in arrays:
        raise UsageError(f"{path} holds no array test: the scores [N, c] of the test rows of {dataset.full_name}.")
    if "label_names" in arrays:
        _check_names(path, arrays["label_names"], dataset)
    test = _part(path, arrays, "test", dataset)
    val = _part(path, arrays, "val", dataset) if "val" in arrays else None
    return KeptScores(test.scores, test.y, threshold, dataset.label_names, val)


def _part(path: Path, arrays: dict[str, np.ndarray], split: str, dataset: Dataset) -> Scored:
    where, y = f"{path}, array {split}", dataset.splits[split].y
    there = f"the {split} split of {dataset.full_name}"
    scores = checked_array(arrays[split], where, 2, REAL, "a matrix [rows, labels] of scores")
    for what, found, expected in (("rows", len(scores), len(y)), ("labels", scores.shape[1], y.shape[1])):
        if found != expected:
            raise UsageError(
                f"{where}: it has {found} {what}, {there} has {expected}; give a row of scores for each of its rows "
                "and a column for each of its labels, in their order."
            )
    single = checked_features(scores, where, "score")
    if (own := arrays.get(f"{split}_y")) is not None:
        own = checked_labels(own, f"{where}_y")
        if own.shape != y.shape:
            raise UsageError(f"{where}_y: its shape is {list(own.shape)}, that of the scores {list(y.shape)}.")
        if (other := np.argwhere(own != y)).size:
            row, label = other[0]
            raise UsageError(
                f"{where}_y: row {row} has {own[row, label]} for the label {dataset.label_names[label]!r}, that row of "
                f"{there} has {y[row, label]}; put the rows into its order."
            )
    return Scored(scores if scores.dtype == np.float64 else single, y)


def _check_names(path: Path, names: np.ndarray, dataset: Dataset) -> None:
    given = [str(name) for name in checked_array(names, f"{path}, array label_names", 1, "U", "a vector of texts")]
    for place, (own, known) in enumerate(zip(given, dataset.label_names, strict=False)):
        if own != known:
            raise UsageError(
                f"{path}, array label_names: label {place} is {own!r}, that of {dataset.full_name} is {known!r}; put "
                "the columns into its order."
            )
    if len(given) != len(dataset.label_names):
        raise UsageError(
            f"{path}, array label_names: {len(given)} names; {dataset.full_name} has {len(dataset.label_names)} labels."
        )


def _metrics(part: Scored, threshold: float) -> Metrics:
    return evaluate(*_tensors(part), threshold)


def _tensors(part: Scored) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and scores [N, c]; in float64, in which the threshold is given."""
    return torch.from_numpy(part.y), torch.from_numpy(part.scores).double()


def _commit(record: Record, scores: bytes, source: Source, store: Store) -> None:
    store.check_writable()
    with claimed(store, record.job) as claim:
        if claim is None:
            raise UsageError(f"another process is at {record.job}; try again.")
        match store.found(record.job):
            case None:
                pass
            case Record(provenance=provenance) if provenance is UNSET:
                raise UsageError(
                    f"{store.folder} holds a record of {record.job} that a run computed; give another name with --as."
                )
            case CorruptRecordError():
                store.set_aside(record.job, "corrupt")
            case Record():
                store.set_aside(record.job, "replaced")
        write(store.sidecar(record.job, SCORES), scores)
        store.write(record)
    if source.reader == npz.__name__:  # the file need not lie in a data folder: where it is, is noted
        with manifest_locked(store):
            before = store.manifest()
            files = {**before.files, source.full_name: str(source.files[0].absolute())}
            store.write_manifest(msgspec.structs.replace(before, files=files))
