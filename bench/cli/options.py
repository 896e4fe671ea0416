"""Options that several verbs share, and their checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bench.run.cluster import Cluster


DataFolder = Annotated[str | None, Parameter(name="--data")]


Origin = Annotated[Literal["runs", "reference"], Parameter(name="--from")]


def _some(kind: Any, given: list | None) -> None:
    """An option without a value (of an unset shell variable, say) is a mistake, not everything or nothing."""
    if given is not None and not given:
        raise ValueError("It needs at least one value.")


Names = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]
Numbers = Annotated[list[int] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]


def known(word: str, words: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not among those that there are."""
    if word not in words:
        raise UsageError(f"there is no {what} {word!r}; {did_you_mean(word, words)}")


def checked_seeds(seeds: list[int]) -> list[int]:
    """Each seed once; none is negative."""
    if any(seed < 0 for seed in seeds):
        raise UsageError(f"a seed cannot be negative: {min(seeds)}.")
    return list(dict.fromkeys(seeds))


USAGE = 2
INTERRUPTED = 130


def checked_epochs(epochs: int | None) -> int | None:
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, not {epochs}.")
    return epochs


def checked_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not seconds > 0:
        raise UsageError(f"--timeout must be a number of seconds above 0, not {seconds:g}.")
    return seconds


def checked_shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    which, slash, parts = text.partition("/")
    if not (slash and which.isdigit() and parts.isdigit() and 1 <= int(which) <= int(parts)):
        raise UsageError(f"--shard takes K/N with K from 1 to N, such as 3/8, not {text!r}.")
    return int(which), int(parts)


def checked_cluster(backend: str, address: str | None, jobs: str, timeout: float | None) -> Cluster | None:
    if backend == "local":
        if address is not None:
            raise UsageError("--address goes with --backend dask or ray.")
        return None
    if timeout is not None:
        raise UsageError("--timeout stops processes of this machine; it does not go with --backend.")
    from bench.run.cluster import Cluster

    return Cluster("dask" if backend == "dask" else "ray", address, 0 if jobs == "1" else job_count(jobs))


def checked_together(together: int, backend: str, timeout: float | None) -> int:
    if together < 1:
        raise UsageError(f"--together must be a number from 1, not {together}.")
    if together > 1 and backend != "local":
        raise UsageError("--together is for the processes of this machine; it does not go with --backend.")
    if together > 1 and timeout is not None:
        raise UsageError("--timeout stops a job with its process, and so does not go with --together.")
    return together


def job_count(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--jobs must be a number from 1, or auto, not {text!r}.")
    return int(text)


def kept(keep: list | None) -> list[str]:
    if keep is None:
        return ["scores"]
    if "none" in keep and len(keep) > 1:
        raise UsageError("--keep none cannot be combined with anything else.")
    return [kind for kind in keep if kind != "none"]
