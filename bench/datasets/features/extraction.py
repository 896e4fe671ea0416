"""Features that a frozen network gives a few rows at a time, on the disk as they come: a killed extraction goes on."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bench.errors import UsageError
from bench.system import reading, writing

Report = Callable[[int, int], None]
"""Takes the number of rows that are done, and of all."""


def network_key(description: str, network: nn.Module) -> str:
    """Digest of a network's weights and of what its description says of the rest."""
    state = hashlib.sha256(description.encode())
    for name, value in network.state_dict().items():
        state.update(name.encode() + value.cpu().numpy().tobytes())
    return state.hexdigest()[:16]


def write_rows(
    target: Path,
    shape: tuple[int, int],
    identity: Mapping[str, Any],
    compute: Callable[[int, int], np.ndarray],
    rows_per_save: int,
    report: Report | None = None,
) -> None:
    """Write ``target``, a float32 ``.npy`` file of the shape [N, D], whose rows ``compute(start, stop)`` gives.

    What is done is on the disk after every ``rows_per_save`` rows: killed and started again it goes on where
    ``identity`` is the same as before, and has nothing to do where it came to its end; else it starts anew. The journal
    beside the file, which says so, is left to whoever uses the file up.
    """
    rows, width = shape
    partial, journal = target.with_name(target.name + ".partial"), target.with_name(target.name + ".progress.json")
    header = _npy_header(shape)
    if target.is_file() and _finished_rows(journal, identity) == rows:
        return
    done = _finished_rows(journal, identity) if partial.is_file() else 0
    while done < rows:
        with writing.continuing(partial, len(header) + 4 * width * done if done else 0) as stream:
            stream.write(b"" if done else header)
            stop = min(done + rows_per_save, rows)
            stream.write(compute(done, stop).astype("<f4").tobytes())
        done = stop
        writing.write(journal, json.dumps({**identity, "done": done}).encode())
        if report:
            report(done, rows)
    writing.move(partial, target)


def _npy_header(shape: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def _finished_rows(journal: Path, identity: Mapping[str, Any]) -> int:
    """Rows that an earlier, equal extraction has finished."""
    try:
        before: dict[str, Any] = reading.json(journal, dict[str, Any])
    except UsageError:  # none was begun, or it is damaged
        return 0
    done = before.pop("done", 0)
    return done if before == identity and isinstance(done, int) else 0
