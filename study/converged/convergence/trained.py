"""Methods trained otherwise than the study trains them: longer, with larger steps, by AdamW's decay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from bench import config as configuration
from bench.plan.variants import departures
from bench.records.record import Record
from study.converged.convergence.anchor import LOGISTIC
from study.converged.differences.relative import BASELINE, PRECISION, Comparison, Observed, mean_in_percent, verdict
from study.converged.parts import FOLDER, LOGISTIC_AT_DEFAULT, SUBSET_OF_SETTINGS

BEYOND = ["BCE longer", "BCE faster", "BCE heavier"]
"""Variants of BCE beyond an end of its grid or its training."""
DECAY = "BCE decay"
"""BCE that searches AdamW's weight decay in place of an L2 penalty, and has all else alike."""
VARIANTS = [DECAY, *BEYOND, SUBSET_OF_SETTINGS]
"""Of BCE, in results/study/bench.toml."""
FIRST = {method: f"{method} in the first run" for method in ("LD-y", "FLEM-D")}
"""{method: its name in the run with weight decay, whose learning rates and steps are others, too}."""
ENDED = {method: f"{method}'s last epoch" for method in (BASELINE, "LD-y", "FLEM-D")}
"""{method: its name where validation rows do not choose the epoch}."""
LAST = ENDED[BASELINE]


def beyond(records: Sequence[Record]) -> Comparison:
    """BCE beyond the ends of its grid and its training, and with fewer settings, against BCE."""
    return _compared(records, [(variant, BASELINE) for variant in (*BEYOND, SUBSET_OF_SETTINGS)])


def decayed(records: Sequence[Record], first: Iterable[Record]) -> Comparison:
    """Methods that search AdamW's weight decay in place of an L2 penalty, each against itself.

    Parameters
    ----------
    first: records of the first run.
    """
    pairs = [(DECAY, BASELINE), *((name, method) for method, name in FIRST.items())]
    return _compared([*records, *_renamed(first, FIRST)], pairs)


def last_epoch(records: Sequence[Record], last: Iterable[Record]) -> Comparison:
    """Methods with their last epoch against themselves with the best on validation rows, and against BCE's last.

    Parameters
    ----------
    last: records of the last epochs.
    """
    own = [(name, method) for method, name in ENDED.items()]
    others = [(name, LAST) for name in (LOGISTIC, *ENDED.values()) if name != LAST]
    return _compared([*records, *_renamed(last, ENDED)], [*own, *others, (ENDED["FLEM-D"], ENDED["LD-y"])])


def at_default(records: Sequence[Record]) -> Comparison:
    """Logistic regression with C = 1 against BCE, and tuned against that, from the grid points of its records."""
    found = []
    for record in records:
        if record.job.variant == LOGISTIC and record.result:
            (test,) = (point.test for point in record.result.grid if point.hyperparameters["cost"] == 1)
            assert test is not None
            also = {option: replace(one, test=test) for option, one in (record.result.also_selected or {}).items()}
            result = replace(record.result, test=test, also_selected=also)
            found.append(replace(record, job=replace(record.job, variant=LOGISTIC_AT_DEFAULT), result=result))
    pairs = [(LOGISTIC_AT_DEFAULT, BASELINE), (LOGISTIC, LOGISTIC_AT_DEFAULT)]
    return _compared([*records, *found], pairs)


def _renamed(records: Iterable[Record], names: Mapping[str, str]) -> list[Record]:
    """Records of the methods that have another name."""
    return [
        replace(record, job=replace(record.job, variant=names[record.job.variant]))
        for record in records
        if record.job.variant in names
    ]


def _compared(records: Sequence[Record], wanted: Sequence[tuple[str, str]]) -> Comparison:
    """Of those that are there, on sets as they are."""
    return Observed(records, selecting="own").pairs_there(wanted)


def settings() -> dict[str, str]:
    """{variant: settings of training}, of BCE and its variants."""
    study = configuration.load(FOLDER)
    return {name: ", ".join(departures(study.variants[name])) for name in (BASELINE, *VARIANTS)}


def penalty(found: Comparison) -> str:
    """Effect of AdamW's decay in place of the L2 penalty on BCE; empty where it was not compared."""
    told = _told(found, [DECAY])
    return told and (
        "**Penalty and selection**: AdamW's weight decay in place of an L2 penalty, either searched on validation "
        f"rows, changes {PRECISION.title}, in % with its 95 % interval, by {told}."
    )


def default(found: Comparison) -> str:
    """Logistic regression with C = 1 against BCE, and what tuning adds; empty where it was not compared."""
    plain = found.of(PRECISION, LOGISTIC_AT_DEFAULT)
    tuned = found.of(PRECISION, LOGISTIC, LOGISTIC_AT_DEFAULT)
    if not (plain and plain.over_sets and tuned and tuned.over_sets):
        return ""
    return (
        f"Logistic regression with scikit-learn's default, C = 1, differs from {BASELINE} by "
        f"{mean_in_percent(plain, plain.over_sets)} % ({verdict(plain)}); tuning C adds "
        f"{mean_in_percent(tuned, tuned.over_sets)} % ({verdict(tuned)})."
    )


def longer(found: Comparison) -> str:
    """Effects of longer training, larger steps and penalties on BCE; empty where they were not compared."""
    told = _told(found, BEYOND)
    return told and (
        f"Beyond its settings, longer, with a larger rate or larger penalties, BCE's {PRECISION.title} changes, in % "
        f"with its 95 % interval, by {told}."
    )


def _told(found: Comparison, variants: Iterable[str]) -> str:
    told = []
    for name in variants:
        one = found.of(PRECISION, name)
        if one is not None and one.over_sets is not None:
            told.append(f"{mean_in_percent(one, one.over_sets)} for {name} ({verdict(one)})")
    return ", ".join(told)
