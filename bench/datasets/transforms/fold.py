"""Cross-validation: the rows of all splits together, one of n parts of which is the test split.

``[fold=2/5]`` is part 2 of 5 parts of equal size (one row more or less) of a random order; ``[fold=2/5:stratified]`` of
an iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011) by the package ``iterative-stratification``, which
spreads each label's positives over the parts. 20 % of the remaining rows are the validation split, the others are
training data. ``:r2`` is the second repeat, of another partition. Rows stay in the order train, val, test of the set.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets.dataset import SPLITS, Dataset, SplitArrays
from bench.datasets.transforming import TransformError, Value

OPTIONS = ("stratified", "rN")
SPLITS_ANEW = True
EXAMPLES = ("2of5", "1of3,r2")
VALIDATION_SHARE = 0.2


def transform(dataset: Dataset, value: Value, random: np.random.Generator) -> Dataset:
    """The splits of one fold."""
    number, count = value.part("fold")
    y = np.concatenate([dataset.splits[split].y for split in SPLITS])
    if count > len(y):
        raise TransformError(f"{dataset.name}: {count} folds of {len(y)} rows; there can be no more folds than rows.")
    stratified = "stratified" in value.options
    index = (_stratified if stratified else _random)(y, number - 1, count, random)
    x = np.concatenate([dataset.splits[split].x for split in SPLITS])
    return replace(
        dataset,
        splits={split: SplitArrays(x[rows], y[rows]) for split, rows in index.items()},
        split_rule=f"fold {number} of {count} of all {len(y)} rows, "
        f"{'by iterative stratification' if stratified else 'at random'}"
        f"{f', repeat {value.draw}' if value.draw > 1 else ''}; val is {VALIDATION_SHARE:.0%} of the other folds",
    )


def _random(y: np.ndarray, number: int, count: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Validation rows are the first of the folds that follow, the first fold after the last."""
    parts = np.array_split(random.permutation(len(y)), count)
    others = np.concatenate(parts[number + 1 :] + parts[:number])
    held_out = round(VALIDATION_SHARE * len(others))
    return {
        "train": np.sort(others[held_out:]),
        "val": np.sort(others[:held_out]),
        "test": np.sort(parts[number]),
    }


def _stratified(y: np.ndarray, number: int, count: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Validation rows are the first of five folds of the others, stratified like them."""
    try:
        from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
    except ImportError as error:
        raise TransformError(
            "stratified folds need the package iterative-stratification: pip install 'flem-bench[stratified]'."
        ) from error
    seed = int(random.integers(2**31))

    def parts(rows: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        folds = MultilabelStratifiedKFold(n_splits=count, shuffle=True, random_state=seed).split(rows, y[rows])
        return [(rows[rest], rows[part]) for rest, part in folds]

    others, test = parts(np.arange(len(y)), count)[number]
    train, val = parts(others, round(1 / VALIDATION_SHARE))[0]
    return {"train": train, "val": val, "test": test}
