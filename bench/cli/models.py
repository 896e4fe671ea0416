"""Verbs of one model: fit, predict."""

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
from bench.cli.options import DataFolder, Switch, checked_seeds
from bench.datasets.catalog import Source, card_of, data_folders, present
from bench.datasets.readers import canonical, npz
from bench.datasets.readers.feature_file import read_features
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.variants import named_variants, variants_of
from bench.system.writing import write


def fit(dataset: str, method: str, *, model: str, seed: int = 0, device: str = "auto", data: DataFolder = None) -> int:
    """Train one method on one data set as a run does, and save the model.

    Parameters
    ----------
    dataset
        A data set, or the path of a .npz file with X and Y; trained on its training split, chosen on validation.
    method
        A method, or a row of bench.toml that gives it options.
    model
        The file to write, in the safetensors format.
    seed
        Of initial weights, batches and noise.
    device
        auto, cpu, cuda or cuda:N.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    checked_seeds([seed])
    path = Path(model)
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} of the model {path.name} does not exist.")
    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    (variant,) = named_variants(variants_of(config), [method])
    if variant.clip or variant.fidelity or variant.grid is not None:
        raise UsageError(
            f"the row {method!r} has a clip, fidelity or grid of its own; fit a method, or a row with options."
        )
    loaded = source.load()
    options = dict(variant.options) or None
    classifier = bench.estimator(
        variant.base, options, protocol=source.protocol, seed=seed, device=device, dataset=loaded.name
    )
    # Here, because torch takes seconds to import: mistakes and --help are answered without it.
    import torch

    from bench.metrics.classification import evaluate
    from bench.training.loop import DivergedError

    parts = {split: (_with_names(arrays.x, source), arrays.y) for split, arrays in loaded.splits.items()}
    try:
        classifier.fit(*parts["train"], parts["val"], loaded.label_names)
    except (ValueError, DivergedError) as error:
        raise UsageError(f"{method} cannot be fitted on {loaded.full_name}: {error}.") from error
    classifier.save(path)
    x, y = parts["test"]
    on_test = evaluate(torch.from_numpy(y), torch.from_numpy(classifier.predict_proba(x)), 0.5)
    at = "" if classifier.epoch_ is None else f", epoch {classifier.epoch_}"
    print(f"{method} on {loaded.full_name}, {len(parts['train'][1])} rows: {_settings(classifier.options_)}{at}")
    for metric in PAPER_METRICS:
        on_validation = classifier.validation_[metric.key]
        print(f"  {metric.title}: {_value(on_validation)} on validation, {_value(on_test[metric.key])} on test")
    print(f"saved as {path}; python -m bench predict {path} FILE")
    return 0


def predict(
    model: str,
    file: str,
    *,
    output: str | None = None,
    probabilities: Switch = False,
) -> int:
    """Predict the labels of a file's rows with a saved model: a line a row, 0 or 1 for every label.

    Parameters
    ----------
    model
        A file that `bench fit` wrote.
    file
        Features: a .npz with X, a .npy, or a .csv of numbers. Columns of a .csv with a header are found by their
        names where the training set named its features (a .csv, an .npz with feature_names), else taken by place.
    output
        A .csv or .npz to write. Default: the terminal.
    probabilities
        Probabilities in place of 0 and 1; those of a linear classifier are uncalibrated.
    """
    classifier = bench.load(model)
    names = [str(name) for name in getattr(classifier, "feature_names_in_", [])]
    x = read_features(Path(file), names)
    if x.shape[1] != classifier.n_features_in_:
        raise UsageError(f"{file} has {x.shape[1]} features; {model} was trained on {classifier.n_features_in_}.")
    named = pd.DataFrame(x, columns=names) if names else x
    predicted = classifier.predict_proba(named) if probabilities else classifier.predict(named)
    predicted = predicted.reshape(len(x), -1)[:, -len(classifier.label_names_) :]
    if output is None:
        print(_csv(predicted, classifier.label_names_), end="")
    elif output.endswith(".npz"):
        stream = io.BytesIO()
        np.savez_compressed(stream, Y=predicted, label_names=np.array(classifier.label_names_))
        write(Path(output), stream.getvalue())
    else:
        write(Path(output), _csv(predicted, classifier.label_names_).encode())
    return 0


def _with_names(x: np.ndarray, source: Source) -> Any:
    """The features as a frame where the set names them, so that a file's columns can be found by their names."""
    names: list[str] = []
    if source.extractor == canonical.OWN_NUMBERS:
        names = card_of(source).get("features", {}).get("names", [])
    elif source.reader == npz.__name__:
        names = npz.feature_names(source.files[0])
    return pd.DataFrame(x, columns=names) if len(names) == len(set(names)) == x.shape[1] else x


def _csv(predicted: np.ndarray, label_names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(label_names)
    writer.writerows([f"{value:.6g}" for value in row] for row in predicted)
    return text.getvalue()


def _settings(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"


def _value(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
