"""Verbs of one model: fit, predict."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bench
from bench import config as configuration
from bench.cli.options import DataFolder, Seed, Switch
from bench.datasets.catalog import Source, card_of, data_folders, present
from bench.datasets.dataset import identifier_columns
from bench.datasets.readers import canonical, npz
from bench.datasets.readers.feature_file import read_features
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.variants import named_variants, variants_of
from bench.system.reading import in_short
from bench.system.writing import check_writable, packed, write
from bench.text import csv_safe


def fit(dataset: str, method: str, *, model: str, seed: Seed = 0, device: str = "auto", data: DataFolder = None) -> int:
    """Train one method on one data set as a run does, and save the model.

    Parameters
    ----------
    dataset
        A data set, or the path of a .npz file with X and Y; trained on its training split, chosen on validation.
    method
        A method, or a row of bench.toml that gives it options.
    model
        The file to write, in the safetensors format. Its folder is made.
    seed
        Of initial weights, batches and noise.
    device
        auto, cpu, cuda or cuda:N.
    data
        The folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    path = Path(model)
    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    chosen = named_variants(variants_of(config), [method])
    if len(chosen) != 1:
        raise UsageError(f"{method!r} stands for {len(chosen)} methods; a model is of one.")
    variant = chosen[0]
    if variant.clip or variant.fidelity or variant.grid is not None:
        raise UsageError(
            f"the row {method!r} has a clip, fidelity or grid of its own; fit a method, or a row with options."
        )
    _check_output(path, source.files)
    loaded = source.load()
    options = dict(variant.options) or None
    classifier = bench.estimator(
        variant.base,
        options,
        protocol=source.protocol,
        seed=seed,
        device=device,
        dataset=loaded.name,
        classifier=variant.classifier,
        classifier_options=dict(variant.classifier_options) or None,
    )
    parts = {split: (_with_names(arrays.x, source), arrays.y) for split, arrays in loaded.splits.items()}
    try:
        classifier.fit(*parts["train"], parts["val"], loaded.label_names)
        on_test = classifier.evaluate(*parts["test"])
    except Exception as error:  # a method's own code may fail in any way
        # Here, because torch takes seconds to import: mistakes and --help are answered without it.
        from bench.job.method_check import explained

        reason = explained(error, variant.base, dict(variant.options)).rstrip(".")
        raise UsageError(f"{method} cannot be fitted on {loaded.full_name}: {reason}.") from error
    classifier.save(path)
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
        Features: a .npz with X, a .npy, or a .csv of numbers. Columns are found by their names where the training
        set and the file name them (the header of a .csv, feature_names of an .npz), else taken by their place.
    output
        A .csv or .npz to write. Default: the terminal. Its folder is made.
    probabilities
        Probabilities in place of 0 and 1; those of a linear classifier are uncalibrated.
    """
    path = None if output is None else Path(output)
    if path is not None:
        if path.name and path.suffix not in (".csv", ".npz"):
            raise UsageError(f"--output is a .csv or .npz file, not {output!r}.")
        _check_output(path, [Path(model), Path(file)])
    classifier = bench.load(model)
    names = [str(name) for name in getattr(classifier, "feature_names_in_", [])]
    x, columns = read_features(Path(file), names)
    if x.shape[1] != classifier.n_features_in_:
        raise UsageError(f"{file} has {x.shape[1]} features; {model} was trained on {classifier.n_features_in_}.")
    if bool(names) != bool(columns):
        nameless = f"the model {model} has" if columns else "it has"
        print(f"note: the columns of {file} are taken by their place: {nameless} no feature names.", file=sys.stderr)
    named = pd.DataFrame(x, columns=names) if names else x
    try:
        predicted = classifier.predict_proba(named) if probabilities else classifier.has_label(named)
    except Exception as error:  # a method's own code may fail in any way
        raise UsageError(f"{model} cannot predict the rows of {file}: {in_short(error).rstrip('.')}.") from error
    predicted = predicted[:, -len(classifier.label_names_) :]  # of one label also the probability of lacking it
    if path is None:
        print(_csv(predicted, classifier.label_names_), end="")
    elif path.suffix == ".npz":
        write(path, packed({"Y": predicted, "label_names": np.array(classifier.label_names_)}))
    else:
        write(path, _csv(predicted, classifier.label_names_).encode())
    return 0


def _check_output(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output, before any work, that cannot be written or would take the place of what is read.

    Raises
    ------
    UsageError: one sentence with the file.
    """
    check_writable(path)
    if path.resolve() in [read.resolve() for read in inputs]:
        raise UsageError(f"{path} is read, and what is written would take its place; give another name.")


def _with_names(x: np.ndarray, source: Source) -> Any:
    """The features as a frame where the set names them, so that a file's columns can be found by their names."""
    names: list[str] = []
    if source.extractor == canonical.OWN_NUMBERS:
        names = card_of(source).get("features", {}).get("names", [])
    elif source.reader == npz.__name__:
        names = npz.feature_names(source.files[0])
        if len(names) > x.shape[1]:  # the reader has left out what numbers the rows
            numbering = identifier_columns(read_features(source.files[0])[0])
            names = [name for place, name in enumerate(names) if place not in numbering]
    return pd.DataFrame(x, columns=names) if len(names) == len(set(names)) == x.shape[1] else x


def _csv(predicted: np.ndarray, label_names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_safe, label_names))
    writer.writerows([f"{value:.6g}" for value in row] for row in predicted)
    return text.getvalue()


def _settings(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"


def _value(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
