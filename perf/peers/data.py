"""The sets that both sides are given, scaled as their protocol says; a simulated one of the same size where one is not
here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench import config as configuration
from bench import methods
from bench.config import Config
from bench.datasets import catalog
from bench.datasets.catalog import Missing
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.inputs import minmax_scaled, problem_of
from bench.methods.api import LinearMethod, Split
from bench.protocol import Protocol
from bench.training import loop
from bench.training.seeding import Streams

SIZES = {
    "yeast": (1200, 300, 917, 103, 14), "scene": (969, 242, 1196, 294, 6), "VOC07tv": (2500, 502, 2006, 1280, 20),
    "Reuters": (5827, 1943, 3019, 512, 90), "SJAFFE": (213, 0, 0, 243, 6), "Natural_Scene": (2000, 0, 0, 294, 9),
}  # fmt: skip
"""{name: (rows that train, validate and test, features, labels)} of a stand-in; without test rows a set of label
distributions."""
UNSCALED = ("VOC07tv", "Reuters")


class Given(NamedTuple):
    """A set as both sides get it."""

    name: str
    arrays: dict[str, np.ndarray]
    simulated: bool


def given(name: str) -> Given:
    """The set of this name from the data folders (BENCH_DATA or bench.toml's, then BENCH_SHARED_DATA)."""
    config = configuration.load()
    folders = catalog.data_folders(config, None)
    if shared := os.environ.get("BENCH_SHARED_DATA"):
        folders = [*folders, Path(shared)]
    found = (_labelled if SIZES[name][2] else _distributed)(name, config, folders)
    arrays = found or simulated(*SIZES[name])
    scaled = "minmax" if name not in UNSCALED else "none"
    if scaled == "minmax":
        xs = minmax_scaled({key[:-2]: value for key, value in arrays.items() if key.endswith("_x")})
        arrays |= {f"{part}_x": x for part, x in xs.items()}
    protocol = "paper" if name in UNSCALED else "small"
    arrays |= {"name": np.array(name), "protocol": np.array(protocol)}
    if SIZES[name][2]:
        arrays |= beginning(arrays, config.protocols[protocol])
    return Given(name, arrays, found is None)


def beginning(arrays: Mapping[str, np.ndarray], protocol: Protocol) -> dict[str, np.ndarray]:
    """Initial weights of the linear layer and each epoch's order of the rows: plain PyTorch trains the same model."""
    splits = {"train": Split(torch.from_numpy(arrays["train_x"]), torch.from_numpy(arrays["train_y"]))}
    rows, size = len(arrays["train_x"]), protocol.batch_size
    module = methods.create("BCE", problem_of(str(arrays["name"]), splits, protocol.fidelity))
    assert isinstance(module, LinearMethod)
    loop.initialise_classifier(module, 0)
    layer = {name: value.detach().numpy() for name, value in module.classifier.named_parameters()}
    streams, epochs = Streams(0, "classifier"), range(1, protocol.epochs_for(rows) + 1)
    return layer | {
        "orders": np.stack([torch.cat(streams.shuffled_batches(rows, size, one)).numpy() for one in epochs])
    }


def _labelled(name: str, config: Config, folders: list[Path]) -> dict[str, np.ndarray] | None:
    try:
        source = catalog.resolve(name, config, folders)
    except UsageError:
        return None
    if isinstance(source, Missing):
        return None
    splits = source.load().splits
    return {f"{part}_{what}": np.array(getattr(split, what)) for part, split in splits.items() for what in "xy"}


def _distributed(name: str, _: Config, folders: list[Path]) -> dict[str, np.ndarray] | None:
    try:
        found = ldl.load(ldl.resolve(name, folders))
    except UsageError:
        return None
    return {"train_x": found.x, "train_y": found.y, "degrees": found.degrees}


def simulated(train: int, val: int, test: int, features: int, labels: int) -> dict[str, np.ndarray]:
    """Rectified normal features, and labels of which each has between 3 and 30 % positives and depends on them."""
    random = np.random.default_rng(0)
    x = np.maximum(random.standard_normal((train + val + test, features)), 0).astype(np.float32)
    score = (x - x.mean()) @ random.standard_normal((features, labels)) / features**0.5
    score += 0.3 * random.standard_normal(score.shape)
    y = (score > np.quantile(score, 1 - np.geomspace(0.3, 0.03, labels), axis=0).diagonal()).astype(np.int8)
    if not test:
        degrees = np.exp(score)
        return {"train_x": x, "train_y": y, "degrees": degrees / degrees.sum(1, keepdims=True)}
    parts = {"train": slice(0, train), "val": slice(train, train + val), "test": slice(train + val, None)}
    return {f"{part}_{what}": array[rows] for part, rows in parts.items() for what, array in (("x", x), ("y", y))}
