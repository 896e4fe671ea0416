"""Whether changed code still computes a record's numbers: probes (``bench.probe``), remembered and compared.

Imports no torch: probes are computed in a process of their own, and only where source digests differ.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bench import provenance
from bench.processes import side_by_side
from bench.protocol import Protocol
from bench.records import Probe, Track

SOURCE_PARTS = ("method", "loop", "metrics")
"""The parts of a key that are digests of source code: what a probe can stand for."""
TOLERANCE = 1e-7
"""Relative; another processor's rounding in float64 stays far below."""
NOTHING = 1e-9
"""Values that differ by less are equal however small they are."""
MEMORY = "probes.json"
LEARNING_RATE = 0.05
CUT = {"epochs": 4, "iterations": 3}
"""Options that a probe takes no larger: their values are part of the key, and clusterings magnify rounding."""


class ProbeRequest(msgspec.Struct, frozen=True):
    """What a probe depends on besides the code."""

    track: Track
    base: str
    gradient: bool
    points: tuple[dict[str, Any], ...]
    """The first and the last point of the row's grid, or its one point."""
    protocol: Protocol
    dataset: str
    """Some published constants go by the data set's name."""


def probe_request(
    track: Track, base: str, gradient: bool, points: Iterable[dict[str, Any]], protocol: Protocol, dataset: str
) -> ProbeRequest:
    """The probe of a row on a data set; how long it trains is the probe's own."""
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
    return ProbeRequest(track, base, gradient, tuple(short[:1] + short[1:][-1:]), small, dataset)


def equal(one: Probe, other: Probe) -> bool:
    """Whether two probes have the same numbers but for rounding."""
    return one.keys() == other.keys() and all(_close(one[name], other[name]) for name in one)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=NOTHING) or (math.isnan(one) and math.isnan(other))


Probes = dict[str, tuple[Probe | None, bool]]
"""{identity: (the numbers, None where the method fails on so small a problem; whether the data set's name counts)}."""


def current_probes(
    wanted: Iterable[tuple[ProbeRequest, dict[str, Any]]],
    compute: Callable[[dict[str, ProbeRequest]], Probes] | None = None,
) -> list[Probe | None]:
    """What each request gives under the code that the source digests of its key are of; None where it fails.

    Probes are remembered by these digests. The others are computed together, in a process of their own unless
    ``compute`` is given.
    """
    pairs = list(wanted)
    memory = provenance.cache_folder() / MEMORY
    known = provenance.read_json(memory)
    lacking = {_identity(*pair): pair for pair in pairs if _look_up(known, *pair) is None}
    if lacking:
        requests = {identity: request for identity, (request, _) in lacking.items()}
        computed = compute(requests) if compute else side_by_side(_Work(requests), 1, 1, forked=False)[0]
        known = provenance.read_json(memory)  # other processes may have added theirs
        for identity, (values, named) in computed.items():
            nameless = _nameless(*lacking[identity])
            known |= {nameless: NAMED, identity: [values]} if named else {nameless: [values]}
        provenance.write_quietly(memory, known)
    return [(_look_up(known, *pair) or [None])[0] for pair in pairs]


class _Work:
    """Picklable: computes the requests in the process that it is sent to."""

    def __init__(self, requests: dict[str, ProbeRequest]) -> None:
        self.requests = requests

    def __call__(self, number: int) -> Probes:
        from bench.probe import probes

        return probes(self.requests)


NAMED = "by name"
"""Remembered of a row whose probe depends on the data set's name."""


def _look_up(known: dict[str, Any], request: ProbeRequest, key: dict[str, Any]) -> list[Probe | None] | None:
    found = known.get(_nameless(request, key))
    return known.get(_identity(request, key)) if found == NAMED else found


def _nameless(request: ProbeRequest, key: dict[str, Any]) -> str:
    return _identity(msgspec.structs.replace(request, dataset=""), key)


def _identity(request: ProbeRequest, key: dict[str, Any]) -> str:
    """What a probe is remembered by."""
    parts = [msgspec.to_builtins(request), [key[part] for part in SOURCE_PARTS]]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[: 2 * provenance.DIGEST_LENGTH]
