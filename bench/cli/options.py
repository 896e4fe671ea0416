"""Options that several verbs share, their checks, and names that options had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, Token, UnknownOptionError

from bench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bench.metrics.catalogue import Metric

if TYPE_CHECKING:
    from bench.decisions.rule import Target

FAILED = 1
USAGE = 2
INTERRUPTED = 130
RENAMED = {"--source": "--from", "--beside": "--map", "--fit": "--width"}
"""{former name of an option: its name}."""
MOST_SEED = 2**32 - 1
"""The largest seed that every random generator in use takes."""
MOST_EPOCHS = 10**6
MOST_PROCESSES = 1024
MOST_SHARDS = 10**6


def whole_in(word: str, option: str, least: int, most: int) -> int:
    """A word as a whole number within bounds.

    Raises
    ------
    UsageError: with the option and the bounds.
    """
    from bench.system.reading import whole_number  # here, because --help does without

    number = whole_number(word)
    if number is None or not least <= number <= most:
        raise UsageError(f"{option} must be a whole number from {least} to {most}, not {word!r}.")
    return number


def _whole(least: int, most: int) -> Parameter:
    """Conversion of an option's words, of which none is rounded."""

    def convert(kind: Any, tokens: Sequence[Token]) -> int | list[int]:
        found = [whole_in(token.value, token.keyword or "the number", least, most) for token in tokens]
        return found if kind == list[int] else found[0]

    return Parameter(converter=convert)


def _real(kind: Any, tokens: Sequence[Token]) -> float:
    from bench.system.reading import number  # here, because --help does without

    (token,) = tokens
    if (found := number(token.value)) is None:
        raise UsageError(f"{token.keyword} must be a decimal number, not {token.value!r}.")
    return found


def _some(kind: Any, given: list | None) -> None:
    """Refuse an option without a value: it is neither everything nor nothing."""
    if given is not None and not given:
        raise ValueError("It needs at least one value.")


Names = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=(), validator=_some)]
Seeds = Annotated[
    list[int] | None, Parameter(consume_multiple=True, negative=(), validator=_some), _whole(0, MOST_SEED)
]
AllSeeds = Annotated[Seeds, Parameter(help="Seeds to average over. Default: all.")]
Seed = Annotated[int, _whole(0, MOST_SEED)]
Epochs = Annotated[int | None, _whole(1, MOST_EPOCHS)]
Patience = Annotated[int | None, _whole(0, MOST_EPOCHS)]
Digits = Annotated[int, _whole(1, 10)]
Count = Annotated[int, _whole(0, 10**9)]
"""A place or a number of things, from 0."""
Folds = Annotated[int | None, _whole(2, 10**6)]
Repeats = Annotated[int | None, _whole(1, 10**6)]
Real = Annotated[float, Parameter(converter=_real)]
Switch = Annotated[bool, Parameter(negative=())]
Format = Annotated[str, Parameter(name="--format")]
Device = Annotated[str, Parameter(help="auto, cpu, cuda or cuda:N.")]
Results = Annotated[str, Parameter(help="The folder of your own records.")]
DataFolder = Annotated[
    str | None,
    Parameter(name="--data", help="The folder searched for data. Default: BENCH_DATA, else bench.toml's."),
]
RecordsData = Annotated[
    str | None,
    Parameter(
        name="--data",
        help="The folder searched for data, to notice data that changed. Default: BENCH_DATA, else bench.toml's.",
    ),
]
"""Of verbs that read records."""
Origin = Annotated[
    Literal["runs", "reference", "reference+runs"],
    Parameter(
        name="--from",
        help="runs (your own), reference (the committed ones) or reference+runs (your own among these).",
    ),
]
AnyOrigin = Annotated[Literal["runs", "reference", "reference+runs", "paper"], Parameter(name="--from")]
StandIns = Annotated[
    list[str] | None,
    Parameter(
        name="--map",
        consume_multiple=True,
        negative=(),
        validator=_some,
        help="OURS=PAPER for sets of other names, such as VOC07tv=VOC07.",
    ),
]


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
    """Distinct seeds, in the order given; one that generators do not take is refused."""
    for seed in seeds:
        if not 0 <= seed <= MOST_SEED:
            raise UsageError(f"a seed must be from 0 to {MOST_SEED}, not {seed}.")
    return list(dict.fromkeys(seeds))


def job_count(text: str) -> int:
    """Number of processes; 0 for auto."""
    return 0 if text == "auto" else whole_in(text, "--jobs, if not auto,", 1, MOST_PROCESSES)


def chosen_metrics(option: str | None) -> list[Metric]:
    """Metric of that name; without one those of the paper's Tables 2-5."""
    from bench.metrics.catalogue import PAPER_METRICS, metric_named  # here, because --help does without

    return list(PAPER_METRICS) if option is None else [metric_named(option)]


def chosen_rule(decision: str | None, target: str | None, metric: str | None) -> tuple[str | None, Target | None]:
    """Decision rule and target of the options.

    Raises
    ------
    UsageError: for an unknown target, or a metric that no rule changes.
    """
    from bench.decisions.rule import target_named  # here, because --help does without numpy

    if decision is not None and metric is not None and not chosen_metrics(metric)[0].decision:
        raise UsageError(f"{chosen_metrics(metric)[0].title} is of scores, which --decision does not change.")
    return decision, None if target is None else target_named(target)


def refuse_beside_paper(origin: str, others: Mapping[str, object]) -> None:
    """Refuse options (None where not given) that choose from records, which the paper's printed tables are not."""
    if origin == "paper" and (given := [option for option, value in others.items() if value is not None]):
        raise UsageError(f"the paper's tables are taken as printed; --from paper excludes {' and '.join(given)}.")
