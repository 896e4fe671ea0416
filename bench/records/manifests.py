"""Manifests of results folders, joined: of one run after another, or of several folders. Imports no torch."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from bench.dataset_name import dataset_name
from bench.records.record import Manifest


def spec_of(manifest: Manifest, full_name: str) -> str:
    """A data set as a command names it: by its file, where a run took it from one that is still there."""
    path = manifest.files.get(full_name, "")
    return path + dataset_name(full_name).suffix if os.path.isfile(path) else full_name


def joined(before: Manifest, later: Manifest) -> Manifest:
    """Manifest of all that both asked for, by the protocols of the later one; others of the same names are earlier."""
    return Manifest(
        protocols={**before.protocols, **later.protocols},
        datasets=list(dict.fromkeys([*before.datasets, *later.datasets])),
        variants=list(dict.fromkeys([*before.variants, *later.variants])),
        seeds=sorted({*before.seeds, *later.seeds}),
        missing={
            name: how
            for name, how in {**before.missing, **later.missing}.items()
            if not any(dataset.partition("@")[0] == name for dataset in (*before.datasets, *later.datasets))
        },
        track=later.track,
        expected_seconds={**before.expected_seconds, **later.expected_seconds},
        files={**before.files, **later.files},
        earlier_protocols=_earlier(before, later),
    )


def _earlier(before: Manifest, later: Manifest) -> dict[str, list[dict[str, Any]]]:
    """Of each name the protocols that are not its present one, each once; the latest first."""
    earlier = {}
    for name in dict.fromkeys([*before.protocols, *later.protocols]):
        present, *others = dict.fromkeys([*later.protocols_named(name), *before.protocols_named(name)])
        earlier[name] = [dict(msgspec.json.decode(msgspec.json.encode(one))) for one in others if one != present]
    return {name: others for name, others in earlier.items() if others}
