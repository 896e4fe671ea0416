"""Content keys of jobs: everything that a record's result depends on. Imports no torch."""

from __future__ import annotations

from typing import Any

import msgspec

from bench import methods
from bench.job.recipe import Recipe
from bench.plan import digests
from bench.protocol import Protocol
from bench.system import environment

LOOP_MODULES = {True: "bench.job.fit_linear", False: "bench.job.fit_direct"}


def job_key(made: Recipe, protocol: Protocol, seed: int, data: str) -> dict[str, Any]:
    """Everything a record's result depends on, in named parts, as a record's file gives it back."""
    return stored_form(
        method=method_digest(made.info),
        loop=digests.code_digest(LOOP_MODULES[made.info.gradient]),
        metrics=digests.code_digest("bench.metrics.classification"),
        versions=digests.results_versions(LOOP_MODULES[made.info.gradient], made.info.file),
        protocol=protocol,
        hyperparameters={"method": made.info.name, "options": made.options, "grid": made.grid},
        seed=seed,
        data=data,
    )


def stored_form(**parts: Any) -> dict[str, Any]:
    """As JSON gives it back: structs as dicts, tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(parts))


def method_digest(info: methods.MethodInfo) -> str:
    digest = digests.code_digest(info.module, info.file)
    # scikit-multilearn computes RAKEL's scores: its version is part of the method.
    if info.file and "skmultilearn" in info.file.read_text(encoding="utf-8"):
        digest += f" scikit-multilearn-ng {environment.version('scikit-multilearn-ng')}"
    return digest
