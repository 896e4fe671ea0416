"""Relative differences of methods to a baseline over the study's data sets and seeds, as plain data and as Markdown.

The model is ``bench.analysis.relative``. Folds are replicates of their set; extractors of a set, and families, are one
set; a label regime such as ``[observed=1]`` is compared by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.analysis.hypothesis_tests import ALPHA
from bench.analysis.over_datasets import probability
from bench.analysis.relative import Differences, Relative, adjusted
from bench.analysis.relative.over_sets import OverSets
from bench.analysis.relative.words import HEADERS, between, chance, in_numbers, in_percent
from bench.dataset_name import dataset_name
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.independent_sets import independent_sets
from bench.records.record import AlsoSelected, Metrics, Record, Result
from bench.records.store import Store
from bench.tables.folds import FOLD, fold_of
from bench.text import named
from study.converged.parts import DRAW_NOTHING
from study.results.findings import table

BASELINE = "BCE"
HAMMING, *_, PRECISION = PAPER_METRICS


@dataclass(frozen=True)
class Comparison:
    """Relative differences by each of the paper's metrics."""

    by_metric: dict[Metric, list[Relative]]
    """In the order of the metrics, methods as they were given."""

    def of(self, metric: Metric, method: str, baseline: str = BASELINE) -> Relative | None:
        """A method's relative difference by one metric; None where it was not compared."""
        return next((one for one in self.by_metric[metric] if (one.method, one.baseline) == (method, baseline)), None)

    def over_sets(self, metric: Metric) -> list[tuple[Relative, OverSets]]:
        """Those that have a mean over sets, the best first."""
        found = [(one, one.over_sets) for one in self.by_metric[metric] if one.over_sets]
        return sorted(found, key=lambda pair: -pair[1].mean)


@dataclass(frozen=True)
class Observed:
    """Records of a regime, and what is read of them."""

    records: Sequence[Record]
    selecting: Literal["hamming", "own"] = "hamming"
    """Epoch and grid point chosen by validation Hamming loss for all metrics, or by each metric for itself."""
    regime: str = ""
    """The data sets' transforms other than folds, such as "[observed=1]"; "": sets as they are."""
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """{family: names of data sets that depend on each other}."""

    @property
    def methods(self) -> list[str]:
        """Names of all methods of the regime, the baseline among them."""
        return sorted({record.job.variant for record in self._of_regime()})

    def _of_regime(self) -> Iterable[Record]:
        return (record for record in self.records if regime_of(record.job.full_dataset) == self.regime)

    def _by(self, metric: Metric) -> Metric:
        """The metric that selects where this one is compared."""
        return HAMMING if self.selecting == "hamming" else metric

    def differences(self, metric: Metric, baseline: str = BASELINE) -> Differences:
        """Values of a metric on the regime's independent sets, to compare methods with a baseline."""
        values: dict[str, dict[str, dict[int, float | None]]] = {}
        arrays: dict[str, set[str]] = {}
        overlaps: dict[str, float] = {}
        for record in self._of_regime():
            column, result, test = record.job.full_dataset, record.result, on_test(record, self._by(metric))
            assert result is not None
            if test is not None:
                values.setdefault(column, {}).setdefault(record.job.variant, {})[record.job.seed] = test[metric.key]
                arrays.setdefault(column, set()).add(record.key["data"])
                overlaps[column] = result.n_samples["test"] / result.n_samples["train"]
        for by_method in values.values():
            for method in DRAW_NOTHING & by_method.keys():  # the same with every seed
                value = next(iter(by_method[method].values()))
                by_method[method] = dict.fromkeys(by_method.get(baseline, by_method[method]), value)
        return Differences(metric, values, independent_sets(list(values), self.families, arrays), overlaps, baseline)

    def compared(self, methods: Sequence[str], baseline: str = BASELINE) -> Comparison:
        """Methods against one baseline; p-values by Holm's method over the methods, for each metric by itself."""
        return self.pairs([(method, baseline) for method in methods if method != baseline])

    def pairs(self, wanted: Sequence[tuple[str, str]]) -> Comparison:
        """Pairs (method, baseline), such as FLEM-D against LD-y; Holm's method over the pairs."""
        by_metric: dict[Metric, list[Relative]] = {}
        for metric in PAPER_METRICS:
            baselines = {baseline: self.differences(metric, baseline) for baseline in {other for _, other in wanted}}
            by_metric[metric] = adjusted(baselines[baseline].of(method) for method, baseline in wanted)
        return Comparison(by_metric)

    def pairs_there(self, wanted: Sequence[tuple[str, str]]) -> Comparison:
        """Those of the pairs of which both methods have records."""
        there = set(self.methods)
        return self.pairs([pair for pair in wanted if there.issuperset(pair)])

    def not_selected_note(self) -> str:
        """Sentence on records that do not hold what each metric selects; empty where all do."""
        lacking = {
            str(record.job)
            for record in self._of_regime()
            if any(on_test(record, self._by(metric)) is None for metric in PAPER_METRICS)
        }
        return f"Left out, because no epoch was kept for each metric: {named(sorted(lacking), 2)}." if lacking else ""


def read(folder: Path) -> list[Record]:
    """Records with a result of a folder, packed or not."""
    return [one for _, one in Store(folder).records() if isinstance(one, Record) and one.result is not None]


def regime_of(column: str) -> str:
    """The transforms of a data set's name that are no folds; empty of a set as it is."""
    return "".join(f"[{name}={value}]" for name, value in dataset_name(column).transforms if name != FOLD)


def set_of(record: Record) -> str:
    """The data set of a record, NAME[regime]@extractor: that which a fold is of."""
    column = record.job.full_dataset
    return fold_of(column) or column


def selected(record: Record, by: Metric) -> Result | AlsoSelected | None:
    """Epoch and grid point by a metric, with metrics on validation and test data; None where the record lacks them."""
    assert record.result is not None
    if record.key["protocol"]["selection"] == by.option:
        return record.result
    return (record.result.also_selected or {}).get(by.option)


def on_test(record: Record, selected_by: Metric) -> Metrics | None:
    """Metrics on test data of what a metric selects; None where the record does not hold it."""
    chosen = selected(record, selected_by)
    return chosen.test if chosen else None


def label(one: Relative) -> str:
    """The method, and the baseline where it is another than the study's."""
    return one.method if one.baseline == BASELINE else f"{one.method} against {one.baseline}"


def is_shown(one: Relative) -> bool:
    """True of a difference that is shown after Holm's method."""
    return one.p_holm is not None and one.p_holm < ALPHA


def verdict(one: Relative) -> str:
    """The same in words, "shown" or "not shown"."""
    return "shown" if is_shown(one) else "not shown"


def over_sets_table(comparison: Comparison, exploratory: bool = False) -> str:
    """Relative differences in per cent with their 95 % intervals, a line a method, the best in macro average precision
    first; bold where shown after Holm's method, nowhere in an exploratory comparison."""
    lines = []
    for first, over in comparison.over_sets(PRECISION):
        line = [label(first), str(over.sets)]
        for metric in PAPER_METRICS:
            one = comparison.of(metric, first.method, first.baseline)
            if one is None or one.over_sets is None:
                line.append("–")
            else:
                text = mean_in_percent(one, one.over_sets)
                line.append(f"**{text}**" if is_shown(one) and not exploratory else text)
        lines.append(line)
    return table(["method", "sets", *(f"{metric.title}, % better" for metric in PAPER_METRICS)], lines)


def mean_in_percent(one: Relative, over: OverSets) -> str:
    """The mean over sets with its 95 % interval in brackets, in per cent."""
    return f"{in_percent(one, over.mean)} ({between(one, over.interval())})"


def details_table(comparison: Comparison, metric: Metric) -> str:
    """One metric in full: intervals, a new set, p-values."""
    lines = [[label(one), *in_numbers(one)] for one, _ in comparison.over_sets(metric)]
    return table(["method", *HEADERS], lines)


def on_sets_table(comparison: Comparison, method: str, baseline: str = BASELINE) -> str:
    """Differences of one method on each set, in per cent, in brackets the standard error of several seeds or folds."""
    found = {metric: comparison.of(metric, method, baseline) for metric in PAPER_METRICS}
    cells = {
        (one.name, metric): in_percent(of_metric, one.effect)
        + (f" ({100 * one.variance**0.5:.1f})" if one.variance is not None else "")
        for metric, of_metric in found.items()
        if of_metric
        for one in of_metric.sets
    }
    names = dict.fromkeys(name for name, _ in cells)
    lines = [[short(name), *(cells.get((name, metric), "–") for metric in PAPER_METRICS)] for name in names]
    return table(["data set", *(f"{metric.title}, % better" for metric in PAPER_METRICS)], lines)


def short(name: str) -> str:
    """A set's name without its extractor: an independent set has the name for itself."""
    return name.partition("@")[0]


def sentence(one: Relative) -> str:
    """One difference in words, with its interval, what it says of a new set, and whether it is shown."""
    over = one.over_sets
    if over is None:
        return f"By {one.metric.title} {one.method} and {one.baseline} have a common seed on fewer than two data sets."
    worse = over.mean < 0
    side = "worse" if worse else "better"
    size = f"{abs(one.percent(over.mean)):.1f}"
    apart = "level with" if size == "0.0" else f"{size} % {side} than"
    text = (
        f"By {one.metric.title} {one.method} is {apart} {one.baseline} over {over.sets} data sets (95 % interval "
        f"{between(one, over.interval())})"
    )
    better = over.better_on_a_new_set
    text += f", and on a new one {side} with probability {chance(1 - better if worse else better)}"
    if one.p_holm is not None:
        text += f"; the difference is {verdict(one)} (Holm's p {probability(one.p_holm)})"
    return f"{text}."


def undefined_note(comparison: Comparison) -> str:
    """Sentence on pairs of values without a ratio; empty where there are none."""
    found = [
        f"{label(one)} on {pair} by {metric.title}"
        for metric, every in comparison.by_metric.items()
        for one in every
        for pair in one.undefined
    ]
    return f"Left out, because a value is 0 or not defined: {named(found, 2)}." if found else ""
