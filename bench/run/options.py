"""Options of a run."""

from __future__ import annotations

from dataclasses import dataclass

from bench.run.cluster import Cluster


@dataclass(frozen=True)
class RunOptions:
    device: str
    jobs: int
    keep: list[str]
    keep_required: bool
    """Whether a record that lacks what ``keep`` asks for is made again: only where the user asked for it."""
    fresh: bool
    epochs: int | None
    timeout: float | None = None
    only_failed: bool = False
    shard: tuple[int, int] = (1, 1)
    """(which, of how many): every so-manieth job of the plan."""
    cluster: Cluster | None = None
    """Where the jobs run, if not on this machine."""
    together: int = 1
    """Gradient-trained jobs on the same data that a process trains in turns."""
