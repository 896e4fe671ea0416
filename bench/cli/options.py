"""Options that several verbs share, their checks, and names that options had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter, UnknownOptionError

from bench.errors import UsageError, did_you_mean
from bench.metrics.catalogue import PAPER_METRICS, Metric, metric_named

USAGE = 2
INTERRUPTED = 130
RENAMED = {"--source": "--from", "--beside": "--map", "--fit": "--width"}
"""{former name of an option: its name}."""


def _some(kind: Any, given: list | None) -> None:
    """Refuse an option without a value (of an unset shell variable, say): it is neither everything nor nothing."""
    if given is not None and not given:
        raise ValueError("It needs at least one value.")


def _epochs(kind: Any, epochs: int | None) -> None:
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs must be at least 1, not {epochs}.")


Names = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]
Seeds = Annotated[list[int] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]
Epochs = Annotated[int | None, Parameter(validator=_epochs)]
Switch = Annotated[bool, Parameter(negative=())]
Format = Annotated[str, Parameter(name="--format")]
DataFolder = Annotated[str | None, Parameter(name="--data")]
Origin = Annotated[Literal["runs", "reference"], Parameter(name="--from")]
AnyOrigin = Annotated[Literal["runs", "reference", "paper"], Parameter(name="--from")]
StandIns = Annotated[list[str] | None, Parameter(name="--map", consume_multiple=True, negative=(), validator=_some)]


def renamed_option(error: UnknownOptionError) -> str:
    """Answer to a former name of one of the verb's options; empty for any other unknown option."""
    old = (error.token.keyword or error.token.value).partition("=")[0]
    new = RENAMED.get(old)
    there = {name for argument in error.argument_collection for name in argument.names}
    return f"the option {old} is called {new} now." if new in there else ""


def known(word: str, words: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not among those that there are."""
    if word not in words:
        raise UsageError(f"there is no {what} {word!r}; {did_you_mean(word, words)}")


def checked_seeds(seeds: list[int]) -> list[int]:
    """Distinct seeds, in the order given; a negative one is refused."""
    if any(seed < 0 for seed in seeds):
        raise UsageError(f"a seed cannot be negative: {min(seeds)}.")
    return list(dict.fromkeys(seeds))


def job_count(text: str) -> int:
    """Number of processes; 0 for auto."""
    if text == "auto":
        return 0
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--jobs must be a number from 1, or auto, not {text!r}.")
    return int(text)


def chosen_metrics(option: str | None) -> list[Metric]:
    """Metric of that name; without one those of the paper's Tables 2-5."""
    return [metric_named(option)] if option else list(PAPER_METRICS)


def refuse_beside_paper(origin: str, others: Mapping[str, object]) -> None:
    """Refuse options (None where not given) that choose from records, which the paper's printed tables are not."""
    if origin == "paper" and (given := [option for option, value in others.items() if value is not None]):
        raise UsageError(f"the paper's tables are taken as printed; --from paper excludes {' and '.join(given)}.")
