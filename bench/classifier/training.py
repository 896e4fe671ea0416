"""Training a row of a table on arrays, as its job trains it: scaling, grid, epochs, selection."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bench.classifier.model import Model
from bench.config import Variant, effective_protocol
from bench.datasets.dataset import Dataset, SplitArrays
from bench.job.evaluation import choice
from bench.job.fit_direct import fit_method
from bench.job.fit_linear import fit_linear
from bench.job.inputs import prepare
from bench.job.recipe import described, recipe
from bench.model_file import PREFIX, RANGE, TRAINING_X, TRAINING_Y
from bench.protocol import Protocol
from bench.system import hardware
from bench.system.hardware import threads


def trained(
    row: Variant, protocol: Protocol, splits: Mapping[str, SplitArrays], dataset: str, seed: int, device: str
) -> Model:
    """Train on the split "train"; the epoch and the grid's point are chosen on "val". Without that the method's
    options, where they are searched its defaults, are trained to the last epoch.

    Raises
    ------
    UsageError: for a method, option or setting that does not exist.
    """
    made = recipe(row)
    protocol = effective_protocol(protocol, row, made.settings)
    dtype = torch.float64 if protocol.precision == "float64" else torch.float32
    arrays = Dataset(dataset, "", splits, [], "", "arrays", ())
    where = torch.device(hardware.best_device(device))
    prepared = prepare(arrays, protocol.scaling, protocol.fidelity, where, dtype)
    selects = "val" in splits
    points, training = (made.points, made.training) if selects else ([made.options], ())
    name = made.info.name
    with threads(protocol.threads):
        if made.info.gradient:
            fitted = fit_linear(
                name,
                points,
                prepared,
                protocol,
                seed,
                training=training,
                backbone=made.backbone,
                classifier_alone=True,
            )
        else:
            fitted = fit_method(name, points, prepared, seed, protocol.criteria)
        chosen, validation = 0, {}
        if selects:
            chosen, found = choice(fitted, prepared)
            validation = (found[chosen] or ({},))[0]
    best = fitted.candidates[chosen]
    tensors: dict[str, Tensor] = {}
    if protocol.scaling == "minmax":
        x = splits["train"].x
        tensors[RANGE] = torch.from_numpy(np.stack([x.min(0), x.max(0)]))
    if made.info.gradient:
        own = {name: value for name, value in best.parameters.items() if name.startswith(PREFIX)}
        tensors |= {name: value.detach().cpu() for name, value in own.items()}
    else:
        tensors |= {TRAINING_X: prepared.splits["train"].x, TRAINING_Y: prepared.splits["train"].y}
    return Model(
        base=name,
        tensors=tensors,
        options=described(tuple(points), training)[chosen],
        threshold=best.threshold,
        n_labels=splits["train"].y.shape[1],
        epoch=best.epoch,
        validation=validation,
        backbone=made.backbone,
        fidelity=row.fidelity,
        scorer=None if made.info.gradient else best.scores,
    )
