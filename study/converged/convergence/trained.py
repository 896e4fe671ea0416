"""Methods trained otherwise than the study trains them: longer, with larger steps, by AdamW's decay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from bench import config as configuration
from bench.analysis.relative.words import between, in_percent
from bench.plan.variants import departures
from bench.records.record import Record
from study.converged.parts import DECAYED, FOLDER, SUBSET_OF_SETTINGS
from study.converged.relative import BASELINE, PRECISION, Comparison, Observed, is_shown

BEYOND = ["BCE longer", "BCE faster", "BCE heavier"]
"""Variants of BCE beyond an end of its grid or its training."""
DECAY = "BCE decay"
"""BCE that searches AdamW's weight decay in place of an L2 penalty, and has all else alike."""
VARIANTS = [DECAY, *BEYOND, SUBSET_OF_SETTINGS]
"""Of BCE, in results/study/bench.toml."""
BY_DECAY = {method: f"{method} by AdamW's decay" for method in (BASELINE, "LD-y", "FLEM-D")}
"""{method: its name in the run with weight decay, whose learning rates and steps are others, too}."""


def otherwise(records: Iterable[Record], decayed: Iterable[Record]) -> Comparison:
    """Each method trained otherwise against itself, on sets as they are.

    Parameters
    ----------
    decayed: records of methods that search AdamW's weight decay in place of an L2 penalty.
    """
    renamed = [
        replace(record, job=replace(record.job, variant=BY_DECAY[record.job.variant]))
        for record in decayed
        if record.job.variant in BY_DECAY
    ]
    observed = Observed([*records, *renamed], selecting="own")
    wanted = [*((variant, BASELINE) for variant in VARIANTS), *((name, method) for method, name in BY_DECAY.items())]
    there = set(observed.methods)
    return observed.pairs([pair for pair in wanted if there.issuperset(pair)])


def settings() -> dict[str, str]:
    """{name: settings of training}, of BCE, its variants, and BCE by AdamW's decay."""
    study, decay = configuration.load(FOLDER), configuration.load(DECAYED)
    found = {name: ", ".join(departures(study.variants[name])) for name in (BASELINE, *VARIANTS)}
    steps = f"at least {decay.protocols['converged'].minimum_steps} steps"
    return found | {BY_DECAY[BASELINE]: ", ".join([*departures(decay.variants[BASELINE]), steps])}


def penalty(found: Comparison) -> str:
    """What AdamW's decay in place of the L2 penalty does to methods; empty where it was not compared."""
    alone = _told(found, {(DECAY, BASELINE): BASELINE})
    beside = _told(found, {(name, method): method for method, name in BY_DECAY.items() if method != BASELINE})
    if not alone:
        return ""
    text = (
        "**The penalty**: with AdamW's weight decay in place of an L2 penalty, either searched on validation rows, "
        f"{PRECISION.title} changes, in % with its 95 % interval, by {alone}"
    )
    return f"{text}; with smaller learning rates and fewer steps, too, by {beside}." if beside else f"{text}."


def longer(found: Comparison) -> str:
    """What longer training, larger steps and penalties do to BCE; empty where they were not compared."""
    told = _told(found, {(name, BASELINE): name for name in BEYOND})
    return told and (
        f"Beyond its settings, longer, with a larger rate or larger penalties, BCE's {PRECISION.title} changes, in % "
        f"with its 95 % interval, by {told}."
    )


def _told(found: Comparison, pairs: Mapping[tuple[str, str], str]) -> str:
    told = []
    for (method, baseline), name in pairs.items():
        one = found.of(PRECISION, method, baseline)
        if one is not None and one.over_sets is not None:
            value = f"{in_percent(one, one.over_sets.mean)} ({between(one, one.over_sets.interval())})"
            told.append(f"{value} for {name}{'' if is_shown(one) else ' (not shown)'}")
    return ", ".join(told)
