"""Table of one data set's labels: counts of positives, and each variant's AP, F1 and AUC, from kept test scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.errors import UsageError
from bench.records.artifacts import SCORES, KeptScores, read_scores
from bench.tables.ranking import printed
from bench.text import Grid, as_text, csv_of

if TYPE_CHECKING:
    from bench.plan.states import JobState

GAP = "–"
KEEP = "`python -m bench run --keep scores` keeps them"


def label_frame(states: Sequence[JobState], positives: Mapping[str, int] | None) -> pd.DataFrame:
    """A line a label: ``label``, positives in ``train`` (missing where unknown) and ``test``, then of each variant its
    "VARIANT AP", "VARIANT F1" and "VARIANT AUC": means over the seeds, missing where not defined.

    Parameters
    ----------
    states: of the done jobs of one data set.
    positives: {label: training positives}; None where the data set is not here.

    Raises
    ------
    UsageError: where no job kept its scores, or two have other test labels.
    """
    from bench.metrics.per_label import label_values  # here, because it imports torch

    first: KeptScores | None = None
    found: dict[str, list[np.ndarray]] = {}
    for state in states:
        file = state.artifact(SCORES)
        if file is None:
            continue
        kept = read_scores(file)
        first = first or kept
        if kept.label_names != first.label_names or not np.array_equal(kept.y, first.y):
            raise UsageError(f"{file.path} has other test labels than the records before it; run them again.")
        for name, values in label_values(kept.y, kept.scores, kept.threshold).items():
            found.setdefault(f"{state.job.variant} {name}", []).append(values)
    if first is None:
        raise UsageError(f"no record of this data set that can be used has kept scores; {KEEP}.")
    train = [None if positives is None else positives.get(name) for name in first.label_names]
    counts = {"label": first.label_names, "train": pd.array(train, "Int64"), "test": first.y.sum(0, dtype=np.int64)}
    return pd.DataFrame({**counts, **{name: np.stack(of_seeds).mean(0) for name, of_seeds in found.items()}})


def render_labels(frame: pd.DataFrame, title: str, notes: Sequence[str], form: str, digits: int) -> str:
    """The table as terminal, markdown, csv or json text."""
    if form == "csv":
        return csv_of(frame)
    if form == "json":
        return frame.to_json(orient="records", indent=1, force_ascii=False) + "\n"
    body = [
        [str(label), GAP if pd.isna(train) else str(train), str(test)]
        + [GAP if pd.isna(value) else printed(value, digits) for value in values]
        for label, train, test, *values in frame.itertuples(index=False)
    ]
    return as_text([title, Grid(list(frame.columns), body), *notes], "pipe" if form == "markdown" else "simple")
