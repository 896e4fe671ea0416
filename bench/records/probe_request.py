"""Requests for probes: a variant, a protocol and a data set's name, whatever the code. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bench.config import LINEAR, Backbone, Normalisation
from bench.dataset_name import dataset_name
from bench.protocol import Protocol
from bench.records.record import Probe, TrackName

LEARNING_RATE = 0.05
CUT = {"epochs": 4, "iterations": 3}
"""Options that a probe takes no larger: their values are part of the key, and clusterings magnify rounding."""


class ProbeRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inputs of a probe besides the code."""

    track: TrackName
    base: str
    gradient: bool
    points: tuple[dict[str, Any], ...]
    """The first and the last point of the variant's grid, or its one point."""
    protocol: Protocol
    dataset: str
    """Some published constants go by the data set's name."""
    normalisation: Normalisation = "sum"
    """Of the recovery track."""
    transformed: bool = False
    """True where the data set has transforms, which may leave labels unknown."""
    training: tuple[dict[str, Any], ...] = ()
    """Settings of the protocol's training that these points have for themselves."""
    metrics_alone: bool = False
    """True where nothing is trained: the metrics of fixed scores."""
    backbone: Backbone = LINEAR


METRICS_ALONE = ProbeRequest("classification", "", False, (), Protocol(), "", metrics_alone=True)
"""The probe of scores from elsewhere."""
OWN = ("epochs", "minimum_steps", "batch_size")
"""Settings of training that a probe has of its own: how long it trains, and in which batches."""


def probe_request(
    track: TrackName,
    base: str,
    gradient: bool,
    points: Iterable[dict[str, Any]],
    protocol: Protocol,
    dataset: str,
    normalisation: Normalisation = "sum",
    training: Sequence[dict[str, Any]] = (),
    backbone: Backbone = LINEAR,
) -> ProbeRequest:
    """The probe of a variant on a data set; how long it trains is the probe's own."""
    short = [
        {name: min(value, CUT[name]) if name in CUT else value for name, value in point.items()} for point in points
    ]
    small = msgspec.structs.replace(
        protocol,
        minimum_steps=0,
        learning_rate=LEARNING_RATE,
        threads=1,
        stack=2,
        precision="float64",
    )
    parts = dataset_name(dataset)
    return ProbeRequest(
        track,
        base,
        gradient,
        tuple(short[:1] + short[1:][-1:]),
        small,
        parts.base,
        normalisation,
        bool(parts.transforms),
        _ends([{name: value for name, value in own.items() if name not in OWN} for own in training]),
        backbone=backbone,
    )


def _ends(training: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The settings of the first and the last point; of their learning rates the larger is that of every probe, so that
    few steps show the code as they do where there is one rate."""
    ends = training[:1] + training[1:][-1:]
    largest = max((own.get("learning_rate", 0.0) for own in ends), default=0.0)
    return tuple(
        {name: value / largest * LEARNING_RATE if name == "learning_rate" else value for name, value in own.items()}
        for own in ends
    )


Probes = dict[str, tuple[Probe | None, bool]]
"""{identity: (the numbers, None where the method fails on so small a problem; whether the data set's name counts)}."""
