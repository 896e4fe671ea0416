"""``bench stats``: what a table's data sets can decide, and what they cannot, in words. Imports neither torch nor
methods."""

from __future__ import annotations

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
    smallest_wilcoxon_p,
)
from bench.errors import UsageError, did_you_mean
from bench.tables.table import Table
from bench.text import Block, Grid, counted

REGION_SHARE = 0.01


def complete_values(table: Table, rows: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """[data sets, rows] of means over seeds, and the data sets left out because a row has no value there."""
    cells = table.frame[table.frame["variant"].isin(rows) & (table.frame["state"] == "value")]
    values = cells.pivot(index="dataset", columns="variant", values="mean").reindex(index=table.columns, columns=rows)
    complete = values.dropna()
    return complete, [dataset for dataset in table.columns if dataset not in complete.index]


def variants_with_values(table: Table, rows: Sequence[str]) -> list[str]:
    """Those of the rows that have a value on some data set."""
    there = set(table.frame.loc[table.frame["state"] == "value", "variant"])
    return [row for row in rows if row in there]


def significance(table: Table, rows: list[str], control: str, region: float | None) -> list[Block]:
    """The report on one metric.

    Parameters
    ----------
    rows: the methods compared; the control is one of them.
    region: half-width of practical equivalence in the metric's unit; None: one percent of the control's mean.

    Raises
    ------
    UsageError: when the control is not among the rows.
    """
    if control not in rows:
        raise UsageError(f"the control {control!r} is not among the rows; {did_you_mean(control, rows)}")
    said: list[Block] = []
    there = variants_with_values(table, rows)
    if empty := [row for row in rows if row not in there]:
        said.append(
            f"Without {', '.join(empty)}, which {'have' if len(empty) > 1 else 'has'} no value on any data set."
        )
        rows = there
    if control not in rows:
        return [*said, "Nothing can be tested against it."]
    values, left_out = complete_values(table, rows)
    blocks = len(values)
    if left_out:
        said.append(f"Left out, because a method has no value there: {', '.join(left_out)}.")
    if blocks < 2 or len(rows) < 2:
        text = f"{counted(blocks, 'data set')} with a value of each of {len(rows)} methods"
        return [*said, f"Nothing can be tested: {text}. Methods are compared over data sets, never seeds."]
    assert table.metric is not None
    lower = table.metric.lower_is_better
    array = values.to_numpy(dtype=float)
    if len(rows) >= 3:
        said += _over_all(friedman(array, lower), rows)
    width = abs(float(values[control].mean())) * REGION_SHARE if region is None else region
    found = against_control(array, rows, control, lower, width)
    return [*said, *_against(found, control, blocks, width)]


def _over_all(test: Friedman, rows: list[str]) -> list[Block]:
    distance = critical_difference(test.methods, test.blocks)
    order = np.argsort(test.mean_ranks, kind="stable")
    pairs = nemenyi(test.mean_ranks, test.blocks)
    apart = [
        f"{rows[i]} and {rows[j]} (p {probability(pairs[i, j])})"
        for position, i in enumerate(order)
        for j in order[position + 1 :]
        if pairs[i, j] < ALPHA
    ]
    ranks = ", ".join(f"{rows[i]} {test.mean_ranks[i]:.2f}" for i in order)
    verdict = "some methods differ" if test.f_p < ALPHA else "no difference is shown"
    return [
        f"Mean ranks over {test.blocks} data sets (ties share their mean rank): {ranks}.",
        f"Friedman: chi-square {test.chi_square:.2f}, p {probability(test.chi_square_p)}; "
        f"Iman-Davenport: F {test.f:.2f}, p {probability(test.f_p)}: {verdict} at {ALPHA}.",
        f"Nemenyi: mean ranks must differ by {distance:.2f} of {test.methods - 1} possible to be told apart; "
        + (f"apart are {'; '.join(apart)}." if apart else "no pair does."),
    ]


def _against(found: list[Against], control: str, blocks: int, width: float) -> list[Block]:
    least = smallest_wilcoxon_p(blocks)
    headers = ["against", "better", "worse", "Wilcoxon p", "Holm p", "P(better)", "P(equivalent)", "P(worse)"]
    body = [
        [
            one.method,
            str(one.wins),
            str(one.losses),
            probability(one.p),
            probability(one.p_holm),
            *(f"{share:.3f}" for share in (one.control_better, one.equivalent, one.method_better)),
        ]
        for one in found
    ]
    shown = [one.method for one in found if one.p_holm < ALPHA]
    reach = f"With {blocks} data sets the smallest p that Wilcoxon's test can give is {probability(least)}"
    if len(found) > 1:
        reach += f", times {len(found)} for the first of Holm's steps {probability(min(1, least * len(found)))}"
    return [
        f"{control} against each of the others: on how many data sets it is better and worse, and the probabilities "
        f"that it is better, equivalent (within {width:.2g}) or worse.",
        Grid(headers, body),
        reach + (": it can show nothing here." if least * len(found) >= ALPHA else "."),
        f"Shown to differ from {control} at {ALPHA} after Holm: {', '.join(shown) if shown else 'none'}. "
        "What is not shown to differ is not shown to be equal; the last three columns say how probable that is.",
    ]


def probability(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"
