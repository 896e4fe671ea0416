"""The verbs that train one model and use it: fit, predict. Nothing heavy before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.cli_data import DataFolder
from bench.cli_reading import checked_seeds


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
    from bench import prediction

    checked_seeds([seed])
    prediction.fit(dataset, method, Path(model), seed, device, data)
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
    from bench import prediction

    prediction.predict(Path(model), Path(file), None if output is None else Path(output), probabilities)
    return 0
