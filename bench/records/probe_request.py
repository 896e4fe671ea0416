"""Requests for probes: a variant, a protocol and a data set's name, whatever the code. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bench.config import LINEAR, Backbone, Normalisation
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
    backbone: Backbone = LINEAR


def probe_request(
    track: TrackName,
    base: str,
    gradient: bool,
    points: Iterable[dict[str, Any]],
    protocol: Protocol,
    dataset: str,
    normalisation: Normalisation = "sum",
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
    return ProbeRequest(
        track, base, gradient, tuple(short[:1] + short[1:][-1:]), small, dataset, normalisation, backbone
    )


Probes = dict[str, tuple[Probe | None, bool]]
"""{identity: (the numbers, None where the method fails on so small a problem; whether the data set's name counts)}."""
