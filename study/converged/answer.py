"""The study's answer in sentences, each number from records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import fmean, median

from bench.analysis.relative import Relative
from bench.analysis.relative.words import in_percent
from bench.metrics.catalogue import PAPER_METRICS
from bench.records.record import Record
from bench.text import counted, named
from study.converged.convergence.anchor import LOGISTIC
from study.converged.convergence.trained import ENDED, LAST
from study.converged.differences.relative import (
    BASELINE,
    HAMMING,
    PRECISION,
    Comparison,
    is_shown,
    mean_in_percent,
    on_test,
    regime_of,
    selected,
    set_of,
    short,
    verdict,
)
from study.converged.parts import RECOVERED

FUSION, FOREST = "FLEM-D", "RF"
ALL_WEIGHTS = "FLEM-D wide"
CONTROLS = {
    "LD-y": "the same loss with d = y / sum y, no estimator",
    "FLEM frozen": "an estimator that is not trained",
    "LD-random": "distributions drawn once",
}


def against_bce(comparison: Comparison, untuned: Collection[str] = ()) -> str:
    """Methods that are shown to be better or worse than plain BCE by macro average precision; ``untuned``: those that
    search no setting."""
    found = [one for one, _ in comparison.over_sets(PRECISION)]
    better = [_told(one) for one in found if is_shown(one) and _mean(one) > 0]
    worse = [_told(one) for one in found if is_shown(one) and _mean(one) < 0]
    sets = max((one.over_sets.sets for one in found if one.over_sets), default=0)
    but = named([one.method for one in found if one.method in untuned])
    tuned = "each tuned on validation rows" + (f" but for {but}, at their defaults" if but else "")
    every = f"{len(found)} methods and controls, {tuned}, on {sets} data sets, "
    if better:
        text = f"Of {every}**{named(better)}** {'is' if len(better) == 1 else 'are'} shown to be better"
    else:
        text = (
            f"**Begin with a linear classifier and a tuned L2 penalty**, by {BASELINE} or as logistic regression: of "
            f"{every}none is shown to be better than plain {BASELINE}"
        )
    text += f" by {PRECISION.title}"
    if not better and found:
        text += f" (highest mean: {_told(found[0])} %, 95 % interval in brackets)"
    return f"{text}; {'shown to be worse: ' + named(worse) if worse else 'none is shown to be worse'}."


def fusion(comparison: Comparison) -> str:
    """FLEM-D against plain BCE by the four metrics, each of which selects for itself."""
    cells = [comparison.of(metric, FUSION) for metric in PAPER_METRICS]
    told = [f"{one.metric.title} {_told(one, name=False)}" for one in cells if one and one.over_sets]
    shown = [one.metric.title for one in cells if one and is_shown(one)]
    judged = f"shown by {named(shown)}" if shown else "none of it shown"
    return f"**{FUSION} against {BASELINE}**, in % better, 95 % interval: {'; '.join(told)}; {judged}."


def weights(records: Iterable[Record], wide: Relative | None = None) -> str:
    """Share of FLEM-D's jobs on sets as they are in which macro average precision selects the smaller of two weights.

    Parameters
    ----------
    wide: FLEM-D with all pairs of weights against BCE.
    """
    chosen = [
        found.hyperparameters["beta"]
        for record in records
        if record.job.variant == FUSION and not regime_of(record.job.full_dataset)
        if (found := selected(record, PRECISION))
    ]
    if not chosen:
        return ""
    text = (
        f"It searches 2 of the paper's 16 pairs of weights; validation rows take beta {min(chosen)}, at which its loss "
        f"is nearly {BASELINE}, in {chosen.count(min(chosen))} of {counted(len(chosen), 'job')}"
    )
    found = [f"{in_percent(wide, one.effect)} % on {short(one.name)}" for one in wide.sets] if wide else []
    return f"{text}; with all 16: {named(found)}." if found else f"{text}."


def controls(pairs: Comparison) -> str:
    """FLEM-D against what stands beside it without a learned label distribution; empty without any."""
    told, shown = [], []
    for control, what in CONTROLS.items():
        one = pairs.of(PRECISION, FUSION, control)
        if one is not None and one.over_sets:
            told.append(f"{control} ({what}) {_told(one, name=False)}")
            found = [pairs.of(metric, FUSION, control) for metric in PAPER_METRICS]
            shown += [f"{control} by {other.metric.title}" for other in found if other and is_shown(other)]
    judged = "shown: " + named(shown) if shown else "none shown by any of the metrics"
    return f"Against its controls, {PRECISION.title}: {'; '.join(told)}; {judged}." if told else ""


def recovered(comparisons: Iterable[Comparison]) -> str:
    """The methods that recover label distributions before they classify, against BCE; empty without any."""
    told = []
    for comparison in comparisons:
        for one, over in comparison.over_sets(PRECISION):
            if one.method in RECOVERED:
                told.append(f"{_told(one)} % over {counted(over.sets, 'data set')} ({verdict(one)})")
    return f"Of the methods that recover distributions first, by {PRECISION.title}: {named(told)}." if told else ""


def ended(last_epoch: Comparison) -> str:
    """FLEM-D where validation rows choose no epoch, of neither method; empty where it was not compared."""
    told = []
    for method in (BASELINE, "LD-y"):
        one = last_epoch.of(PRECISION, ENDED[FUSION], ENDED[method])
        if one is not None and one.over_sets:
            told.append(f"{_told(one, name=False)} against {method} ({verdict(one)})")
    return f"With the last epoch of both in place of the best on validation rows: {named(told)}." if told else ""


def logistic(comparison: Comparison, last_epoch: Comparison) -> str:
    """Logistic regression beside BCE, and beside BCE with its last epoch."""
    one = comparison.of(PRECISION, LOGISTIC)
    if one is None or one.over_sets is None:
        return f"**Logistic regression** ({LOGISTIC}) was not compared."
    explained = "which is shown" if is_shown(one) else "which chance can explain"
    text = (
        f"**Logistic regression** ({LOGISTIC}: scikit-learn's, one model a label, one penalty a data set, tuned on "
        f"validation rows) is better than plain {BASELINE} on {_ahead(one)} of {len(one.sets)} data sets by "
        f"{PRECISION.title}, in the mean by {_told(one, name=False)} %, {explained}"
    )
    last, gained = last_epoch.of(PRECISION, LOGISTIC, LAST), last_epoch.of(PRECISION, LAST)
    if last is None or gained is None or last.over_sets is None:
        return f"{text}."
    return (
        f"{text}; than {BASELINE} with its last epoch, not the best on validation rows, by {_told(last, name=False)} "
        f"%, as {BASELINE} gains {_told(gained, name=False)} % by that ({verdict(gained)})."
    )


def forest(kinds: Mapping[str, Comparison], few: Sequence[float], large: Sequence[float]) -> str:
    """A random forest beside BCE on each kind of data sets, by macro average precision, and on how many it is ahead by
    the other metrics; empty where one kind lacks it.

    Parameters
    ----------
    few, large: differences in per cent on few rows with features of networks and on large sets without, which tell
        kind and size apart and were run after the others.
    """
    told = []
    for kind, comparison in kinds.items():
        *others, own = [comparison.of(metric, FOREST) for metric in PAPER_METRICS]
        if own is None or own.over_sets is None:
            return ""
        beside = ", ".join(f"{one.metric.title} on {_ahead(one)}" for one in others if one)
        told.append(f"on {_ahead(own)} of {len(own.sets)} {kind}, {_told(own, name=False)} % in the mean (by {beside})")
    text = (
        f"**A random forest** ({FOREST}) is better than plain {BASELINE} by {PRECISION.title} {', and '.join(told)}. "
        "Exploratory: the sets were grouped after these results had been seen."
    )
    if not (few and large):
        return text
    rows, words = (f"{min(found):+z.1f} to {max(found):+z.1f} %" for found in (few, large))
    return (
        f"{text} To tell kind and size apart, run then: few rows with features of networks, {rows} "
        f"({counted(len(few), 'case')}); large bags of words, {words} ({counted(len(large), 'set')})."
    )


def selecting(records: Iterable[Record], methods: Sequence[str] = (BASELINE, FUSION)) -> str:
    """Macro average precision that is lost where validation Hamming loss selects epoch and point in its place."""
    told = []
    for method in methods:
        by_set: dict[str, list[float]] = {}
        for record in records:
            own, paper = on_test(record, PRECISION), on_test(record, HAMMING)
            if record.job.variant != method or regime_of(record.job.full_dataset) or not (own and paper):
                continue
            values = own[PRECISION.key], paper[PRECISION.key]
            if values[0] and values[1]:
                by_set.setdefault(short(set_of(record)), []).append(1 - values[1] / values[0])
        if by_set:
            losses = {name: 100 * fmean(found) for name, found in by_set.items()}
            most = max(losses, key=lambda name: losses[name])
            told.append(f"{method} {median(losses.values()):.1f} % ({losses[most]:.1f} % on {most})")
    return (
        f"Selecting by validation Hamming loss, as the paper does, costs in {PRECISION.title} (median over sets): "
        f"{named(told)}."
    )


def _ahead(one: Relative) -> int:
    """Data sets on which the method is better."""
    return sum(on_set.effect > 0 for on_set in one.sets)


def _mean(one: Relative) -> float:
    assert one.over_sets is not None
    return one.over_sets.mean


def _told(one: Relative, name: bool = True) -> str:
    over = one.over_sets
    assert over is not None
    text = mean_in_percent(one, over)
    return f"{one.method} {text}" if name else text
