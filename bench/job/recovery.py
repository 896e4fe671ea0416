"""Recovery of known label distributions by label enhancement.

Transductive: all rows train on their logical labels, and the degrees recovered for the same rows are compared with the
true ones. Nothing is selected, by the true distribution or otherwise: last epoch, fixed options.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from bench import methods
from bench.config import LINEAR, Backbone
from bench.datasets.readers.ldl import DistributionSet
from bench.job.build import per_sample_tensors
from bench.job.fit_linear import fit_linear
from bench.job.inputs import Prepared, minmax_scaled, problem_of
from bench.methods.api import Split
from bench.methods.enhancement.two_stage import TwoStage
from bench.metrics.distribution import measures, normalised
from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.protocol import Protocol
from bench.records.record import RecoveryResult


def prepare_recovery(dataset: DistributionSet, protocol: Protocol, device: torch.device) -> Prepared:
    """All rows as one training split with their logical labels, scaled, on the device."""
    x = minmax_scaled({"train": dataset.x})["train"] if protocol.scaling == "minmax" else dataset.x
    train = Split(torch.from_numpy(x).to(device), torch.from_numpy(dataset.y).to(device))
    if protocol.precision == "float64":
        train = Split(train.x.double(), train.y)
    return Prepared(problem_of(dataset.name, {"train": train}, protocol.fidelity), {"train": train})


def recover(
    name: str,
    options: dict[str, Any],
    dataset: DistributionSet,
    prepared: Prepared,
    protocol: Protocol,
    seed: int,
    normalisation: Literal["sum", "softmax"] = "sum",
    backbone: Backbone = LINEAR,
) -> tuple[RecoveryResult, Tensor]:
    """The record's result and the recovered distribution [N, c] of one method (or trivial baseline) on one set.

    Raises
    ------
    ValueError: when the method recovers no label distribution.
    """
    degrees, epochs = _degrees(name, options, prepared, protocol, seed, backbone)
    distribution = normalised(degrees, normalisation).cpu()
    result = RecoveryResult(
        measures=dict(measures(torch.from_numpy(dataset.degrees), distribution)),
        epochs=epochs,
        n_samples=len(dataset.x),
        n_features=dataset.x.shape[1],
        n_labels=dataset.y.shape[1],
        logical_labels=dataset.binarisation,
    )
    return result, distribution


def _degrees(
    name: str, options: dict[str, Any], prepared: Prepared, protocol: Protocol, seed: int, backbone: Backbone
) -> tuple[Tensor, int | None]:
    """Recovered degrees [N, c], and the classifier's epochs where one had to be trained for them."""
    if name in TRIVIAL_BASELINES:
        return TRIVIAL_BASELINES[name](prepared.splits["train"].y), None
    if issubclass(methods.method_class(name), TwoStage):
        return per_sample_tensors(name, options, prepared, protocol, seed)["degrees"], None
    fitted = fit_linear(name, [options], prepared, protocol, seed, backbone=backbone)
    found = fitted.candidates[0].distribution()
    if found is None:
        raise ValueError(f"{name} recovers no label distribution")
    return found, fitted.epochs
