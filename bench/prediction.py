"""``bench fit`` and ``bench predict``: a compared method, trained once and used on rows that have no labels."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench import config as configuration
from bench.datasets import data_folders, present
from bench.errors import UsageError
from bench.files import write_atomically
from bench.metric_catalogue import PAPER_METRICS
from bench.metrics import evaluate
from bench.plan import named_rows, rows_of


def fit(dataset: str, row: str, model: Path, seed: int, device: str, data: str | None) -> None:
    """Train a row on a set's training split, choose on its validation split, save, and say how good it is."""
    import torch

    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    (chosen,) = named_rows(rows_of(config), [row])
    if chosen.clip or chosen.fidelity or chosen.grid is not None:
        raise UsageError(
            f"the row {row!r} has a clip, fidelity or grid of its own; fit a method, or a row with options."
        )
    found = source.load()
    classifier = bench.estimator(
        chosen.base, dict(chosen.options) or None, protocol=source.protocol, seed=seed, device=device
    )
    splits = found.splits
    classifier.fit(splits["train"].x, splits["train"].y, (splits["val"].x, splits["val"].y), found.label_names)
    classifier.save(model)
    test = torch.from_numpy(classifier.predict_proba(splits["test"].x))
    on_test = evaluate(torch.from_numpy(splits["test"].y), test, 0.5)
    at = "" if classifier.epoch_ is None else f", epoch {classifier.epoch_}"
    print(f"{row} on {found.full_name}, {len(splits['train'].y)} rows: {_settings(classifier.options_)}{at}")
    for metric in PAPER_METRICS:
        on_validation = classifier.validation_[metric.key]
        print(f"  {metric.title}: {_value(on_validation)} on validation, {_value(on_test[metric.key])} on test")
    print(f"saved as {model}; python -m bench predict {model} FILE")


def predict(model: Path, file: Path, output: Path | None, probabilities: bool) -> None:
    """Write one line a row: 0 or 1 for every label, or its probability."""
    classifier = bench.load(model)
    x = read_features(file)
    if x.shape[1] != classifier.n_features_in_:
        raise UsageError(f"{file} has {x.shape[1]} features; {model} was trained on {classifier.n_features_in_}.")
    found = classifier.predict_proba(x) if probabilities else classifier.predict(x)
    found = found.reshape(len(x), -1)[:, -len(classifier.label_names_) :]
    if output is not None and output.suffix == ".npz":
        stream = io.BytesIO()
        np.savez_compressed(stream, Y=found, label_names=np.array(classifier.label_names_))
        write_atomically(output, stream.getvalue())
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(classifier.label_names_)
    writer.writerows([f"{value:.6g}" for value in row] for row in found)
    if output is None:
        print(text.getvalue(), end="")
    else:
        write_atomically(output, text.getvalue().encode())


def read_features(path: Path) -> np.ndarray:
    """[N, D] float32 of a .npz with X (dense or CSR), of a .npy, or of a .csv of numbers with or without a header.

    Raises
    ------
    UsageError: one sentence with the file, and the row and column where a value is no finite number.
    """
    if not path.is_file():
        raise UsageError(f"the file {path} is missing.")
    readers = {".npz": _from_npz, ".npy": lambda file: np.load(file, allow_pickle=False), ".csv": _from_csv}
    if path.suffix not in readers:
        raise UsageError(f"{path} is not one of {', '.join(readers)}.")
    try:
        x = np.asarray(readers[path.suffix](path), dtype=np.float32)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UsageError(f"{path} cannot be read as features ({str(error).splitlines()[0]}).") from error
    if x.ndim != 2 or not x.size:
        raise UsageError(f"{path}: features are a matrix [rows, features]; the shape is {x.shape}.")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise UsageError(f"{path}: the feature in row {row}, column {column} is {x[row, column]}, not finite.")
    return x


def _from_npz(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        if "X" in archive:
            return archive["X"]
        from scipy import sparse

        parts = tuple(archive[name] for name in ("X_data", "X_indices", "X_indptr"))
        return sparse.csr_matrix(parts, shape=tuple(archive["X_shape"])).toarray()


def _from_csv(path: Path) -> list[list[float]]:
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    if rows and not all(map(_is_number, rows[0])):
        rows = rows[1:]
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {number} has {len(row)} columns, the first has {len(rows[0])}")
        wrong = [column for column, value in enumerate(row) if not _is_number(value)]
        if wrong:
            raise ValueError(f"row {number}, column {wrong[0]} is {row[wrong[0]]!r}, no number")
    return [[float(value) for value in row] for row in rows]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _settings(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"


def _value(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
