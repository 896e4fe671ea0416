"""Parts of a job's content key. Imports no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from bench import methods
from bench.backbones import BACKBONES
from bench.config import Backbone
from bench.metrics.catalogue import METRIC_FILES, metrics
from bench.plan import digests
from bench.protocol import Protocol
from bench.records.record import Provenance
from bench.system import environment, reading


def stored_form(**parts: Any) -> dict[str, Any]:
    """As JSON gives it back: structs as dicts, tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(parts))


def protocol_part(protocol: Protocol) -> dict[str, Any]:
    """The protocol as keys hold it: settings that came after the first records are left out at their defaults."""
    whole = stored_form(protocol=protocol)["protocol"]
    plain = stored_form(protocol=Protocol())["protocol"]
    return {name: value for name, value in whole.items() if name not in Protocol.LATER or value != plain[name]}


def selection_part(protocol: Protocol) -> dict[str, dict[str, str]]:
    """{"selection": {metric: digest of its code}} of metrics to select by that are files of their own; no part of a key
    where there are none but Hamming loss."""
    components = METRIC_FILES.components()
    files = {option: components[option] for option in protocol.criteria if option != "hamming" and option in components}
    digest = {option: digests.code_digest(one.module, one.path) for option, one in files.items()}
    return {"selection": digest} if digest else {}


def backbone_part(backbone: Backbone) -> dict[str, Any]:
    """A backbone as keys hold it, its code included."""
    component = BACKBONES.component(backbone.name)
    code = digests.code_digest(component.module, component.path)
    return {"name": backbone.name, "options": backbone.options, "code": code}


def code_parts(info: methods.MethodInfo, loop: str, metrics: str) -> dict[str, Any]:
    """The parts of a key that say which code computes a job's result."""
    return stored_form(
        method=method_digest(info),
        loop=digests.code_digest(loop),
        metrics=digests.code_digest(metrics),
        versions=digests.results_versions(loop, info.file),
    )


def metric_digests() -> dict[str, str]:
    """{metric's key: digest of its file}, of every metric that there is now."""
    return _metric_digests(methods.folders())


@cache
def _metric_digests(folders: tuple[Path, ...]) -> dict[str, str]:
    components = METRIC_FILES.components()
    return {metric.key: digests.source_digest(reading.text(components[metric.option].path)) for metric in metrics()}


def external_key(provenance: Provenance, seed: int, data: str) -> dict[str, Any]:
    """The key of scores from elsewhere: no code of this project but the metrics' has a part in them."""
    return stored_form(
        metrics=digests.code_digest("bench.metrics.classification"),
        data=data,
        file=provenance.sha256,
        threshold=provenance.threshold,
        seed=seed,
    )


def method_digest(info: methods.MethodInfo) -> str:
    digest = digests.code_digest(info.module, info.file)
    # scikit-multilearn computes RAKEL's scores: its version is part of the method.
    if info.file and "skmultilearn" in reading.text(info.file):
        digest += f" scikit-multilearn-ng {environment.version('scikit-multilearn-ng')}"
    return digest
