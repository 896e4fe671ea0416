"""Verbs of models and of their scores: fit, predict, decide, score."""

from __future__ import annotations

import csv
import io
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from cyclopts import Parameter
from msgspec import UNSET

import bench
from bench import config as configuration
from bench.cli.options import DataFolder, Device, Real, Results, Seed, Switch
from bench.datasets.catalog import Source, card_of, data_folders, present
from bench.datasets.dataset import identifier_columns
from bench.datasets.readers import canonical, npz, raw_file
from bench.datasets.readers.feature_file import read_features
from bench.errors import UsageError
from bench.metrics.catalogue import PAPER_METRICS
from bench.plan.variants import named_variants, variants_of
from bench.records.record import Provenance
from bench.records.store import DEFAULT_RESULTS, Store
from bench.system.reading import in_short
from bench.system.writing import check_writable, packed, write
from bench.text import counted, csv_safe, name_fault


def fit(
    dataset: str, method: str, *, model: str, seed: Seed = 0, device: Device = "auto", data: DataFolder = None
) -> int:
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
    """
    path = Path(model)
    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    chosen = named_variants(config, variants_of(config), [method])
    if len(chosen) != 1:
        raise UsageError(f"{method!r} stands for {len(chosen)} methods; a model is of one.")
    variant = chosen[0]
    _check_output(path, source.files)
    loaded = source.load()
    if any(part.observed is not None for part in loaded.splits.values()):
        raise UsageError(f"{loaded.full_name} has labels that are not known, which `bench fit` would take for absent.")
    classifier = bench.estimator(
        variant.name, protocol=source.protocol, seed=seed, device=device, dataset=source.parts.base
    )
    parts = {
        split: (_with_names(arrays.x, source), pd.DataFrame(arrays.y, columns=loaded.label_names))
        for split, arrays in loaded.splits.items()
    }
    try:
        with warnings.catch_warnings(record=True) as caught:
            classifier.fit(*parts["train"], *parts["val"])
        on_test = classifier.evaluate(*parts["test"])
    except Exception as error:  # a method's own code may fail in any way
        # Here, because torch takes seconds to import: mistakes and --help are answered without it.
        from bench.job.method_check import explained

        reason = explained(error, variant.base, dict(variant.options)).rstrip(".")
        raise UsageError(f"{method} cannot be fitted on {loaded.full_name}: {reason}.") from error
    for sentence in dict.fromkeys(str(one.message) for one in caught):
        print(f"note: {sentence}", file=sys.stderr)
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
        Probabilities in place of 0 and 1; those of a linear classifier are uncalibrated. Margins are none.
    """
    path = None if output is None else Path(output)
    if path is not None:
        if path.name and path.suffix not in (".csv", ".npz"):
            raise UsageError(f"--output is a .csv or .npz file, not {output!r}.")
        _check_output(path, [Path(model), Path(file)])
    classifier = bench.load(model)
    if probabilities and not hasattr(classifier, "predict_proba"):
        raise UsageError(f"{model} ({classifier.method}) gives margins, no probabilities; leave out --probabilities.")
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


def decide(*, results: Results = DEFAULT_RESULTS) -> int:
    """Compute the decisions of old records by every decision rule, from their kept scores; nothing is trained."""
    if not Path(results).is_dir():
        raise UsageError(f"there are no records in {results}; run `python -m bench run` first.")
    from bench.scored.decide import decide_again  # here, because torch takes seconds to import

    written, reasons = decide_again(Store(Path(results)))
    print(f"{counted(len(written), 'record')} decided.")
    if reasons:
        job, reason = next(iter(reasons.items()))
        raise UsageError(
            f"{counted(len(reasons), 'record')} cannot be decided, first {job}: {reason.rstrip('.')}; run again with "
            "--keep scores --fresh, which keeps the scores of the validation split too."
        )
    return 0


def score(
    file: str,
    *,
    dataset: str,
    name: Annotated[str, Parameter(name="--as")],
    seed: Seed = 0,
    threshold: Real | None = None,
    results: Results = DEFAULT_RESULTS,
    data: DataFolder = None,
) -> int:
    """Make a record of the scores of a model trained elsewhere, for tables, statistics and the report.

    Parameters
    ----------
    file
        A .npy [N, c], or a .npz with test [N, c], the scores of the test rows in their order; in a .npz optional val
        [N, c], for decision rules; test_y and val_y, the labels, and label_names, which are compared with the data
        set's.
    dataset
        A data set, or the path of a .npz file with X and Y.
    name
        The row in tables; not the name of a method.
    seed
        The number of the training, where there are several.
    threshold
        A label is predicted where its score exceeds this. Default: 0, for logits; 0.5 is that of probabilities, which
        scores from 0 to 1 alone are taken for, and which must be given.
    """
    if threshold is not None and not math.isfinite(threshold):
        raise UsageError(f"--threshold must be finite, not {threshold}.")
    config = configuration.load()
    taken = {one.casefold(): one for one in variants_of(config)}
    if name.casefold() in taken:
        raise UsageError(f"{taken[name.casefold()]} is a method or variant here; give another name with --as.")
    if fault := name_fault(name):
        raise UsageError(f"--as {name!r} cannot be a folder's name: {fault}.")
    source = present(dataset, config, data_folders(config, data))
    store = Store(Path(results))
    if store.manifest().track != "classification":
        raise UsageError(f"{store.folder} holds records of the recovery track; use --results FOLDER for another one.")
    from bench.scored.external import score as made  # here, because torch takes seconds to import

    record = made(Path(file), source, name, seed, threshold, store)
    assert isinstance(record.provenance, Provenance)
    print(f"{name} on {source.full_name}, decided at {record.provenance.threshold:g}:")
    for metric in PAPER_METRICS:
        print(f"  {metric.title}: {_value(record.metrics[metric.key])} on test")
    if record.decisions is UNSET:
        print("no decision rules: the file has no array val.")
    print(f"recorded in {store.path(record.job)}")
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
    elif source.reader == raw_file.__name__:
        names = raw_file.feature_names(source)
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
