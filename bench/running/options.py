"""Options of a run."""

from __future__ import annotations

from dataclasses import dataclass

from bench.running.cluster import Cluster


@dataclass(frozen=True)
class RunOptions:
    device: str
    jobs: int
    keep: list[str]
    keep_required: bool
    """True where the user asked for ``keep``: a record that lacks an artifact is then made again."""
    fresh: bool
    epochs: int | None
    timeout: float | None = None
    only_failed: bool = False
    shard: tuple[int, int] = (1, 1)
    """(which, of how many): every so-manieth job of the plan."""
    cluster: Cluster | None = None
    """Cluster that the jobs run on, if not on this machine."""
