"""``bench fit`` and ``bench predict``: a compared method, trained once and used on rows that have no labels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bench.cli.options import DataFolder, checked_seeds
from bench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from bench.datasets.catalog import Source


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
    fit_and_save(dataset, method, Path(model), seed, device, data)
    return 0


def predict(
    model: str,
    file: str,
    *,
    output: str | None = None,
    probabilities: Annotated[bool, Parameter(negative=())] = False,
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
    predict_file(Path(model), Path(file), None if output is None else Path(output), probabilities)
    return 0


def fit_and_save(dataset: str, row: str, model: Path, seed: int, device: str, data: str | None) -> None:
    """Train a row on a set's training split, choose on its validation split, save, and say how good it is."""
    import torch

    import bench
    from bench import config as configuration
    from bench.datasets.catalog import data_folders, present
    from bench.metrics.catalogue import PAPER_METRICS
    from bench.metrics.classification import evaluate
    from bench.plan.variants import named_variants, variants_of
    from bench.training.loop import DivergedError

    if not model.parent.is_dir():
        raise UsageError(f"the folder {model.parent} of the model {model.name} does not exist.")
    config = configuration.load()
    source = present(dataset, config, data_folders(config, data))
    (chosen,) = named_variants(variants_of(config), [row])
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


def predict_file(model: Path, file: Path, output: Path | None, probabilities: bool) -> None:
    """Write one line a row: 0 or 1 for every label, or its probability."""
    import csv

    import numpy as np
    import pandas as pd

    import bench
    from bench.datasets.readers.feature_file import read_features
    from bench.system.files import write_atomically

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
    import numpy as np
    import pandas as pd

    from bench.datasets.catalog import card_of
    from bench.datasets.readers import canonical, npz

    names: list[str] = []
    if source.extractor == canonical.OWN_NUMBERS:
        names = card_of(source).get("features", {}).get("names", [])
    elif source.reader == npz.__name__:
        with np.load(source.files[0], allow_pickle=False) as archive:
            names = npz._names(archive)
    return pd.DataFrame(x, columns=names) if len(names) == len(set(names)) == x.shape[1] else x


def _settings(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"


def _value(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
