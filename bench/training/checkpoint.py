"""Checkpoints of a long job, beside its record-to-be: a killed job goes on from there.

One file a stage (a recovery network, what ``prepare`` gave, each stack of classifiers). A file of another key, device
or library version counts as none, and so does a torn one: a job starts over rather than go on from anything else.
"""

from __future__ import annotations

import hashlib
import io
import math
import shutil
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from bench.errors import UsageError
from bench.system import reading
from bench.system.writing import WriteError, write

FINISHED_SHARE = 0.05
"""A finished stage is worth a file when it took this share of the time between two checkpoints."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one job, one a stage. Picklable: the stacks of a grid may train in several processes."""

    folder: Path
    identity: str
    """Digest of all that the job's result depends on; checkpoints of any other identity are not its own."""
    seconds: float
    """Between two checkpoints of a stage."""
    most: float = math.inf
    """Bytes of one checkpoint; a larger one is not written."""

    def of(self, stage: str) -> Checkpoint:
        """The checkpoint of a stage."""
        path = self.folder / f"{stage.replace(' ', '-')}.checkpoint"
        return Checkpoint(path, self.identity, self.seconds, most=self.most)


@dataclass
class Checkpoint:
    """The file of one stage."""

    path: Path
    identity: str
    seconds: float
    started: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    most: float = math.inf

    def load(self) -> dict[str, Any] | None:
        """The state that :meth:`save` was last given by this job, tensors on the CPU; None where there is none. The
        stage begins here."""
        self.started = self.saved = time.monotonic()
        if not self.path.exists():
            return None
        try:
            content = reading.content(self.path, reading.free_memory())
        except UsageError as error:
            warnings.warn(f"the checkpoint of the job cannot be used, and its stage starts over: {error}", stacklevel=2)
            return None
        digest, body = content[:64], content[64:]
        if hashlib.sha256(body).hexdigest().encode() != digest:
            return None
        found = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        return found["state"] if found["identity"] == self.identity else None

    def due(self, finished: bool) -> bool:
        now = time.monotonic()
        if finished:
            return now - self.started >= FINISHED_SHARE * self.seconds
        return now - self.saved >= self.seconds

    def save(self, state: dict[str, Any]) -> None:
        """Keep tensors, numbers, strings, lists and dicts of these.

        Where they cannot be written, would be larger than ``most`` or take more than half of the disk's free space, the
        job goes on without, and a warning says so.
        """
        self.saved = time.monotonic()
        if (size := _bytes_of(state)) > min(self.most, _free_bytes(self.path) / 2):
            warnings.warn(
                f"a checkpoint would take {size / 2**30:.1f} GiB, more than bench.toml's run.checkpoint_gib or half of "
                "the free disk, and is not written; if the job is killed, it starts from its last one or anew.",
                stacklevel=2,
            )
            return
        stream = io.BytesIO()
        torch.save({"identity": self.identity, "state": state}, stream)
        body = stream.getbuffer()  # no copy, for a state may take GB
        try:
            write(self.path, b"".join([hashlib.sha256(body).hexdigest().encode(), body]))
        except WriteError as error:
            warnings.warn(f"the job goes on without a checkpoint: {error}", stacklevel=2)


def _bytes_of(state: Any) -> int:
    """Bytes of the tensors in a state."""
    if isinstance(state, torch.Tensor):
        return state.nbytes
    inside = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(map(_bytes_of, inside))


def _free_bytes(path: Path) -> float:
    """Bytes that the disk of a file to be has room for; where it does not say, no limit."""
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return math.inf
