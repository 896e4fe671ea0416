"""Differences within a data set over its folds, in words: the corrected resampled t-test on means over seeds.

Imports neither torch nor methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.hypothesis_tests import ALPHA, CorrectedT, corrected_resampled_t, holm
from bench.tables.folds import folded_columns
from bench.tables.table import MetricTable
from bench.text import Block, Grid, counted

if TYPE_CHECKING:
    from bench.plan.states import JobState


def folds_in_words(
    table: MetricTable, states: Sequence[JobState], variants: Sequence[str], control: str
) -> list[Block]:
    """Corrected resampled t-tests of the variants against the control, a grid for each set that has folds."""
    blocks: list[Block] = []
    for name, columns in folded_columns(table).items():
        ratio = tested_to_trained({table.sources.get(column, column) for column in columns}, states)
        differences = {
            variant: np.array([values[variant] - values[control] for column in columns
                               if {variant, control} <= (values := table.values(column)).keys()])
            for variant in variants
            if variant != control
        }  # fmt: skip
        if ratio is None:
            continue
        tests = {
            variant: corrected_resampled_t(of_variant, ratio)
            for variant, of_variant in differences.items()
            if len(of_variant) > 1
        }
        if not tests:
            blocks.append(f"{name}, {len(columns)} folds: no method has two folds in common with {control}.")
            continue
        blocks += _said(name, tests, ratio, control, len(columns), table.metric.lower_is_better)
    return blocks


def tested_to_trained(datasets: set[str], states: Sequence[JobState]) -> float | None:
    """Mean test rows over mean training rows of the data sets' records; None without a record that has them."""
    rows = {
        state.job.full_dataset: state.record.result.n_samples
        for state in states
        if state.state == "done" and state.record and state.record.result and state.job.full_dataset in datasets
    }
    if not rows:
        return None
    return fmean(of["test"] for of in rows.values()) / fmean(of["train"] for of in rows.values())


def _said(
    name: str, tests: dict[str, CorrectedT], ratio: float, control: str, folds: int, lower_is_better: bool
) -> list[Block]:
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    body = [
        [variant, str(test.folds), f"{test.mean:+.4f}", f"{test.std:.4f}", f"{test.t:+.2f}", f"{test.p:.4f}",
         f"{adjusted[variant]:.4f}"]
        for variant, test in tests.items()
    ]  # fmt: skip
    sides: dict[str, list[str]] = {"better than": [], "worse than": [], "not told apart from": []}
    for variant, test in tests.items():
        better = "better than" if (test.mean > 0) == lower_is_better else "worse than"
        sides[better if adjusted[variant] < ALPHA else "not told apart from"].append(variant)
    outcome = "; ".join(f"{side} {', '.join(names)}" for side, names in sides.items() if names)
    return [
        f"{name}, over its {counted(folds, 'fold')} (corrected resampled t-test, test rows / training rows "
        f"{ratio:.3f}; Holm over {counted(len(tests), 'comparison')}): {control} is {outcome}.",
        Grid(
            ["method", "folds", f"minus {control}", "std over folds", "t", "p", "Holm p"], body,
        ),
    ]  # fmt: skip
