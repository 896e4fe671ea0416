"""Probes (``bench.job.probe``), remembered and compared: does changed code still compute a record's numbers?

Imports no torch: probes are computed in a process of their own, and only where source digests differ.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bench.plan import digests
from bench.records.probe_request import ProbeRequest, Probes
from bench.records.record import Probe
from bench.system.processes import side_by_side

SOURCE_PARTS = ("method", "loop", "metrics", "selection")
"""The parts of a key that are digests of source code: what a probe can stand for."""
TOLERANCE = 1e-7
"""Relative; another processor's rounding in float64 stays far below."""
NOTHING = 1e-9
"""Values that differ by less are equal however small they are."""
MEMORY = "probes.json"
MOST_REMEMBERED = 2000
"""Probes, of some 8 kB each; beyond, those that are not asked for just now are forgotten, most of them of old code."""
REQUESTS_A_PROCESS = 8


def equal(one: Probe, other: Probe) -> bool:
    """True where two probes have the same numbers but for rounding."""
    return one.keys() == other.keys() and all(_close(one[name], other[name]) for name in one)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=NOTHING)


def current_probes(
    wanted: Iterable[tuple[ProbeRequest, dict[str, Any]]],
    compute: Callable[[dict[str, ProbeRequest]], Probes] | None = None,
) -> list[Probe | None]:
    """The probe of each request under the code that the source digests of its key are of; None where it fails.

    Probes are remembered by these digests. The others are computed together, in a process of their own unless
    ``compute`` is given; of a method that does not ask for the data set's name, one stands for all data sets.
    """
    pairs = list(wanted)
    if not pairs:
        return []
    _remember({_nameless(*pair): pair for pair in pairs}.values(), compute or _computed)
    known = _remember(pairs, compute or _computed)  # the other data sets of methods that asked for the first one's name
    return [(_look_up(known, *pair) or [None])[0] for pair in pairs]


def _remember(
    pairs: Iterable[tuple[ProbeRequest, dict[str, Any]]], compute: Callable[[dict[str, ProbeRequest]], Probes]
) -> dict[str, Any]:
    """All remembered probes, among them now those of the requests, as far as they can be computed."""
    memory = digests.cache_folder() / MEMORY
    known = digests.read_json(memory)
    lacking = {_identity(*pair): pair for pair in pairs if _look_up(known, *pair) is None}
    if lacking:
        computed = compute({identity: request for identity, (request, _) in lacking.items()})
        known = digests.read_json(memory)  # other processes may have added theirs
        for identity, (values, named) in computed.items():
            nameless = _nameless(*lacking[identity])
            known |= {nameless: NAMED, identity: [values]} if named else {nameless: [values]}
        if len(known) > MOST_REMEMBERED:
            asked = {identity for pair in pairs for identity in (_nameless(*pair), _identity(*pair))}
            known = {identity: values for identity, values in known.items() if identity in asked}
        digests.write_quietly(memory, known)
    return known


def _computed(requests: dict[str, ProbeRequest]) -> Probes:
    """Probes computed in processes of their own: one a core, where there are enough to pay for starting them.

    A method may end its process: then each of that process's requests has one to itself, and those that end it again
    have no probe.
    """
    count = max(1, min(os.cpu_count() or 1, len(requests) // REQUESTS_A_PROCESS))
    parts = [dict(list(requests.items())[number::count]) for number in range(count)]
    found: Probes = {}
    computed = side_by_side(_Work(parts), count, count, forked=False, lost=lambda number: {})
    for part, values in zip(parts, computed, strict=True):
        found |= values
        if not values and len(part) > 1:
            for key, request in part.items():
                found |= _computed({key: request})
    return found


class _Work:
    """Picklable: computes its part of the requests in the process that it is sent to."""

    def __init__(self, parts: list[dict[str, ProbeRequest]]) -> None:
        self.parts = parts

    def __call__(self, number: int) -> Probes:
        from bench.job.probe import probes  # torch, which the process that asks does without

        return probes(self.parts[number])


NAMED = "by name"
"""Remembered of a variant whose probe depends on the data set's name."""


def _look_up(known: dict[str, Any], request: ProbeRequest, key: dict[str, Any]) -> list[Probe | None] | None:
    found = known.get(_nameless(request, key))
    return known.get(_identity(request, key)) if found == NAMED else found


def _nameless(request: ProbeRequest, key: dict[str, Any]) -> str:
    return _identity(msgspec.structs.replace(request, dataset=""), key)


def _identity(request: ProbeRequest, key: dict[str, Any]) -> str:
    """Digest that a probe is remembered by."""
    parts = [msgspec.to_builtins(request), [key.get(part) for part in SOURCE_PARTS]]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[: 2 * digests.DIGEST_LENGTH]
