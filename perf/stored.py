"""The stored measurements, a file a processor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.system import reading, writing
from bench.system.environment import environment

RESULTS = Path(__file__).with_name("results.json")
ELSEWHERE = "results-*.json"


def stored_here() -> Path:
    """The file of this processor's measurements."""
    processor = str(environment("cpu")["processor"])
    if read(RESULTS).get("machine", {}).get("processor", processor) == processor:
        return RESULTS
    return RESULTS.with_name(ELSEWHERE.replace("*", in_a_name(processor)))


def in_a_name(processor: str) -> str:
    """A processor's name as part of a file's."""
    return "-".join(re.findall("[a-z0-9]+", processor.lower()))


def stored_everywhere() -> list[dict[str, Any]]:
    """Each processor's measurements."""
    return [read(path) for path in (RESULTS, *sorted(RESULTS.parent.glob(ELSEWHERE)))]


def read(path: Path) -> dict[str, Any]:
    return reading.json(path, dict[str, Any]) if path.exists() else {}


def store(path: Path, results: dict[str, Any]) -> None:
    writing.write(path, (json.dumps(results, indent=1) + "\n").encode())
