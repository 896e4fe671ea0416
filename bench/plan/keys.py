"""Parts of a job's content key. Imports no torch."""

from __future__ import annotations

from typing import Any

import msgspec

from bench import methods
from bench.plan import digests
from bench.system import environment


def stored_form(**parts: Any) -> dict[str, Any]:
    """As JSON gives it back: structs as dicts, tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(parts))


def method_digest(info: methods.MethodInfo) -> str:
    digest = digests.code_digest(info.module, info.file)
    # scikit-multilearn computes RAKEL's scores: its version is part of the method.
    if info.file and "skmultilearn" in info.file.read_text(encoding="utf-8"):
        digest += f" scikit-multilearn-ng {environment.version('scikit-multilearn-ng')}"
    return digest
