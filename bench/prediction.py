"""``bench fit`` and ``bench predict``: a compared method, trained once and used on rows that have no labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bench
from bench import config as configuration
from bench.data_reports import card_of
from bench.datasets import OWN_NUMBERS, Source, data_folders, npz, present
from bench.datasets.checks import CSR, checked_csr, repeated
from bench.errors import UsageError
from bench.files import write_atomically
from bench.metric_catalogue import PAPER_METRICS
from bench.metrics import evaluate
from bench.plan import named_rows, rows_of
from bench.training import DivergedError


def fit(dataset: str, row: str, model: Path, seed: int, device: str, data: str | None) -> None:
    """Train a row on a set's training split, choose on its validation split, save, and say how good it is."""
    import torch

    if not model.parent.is_dir():
        raise UsageError(f"the folder {model.parent} of the model {model.name} does not exist.")
    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    (chosen,) = named_rows(rows_of(config), [row])
    if chosen.clip or chosen.fidelity or chosen.grid is not None:
        raise UsageError(
            f"the row {row!r} has a clip, fidelity or grid of its own; fit a method, or a row with options."
        )
    found = source.load()
    classifier = bench.estimator(
        chosen.base,
        dict(chosen.options) or None,
        protocol=source.protocol,
        seed=seed,
        device=device,
        dataset=found.name,
    )
    parts = {split: (_with_names(arrays.x, source), arrays.y) for split, arrays in found.splits.items()}
    try:
        classifier.fit(*parts["train"], parts["val"], found.label_names)
    except (ValueError, DivergedError) as error:
        raise UsageError(f"{row} cannot be fitted on {found.full_name}: {error}.") from error
    classifier.save(model)
    x, y = parts["test"]
    on_test = evaluate(torch.from_numpy(y), torch.from_numpy(classifier.predict_proba(x)), 0.5)
    at = "" if classifier.epoch_ is None else f", epoch {classifier.epoch_}"
    print(f"{row} on {found.full_name}, {len(parts['train'][1])} rows: {_settings(classifier.options_)}{at}")
    for metric in PAPER_METRICS:
        on_validation = classifier.validation_[metric.key]
        print(f"  {metric.title}: {_value(on_validation)} on validation, {_value(on_test[metric.key])} on test")
    print(f"saved as {model}; python -m bench predict {model} FILE")


def predict(model: Path, file: Path, output: Path | None, probabilities: bool) -> None:
    """Write one line a row: 0 or 1 for every label, or its probability."""
    classifier = bench.load(model)
    names = [str(name) for name in getattr(classifier, "feature_names_in_", [])]
    x = read_features(file, names)
    if x.shape[1] != classifier.n_features_in_:
        raise UsageError(f"{file} has {x.shape[1]} features; {model} was trained on {classifier.n_features_in_}.")
    named = pd.DataFrame(x, columns=names) if names else x
    found = classifier.predict_proba(named) if probabilities else classifier.predict(named)
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


def _with_names(x: np.ndarray, source: Source) -> Any:
    """The features as a frame where the set names them, so that a file's columns can be found by their names."""
    names: list[str] = []
    if source.extractor == OWN_NUMBERS:
        names = card_of(source).get("features", {}).get("names", [])
    elif source.module == npz.__name__:
        with np.load(source.files[0], allow_pickle=False) as archive:
            names = npz._names(archive)
    return pd.DataFrame(x, columns=names) if len(names) == len(set(names)) == x.shape[1] else x


def read_features(path: Path, names: Sequence[str] = ()) -> np.ndarray:
    """[N, D] float32 of a .npz with X (dense or CSR), of a .npy, or of a .csv of numbers with or without a header.

    Columns of a .csv with a header are found by ``names`` where these are given, others are taken by their place.

    Raises
    ------
    UsageError: one sentence with the file, and the row and column where a value is no finite number.
    """
    if not path.is_file():
        raise UsageError(f"the file {path} is missing.")
    readers = {
        ".npz": _from_npz,
        ".npy": lambda file: np.load(file, allow_pickle=False),
        ".csv": lambda file: _from_csv(file, names),
    }
    if path.suffix not in readers:
        raise UsageError(f"{path} is not one of {', '.join(readers)}.")
    try:
        x = np.asarray(readers[path.suffix](path))
        if np.issubdtype(x.dtype, np.complexfloating):
            raise UsageError(f"{path} holds {x.dtype} values; features are real numbers.")
        x = x.astype(np.float32, copy=False)
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
        return checked_csr([archive[name] for name in CSR], f"{path}: the CSR arrays of X").toarray()


def _from_csv(path: Path, names: Sequence[str]) -> list[list[float]]:
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    if not rows:
        raise ValueError("it is empty")
    header = None if all(map(_is_number, rows[0])) else rows[0]
    columns = list(range(len(rows[0])))
    if header is not None and (twice := repeated(header)) is not None:
        raise ValueError(f"it has two columns of the name {twice!r}")
    if header is not None and names:
        missing = [name for name in names if name not in header]
        if missing:
            raise ValueError(f"it has no column {missing[0]!r}, which the model was trained on")
        columns = [header.index(name) for name in names]
    found = []
    for line, row in enumerate(rows[header is not None :], start=1 + (header is not None)):
        if len(row) != len(rows[0]):
            raise ValueError(f"line {line} has {len(row)} columns, the first has {len(rows[0])}")
        wrong = [column for column in columns if not _is_number(row[column])]
        if wrong:
            name = header[wrong[0]] if header else wrong[0]
            raise ValueError(f"line {line}, column {name} is {row[wrong[0]]!r}, no number")
        found.append([float(row[column]) for column in columns])
    return found


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
