"""Findings of the reference records beyond the tables: each a paragraph or table of docs/results/, computed here.

Records are given as {(data set, variant, seed): Record}; values are of the test split and as exact as they are stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from statistics import mean, median, stdev

from bench.analysis.paper_claims import VARIANTS
from bench.analysis.within_datasets import Resampled, power_in_words, shown
from bench.metrics.catalogue import PAPER_METRICS, Metric
from bench.records.record import Metrics, Record
from bench.tables import paper
from bench.text import Grid, as_text

Records = Mapping[tuple[str, str, int], Record]
HAMMING, RANKING, *_ = PAPER_METRICS
LIKE_THE_PAPER = ["VOC07tv", "Reuters", "COCO18"]
"""Data sets with sizes and features most like those of the paper's sets."""
NEARLY_NOTHING = 1
"""Per cent of the Hamming loss of predicting no label."""


def by_job(records: Iterable[Record]) -> dict[tuple[str, str, int], Record]:
    """Records with a result, as this module takes them."""
    return {
        (record.job.dataset, record.job.variant, record.job.seed): record
        for record in records
        if record.status == "done" and record.result is not None
    }


def on_test(record: Record, metric: Metric) -> float | None:
    """Test value of a metric; None where it is not defined."""
    assert record.result is not None
    value = record.result.test[metric.key]
    return None if value is None else float(value)


def datasets_of(records: Records) -> list[str]:
    """Names of the data sets, in order."""
    return list(dict.fromkeys(dataset for dataset, _, _ in records))


def of_sets(records: Records, datasets: Sequence[str]) -> Records:
    """Records of some data sets."""
    return {key: record for key, record in records.items() if key[0] in datasets}


def pairs(records: Records, variant: str, other: str, metric: Metric) -> Iterator[tuple[Record, Record, float]]:
    """(record of variant, record of other, their difference) for each data set and seed where both have a value."""
    for (dataset, name, seed), record in records.items():
        beside = records.get((dataset, other, seed))
        if name != variant or beside is None:
            continue
        ours, theirs = on_test(record, metric), on_test(beside, metric)
        if ours is not None and theirs is not None:
            yield record, beside, ours - theirs


def pair(records: Records, variant: str, other: str) -> str:
    """Distance of two variants in every metric, beside the std of the second over seeds, as a table and a sentence."""
    lines = []
    for metric in PAPER_METRICS:
        differences = [(record.job.dataset, value) for record, _, value in pairs(records, variant, other, metric)]
        every = [value for _, value in differences]
        if not every:
            return f"There are no records of both {variant} and {other}.\n"
        datasets = dict.fromkeys(dataset for dataset, _ in differences)
        stds_of_other = [std for dataset in datasets if (std := seed_std(records, dataset, other, metric))]
        better = sum((value < 0) == metric.lower_is_better for value in every if value)
        lines.append([
            metric.title, len(every), sum(value == 0 for value in every), better, f"{mean(every):+.5f}",
            f"{median(map(abs, every)):.5f}", f"{max(map(abs, every)):.5f}",
            f"{median(stds_of_other):.5f}" if stds_of_other else "–",
        ])  # fmt: skip
    headers = [
        "metric", "jobs", "equal", f"{variant} better", "mean difference", "median of its size", "largest",
        f"std of {other} over seeds",
    ]  # fmt: skip
    return table(headers, lines) + "\n" + same_epoch(records, variant, other)


def same_epoch(records: Records, variant: str, other: str) -> str:
    """Sentence on the distance by equal and unequal epochs: a last digit of validation Hamming loss can move it far."""
    same, others = by_epoch(records, variant, other)
    sentence = f"Both chose the same epoch in {len(same)} of {len(same) + len(others)} jobs"
    if same:
        sentence += f"; there {PAPER_METRICS[3].title} differs by {max(same):.5f} at most"
    if others:
        sentence += f"; in the others by {max(others):.5f} at most"
    return sentence + ".\n"


def by_epoch(records: Records, variant: str, other: str) -> tuple[list[float], list[float]]:
    """Sizes of the difference in macro average precision where both chose the same epoch, and where not."""
    same: list[float] = []
    others: list[float] = []
    for record, beside, value in pairs(records, variant, other, PAPER_METRICS[3]):
        assert record.result is not None
        assert beside.result is not None
        equal = record.result.selected.epoch == beside.result.selected.epoch
        (same if equal else others).append(abs(value))
    return same, others


def seed_std(records: Records, dataset: str, variant: str, metric: Metric) -> float | None:
    """Standard deviation over seeds; None below two."""
    values = [on_test(record, metric) for (d, v, _), record in records.items() if (d, v) == (dataset, variant)]
    known = [value for value in values if value is not None]
    return stdev(known) if len(known) > 1 else None


def seed_stds(records: Records) -> str:
    """Median (and largest) over variants of the std over seeds, on each data set that has more than one."""
    lines = []
    for dataset in datasets_of(records):
        own = of_sets(records, [dataset])
        count = len({seed for _, _, seed in own})
        every = [[std for _, std in stds(own, metric)] for metric in PAPER_METRICS]
        if all(every):
            lines.append([dataset, count, *(f"{median(of_metric):.4f} ({max(of_metric):.4f})" for of_metric in every)])
    return table(
        ["data set", "seeds", *(f"{metric.title}, median variant (largest)" for metric in PAPER_METRICS)], lines
    )


def stds(records: Records, metric: Metric) -> list[tuple[str, float]]:
    """(variant, std over seeds) of each data set and variant that has more than one seed; not ML-KNN, which draws
    nothing."""
    pairs = sorted({(dataset, variant) for dataset, variant, _ in records if variant != "ML-KNN"})
    every = [(variant, seed_std(records, dataset, variant, metric)) for dataset, variant in pairs]
    return [(variant, std) for variant, std in every if std is not None]


def _losses(values: Metrics) -> dict[str, float]:
    """The paper's metrics, turned so that lower is better; infinite where one is not defined."""
    signs = {metric.key: 1 if metric.lower_is_better else -1 for metric in PAPER_METRICS}
    return {key: inf if (value := values[key]) is None else sign * value for key, sign in signs.items()}


def selection(records: Records, variants: Sequence[str] = VARIANTS) -> str:
    """Cost of choosing the grid point by validation Hamming loss against choosing it by each metric itself.

    Epochs were chosen by validation Hamming loss in both cases. The best point in hindsight, by test data, is no rule
    but the bound of what any rule over this grid can reach.
    """
    lines = []
    for metric in PAPER_METRICS:
        key, own, bound = metric.key, [], []
        for (_, variant, _), record in records.items():
            assert record.result is not None
            grid = [
                (_losses(point.val), _losses(point.test)) for point in record.result.grid if point.val and point.test
            ]
            if variant not in variants or len(grid) < 2 or any(test[key] == inf for _, test in grid):
                continue
            chosen = _losses(record.result.test)[key]
            first = [(val[key], val["ranking"]) for val, _ in grid]  # ties as in fitting
            own.append(chosen - grid[first.index(min(first))][1][key])
            bound.append(chosen - min(test[key] for _, test in grid))
        if own:
            lines.append([
                metric.title, len(own), f"{mean(own):+.5f}", sum(value > 0 for value in own),
                sum(value < 0 for value in own), f"{mean(bound):.5f}",
            ])  # fmt: skip
    headers = [
        "metric", "jobs", "worse by choosing on Hamming", "its own better in", "its own worse in",
        "worse than the best in hindsight",
    ]  # fmt: skip
    return table(headers, lines)


def nothing_predicted(records: Records, measured: Mapping[str, Mapping[str, float]]) -> str:
    """ML-KNN's Hamming loss beside that of predicting no label at all, which is the label density."""
    metric = PAPER_METRICS[0]
    lines, nothing = [], []
    for dataset in datasets_of(records):
        record, density = records.get((dataset, "ML-KNN", 0)), measured.get(dataset, {}).get("density")
        if record is None or density is None:
            continue
        value = on_test(record, metric)
        assert value is not None
        lower = round(100 * (1 - value / density))
        lines.append([dataset, f"{density:.4f}", f"{value:.4f}", f"{lower} %"])
        if lower <= NEARLY_NOTHING:
            nothing.append(dataset)
    headers = ["data set", "no label predicted", "ML-KNN", "lower by"]
    said = f"On {', '.join(nothing)} it predicts next to nothing, too" if nothing else "On no set is it that"
    return f"{table(headers, lines)}\n{said} (lower by {NEARLY_NOTHING} % at most).\n"


def labelsets(records: Records, measured: Mapping[str, Mapping[str, float]]) -> str:
    """RAKEL's ranking loss over its Hamming loss beside the printed range, the share of its scores that are 0 or 1, and
    RAkELo with logistic regression, as a table and a sentence."""
    lines = []
    for dataset in datasets_of(records):
        record, facts = records.get((dataset, "RAKEL", 0)), measured.get(dataset, {})
        beside = records.get((dataset, "BCE", 0))
        if record is None or beside is None or "saturated" not in facts:
            continue
        hamming, ranking, of_bce = (
            on_test(*pair) for pair in ((record, HAMMING), (record, RANKING), (beside, RANKING))
        )
        assert hamming is not None
        assert ranking is not None
        assert of_bce is not None
        other = records.get((dataset, "RAkELo", 0))
        of_other = [on_test(other, metric) for metric in (HAMMING, RANKING)] if other else []
        lines.append([
            dataset, f"{hamming:.4f}", f"{ranking:.4f}", f"{ranking / hamming:.1f}", f"{of_bce:.4f}",
            f"{100 * facts['saturated']:.0f} %", f"{100 * facts['tied at the top']:.0f} %",
            *([f"{value:.4f}" for value in of_other if value is not None] or ["", ""]),
        ])  # fmt: skip
    headers = [
        "data set", "Hamming loss", "ranking loss", "ranking / Hamming", "ranking loss of BCE",
        "scores within 1e-6 of 0 or 1", "rows whose highest score ties", "RAkELo: Hamming loss", "RAkELo: ranking loss",
    ]  # fmt: skip
    theirs = printed_ratios("RAKEL").values()
    said = f"In print the ranking loss is {min(theirs):.2g} to {max(theirs):.2g} times the Hamming loss."
    return f"{table(headers, lines)}\n{said}\n"


def printed_ratios(variant: str) -> dict[str, float]:
    """{data set: printed ranking loss over printed Hamming loss} of a method."""
    values = {
        (cell.dataset, table): float(cell.value)
        for table in (2, 3)
        for cell in paper.comparison_table(table)
        if cell.method == variant and cell.value
    }
    return {dataset: value / values[dataset, 2] for (dataset, table), value in values.items() if table == 3}


def within(sets: Sequence[Resampled], control: str) -> str:
    """Numbers of data sets on which the control is shown to be better / worse / neither than each method."""
    counts = shown_on_sets(sets)
    lines = [
        [method, *(_better_worse(by_metric.get(metric.key, Counter())) for metric in PAPER_METRICS)]
        for method, by_metric in counts.items()
    ]
    return table([f"{control} against", *(metric.title for metric in PAPER_METRICS)], lines)


def within_power(sets: Sequence[Resampled]) -> str:
    """Sentence on the differences that the seeds of the intervals can show."""
    of_metric = [intervals for resampled in sets for intervals in resampled.intervals.values()]
    return power_in_words([(one.seeds, len(intervals)) for intervals in of_metric for one in intervals])


def in_every_seed(records: Records, variant: str, other: str) -> tuple[int, int, int, float]:
    """Cells in which a variant is better than another with every seed, worse with every seed, all cells of two seeds or
    more, and the number that chance would give to either where seeds are independent."""
    better = worse = cells = 0
    chance = 0.0
    for metric in PAPER_METRICS:
        by_set: dict[str, list[float]] = {}
        for record, _, difference in pairs(records, variant, other, metric):
            by_set.setdefault(record.job.dataset, []).append(-gain(metric, difference))
        for gains in by_set.values():
            if len(gains) > 1:
                better, worse = better + (min(gains) > 0), worse + (max(gains) < 0)
                cells, chance = cells + 1, chance + 0.5 ** len(gains)
    return better, worse, cells, chance


def shown_on_sets(sets: Sequence[Resampled]) -> dict[str, dict[str, Counter[str | None]]]:
    """{method: {metric key: on how many sets the control is shown to be "better", "worse", or neither (None)}}."""
    counts: dict[str, dict[str, Counter[str | None]]] = {}
    for resampled in sets:
        for metric in PAPER_METRICS:
            for interval in resampled.intervals.get(metric.key, []):
                of_method = counts.setdefault(interval.method, {})
                of_method.setdefault(metric.key, Counter())[shown(interval, metric)] += 1
    return counts


def _better_worse(counts: Counter[str | None]) -> str:
    return f"{counts['better']} / {counts['worse']} / {counts[None]}"


def gain(metric: Metric, difference: float) -> float:
    """Advantage of the control, from a method's value minus the control's; above 0 where the control is better."""
    return difference if metric.lower_is_better else -difference


def table(headers: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Markdown table of a page."""
    return as_text([Grid(headers, [list(map(str, line)) for line in lines])], "pipe")
