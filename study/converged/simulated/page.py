"""The simulated sets as a part of the page: the answer in sentences, tables of gains and of orders."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from bench.metrics.catalogue import Metric
from bench.text import Grid, as_text, counted, named
from study.converged.simulated import data
from study.converged.simulated.gains import CONTROL, METRICS, ORACLE, Gains, Mean, strengths_where, where
from study.converged.simulated.recovered import Order

ASKED = "FLEM-D"
"""The method that the question is about."""
UNESTIMATED = "LD-y"
CONTROLS = ("LR", "LD-random", UNESTIMATED, "FLEM frozen")
FURTHER = ("FLEM-S", f"{ASKED} heavy", f"{ORACLE} heavy")
"""FLEM with another strategy; FLEM and the oracle with larger weights of the distribution loss."""
ORDERED = (*CONTROLS, FURTHER[0], ASKED, ORACLE, *FURTHER[1:])
"""Methods as the tables have them."""
MARK = "Simulated data"


def answer(found: Sequence[Gains], metric: Metric = METRICS[0]) -> str:
    """Answer to where FLEM begins to beat BCE, in one paragraph, of the sets that have an interval.

    Returns
    -------
    A sentence that says so where BCE, FLEM-D and LD-true have no two draws in common.
    """
    of = _with_intervals(found, metric)
    if not _is_answered(of):
        return f"{MARK}: {CONTROL}, {ASKED} and {ORACLE} have no two draws of a set in common.\n"
    flem, oracle = of[ASKED], of[ORACLE]
    sentences = [
        f"{MARK} with known label distributions ({named([str(group) for group in flem.by_group])}; {flem.sets} of "
        f"{len(data.SETTINGS)} sets; {metric.title}, each model selected by it; intervals each for itself).",
        f"Given the true distributions, FLEM's classifier ({ORACLE}) {_beats(oracle)}.",
        f"{ASKED}, which has to estimate them, {_beats(flem)}.",
    ]
    if common := _common(flem, oracle):
        sentences.append(_pooled(flem, oracle, of.get(UNESTIMATED), common))
    return " ".join(sentences) + "\n"


def to_unestimated(found: Sequence[Gains], metric: Metric = METRICS[0]) -> str:
    """Gains over LD-y, whose loss is the same, over all groups, at every strength; empty without any."""
    of = _with_intervals(found, metric)
    if not _is_answered(of):
        return ""
    told = {
        name: ", ".join(f"{shown(mean)} at {strength:g}" for strength, mean in of[name].over_groups().items())
        for name in (ORACLE, ASKED)
    }
    return (
        f"Against {UNESTIMATED}, whose loss is the same and which estimates nothing, all sets of a strength together, "
        f"in %: {ORACLE} {told[ORACLE]}; {ASKED} {told[ASKED]}.\n"
    )


def further(found: Sequence[Gains], metric: Metric = METRICS[0]) -> str:
    """Gains of controls and other variants at the largest strength, and the change of FLEM's with it; empty where there
    is no answer."""
    of, sentences = _with_intervals(found, metric), []
    if not _is_answered(of):
        return ""
    flem = of[ASKED]
    if common := _common(flem, of[ORACLE]):
        strongest = common[-1]
        told = {
            name: f"{name} {shown(pooled[strongest])} % ({counted(len(pooled[strongest].values), 'set')})"
            for name in ORDERED
            if name in of and strongest in (pooled := of[name].over_groups())
        }
        if controls := [told[name] for name in CONTROLS if name in told]:
            sentences.append(
                f"Controls, which learn no distribution, over {CONTROL} at strength {strongest:g}: {named(controls)}."
            )
        if others := [told[name] for name in FURTHER if name in told]:
            sentences.append(
                f"Other variants there (heavy: weights of the distribution loss of .3 and .9): {named(others)}."
            )
    if rise := flem.rise():
        strengths = [strength for line in flem.by_group.values() for strength in line]
        word = "grows" if rise.side > 0 else "falls" if rise.side < 0 else "is not shown to grow or fall"
        sentences.append(
            f"{ASKED}'s gain {word} with the signal: from strength {min(strengths):g} to {max(strengths):g} it changes "
            f"by {shown(rise)} points."
        )
    return " ".join(sentences) + "\n"


def _with_intervals(found: Sequence[Gains], metric: Metric) -> dict[str, Gains]:
    """{method: its gains by a metric, where it has some with an interval}."""
    of = {one.variant: one.with_intervals() for one in found if one.metric == metric}
    return {name: one for name, one in of.items() if one.by_group}


def _is_answered(of: dict[str, Gains]) -> bool:
    return ASKED in of and ORACLE in of


def _common(flem: Gains, oracle: Gains) -> list[float]:
    """Strengths at which both have gains over all groups, ascending."""
    return [strength for strength in flem.over_groups() if strength in oracle.over_groups()]


def _beats(of: Gains) -> str:
    """Strengths at which a method is better than BCE, and those at which it is worse, by more than its interval."""
    better, worse = (_by_group(of, side) for side in (1, -1))
    said = f"beats {CONTROL} by more than its interval {better}"
    return said if worse == "nowhere" else f"{said}, and is behind it {worse}"


def _by_group(of: Gains, side: int) -> str:
    words: dict[str, list[str]] = {}
    for group, line in of.by_group.items():
        words.setdefault(where(strengths_where(line, side), list(line)), []).append(str(group))
    if len(words) == 1:
        return next(iter(words))
    return named([f"{text} ({'; '.join(groups)})" for text, groups in words.items() if side > 0 or text != "nowhere"])


def _pooled(flem: Gains, oracle: Gains, unestimated: Gains | None, strengths: Sequence[float]) -> str:
    """Sentence on the gains over all groups at the strength at which the true distributions gain most."""
    of_flem, of_oracle = flem.over_groups(), oracle.over_groups()
    most = max(strengths, key=lambda strength: of_oracle[strength].mean)
    told = where(strengths_where(of_flem, 1), list(of_flem))
    sets = len(of_flem[most].values)
    text = (
        f"Over all {sets} sets of a strength together {ASKED} is ahead {told}; at strength {most:g}, where {ORACLE} "
        f"gains most, {shown(of_oracle[most])} %, {ASKED} gains {shown(of_flem[most])} %"
    )
    if unestimated and (own := unestimated.over_groups().get(most)):
        text += f" and {UNESTIMATED}, which estimates nothing, {shown(own)} %"
    return f"{text}."


def shown(mean: Mean, digits: int = 2) -> str:
    """A mean with half of its interval's width, where it has one."""
    half = mean.half_width
    value = round(mean.mean, digits) + 0.0  # no -0.00
    return f"{value:+.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")


def gain_table(found: Sequence[Gains], metric: Metric) -> str:
    """Table of the gains in per cent, a line a set size and strength; bold where the interval does not hold 0."""
    of = {one.variant: one for one in found if one.metric == metric}
    variants = [name for name in ORDERED if name in of]
    groups = sorted({group for one in of.values() for group in one.by_group})
    lines = []
    for group in groups:
        for strength in sorted({strength for one in of.values() for strength in one.by_group.get(group, {})}):
            means = [of[name].by_group.get(group, {}).get(strength) for name in variants]
            lines.append([str(group), f"{strength:g}", *map(_cell, means)])
    lines += [["together", f"{strength:g}", *cells] for strength, cells in _together(of, variants).items()]
    headers = [f"{MARK}: {metric.title}, gain over {CONTROL} in %", "strength", *variants]
    return as_text([Grid(headers, lines)], "pipe")


def _together(of: dict[str, Gains], variants: Sequence[str]) -> dict[float, list[str]]:
    """Cells over all groups, where there is more than one, of the methods that were run on all of them."""
    groups = {group for one in of.values() for group in one.by_group}
    pooled = {name: of[name].over_groups() if set(of[name].by_group) == groups else {} for name in variants}
    strengths = sorted({strength for line in pooled.values() for strength in line}) if len(groups) > 1 else []
    return {strength: [_cell(pooled[name].get(strength)) for name in variants] for strength in strengths}


def _cell(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    return f"**{shown(mean)}**" if mean.side else shown(mean)


def order_answer(orders: Sequence[Order]) -> str:
    """Sentence on the order of the degrees that FLEM-D recovers at the largest strength that it was run at."""
    strengths = {one.dataset: setting.strength for one in orders if (setting := data.setting_of(one.dataset))}
    own = [one for one in orders if one.variant == ASKED]
    if not own:
        return f"{MARK}: there are no distributions that {ASKED} recovered.\n"
    strongest = max(strengths[one.dataset] for one in own)
    there = [one for one in own if strengths[one.dataset] == strongest]
    recovered, scores = (100 * fmean(getattr(one, name) for one in there) for name in ("recovered", "scores"))
    return (
        f"{MARK}: of two relevant labels of a training instance at strength {strongest:g}, the one of the higher true "
        f"degree has the higher recovered degree of {ASKED} in {recovered:.0f} % of the pairs, and the higher score of "
        f"its classifier in {scores:.0f} % ({counted(len(there), 'set')}; models selected by Hamming loss).\n"
    )


def order_table(orders: Sequence[Order]) -> str:
    """Table of the shares of pairs in their true order by method and strength, of degrees and of scores."""
    of_sets = [(one, data.setting_of(one.dataset)) for one in orders]
    strengths = sorted({setting.strength for _, setting in of_sets if setting})
    lines = []
    for variant in dict.fromkeys(one.variant for one in orders):
        for name in ("recovered", "scores"):
            cells = []
            for strength in strengths:
                shares = [
                    getattr(one, name)
                    for one, setting in of_sets
                    if one.variant == variant and setting and setting.strength == strength
                ]
                cells.append(f"{100 * fmean(shares):.1f}" if shares else "–")
            what = "degrees recovered" if name == "recovered" else "its classifier's scores"
            lines.append([f"{variant}, {what}", *cells])
    headers = [f"{MARK}: pairs of relevant labels in their true order, %", *(f"strength {one:g}" for one in strengths)]
    return as_text([Grid(headers, lines)], "pipe")


def design() -> str:
    """Paragraph on how the sets are made, for the page."""
    strongest = data.STRENGTHS[-1]
    return (
        f"{MARK}: {data.LABELS} labels, {data.FEATURES} features. The most frequent label is relevant to "
        f"{100 * data.HIGHEST:.0f} % of the instances, the least frequent one to {100 * data.LOWEST:.0f} %; where "
        f"labels are correlated, their latent normal variables have a correlation of {data.CORRELATIONS[1]:g} within "
        f"groups of {data.GROUP}. The degrees of an instance's relevant labels are exp(s g) over their sum, with g "
        "normal. Its features are the labels' prototypes weighted by the degrees, with normal noise of a standard "
        f"deviation of {data.NOISE:g}. At strength s = 0 all relevant labels of an instance show alike, and LD-true is "
        f"LD-y; at {strongest:g}, {100 * hidden(strongest):.0f} % of those that are not alone have less than a tenth "
        "of an equal share. A draw has the same labels, prototypes and noise at all strengths. The labels of the "
        f"{data.TEST_ROWS} test instances are logical. Intervals are of 95 %, by the t-distribution over draws, each "
        "for itself: one in twenty misses 0 by chance.\n"
    )


def hidden(strength: float) -> float:
    """Share of relevant labels, of instances with several, whose degree is below a tenth of an equal share."""
    simulated = data.made(data.Setting(strength, data.CORRELATIONS[0], data.CORRELATED_ROWS, 0))
    count = simulated.y.sum(1, keepdims=True)
    several = (simulated.y > 0) & (count > 1)
    return float(((simulated.degrees * count)[several] < 0.1).mean())
