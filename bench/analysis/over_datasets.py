"""Tests over a table's data sets in words: what they can decide, and what they cannot. Imports neither torch nor
methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analysis.hypothesis_tests import (
    ALPHA,
    Against,
    Friedman,
    against_control,
    critical_difference,
    friedman,
    nemenyi,
    rests_on,
    smallest_wilcoxon_p,
)
from bench.errors import UsageError, did_you_mean
from bench.records.independent_sets import counting_notes
from bench.tables.table import MetricTable, Table
from bench.text import Block, Grid, counted

REGION = 0.01
"""Half-width of practical equivalence, as a share of the control's value."""


def complete_values(table: MetricTable, variants: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Means over seeds and then over an independent set's columns [independent sets, variants], and the columns left
    out because a variant has no value there."""
    means = [table.set_values(one, variants) for one in table.independent_sets]
    names = [one.name for one in table.independent_sets]
    values = pd.DataFrame(means, index=names, columns=variants).astype("float64")
    lacking = {column for column in table.columns if not set(variants) <= table.values(column).keys()}
    return values.dropna(), [column for one in table.independent_sets for column in one.counted if column in lacking]


def variants_with_values(table: Table, variants: Sequence[str]) -> list[str]:
    """Variants that have a value on some data set."""
    present = {variant for column in table.columns for variant in table.values(column)}
    return [variant for variant in variants if variant in present]


def significance(table: MetricTable, variants: list[str], control: str, region: float = REGION) -> list[Block]:
    """Report on one metric: Friedman's test, Nemenyi's pairs, and every variant against the control.

    Parameters
    ----------
    variants: the methods compared; the control is one of them.
    region: half-width of practical equivalence, as a share of the control's value on each data set.

    Raises
    ------
    UsageError: when the control is not among the variants.
    """
    if control not in variants:
        raise UsageError(f"the control {control!r} is not among the variants; {did_you_mean(control, variants)}")
    report: list[Block] = []
    present = variants_with_values(table, variants)
    if empty := [variant for variant in variants if variant not in present]:
        report.append(
            f"Without {', '.join(empty)}, which {'have' if len(empty) > 1 else 'has'} no value on any data set."
        )
        variants = present
    if control not in variants:
        return [*report, "Nothing can be tested against it."]
    values, left_out = complete_values(table, variants)
    blocks = len(values)
    report += counting_notes(table.independent_sets)
    if left_out:
        report.append(f"Left out, because a method has no value there: {', '.join(left_out)}.")
    if blocks < 2 or len(variants) < 2:
        text = f"{counted(blocks, 'data set')} with a value of each of {len(variants)} methods"
        return [*report, f"Nothing can be tested: {text}. Methods are compared over data sets, never seeds."]
    array = values.to_numpy(dtype=float)
    if len(variants) >= 3:
        report += _over_all(array, table.metric.lower_is_better, variants)
    against = against_control(array, variants, control, table.metric.lower_is_better, region)
    return [*report, *_against(against, control, blocks, region)]


def _over_all(values: np.ndarray, lower_is_better: bool, variants: list[str]) -> list[Block]:
    test = friedman(values, lower_is_better)
    distance = critical_difference(test.methods, test.blocks)
    reachable = distance <= test.methods - 1
    order = np.argsort(test.mean_ranks, kind="stable")
    pairs = nemenyi(test.mean_ranks, test.blocks)
    apart = [
        f"{variants[i]} and {variants[j]} (p {probability(pairs[i, j])})"
        for position, i in enumerate(order)
        for j in order[position + 1 :]
        if pairs[i, j] < ALPHA
    ]
    ranks = ", ".join(f"{variants[i]} {test.mean_ranks[i]:.2f}" for i in order)
    if not reachable:
        verdict = f"no verdict, because {test.blocks} data sets cannot tell even the first method from the last."
    elif test.f_p < ALPHA:
        verdict = f"some methods differ at {ALPHA}.{_without(rests_on(values, lower_is_better), variants)}"
    else:
        verdict = f"no difference is shown at {ALPHA}."
    nemenyis = f"Nemenyi: mean ranks must differ by {distance:.2f} of {test.methods - 1} possible to be told apart; "
    if not reachable:
        nemenyis += "none can."
    else:
        nemenyis += f"apart are {'; '.join(apart)}." if apart else "no pair does."
    return [
        f"Mean ranks over {test.blocks} data sets (ties share their mean rank): {ranks}.",
        f"Friedman: chi-square {test.chi_square:.2f}, p {probability(test.chi_square_p)}; {_iman_davenport(test)}: "
        + verdict,
        nemenyis,
    ]


def _iman_davenport(test: Friedman) -> str:
    p = f"p {probability(test.f_p)}"
    if math.isnan(test.f):
        return "Iman-Davenport: not defined, every value ties with every other"
    if math.isinf(test.f):
        return f"Iman-Davenport: F infinite, every data set orders the methods alike, which chance does with {p}"
    return f"Iman-Davenport: F {test.f:.2f}, {p}"


def _without(found: tuple[tuple[int, ...], float] | None, variants: Sequence[str]) -> str:
    """Sentence on the few methods without which no difference is shown; maybe empty."""
    if found is None:
        return ""
    out, p = found
    them = "them" if len(out) > 1 else "it"
    return f" That rests on {' and '.join(variants[j] for j in out)}: without {them} p is {probability(p)}."


def _against(tests: list[Against], control: str, blocks: int, region: float) -> list[Block]:
    least = smallest_wilcoxon_p(blocks)
    headers = ["against", "better", "worse", "Wilcoxon p", "Holm p", "P(better)", "P(equivalent)", "P(worse)"]
    body = [
        [
            test.method,
            str(test.wins),
            str(test.losses),
            probability(test.p),
            probability(test.p_holm),
            *(f"{share:.3f}" for share in (test.control_better, test.equivalent, test.method_better)),
        ]
        for test in tests
    ]
    shown = [test.method for test in tests if test.p_holm < ALPHA]
    reach = f"With {blocks} data sets the smallest p that Wilcoxon's test can give is {probability(least)}"
    if len(tests) > 1:
        reach += f", times {len(tests)} for the first of Holm's steps {probability(min(1, least * len(tests)))}"
    return [
        f"{control} against each of the others: on how many data sets it is better and worse, and the probabilities "
        f"that it is better, equivalent (within {100 * region:.3g} % of {control}'s value on each data set) or worse.",
        Grid(headers, body),
        reach
        + (
            f": no difference to {control} can be shown here, and the probabilities rest on as little."
            if least * len(tests) >= ALPHA
            else "."
        ),
        f"Shown to differ from {control} at {ALPHA} after Holm: {', '.join(shown) if shown else 'none'}. "
        "What is not shown to differ is not shown to be equal; the last three columns say how probable that is.",
    ]


def probability(p: float) -> str:
    """A p-value with four decimals."""
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"
