"""The program from Python: runs, records, tables and tests as data frames, metrics of one's own scores, data sets.

``bench.run``, ``bench.results``, ``bench.table``, ``bench.stats``, ``bench.evaluate`` and ``bench.load_dataset``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import config as configuration
from bench.analysis.answer import baseline
from bench.analysis.hypothesis_tests import against_control
from bench.analysis.over_datasets import REGION, complete_values, significance
from bench.datasets.catalog import data_folders, present
from bench.datasets.dataset import SPLITS, Dataset, SplitArrays, checked_labels, finished, split_rows
from bench.datasets.validation import checked_features, checked_set_name
from bench.errors import UsageError
from bench.metrics.catalogue import metric_named
from bench.metrics.catalogue import metrics as all_metrics
from bench.plan.tracks import make_plan
from bench.plan.variants import chosen_variants, spelled_out
from bench.records.store import DEFAULT_RESULTS, Store
from bench.running.options import RunOptions
from bench.running.runner import run as run_plan
from bench.system import writing
from bench.tables.export import wide_frame
from bench.tables.folds import over_folds
from bench.tables.load import AnyOrigin, Origin, Selection, load
from bench.tables.ranking import DIGITS
from bench.tables.render import Look, render
from bench.tables.table import MetricTable, Style
from bench.text import as_text


def run(
    datasets: str | Dataset | Sequence[str | Dataset],
    methods: str | Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    *,
    results: str | Path = DEFAULT_RESULTS,
    data: str | None = None,
    epochs: int | None = None,
    jobs: int = 1,
    device: str = "auto",
    keep: Sequence[str] = ("scores",),
) -> pd.DataFrame:
    """Run data sets x methods x seeds as ``python -m bench run`` does, and return the records of these jobs.

    Parameters
    ----------
    datasets: names, paths, patterns, or data sets of :func:`load_dataset`; one made of arrays is written into the
        folder ``datasets`` of the results.
    methods: names or families (``@losses``); None: all but those that bench.toml keeps for when they are named.
    results: the folder of the records; what is done there and current is not done again.
    jobs: processes; 0 for as many as the cores hold.

    Returns
    -------
    A row a job, as :func:`results` has them; failed ones have the state "failed".
    """
    config = configuration.load()
    folder = Path(results)
    given = [datasets] if isinstance(datasets, str | Dataset) else list(datasets)
    specs = [one if isinstance(one, str) else _spec_of(one, folder) for one in given]
    names = [methods] if isinstance(methods, str) else methods
    plan = make_plan(config, data_folders(config, data), specs, chosen_variants(config, names), list(seeds), epochs)
    options = RunOptions(device, jobs, list(keep), False, False, epochs)
    run_plan(plan, config, Store(folder), options)
    wanted = {job.name for job in plan.jobs}
    return wide_frame([state for state in load(_selection(folder, "runs")).states if state.job in wanted])


def results(results: str | Path = DEFAULT_RESULTS, *, origin: Origin = "runs") -> pd.DataFrame:
    """The records of a folder, or the committed ones: a row a job, with its state and every metric on test data."""
    return wide_frame(load(_selection(results, origin)).states)


class RankedTable(pd.DataFrame):
    """Means over seeds [methods, data sets], which show themselves ranked; ``.ranked`` is the table behind them."""

    _metadata = ["ranked"]  # noqa: RUF012  # as pandas has it
    ranked: MetricTable

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame  # what is computed of it is no ranked table

    def _repr_html_(self) -> str:
        return render(self.ranked, "html")

    def __repr__(self) -> str:
        return render(self.ranked, "terminal", Look(width=pd.get_option("display.width")))


def table(
    metric: str = "hamming",
    *,
    results: str | Path = DEFAULT_RESULTS,
    origin: AnyOrigin = "runs",
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    digits: int = DIGITS,
    decision: str | None = None,
    include_extra: bool = False,
) -> RankedTable:
    """Table of a metric, as ``python -m bench table`` prints it: a frame of means that shows itself ranked.

    Parameters
    ----------
    origin: one's own records, the committed ones, one's own among these, or the paper's printed values.
    include_extra: True ranks the rows under the rule with the others.
    """
    style = Style(digits, rank_extra=include_extra)
    chosen = _selection(results, origin, methods, datasets, seeds, decision)
    (made,) = load(chosen).tables([metric_named(metric)], style)
    made = over_folds(made, style)
    frame = RankedTable({column: made.values(column) for column in made.columns}, index=made.variants)
    frame.ranked = made
    return frame


def stats(
    metric: str = "hamming",
    control: str | None = None,
    *,
    results: str | Path = DEFAULT_RESULTS,
    origin: AnyOrigin = "runs",
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    region: float = REGION,
) -> pd.DataFrame:
    """Tests of every method against the control over data sets: a row a method, with the data sets on which the control
    is better and worse, Wilcoxon's p, Holm's, and the Bayesian probabilities.

    The control is FLEM-D, else BCE, else the first row, where none is named. ``.attrs["report"]`` is what ``python -m
    bench stats`` says: what the data can decide and what they cannot.

    Raises
    ------
    UsageError: where fewer than two data sets have a value of each method.
    """
    records = load(_selection(results, origin, None, datasets, seeds))
    (made,) = records.tables([metric_named(metric)])
    given = made.ranked if methods is None else spelled_out(records.selection.config, methods, made.variants)
    control = control or baseline(given or made.variants)
    variants = list(dict.fromkeys([*given, control]))
    report = as_text([made.title, *significance(made, variants, control, region)])
    values, _ = complete_values(made, variants)
    if len(values) < 2:
        raise UsageError(f"{len(values)} data sets have a value of each method; methods are compared over two or more.")
    tests = against_control(values.to_numpy(dtype=float), variants, control, made.metric.lower_is_better, region)
    frame = pd.DataFrame([vars(test) for test in tests]).set_index("method")
    frame.attrs["report"] = report
    return frame


def evaluate(
    y: Any, scores: Any, *, threshold: float = 0.0, metrics: Sequence[str] | None = None, y_train: Any = None
) -> dict[str, float | None]:
    """Metrics of one's own scores, as records have them; None where one is not defined.

    Parameters
    ----------
    y: [N, c] labels of 0 and 1, in any form that :func:`load_dataset` takes.
    scores: [N, c], larger where a label is likelier.
    threshold: a label is predicted where its score exceeds this: 0 of logits, .5 of probabilities.
    metrics: names of ``list metrics``; None: all that are defined without training labels, or with ``y_train``.
    """
    import torch

    from bench.metrics.evaluation import Evaluation, TrainingLabels
    from bench.metrics.measuring import measured

    labels, given = checked_labels(_matrix(y)[0], "y"), checked_features(_matrix(scores)[0], "scores", "score")
    training = None
    if y_train is not None:
        known = checked_labels(_matrix(y_train)[0], "y_train")
        training = TrainingLabels(torch.from_numpy(known.sum(0, dtype=np.float64)), len(known))
    if labels.shape != given.shape:
        raise UsageError(f"y has the shape {labels.shape}, scores {given.shape}; they must be the same.")
    evaluation = Evaluation(torch.from_numpy(labels), torch.from_numpy(given), threshold, training=training)
    wanted = all_metrics() if metrics is None else [metric_named(name) for name in metrics]
    return measured(evaluation, wanted)


def load_dataset(
    data: Any,
    labels: Any = None,
    *,
    name: str = "mine",
    label_names: Sequence[str] | None = None,
    splits: Mapping[str, Any] | None = None,
    folder: str | None = None,
) -> Dataset:
    """A data set by its name or path, or one of arrays, checked as every set is.

    Parameters
    ----------
    data: a name or a path; or features [N, D]: an array, a SciPy sparse matrix, a data frame or a tensor.
    labels: [N, c] of 0 and 1, in one of these forms, beside features.
    name: of a set made of arrays.
    label_names: None: those of a data frame, else "label 0" and so on.
    splits: {"train", "val", "test": row numbers}; None: 60/20/20 at random, as for files without splits.
    folder: the folder searched for data. Default: BENCH_DATA, else bench.toml's.
    """
    if labels is None:
        config = configuration.load()
        return present(str(data), config, data_folders(config, folder)).load()
    x, y = checked_features(_matrix(data)[0], "the features"), _matrix(labels)
    if len(x) != len(y[0]):
        raise UsageError(f"there are {len(x)} rows of features and {len(y[0])} of labels.")
    whole = SplitArrays(x, checked_labels(y[0], "the labels"))
    rows = None if splits is None else {split: np.asarray(splits[split], dtype=np.int64) for split in splits}
    index, rule = split_rows(len(x), rows)
    names = list(label_names) if label_names is not None else y[1]
    parts = {split: whole.rows(index[split]) for split in SPLITS}
    return finished(checked_set_name(name, Path(name)), "npz", parts, names, rule, "arrays", ())


def _selection(
    results: str | Path,
    origin: AnyOrigin,
    methods: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    decision: str | None = None,
) -> Selection:
    return Selection(origin, str(results), None, methods, datasets, seeds, decision)


def _matrix(given: Any) -> tuple[np.ndarray, list[str] | None]:
    """(array, names of its columns where it has them) of an array, a sparse matrix, a data frame or a tensor."""
    if hasattr(given, "columns"):
        return given.to_numpy(), [str(column) for column in given.columns]
    if hasattr(given, "toarray"):
        given = given.toarray()
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    return np.asarray(given), None


def _spec_of(dataset: Dataset, folder: Path) -> str:
    """The name of a data set that has files, or the path of the file that one of arrays is written into."""
    if dataset.files:
        return dataset.full_name
    parts = [dataset.splits[split] for split in SPLITS]
    ends = np.cumsum([0, *(len(part.x) for part in parts)])
    index = {f"{split}_idx": np.arange(*ends[place : place + 2]) for place, split in enumerate(SPLITS)}
    arrays = {"X": np.concatenate([part.x for part in parts]), "Y": np.concatenate([part.y for part in parts])}
    path = folder / "datasets" / f"{dataset.name}.npz"
    writing.make_folder(path.parent)
    writing.write(path, writing.packed({**arrays, **index, "label_names": np.array(dataset.label_names)}))
    return str(path)
